//! Responsibility and weight of a statement (section 2.3).

use crate::Overlap;
use vsdpo_artifact::{Defect, Element};

/// Eq. (4): `resp(s) = max_i [ max_{b in M(s)} IoU(b, region_i) * severity_i ]`.
///
/// `elements` are M(s), whose regions are the boxes b. In `[0, 1]`; 0 without elements or without
/// defects. A defect with several regions counts with each of them, and only for elements on its
/// own page.
pub fn responsibility(elements: &[&Element], defects: &[Defect], overlap: Overlap) -> f32 {
    let pairs = defects.iter().flat_map(|d| {
        let near = elements.iter().filter(|e| e.page == d.page);
        near.flat_map(move |e| d.regions.iter().map(move |&r| overlap.measure(e.region, r) * d.severity))
    });
    pairs.fold(0.0f32, f32::max).min(1.0)
}

/// Eq. (5): `w_s = 1 + (alpha - 1) * resp(s)`, from 1 to alpha. With alpha (`amplify`) 1 every
/// statement weighs the same.
pub fn statement_weight(resp: f32, amplify: f32) -> f32 {
    1.0 + (amplify - 1.0) * resp
}
