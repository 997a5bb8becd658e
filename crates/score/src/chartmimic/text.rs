//! Texts (docs/specs/chartmimic.md, 4): what two lists of exact strings share, each text once per
//! drawing.

use super::{Rules, f1, shared};
use vsdpo_artifact::F1;

pub(crate) fn score(pred: &[String], gt: &[String], rules: Rules) -> F1 {
    f1(shared(pred, gt) as f64, pred.len() as f64, gt.len() as f64, rules)
}
