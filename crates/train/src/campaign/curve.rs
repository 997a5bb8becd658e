//! Curves over training, and how many rollouts one arm needs to reach the end of another.

use super::trial::rollouts;
use crate::error::TrainError;
use crate::recipe::Recipe;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// An evaluation during training, on dev tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// After so many steps.
    pub step: usize,
    /// Rollouts sampled until then.
    pub rollouts: u64,
    /// Share that is free of defects.
    pub defect_free: f64,
    /// Mean reward.
    pub reward: f64,
    /// Share that is good by geometry; of an embedded world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<f64>,
}

impl Point {
    /// The evaluations of the student in `evals.jsonl`; none without the file.
    pub(super) fn read(path: &Path, recipe: &Recipe) -> Result<Vec<Point>, TrainError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(TrainError::io(path)(e)),
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let point = |line: Value| {
            let mean = |name: &str| line[name]["mean"].as_f64();
            let step = line["step"].as_u64()? as usize;
            Some(Point {
                step,
                rollouts: rollouts(recipe, step),
                defect_free: mean("defect_free")?,
                reward: mean("reward")?,
                good: mean("good"),
            })
        };
        Ok(lines.filter(|line| line["arm"] == "student").filter_map(point).collect())
    }
}

/// The mean of several seeds' curves at every step that any of them has; a curve that ended early
/// keeps its last value. The second number is the value of the lowest seed, the third that of the
/// highest.
pub(super) fn mean_curve(curves: &[&[Point]], of: fn(&Point) -> Option<f64>) -> Vec<(Point, [f64; 3])> {
    let mut all: Vec<Point> = curves.iter().flat_map(|curve| curve.iter().copied()).collect();
    all.sort_by_key(|p| p.step);
    all.dedup_by_key(|p| p.step);
    let at = |curve: &[Point], step: usize| curve.iter().rfind(|p| p.step <= step).and_then(of);
    let mean = |p: Point| {
        let values: Vec<f64> = curves.iter().filter_map(|curve| at(curve, p.step)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (!values.is_empty()).then_some((p, [mean, low, high]))
    };
    all.into_iter().filter_map(mean).collect()
}

/// How many rollouts the main arm needs until its mean over seeds reaches where another arm's mean
/// ends, both on dev tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// The score: `defect_free`, `reward` or `good`.
    pub score: String,
    /// The other arm.
    pub arm: String,
    /// Its mean at its end.
    pub end: f64,
    /// Its rollouts, the mean over seeds.
    pub of: f64,
    /// The main arm's rollouts, linear between evaluations; `None` if it does not get there.
    pub rollouts: Option<f64>,
    /// The share of the other arm's rollouts.
    pub share: Option<f64>,
}

/// The scores of [`Reach`].
pub(super) type Pick = (&'static str, fn(&Point) -> Option<f64>);
pub(super) const PICKS: [Pick; 3] =
    [("defect_free", |p| Some(p.defect_free)), ("reward", |p| Some(p.reward)), ("good", |p| p.good)];

impl Reach {
    /// `None` without evaluations of both arms.
    pub(super) fn of(pick: Pick, main: &[&[Point]], other: &[&[Point]], used: &[f64]) -> Option<Self> {
        let (score, of) = pick;
        let (ours, theirs) = (mean_curve(main, of), mean_curve(other, of));
        let end = theirs.last()?.1[0];
        let used = used.iter().sum::<f64>() / used.len() as f64;
        let rollouts = crossing(&ours, end);
        ours.first()?;
        let share = rollouts.filter(|_| used > 0.0).map(|r| r / used);
        Some(Reach { score: score.into(), arm: String::new(), end, of: used, rollouts, share })
    }
}

/// The rollouts at which a curve first reaches a value.
fn crossing(curve: &[(Point, [f64; 3])], value: f64) -> Option<f64> {
    let after = curve.iter().position(|(_, [mean, ..])| *mean >= value)?;
    let (x1, y1) = (curve[after].0.rollouts as f64, curve[after].1[0]);
    let Some((before, [y0, ..])) = after.checked_sub(1).map(|i| curve[i]) else { return Some(x1) };
    let x0 = before.rollouts as f64;
    Some(x0 + (value - y0) / (y1 - y0) * (x1 - x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[(usize, f64)]) -> Vec<Point> {
        let point = |&(step, v): &(usize, f64)| Point {
            step,
            rollouts: 16 * step as u64,
            defect_free: v,
            reward: 0.0,
            good: None,
        };
        values.iter().map(point).collect()
    }

    /// Means at 0, 75 and 150: 0.1, 0.3 and 0.5 of the main arm; the other ends at 0.4 after 100
    /// and 60 steps. By hand: halfway between 1200 and 2400 rollouts.
    #[test]
    fn rollouts_to_another_arms_end_by_hand() {
        let ours = [curve(&[(0, 0.1), (75, 0.2), (150, 0.6)]), curve(&[(0, 0.1), (75, 0.4)])];
        let theirs = [curve(&[(0, 0.1), (60, 0.3), (100, 0.5)]), curve(&[(0, 0.1), (60, 0.3)])];
        let [ours, theirs] = [&ours, &theirs].map(|c| c.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let found = Reach::of(PICKS[0], &ours, &theirs, &[1600.0, 960.0]).unwrap();
        assert!((found.end - 0.4).abs() < 1e-12, "the shorter curve keeps its last value");
        assert!((found.rollouts.unwrap() - 1800.0).abs() < 1e-9, "{found:?}");
        assert!((found.share.unwrap() - 1800.0 / 1280.0).abs() < 1e-9);
        let never = Reach::of(PICKS[0], &theirs, &[&curve(&[(0, 0.9)])], &[1.0]).unwrap();
        assert_eq!((never.rollouts, never.share), (None, None));
        let at_once = Reach::of(PICKS[0], &theirs, &[&curve(&[(0, 0.05)])], &[1.0]).unwrap();
        assert_eq!(at_once.share, Some(0.0));
        assert_eq!(Reach::of(PICKS[2], &ours, &theirs, &[1.0]), None, "a corpus has no geometry");
    }
}
