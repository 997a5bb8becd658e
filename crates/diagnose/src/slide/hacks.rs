//! Signs of two known ways to please the metrics without a good slide: docs/specs/aeslides.md, 8.

use super::collision::{ClashKind, Collision};
use super::items::Items;
use super::whitespace::{Contrast, REACH};
use serde::{Deserialize, Serialize};

/// Signs of layouts made for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hacks {
    /// A box inside the slide hides text that it has no room for, so that the slide keeps its
    /// height.
    pub hides_text: bool,
    /// Most of what counts as content is not near any item: a texture.
    pub texture: bool,
    /// The share of what counts as content that is not near any item, from 0 to 1.
    pub stray: f64,
}

/// Looks for the signs.
pub(super) fn hacks(contrast: &Contrast, items: &Items, collision: &Collision) -> Hacks {
    let stray = stray(contrast, items);
    let hides_text = collision.clashes.iter().any(|clash| clash.kind == ClashKind::Cut);
    Hacks { hides_text, texture: stray > 0.5, stray }
}

/// The share of content pixels that lie in no item's box grown by the reach of contrast.
fn stray(contrast: &Contrast, items: &Items) -> f64 {
    let (width, height) = (contrast.width, contrast.height);
    // Corners of the boxes, from whose sums comes how many boxes cover a pixel.
    let mut cover = vec![0i32; (width + 1) * (height + 1)];
    for r in items.items.iter().flat_map(|item| &item.seen) {
        let place = |at: f64, side: usize| at.clamp(0.0, side as f64) as usize;
        let [across, down] = REACH.map(|reach| reach as f64);
        let columns = [place(r.x - across, width), place((r.x + r.w + across).ceil(), width)];
        let rows = [place(r.y - down, height), place((r.y + r.h + down).ceil(), height)];
        for (i, y) in rows.into_iter().enumerate() {
            for (j, x) in columns.into_iter().enumerate() {
                cover[y * (width + 1) + x] += if i == j { 1 } else { -1 };
            }
        }
    }
    let (mut content, mut stray) = (0u64, 0u64);
    let mut above = vec![0i32; width];
    for y in 0..height {
        let mut row = 0;
        for x in 0..width {
            row += cover[y * (width + 1) + x];
            above[x] += row;
            if Contrast::is_content(contrast.values[y * width + x]) {
                content += 1;
                stray += u64::from(above[x] <= 0);
            }
        }
    }
    if content == 0 { 0.0 } else { stray as f64 / content as f64 }
}
