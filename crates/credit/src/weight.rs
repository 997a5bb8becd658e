//! Responsibility and weight of a statement (section 2.3).

use crate::Overlap;
use vsdpo_artifact::{Defect, Region};

/// Eq. (4): `resp(s) = max_i [ max_{b in M(s)} IoU(b, region_i) * severity_i ]`.
///
/// `boxes` are the boxes b of M(s). In `[0, 1]`; 0 without boxes or without defects. A defect with
/// several regions counts with each of them.
pub fn responsibility(boxes: &[Region], defects: &[Defect], overlap: Overlap) -> f32 {
    let marks = defects.iter().flat_map(|d| d.regions.iter().map(move |&region| (region, d.severity)));
    marks
        .flat_map(|(region, severity)| boxes.iter().map(move |&b| overlap.measure(b, region) * severity))
        .fold(0.0f32, f32::max)
        .min(1.0)
}

/// Eq. (5): `w_s = 1 + (alpha - 1) * resp(s)`, from 1 to alpha. With alpha (`amplify`) 1 every
/// statement weighs the same.
pub fn statement_weight(resp: f32, amplify: f32) -> f32 {
    1.0 + (amplify - 1.0) * resp
}
