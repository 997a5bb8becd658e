//! Boxes of rotated texts, the distance of two boxes, and values that are out of line with others.

use vsdpo_artifact::{Element, Region};

/// The word for a position between two ends, by the share of the free room that lies before it.
pub(crate) fn third(before: f32, after: f32, words: [&'static str; 3]) -> &'static str {
    let (before, after) = (before.max(0.0), after.max(0.0));
    let share = if before + after > 0.0 { before / (before + after) } else { 0.5 };
    match share {
        s if s < 1.0 / 3.0 => words[0],
        s if s <= 2.0 / 3.0 => words[1],
        _ => words[2],
    }
}

/// How far a value is from the one that others share. `None` if less than three quarters of the
/// others lie within `exact` of their middle one.
pub(crate) fn off_shared(own: f64, others: impl Iterator<Item = f64>, exact: f64) -> Option<f64> {
    let mut others: Vec<f64> = others.collect();
    others.sort_by(f64::total_cmp);
    let middle = *others.get(others.len() / 2)?;
    let agree = others.iter().filter(|v| (**v - middle).abs() <= exact).count();
    (agree * 4 >= others.len() * 3).then_some(own - middle)
}

/// A rectangle that may be rotated: its corners in order around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quad {
    corners: [[f32; 2]; 4],
    /// Whether the sides lie along the axes of the image.
    upright: bool,
}

impl Quad {
    pub(crate) fn upright(r: Region) -> Quad {
        Quad { corners: [[r.x0, r.y0], [r.x1, r.y0], [r.x1, r.y1], [r.x0, r.y1]], upright: true }
    }

    /// The box of the ink of a text. The renderer gives the upright box around it, which for a
    /// slanted text is far too big; the slanted box is recovered from it with the height that the
    /// letters have.
    pub(crate) fn of_text(e: &Element) -> Quad {
        let degrees = e.rotation.unwrap_or(0.0);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let slanted = degrees.is_finite() && sin.abs() > 0.02 && cos.abs() > 0.02;
        let (Some(font), true) = (e.font_px, slanted) else { return Quad::upright(e.region) };
        let (wide, tall) = (e.region.width(), e.region.height());
        let (s, c) = (sin.abs(), cos.abs());
        let height = ink_height(e.text.as_deref().unwrap_or(""), font).min(wide / s).min(tall / c).max(0.0);
        let width = if c >= s { (wide - height * s) / c } else { (tall - height * c) / s }.max(0.0);
        // Counter-clockwise on screen, where y points down.
        let (along, up) = ([cos * width / 2.0, -sin * width / 2.0], [sin * height / 2.0, cos * height / 2.0]);
        let (x, y) = e.region.center();
        let corner = |a: f32, u: f32| [x + a * along[0] + u * up[0], y + a * along[1] + u * up[1]];
        let corners = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
        Quad { corners, upright: false }
    }

    pub(crate) fn is_upright(&self) -> bool {
        self.upright
    }

    pub(crate) fn contains_point(&self, p: [f32; 2]) -> bool {
        self.normals().all(|n| {
            let (low, high) = self.extent(n);
            let at = dot(n, p);
            low <= at && at <= high
        })
    }

    /// Pixels between two boxes, or minus the depth of their overlap: the largest gap over the
    /// directions of their sides (separating axes). For boxes that are apart it is at most the true
    /// distance.
    pub(crate) fn gap(&self, other: &Quad) -> f32 {
        let along = |n: [f32; 2]| {
            let (a, b) = (self.extent(n), other.extent(n));
            (b.0 - a.1).max(a.0 - b.1)
        };
        self.normals().chain(other.normals()).map(along).fold(f32::NEG_INFINITY, f32::max)
    }

    /// Unit vectors across the sides; the image's axes for a box without extent.
    fn normals(&self) -> impl Iterator<Item = [f32; 2]> {
        let [a, b, _, d] = self.corners;
        let unit = move |from: [f32; 2], to: [f32; 2], fallback: [f32; 2]| {
            let (x, y) = (to[0] - from[0], to[1] - from[1]);
            let length = x.hypot(y);
            if length > 0.0 { [x / length, y / length] } else { fallback }
        };
        [unit(a, b, [1.0, 0.0]), unit(a, d, [0.0, 1.0])].into_iter()
    }

    fn extent(&self, n: [f32; 2]) -> (f32, f32) {
        let at = self.corners.map(|p| dot(n, p));
        (at.into_iter().fold(f32::INFINITY, f32::min), at.into_iter().fold(f32::NEG_INFINITY, f32::max))
    }
}

fn dot(a: [f32; 2], b: [f32; 2]) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// How far the ink of a text reaches above and below its baseline, by the measures of DejaVu Sans
/// (matplotlib's font), in parts of the font's size.
pub(crate) struct Letters {
    pub(crate) top: f32,
    pub(crate) bottom: f32,
}

impl Letters {
    /// Ascenders and capitals.
    pub(crate) const HIGH: f32 = 0.76;
    /// Descenders.
    pub(crate) const DEEP: f32 = 0.24;

    pub(crate) fn of(text: &str) -> Letters {
        let low = text.chars().all(|c| "acegmnopqrsuvwxyz-+=~.,:; ".contains(c));
        let deep = text.chars().any(|c| "gjpqyQ,;()[]{}|/$@_".contains(c) || !c.is_ascii());
        Letters {
            top: if low { 0.56 } else { Letters::HIGH },
            bottom: if deep { Letters::DEEP } else { 0.015 },
        }
    }
}

/// Height of a text's ink in pixels.
fn ink_height(text: &str, font_px: f32) -> f32 {
    const LINE: f32 = 1.2;
    let lines = text.lines().count().max(1);
    let letters = Letters::of(text);
    font_px * (letters.top + letters.bottom + (lines - 1) as f32 * LINE)
}

/// The length of the part of segment `a`-`b` that lies inside `region` (Liang and Barsky's
/// clipping).
pub(crate) fn length_inside(region: Region, a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let (mut enter, mut leave) = (0.0f32, 1.0f32);
    let edges =
        [(-dx, a[0] - region.x0), (dx, region.x1 - a[0]), (-dy, a[1] - region.y0), (dy, region.y1 - a[1])];
    for (p, q) in edges {
        if p == 0.0 && q < 0.0 {
            return 0.0;
        }
        if p < 0.0 {
            enter = enter.max(q / p);
        } else if p > 0.0 {
            leave = leave.min(q / p);
        }
    }
    (leave - enter).max(0.0) * dx.hypot(dy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    #[test]
    fn segments_are_clipped_to_the_box() {
        let r = Region::new(0.0, 0.0, 10.0, 10.0);
        let check = |a, b, want: f32| assert!((length_inside(r, a, b) - want).abs() < 1e-4, "{a:?} {b:?}");
        check([2.0, 5.0], [6.0, 5.0], 4.0);
        check([-5.0, 5.0], [15.0, 5.0], 10.0);
        check([-5.0, -5.0], [15.0, 15.0], 200f32.sqrt());
        check([-5.0, 11.0], [15.0, 11.0], 0.0);
        check([-4.0, 4.0], [4.0, -4.0], 0.0);
        check([-2.0, 4.0], [4.0, -2.0], 8f32.sqrt());
        check([3.0, 3.0], [3.0, 3.0], 0.0);
    }

    #[test]
    fn gaps_of_upright_boxes() {
        let a = Quad::upright(Region::new(0.0, 0.0, 10.0, 10.0));
        let check = |r: [f32; 4], want: f32| assert_eq!(a.gap(&Quad::upright(r.into())), want);
        check([13.0, 2.0, 20.0, 8.0], 3.0);
        check([8.0, 2.0, 20.0, 8.0], -2.0);
        check([8.0, 9.0, 20.0, 18.0], -1.0);
        check([2.0, 12.0, 8.0, 20.0], 2.0);
        assert_eq!(Quad::upright(Region::default()).gap(&Quad::upright(Region::default())), 0.0);
    }

    #[test]
    fn a_slanted_text_gets_its_own_box() {
        // Capitals: ink 0.775 * 20 = 15.5 px high; 100 px long at 30 degrees.
        let (w, h, s, c) = (100.0f32, 15.5, 0.5, 0.75f32.sqrt());
        let e =
            text(0, "CAPITALS", [0.0, 0.0, w * c + h * s, w * s + h * c]).rotated(30.0).sized(20.0).done();
        let quad = Quad::of_text(&e);
        assert!(!quad.is_upright());
        let side = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!((side(quad.corners[0], quad.corners[1]) - w).abs() < 0.01);
        assert!((side(quad.corners[0], quad.corners[3]) - h).abs() < 0.01);
        // It rises to the right: the lower left of its box is text, the upper left is not.
        assert!(quad.contains_point([10.0, e.region.y1 - 10.0]));
        assert!(!quad.contains_point([5.0, 5.0]));
        // A copy moved along x is apart by the perpendicular distance.
        let moved = text(1, "CAPITALS", [40.0, 0.0, 40.0 + w * c + h * s, w * s + h * c]);
        let gap = quad.gap(&Quad::of_text(&moved.rotated(30.0).sized(20.0).done()));
        assert!((gap - (40.0 * s - h)).abs() < 0.01, "{gap}");
    }

    #[test]
    fn upright_and_vertical_texts_keep_their_region() {
        for degrees in [0.0, 90.0, -90.0, 180.0, 270.0, f32::NAN] {
            let e = text(0, "A", [1.0, 2.0, 3.0, 9.0]).rotated(degrees).sized(10.0).done();
            assert_eq!(Quad::of_text(&e), Quad::upright(e.region));
        }
    }
}
