//! What a comparison with a reference adds to a diagnosis.

use vsdpo_artifact::{Axis, AxisScore, Defect};

/// F1, or similarity, from which an axis that compares with a reference is satisfied.
///
/// # Reading of the paper
/// The paper's rubrics rest on the benchmarks' metrics and a visual score; it does not say from
/// which score on an axis is satisfied. Ours.
pub const SATISFIED: f64 = 0.95;

/// The axes and defects that a comparison with a reference adds.
pub(crate) struct ReferenceResult {
    pub(crate) axes: Vec<(Axis, AxisScore)>,
    pub(crate) defects: Vec<Defect>,
}
