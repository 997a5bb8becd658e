//! r: one number for one rollout (section 2.4 of the paper).

use vsdpo_artifact::Rubric;

/// Eq. (8): `r = r_exec * r_vis`, in `[0, 1]`. `r_exec` is 1 if the code ran and drew something,
/// else 0; `r_vis` is the mean score of the rubric's axes.
///
/// # Reading of the paper
/// An axis that could not be evaluated counts neither for nor against: the mean is over the
/// evaluated axes. If none was evaluated, `r_vis` is 0.
pub fn reward(executed: bool, rubric: &Rubric) -> f32 {
    let scores: Vec<f32> = rubric.axes.iter().filter_map(|(_, axis)| axis.score).collect();
    if !executed || scores.is_empty() {
        return 0.0;
    }
    scores.iter().sum::<f32>() / scores.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes;
    use vsdpo_artifact::{AxisScore, Domain};

    fn check(executed: bool, scores: &[Option<f32>], want: f32) {
        let of = |score| AxisScore { satisfied: None, score, observed: String::new() };
        let axes = axes(Domain::Chart).iter().zip(scores).map(|(&a, &s)| (a, of(s))).collect();
        assert!((reward(executed, &Rubric { axes }) - want).abs() < 1e-6);
    }

    #[test]
    fn the_mean_is_over_evaluated_axes() {
        check(true, &[Some(1.0), Some(0.5)], 0.75);
        check(true, &[None, Some(0.5), None, Some(0.25)], 0.375);
        check(true, &[None, None], 0.0);
        check(true, &[], 0.0);
        check(false, &[Some(1.0)], 0.0);
    }
}
