//! Texts (spec chartmimic, 4): what two lists of exact strings share, each text once per drawing.

use super::{Rules, Score, shared};

pub(crate) fn score(pred: &[String], gt: &[String], rules: Rules) -> Score {
    Score::of(shared(pred, gt) as f64, pred.len() as f64, gt.len() as f64, rules)
}
