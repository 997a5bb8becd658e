//! Inpainting after Telea (2004) with radius 3, as OpenCV 4.9.0 does it to the last bit
//! (docs/specs/design2code.md, 13).
//!
//! The hidden pixels are filled from their border inwards, in the order of their distance to it,
//! each from the known pixels around it. The arithmetic is OpenCV's in every step: single or double
//! precision, the order of sums, and indices that reach one pixel too far at some borders. Cells
//! are those of the picture with a frame of one on all sides.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const RADIUS: usize = 3;
/// Larger than any distance.
const FAR: f32 = 1e6;

/// Fills the pixels of `hidden` in rows of `width`.
pub fn inpaint(pixels: &mut [[u8; 4]], width: usize, hidden: &[bool]) {
    let height = pixels.len().checked_div(width).unwrap_or(0);
    if height < 2 || width < 2 || !hidden.contains(&true) {
        return;
    }
    let stride = width + 2;
    let mut mask = vec![false; stride * (height + 2)];
    for (row, hidden) in mask[stride..].chunks_exact_mut(stride).zip(hidden.chunks_exact(width)) {
        row[1..=width].copy_from_slice(hidden);
    }
    let mut band = mask.clone();
    spread(&mut band, &mask, 1);
    spread(&mut band, &mask, stride);
    let mut ring = mask.clone();
    for (row, mask) in ring.chunks_exact_mut(stride).zip(mask.chunks_exact(stride)) {
        (1..=RADIUS).for_each(|by| spread(row, mask, by));
    }
    let wide = ring.clone();
    (1..=RADIUS).for_each(|by| spread(&mut ring, &wide, by * stride));
    for (at, (ring, band)) in ring.iter_mut().zip(&mut band).enumerate() {
        let (y, x) = (at / stride, at % stride);
        let inside = (1..=height).contains(&y) && (1..=width).contains(&x);
        *band &= inside && !mask[at];
        *ring &= inside && !mask[at] && !*band;
    }
    let distance = band.iter().map(|&band| if band { 0.0 } else { FAR }).collect();
    let mut march = March { stride, distance, unknown: ring, queue: BinaryHeap::new(), count: 0 };
    march.outwards(&band);
    march.unknown = mask;
    march.inwards(&band, &mut Canvas { pixels, width, height });
}

/// Adds the neighbours that are `by` cells away.
fn spread(to: &mut [bool], from: &[bool], by: usize) {
    let after = to.get_mut(by..).unwrap_or_default();
    after.iter_mut().zip(from).for_each(|(to, from)| *to |= from);
    let before = from.get(by..).unwrap_or_default();
    to.iter_mut().zip(before).for_each(|(to, from)| *to |= from);
}

/// The picture.
struct Canvas<'a> {
    pixels: &'a mut [[u8; 4]],
    width: usize,
    height: usize,
}

/// A front of cells that moves by increasing distance.
struct March {
    stride: usize,
    /// Distances from the border, negative outside of the hidden parts.
    distance: Vec<f32>,
    unknown: Vec<bool>,
    /// Cells with their distance in the upper and their order in the lower half of a number.
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    count: u32,
}

impl March {
    fn push(&mut self, cell: usize) {
        // The bits of a float, changed so that they sort as integers; the sum makes a negative zero
        // positive.
        let bits = (self.distance[cell] + 0.0).to_bits();
        let key = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        self.queue.push(Reverse((u64::from(key) << 32 | u64::from(self.count), cell as u32)));
        self.count += 1;
    }

    fn pop(&mut self) -> Option<usize> {
        self.queue.pop().map(|Reverse((_, cell))| cell as usize)
    }

    fn push_all(&mut self, cells: &[bool]) {
        (0..cells.len()).filter(|&cell| cells[cell]).for_each(|cell| self.push(cell));
    }

    /// Above, left, below, right.
    fn around(&self, cell: usize) -> [usize; 4] {
        [cell - self.stride, cell - 1, cell + self.stride, cell + 1]
    }

    /// Distances of the unknown cells outside of the hidden parts, below 0.
    fn outwards(&mut self, band: &[bool]) {
        self.push_all(band);
        let mut passed = Vec::new();
        while let Some(cell) = self.pop() {
            passed.push(cell);
            for next in self.around(cell) {
                if self.unknown[next] {
                    self.distance[next] = self.solve_around(next);
                    self.unknown[next] = false;
                    self.push(next);
                }
            }
        }
        for cell in passed {
            self.distance[cell] = -self.distance[cell];
        }
    }

    /// Fills the hidden parts.
    fn inwards(&mut self, band: &[bool], canvas: &mut Canvas<'_>) {
        let weights = near_weights();
        self.push_all(band);
        while let Some(cell) = self.pop() {
            for next in self.around(cell) {
                if self.unknown[next] {
                    self.distance[next] = self.solve_around(next);
                    let pixel = self.color(next, canvas, &weights);
                    let (y, x) = (next / self.stride - 1, next % self.stride - 1);
                    canvas.pixels[y * canvas.width + x] = pixel;
                    self.unknown[next] = false;
                    self.push(next);
                }
            }
        }
    }

    fn solve_around(&self, cell: usize) -> f32 {
        let [up, left, down, right] = self.around(cell);
        let corners = [(up, left), (down, left), (up, right), (down, right)];
        corners.into_iter().map(|(p, q)| self.solve(p, q)).fold(f32::INFINITY, f32::min)
    }

    /// The distance of a cell by a vertical and a horizontal neighbour.
    fn solve(&self, p: usize, q: usize) -> f32 {
        let (a, b) = (f64::from(self.distance[p]), f64::from(self.distance[q]));
        let least = match (self.unknown[p], self.unknown[q]) {
            (false, false) if (a - b).abs() < 1.0 => {
                return ((a + b + (2.0 - (a - b) * (a - b)).sqrt()) * 0.5) as f32;
            }
            (false, true) => a,
            (true, false) => b,
            _ => a.min(b),
        };
        (1.0 + least) as f32
    }

    /// How the distance grows at a cell along one axis.
    fn slope(&self, before: usize, cell: usize, after: usize) -> f32 {
        let d = |cell: usize| self.distance[cell];
        match (self.unknown[before], self.unknown[after]) {
            (false, false) => (d(after) - d(before)) * 0.5,
            (true, false) => d(after) - d(cell),
            (false, true) => d(cell) - d(before),
            (true, true) => 0.0,
        }
    }

    /// A colour from the known pixels around a cell and their gradients. Alpha takes part like a
    /// channel.
    fn color(&self, cell: usize, canvas: &Canvas<'_>, weights: &[[f32; 7]; 7]) -> [u8; 4] {
        let (i, j) = (cell / self.stride, cell % self.stride);
        let [up, left, down, right] = self.around(cell);
        let slope = (self.slope(left, cell, right), self.slope(up, cell, down));
        let mut sums = Sums { value: [0.0; 4], along: [0.0; 4], down: [0.0; 4], weight: 1e-20 };
        for k in i.saturating_sub(RADIUS).max(1)..=(i + RADIUS).min(canvas.height) {
            for l in j.saturating_sub(RADIUS).max(1)..=(j + RADIUS).min(canvas.width) {
                let near = weights[k + RADIUS - i][l + RADIUS - j];
                let other = k * self.stride + l;
                if near == 0.0 || self.unknown[other] {
                    continue;
                }
                let (x, y) = (j as f32 - l as f32, i as f32 - k as f32);
                let step = (self.distance[other] - self.distance[cell]).abs();
                let level = (1.0 / (1.0 + f64::from(step))) as f32;
                let facing = x * slope.0 + y * slope.1;
                let facing = if f64::from(facing.abs()) <= 0.01 { 1e-6 } else { facing };
                let weight = (near * level * facing).abs();
                let [value, gx, gy] = self.known(canvas, (k, l));
                for c in 0..4 {
                    sums.value[c] += weight * value[c];
                    sums.along[c] -= weight * (gx[c] * x);
                    sums.down[c] -= weight * (gy[c] * y);
                }
                sums.weight += weight;
            }
        }
        std::array::from_fn(|c| sums.channel(c))
    }

    /// A known pixel and its gradient. The reach beyond the right and lower neighbours of the last
    /// column and row, and the repetition of the first ones, are OpenCV's.
    fn known(&self, canvas: &Canvas<'_>, (k, l): (usize, usize)) -> [[f32; 4]; 3] {
        let cell = k * self.stride + l;
        let [up, left, down, right] = self.around(cell).map(|cell| !self.unknown[cell]);
        let (y, y_after) = (k - 1 + usize::from(k == 1), k - 1 - usize::from(k == canvas.height));
        let (x, x_after) = (l - 1 + usize::from(l == 1), l - 1 - usize::from(l == canvas.width));
        let pixel = |y: usize, x: usize| canvas.pixels[y * canvas.width + x].map(f32::from);
        let gradient = |from: [f32; 4], to: [f32; 4], sides: (bool, bool)| {
            let factor = f32::from(u8::from(sides.0) + u8::from(sides.1));
            std::array::from_fn(|c| (to[c] - from[c]) * factor)
        };
        let along = (pixel(y, x - usize::from(left)), pixel(y, x_after + usize::from(right)));
        let across = (pixel(y - usize::from(up), x), pixel(y_after + usize::from(down), x));
        [pixel(y, x), gradient(along.0, along.1, (left, right)), gradient(across.0, across.1, (up, down))]
    }
}

/// Weighted sums over known pixels, by channel.
struct Sums {
    value: [f32; 4],
    along: [f32; 4],
    down: [f32; 4],
    weight: f32,
}

impl Sums {
    fn channel(&self, c: usize) -> u8 {
        let (x, y) = (self.along[c], self.down[c]);
        let change = f64::from(x + y) / (f64::from(x * x + y * y).sqrt() + f64::from(1e-20f32));
        // The half is added although the result is rounded.
        let value = f64::from(self.value[c] / self.weight) + change + 0.5;
        (value as f32).round_ties_even().clamp(0.0, 255.0) as u8
    }
}

/// Weights by the distance of two cells, 0 beyond the radius and for a cell itself.
fn near_weights() -> [[f32; 7]; 7] {
    let weight = |y: usize, x: usize| {
        let square = (y.abs_diff(RADIUS).pow(2) + x.abs_diff(RADIUS).pow(2)) as f64;
        if (1.0..=9.0).contains(&square) { (1.0 / (square * square.sqrt())) as f32 } else { 0.0 }
    };
    std::array::from_fn(|y| std::array::from_fn(|x| weight(y, x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design2code::testing::{Digest, Random};

    fn channel(random: &mut Random, kind: usize, (x, y, c): (usize, usize, usize)) -> u8 {
        match kind {
            0 => random.below(256) as u8,
            1 => ((x * 7 + y * 3 * (c + 1)) % 256) as u8,
            _ if (x / 5 + y / 4 + c) % 2 == 1 => 40,
            _ => 220,
        }
    }

    /// Of 120 pictures, by `cv2.inpaint` of opencv-python-headless 4.9.0.80.
    #[test]
    fn pictures_are_those_of_opencv() {
        let (mut random, mut digest) = (Random(6), Digest::new());
        for _ in 0..120 {
            let (w, h, kind) = (2 + random.below(40), 2 + random.below(30), random.below(3));
            let mut pixels = vec![[255; 4]; w * h];
            for (i, pixel) in pixels.iter_mut().enumerate() {
                (0..3).for_each(|c| pixel[c] = channel(&mut random, kind, (i % w, i / w, c)));
            }
            let mut hidden = vec![false; w * h];
            for _ in 0..1 + random.below(4) {
                let (x, y) = (random.below(w), random.below(h));
                let (right, bottom) = (x + random.below(w) + 1, y + random.below(h) / 2 + 1);
                for row in hidden.chunks_exact_mut(w).take(bottom.min(h)).skip(y) {
                    row[x..right.min(w)].fill(true);
                }
            }
            inpaint(&mut pixels, w, &hidden);
            assert!(pixels.iter().all(|pixel| pixel[3] == 255));
            pixels.iter().for_each(|pixel| digest.add(&pixel[..3]));
        }
        assert_eq!(digest, Digest(0x8383_3b04_59e5_b764));
    }
}
