//! Whitespace: the share of a slide that is near something, by the contrast around each pixel.
//! docs/specs/aeslides.md, 3.

use serde::{Deserialize, Serialize};
use vsdpo_artifact::Image;

/// Half of the Gaussian's window.
const BLUR: usize = 10;
/// Standard deviation of the Gaussian in pixels.
const SIGMA: f32 = 3.5;
/// Halves of the window, across and down, in which contrast is measured.
pub(super) const REACH: [usize; 2] = [100, 75];
/// The standard deviation, in grey levels, that counts as full contrast.
const FULL: f64 = 50.0;
/// The contrast above which a pixel belongs to content.
const CONTENT: f32 = 0.05;
/// The middle of a slide, as shares of width and height.
const MIDDLE: [[f64; 2]; 2] = [[0.1, 0.9], [0.15, 0.9]];

/// The shares of a picture that are near content, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Whitespace {
    /// Of the whole picture.
    pub full: f64,
    /// Of its middle, without the top 15 %, the bottom 10 % and 10 % on either side.
    pub crop: f64,
}

/// The shares of a picture that are near content. A picture without pixels has none.
pub fn whitespace(image: &Image) -> Whitespace {
    contrast(image).whitespace()
}

/// From a share of content to a reward: a smooth step from `lower` to `upper`.
pub(super) struct Step {
    pub scale: f64,
    pub lower: f64,
    pub upper: f64,
    pub gamma: f64,
}

/// The step of rewards.
pub(super) const REWARD: Step = Step { scale: 1.0, lower: 0.8, upper: 0.995, gamma: 1.0 };

impl Step {
    /// The reward, from 0 to 1.
    pub(super) fn of(&self, share: f64) -> f64 {
        let t = ((share * self.scale - self.lower) / (self.upper - self.lower)).clamp(0.0, 1.0);
        let (rise, fall) = (t.powf(self.gamma), (1.0 - t).powf(self.gamma));
        let t = rise / (rise + fall);
        3.0 * t * t - 2.0 * t * t * t
    }
}

/// The contrast around each pixel of a picture, from 0 to 1, row by row.
pub(super) struct Contrast {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Contrast {
    /// Whether the pixel belongs to content.
    pub(super) fn is_content(value: f32) -> bool {
        value > CONTENT
    }

    pub(super) fn whitespace(&self) -> Whitespace {
        let cut = |[from, to]: [f64; 2], side: usize| {
            let at = |share: f64| (share * side as f64) as usize;
            at(from)..at(to)
        };
        let middle = [cut(MIDDLE[0], self.width), cut(MIDDLE[1], self.height)];
        Whitespace { full: self.share([0..self.width, 0..self.height]), crop: self.share(middle) }
    }

    /// The share of content among these columns and rows; 0 if there are none.
    fn share(&self, [columns, rows]: [std::ops::Range<usize>; 2]) -> f64 {
        let pixels = columns.len() * rows.len();
        let row = |y: usize| &self.values[y * self.width..][columns.clone()];
        let content: usize = rows.map(|y| row(y).iter().filter(|v| Self::is_content(**v)).count()).sum();
        if pixels == 0 { 0.0 } else { content as f64 / pixels as f64 }
    }
}

/// The contrast around each pixel: the standard deviation of the blurred grey picture in the window
/// of [`REACH`], as a share of [`FULL`].
pub(super) fn contrast(image: &Image) -> Contrast {
    let (width, height) = (image.width as usize, image.height as usize);
    let mut values = vec![0.0; width * height];
    // Also where the pixels do not fit the size.
    if values.is_empty() || image.rgba.len() != 4 * values.len() {
        return Contrast { width, height, values };
    }
    let blurred = blur(grey(image), width);
    let mut sums = Sums::new(width);
    let row = |y: isize| &blurred[mirror(y, height) * width..][..width];
    let [_, down] = REACH.map(|reach| reach as isize);
    (-down..=down).for_each(|y| sums.add(row(y)));
    for (y, out) in values.chunks_exact_mut(width).enumerate() {
        sums.deviations(out);
        let y = y as isize;
        sums.replace(row(y - down), row(y + down + 1));
    }
    Contrast { width, height, values }
}

/// Grey levels, in the whole numbers of the reference.
fn grey(image: &Image) -> Vec<f32> {
    let level = |[r, g, b, _]: &[u8; 4]| {
        let [r, g, b] = [r, g, b].map(|channel| u32::from(*channel));
        ((9798 * r + 19235 * g + 3735 * b + 16384) >> 15) as f32
    };
    image.rgba.as_chunks::<4>().0.iter().map(level).collect()
}

/// The picture after a Gaussian, across and then down.
fn blur(mut grey: Vec<f32>, width: usize) -> Vec<f32> {
    let height = grey.len() / width;
    let weights = gaussian();
    let mut across = vec![0.0; grey.len()];
    let mut padded = vec![0.0; width + 2 * BLUR];
    for (row, out) in grey.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        padded[BLUR..BLUR + width].copy_from_slice(row);
        for x in (0..BLUR).chain(BLUR + width..width + 2 * BLUR) {
            padded[x] = row[mirror_inner(x as isize - BLUR as isize, width)];
        }
        let shifted = |by: usize| &padded[by..by + width];
        weigh(out, &weights, |at| [shifted(BLUR - at), shifted(BLUR + at)]);
    }
    for (y, out) in grey.chunks_exact_mut(width).enumerate() {
        let row = |y: isize| &across[mirror_inner(y, height) * width..][..width];
        let (y, at) = (y as isize, |at: usize| at as isize);
        weigh(out, &weights, |by| [row(y - at(by)), row(y + at(by))]);
    }
    grey
}

/// The sum of rows at each distance from the middle, times the weight of the distance.
fn weigh<'a>(out: &mut [f32], weights: &[f32; BLUR + 1], rows: impl Fn(usize) -> [&'a [f32]; 2]) {
    let [middle, _] = rows(0);
    out.iter_mut().zip(middle).for_each(|(out, value)| *out = weights[0] * value);
    for (by, weight) in weights.iter().enumerate().skip(1) {
        let [before, after] = rows(by);
        for ((out, before), after) in out.iter_mut().zip(before).zip(after) {
            *out += weight * (before + after);
        }
    }
}

/// Weights by distance from the middle.
fn gaussian() -> [f32; BLUR + 1] {
    let weights: [f32; BLUR + 1] =
        std::array::from_fn(|at| (-((at * at) as f32) / (2.0 * SIGMA * SIGMA)).exp());
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    weights.map(|weight| weight / sum)
}

/// The sums of values and of their squares down the window, per column, and room for their sums
/// across it.
struct Sums {
    down: Vec<[f64; 2]>,
    /// The column that stands at each place of a padded row.
    columns: Vec<u32>,
    across: Vec<[f64; 2]>,
}

impl Sums {
    fn new(width: usize) -> Self {
        let reach = REACH[0];
        let padded = 0..width + 2 * reach;
        let columns: Vec<u32> = padded.map(|x| mirror(x as isize - reach as isize, width) as u32).collect();
        Self { down: vec![[0.0; 2]; width], across: vec![[0.0; 2]; columns.len() + 1], columns }
    }

    fn add(&mut self, row: &[f32]) {
        for (sums, value) in self.down.iter_mut().zip(row) {
            let value = f64::from(*value);
            sums[0] += value;
            sums[1] += value * value;
        }
    }

    /// Moves the window by a row.
    fn replace(&mut self, old: &[f32], new: &[f32]) {
        for ((sums, old), new) in self.down.iter_mut().zip(old).zip(new) {
            let (old, new) = (f64::from(*old), f64::from(*new));
            sums[0] += new - old;
            sums[1] += new * new - old * old;
        }
    }

    /// The contrast at each place of a row.
    fn deviations(&mut self, out: &mut [f32]) {
        let mut sum = [0.0; 2];
        for (across, column) in self.across[1..].iter_mut().zip(&self.columns) {
            let [values, squares] = self.down[*column as usize];
            sum = [sum[0] + values, sum[1] + squares];
            *across = sum;
        }
        let [wide, tall] = REACH.map(|reach| 2 * reach + 1);
        let part = 1.0 / (wide * tall) as f64;
        for ((out, from), to) in out.iter_mut().zip(&self.across).zip(&self.across[wide..]) {
            let [mean, squares] = [(to[0] - from[0]) * part, (to[1] - from[1]) * part];
            let deviation = (squares - mean * mean).max(0.0).sqrt();
            *out = (deviation.min(FULL) / FULL) as f32;
        }
    }
}

/// The place in `0..side` that a place outside mirrors, the edge repeated: c b a | a b c.
fn mirror(at: isize, side: usize) -> usize {
    let side = side as isize;
    let at = at.rem_euclid(2 * side);
    at.min(2 * side - 1 - at) as usize
}

/// The place that a place outside mirrors, the edge not repeated: c b | a b c.
fn mirror_inner(at: isize, side: usize) -> usize {
    let last = side as isize - 1;
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    at.min(2 * last - at) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in 64 bits, sum by sum.
    fn literal(image: &Image) -> Vec<f64> {
        let (w, h) = (image.width as isize, image.height as isize);
        let reflect = |mut at: isize, side: isize, repeat: isize| {
            while !(0..side).contains(&at) {
                if side == 1 {
                    return 0;
                }
                at = if at < 0 { -at - repeat } else { 2 * side - 2 + repeat - at };
            }
            at
        };
        let grey = |x: isize, y: isize| {
            let [r, g, b, _] = image.pixel(x as u32, y as u32).map(u64::from);
            ((9798 * r + 19235 * g + 3735 * b + 16384) >> 15) as f64
        };
        let weight = |d: isize| (-((d * d) as f64) / (2.0 * 3.5 * 3.5)).exp();
        let sum: f64 = (-10..=10).map(weight).sum();
        let mut blurred = vec![0.0; (w * h) as usize];
        for y in 0..h {
            for x in 0..w {
                for dy in -10..=10 {
                    for dx in -10..=10 {
                        let value = grey(reflect(x + dx, w, 0), reflect(y + dy, h, 0));
                        blurred[(y * w + x) as usize] += weight(dx) * weight(dy) / (sum * sum) * value;
                    }
                }
            }
        }
        let mut map = Vec::new();
        for y in 0..h {
            for x in 0..w {
                let (mut one, mut two) = (0.0, 0.0);
                for dy in -75..=75 {
                    for dx in -100..=100 {
                        let v = blurred[(reflect(y + dy, h, 1) * w + reflect(x + dx, w, 1)) as usize];
                        (one, two) = (one + v, two + v * v);
                    }
                }
                let (mean, squares) = (one / (201.0 * 151.0), two / (201.0 * 151.0));
                map.push((squares - mean * mean).max(0.0f64).sqrt().min(50.0) / 50.0);
            }
        }
        map
    }

    #[test]
    fn contrast_agrees_with_its_definition_on_small_pictures() {
        let mut state = 7u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for (width, height) in [(1, 1), (1, 30), (25, 1), (13, 9), (30, 17)] {
            // Blocks of one colour, as texts and panels are.
            let rgba: Vec<u8> = (0..width * height)
                .flat_map(|at| {
                    let near = if at % 5 == 0 { byte() } else { 240 };
                    [near, byte() / 16 + near / 2, near, 255]
                })
                .collect();
            let image = Image { width, height, rgba: rgba.into() };
            let got = contrast(&image);
            let want = literal(&image);
            let worst = got.values.iter().zip(&want).map(|(a, b)| (f64::from(*a) - b).abs());
            let worst = worst.fold(0.0, f64::max);
            assert!(worst < 1e-5, "{width}x{height}: {worst}");
            assert!(width < 13 || want.iter().any(|v| *v > 0.01), "the picture has contrast");
        }
    }

    #[test]
    fn a_picture_without_pixels_or_contrast_has_no_content() {
        let none = Image { width: 0, height: 5, rgba: Vec::new().into() };
        assert_eq!(whitespace(&none), Whitespace::default());
        let flat = Image { width: 300, height: 2, rgba: vec![77; 2400].into() };
        assert_eq!(whitespace(&flat), Whitespace::default());
        let short = Image { width: 300, height: 2, rgba: vec![77; 24].into() };
        assert_eq!(whitespace(&short), Whitespace::default());
    }
}
