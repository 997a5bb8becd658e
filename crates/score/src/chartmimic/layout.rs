//! Layout (docs/specs/chartmimic.md, 8): the grid cells that two figures share, in any order.

use super::{Rules, f1, shared};
use vsdpo_artifact::{F1, GridCell};

pub(crate) fn score(pred: &[GridCell], gt: &[GridCell], rules: Rules) -> F1 {
    f1(shared(pred, gt) as f64, pred.len() as f64, gt.len() as f64, rules)
}
