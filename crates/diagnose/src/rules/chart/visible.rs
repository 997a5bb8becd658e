//! Whether texts and data of a chart can be seen: what cannot be read does not meet a requirement.

use super::low_contrast;
use crate::color::contrast;
use crate::scene::{Scene, content, distance, over};
use vsdpo_artifact::{Element, ElementKind, Region};

/// Font size in pixels below which nothing can be read. (`chart/tiny-text` reports larger ones.)
const LEAST_FONT: f32 = 5.0;
/// Contrast up to which a text cannot be read. (`chart/low-contrast` asks for more.)
const LEAST_CONTRAST: f32 = 1.2;
/// Share of a text's box that must have ink, and how far a pixel with ink is from the ground, as a
/// share of the distance of the text's colour.
const INK: (f32, f32) = (0.01, 0.25);
/// Share of a text's box that must lie inside the picture.
const LEAST_INSIDE: f32 = 0.75;
/// Steps of a channel by which data must differ from what is behind it.
const LEAST_STEP: u8 = 16;
/// Share of the picture that the axes must cover together.
const LEAST_AXES: f32 = 0.1;
/// Distance of a text and its shadow at most, as a share of the font's size.
const DOUBLE: f32 = 0.3;

/// Whether a text has all its letters, is large enough, has contrast, and is neither cut
/// off nor painted over.
pub(super) fn is_readable(scene: &Scene, text: &Element) -> bool {
    let whole = text.layout.unwrap_or(text.region);
    let inside = whole.intersect(scene.bounds()).area() >= LEAST_INSIDE * whole.area();
    let large = inside && text.glyphs.is_none() && text.font_px.is_none_or(|size| size >= LEAST_FONT);
    let Some(found) = low_contrast::of(scene, text) else { return large };
    let far = distance(found.ink, found.ground);
    let (mut all, mut inked) = (0usize, 0usize);
    for (_, c) in scene.pixels(text.region) {
        all += 1;
        inked += usize::from(f32::from(distance(c, found.ground)) >= INK.1 * f32::from(far));
    }
    let painted_over = (inked as f32) < INK.0 * all as f32;
    large && contrast(found.ink, found.ground) > LEAST_CONTRAST && !painted_over
}

/// Whether two texts are one for a reader: the same words nearly in one place, as a text over its
/// shadow or over its halo.
pub(super) fn is_double(a: &Element, b: &Element) -> bool {
    let ((ax, ay), (bx, by)) = (a.region.center(), b.region.center());
    let near = DOUBLE * a.font_px.unwrap_or(0.0).min(b.font_px.unwrap_or(0.0));
    content(a) == content(b) && (ax - bx).abs() <= near && (ay - by).abs() <= near
}

/// Whether a data element left ink in a colour that differs from its axes.
pub(super) fn is_shown(scene: &Scene, data: &Element) -> bool {
    let Some(color) = data.color.filter(|c| c[3] > 0) else { return !data.region.is_empty() };
    let axes = data.axes.and_then(|id| scene.by_id(id)).and_then(|e| e.color).unwrap_or([255; 4]);
    let ground = over(axes, [255; 3]);
    !data.region.is_empty() && distance(over(color, ground), ground) >= LEAST_STEP
}

/// Whether the axes together take enough of the picture for the chart to be read; true without
/// axes.
pub(super) fn large_enough(scene: &Scene) -> bool {
    let axes: Vec<Region> = scene.of_kind(ElementKind::Axes).map(|e| e.region).collect();
    let area: f32 = axes.iter().map(|r| r.intersect(scene.bounds()).area()).sum();
    axes.is_empty() || area >= LEAST_AXES * scene.bounds().area()
}
