//! r: one number for one rollout (section 2.4).

use vsdpo_artifact::Rubric;

/// Eq. (8): `r = r_exec * r_vis`, in `[0, 1]`. `r_exec` is 1 if the code ran and drew something,
/// else 0; `r_vis` is the mean score of the rubric's axes.
///
/// # Reading of the paper
/// An axis that could not be judged counts neither for nor against: the mean is over the judged
/// axes. If none was judged nothing speaks for the render, and `r_vis` is 0.
pub fn reward(executed: bool, rubric: &Rubric) -> f32 {
    let scores: Vec<f32> = rubric.axes.iter().filter_map(|(_, verdict)| verdict.score).collect();
    if !executed || scores.is_empty() {
        return 0.0;
    }
    scores.iter().sum::<f32>() / scores.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::{Axis, Domain, Verdict};

    fn check(executed: bool, scores: &[Option<f32>], want: f32) {
        let verdict = |score| Verdict { satisfied: None, score, observed: String::new() };
        let axes = Axis::of(Domain::Chart).iter().zip(scores).map(|(&a, &s)| (a, verdict(s))).collect();
        assert!((reward(executed, &Rubric { axes }) - want).abs() < 1e-6);
    }

    #[test]
    fn the_mean_is_over_judged_axes() {
        check(true, &[Some(1.0), Some(0.5)], 0.75);
        check(true, &[None, Some(0.5), None, Some(0.25)], 0.375);
        check(true, &[None, None], 0.0);
        check(true, &[], 0.0);
        check(false, &[Some(1.0)], 0.0);
    }
}
