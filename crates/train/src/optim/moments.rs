//! Adam's moments of one parameter, f32 or in blocks of 8-bit codes.
//!
//! A block of 256 numbers has a scale, its largest magnitude, and one code for each number: the
//! dynamic codes of T. Dettmers et al., "8-bit Optimizers via Block-wise Quantization", which are
//! dense near 0 and reach down to 1e-7 of the scale. The second moment is stored as its root, whose
//! range is half as wide in decades, and a root above 0 never becomes 0: Adam divides by it. Small
//! parameters (norms, biases) stay f32.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Numbers that share a scale; divides the optimizer's tasks.
pub(super) const BLOCK: usize = 256;
/// Parameters with fewer numbers keep f32 moments.
const SMALL: usize = 4096;

/// How moments are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MomentKind {
    /// 8 bytes a parameter.
    #[default]
    F32,
    /// 2.03 bytes a parameter, rounded at every step.
    Blocks8,
}

impl MomentKind {
    /// Bytes of both moments of a parameter of `n` numbers.
    pub fn bytes(self, n: usize) -> usize {
        match self {
            MomentKind::Blocks8 if n >= SMALL => 2 * (n + n.div_ceil(BLOCK) * size_of::<f32>()),
            MomentKind::Blocks8 | MomentKind::F32 => 2 * n * size_of::<f32>(),
        }
    }
}

/// One moment in blocks: a code for each number and a scale for each block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Codes {
    pub codes: Vec<u8>,
    pub scales: Vec<f32>,
}

/// Both moments of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moments {
    F32 { first: Vec<f32>, second: Vec<f32> },
    Blocks8 { first: Codes, second: Codes },
}

impl Moments {
    /// Zeros for `n` numbers.
    pub fn zeros(kind: MomentKind, n: usize) -> Self {
        match kind {
            MomentKind::Blocks8 if n >= SMALL => {
                let zeros = |book: &Book| {
                    let code = book.nearest(0.0);
                    Codes { codes: vec![code; n], scales: vec![0.0; n.div_ceil(BLOCK)] }
                };
                Moments::Blocks8 { first: zeros(&SIGNED), second: zeros(&ROOTS) }
            }
            MomentKind::Blocks8 | MomentKind::F32 => {
                Moments::F32 { first: vec![0.0; n], second: vec![0.0; n] }
            }
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = match self {
            Moments::F32 { first, .. } => Self::zeros(MomentKind::F32, first.len()),
            Moments::Blocks8 { first, .. } => Self::zeros(MomentKind::Blocks8, first.codes.len()),
        };
    }
}

/// The 256 values of a code, in rising order, with the midpoints between them.
pub(super) struct Book {
    values: [f32; 256],
    middles: [f32; 255],
}

/// Of first moments: -1 to 1.
pub(super) static SIGNED: LazyLock<Book> = LazyLock::new(|| Book::new(true));
/// Of the roots of second moments: 0 to 1.
pub(super) static ROOTS: LazyLock<Book> = LazyLock::new(|| Book::new(false));

impl Book {
    /// Seven decades; in each the means of equal intervals of `[0.1, 1]`, twice as many from one to
    /// the next, and with `signed` the same below 0; then 0 and 1.
    fn new(signed: bool) -> Self {
        let mut all = vec![0.0f64, 1.0];
        for decade in 0..7i32 {
            let count = 1usize << (decade + i32::from(!signed));
            let edge = |i: usize| 0.1 + 0.9 * i as f64 / count as f64;
            let scale = 10f64.powi(decade - 6);
            let means = (0..count).map(|i| scale * (edge(i) + edge(i + 1)) / 2.0);
            all.extend(means.flat_map(|m| [Some(m), signed.then_some(-m)]).flatten());
        }
        all.sort_by(f64::total_cmp);
        let at = |i: usize| all.get(i).copied().unwrap_or(1.0);
        Self {
            values: std::array::from_fn(|i| at(i) as f32),
            middles: std::array::from_fn(|i| ((at(i) + at(i + 1)) / 2.0) as f32),
        }
    }

    /// The code whose value is nearest.
    fn nearest(&self, x: f32) -> u8 {
        self.middles.partition_point(|m| *m < x) as u8
    }

    /// Replaces the numbers of one block by codes and returns their scale. `least` is the smallest
    /// code of a number above 0.
    pub fn encode(&self, x: &[f32], codes: &mut [u8], least: u8) -> f32 {
        let scale = x.iter().fold(0f32, |m, v| m.max(v.abs()));
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        for (code, x) in codes.iter_mut().zip(x) {
            let nearest = self.nearest(x * inverse);
            *code = if *x > 0.0 { nearest.max(least) } else { nearest };
        }
        scale
    }

    /// The numbers of one block.
    pub fn decode(&self, codes: &[u8], scale: f32, out: &mut [f32]) {
        for (x, code) in out.iter_mut().zip(codes) {
            *x = self.values[usize::from(*code)] * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_within_the_steps_of_the_paper() {
        for (book, low) in [(&*SIGNED, -1.0f32), (&*ROOTS, 0.0)] {
            assert!(book.values.windows(2).all(|w| w[0] < w[1]));
            assert_eq!((book.values[255], book.values[usize::from(book.nearest(0.0))]), (1.0, 0.0));
            let x: Vec<f32> = (0..BLOCK).map(|i| 3.0 * (low + (1.0 - low) * i as f32 / 255.0)).collect();
            let (mut codes, mut back) = (vec![0; BLOCK], vec![0.0; BLOCK]);
            let scale = book.encode(&x, &mut codes, 1);
            book.decode(&codes, scale, &mut back);
            assert_eq!(scale, 3.0);
            // The widest step of the last decade is 0.9 / 64 or 0.9 / 128 of the scale.
            let step = if low < 0.0 { 0.9 / 64.0 } else { 0.9 / 128.0 };
            let worst = x.iter().zip(&back).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst <= 3.0 * step * 0.51, "{worst}");
        }
        // A small root keeps its size within a few per cent and never becomes 0.
        let mut x = [0.0f32; BLOCK];
        (x[0], x[1], x[2]) = (1.0, 1e-4, 1e-12);
        let (mut codes, mut back) = ([0; BLOCK], [0.0; BLOCK]);
        let scale = ROOTS.encode(&x, &mut codes, 1);
        ROOTS.decode(&codes, scale, &mut back);
        assert!((back[1] / 1e-4 - 1.0).abs() < 0.06 && back[2] > 0.0 && back[3] == 0.0, "{:?}", &back[..4]);
    }
}
