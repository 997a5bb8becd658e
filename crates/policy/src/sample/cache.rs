//! The key/value cache of one sequence, by layer and head, and attention over it.
//!
//! The prompt's part is computed once and shared by its whole group; every completion owns the part
//! of its own tokens. Parts grow by one token at a time, differ in length and never move, so a
//! finished row is simply dropped.

use super::tile::{LANES, Operand, Tile, tile_rows};
use crate::ops::simd;
use pulp::{Arch, Simd, WithSimd};

/// The cached keys and values of one head. Keys are stored in blocks of [`LANES`] tokens as
/// `[head_dim][LANES]`, so that one tile computes a strip of scores; values are stored as rows,
/// zero-padded to whole strips.
pub(super) struct HeadCache {
    keys: Vec<f32>,
    values: Vec<f32>,
    len: usize,
}

impl HeadCache {
    /// An empty cache with room for `tokens`.
    pub fn with_room(tokens: usize, head_dim: usize) -> Self {
        let tokens = tokens.next_multiple_of(LANES);
        let values = Vec::with_capacity(tokens * head_dim.next_multiple_of(LANES));
        Self { keys: Vec::with_capacity(tokens * head_dim), values, len: 0 }
    }

    /// Appends the key and value `[head_dim]` of one token.
    pub fn push(&mut self, key: &[f32], value: &[f32]) {
        let (d, lane) = (key.len(), self.len % LANES);
        if lane == 0 {
            self.keys.resize(self.keys.len() + d * LANES, 0.0);
        }
        let block = self.keys.len() - d * LANES;
        for (i, k) in key.iter().enumerate() {
            self.keys[block + i * LANES + lane] = *k;
        }
        self.values.extend_from_slice(value);
        self.values.resize((self.len + 1) * d.next_multiple_of(LANES), 0.0);
        self.len += 1;
    }
}

/// Attention of the `g` query heads that share one key head, over the prompt's part and then the
/// completion's own part.
pub(super) struct Attend<'a> {
    /// Queries `[g, head_dim]` of at most eight heads, already scaled by `1 / sqrt(head_dim)`.
    pub queries: &'a [f32],
    /// Width of one head.
    pub head_dim: usize,
    /// The parts of the cache, in order.
    pub parts: [&'a HeadCache; 2],
    /// Scratch space for the scores.
    pub scores: &'a mut Vec<f32>,
    /// The result `[g, head_dim]`.
    pub out: &'a mut [f32],
}

impl Attend<'_> {
    /// Computes `out`.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Attend { queries, head_dim: d, parts, scores, out } = self;
        let g = queries.len() / d;
        let total = parts[0].len + parts[1].len;
        scores.resize(g * total, 0.0);
        let mut strip = [0f32; 8 * LANES];
        let mut at = 0;
        for part in parts {
            for (b, block) in part.keys.chunks_exact(d * LANES).enumerate() {
                strip[..g * LANES].fill(0.0);
                let lhs = Operand { x: queries, stride: d };
                let rhs = Operand { x: block, stride: LANES };
                tile_rows(simd, Tile { rows: g, inner: d }, lhs, rhs, &mut strip);
                let count = LANES.min(part.len - b * LANES);
                for (h, strip) in strip.chunks_exact(LANES).take(g).enumerate() {
                    scores[h * total + at..][..count].copy_from_slice(&strip[..count]);
                }
                at += count;
            }
        }
        let mut norm = [0f32; 8];
        for (scores, norm) in scores.chunks_exact_mut(total).zip(&mut norm) {
            let top = simd::max(scores);
            *norm = 1.0 / simd::exp_shifted(scores, top);
        }
        let wide = d.next_multiple_of(LANES);
        for column in (0..d).step_by(LANES) {
            strip[..g * LANES].fill(0.0);
            let mut at = 0;
            for part in parts.iter().filter(|p| p.len > 0) {
                let lhs = Operand { x: &scores[at..], stride: total };
                let rhs = Operand { x: &part.values[column..], stride: wide };
                tile_rows(simd, Tile { rows: g, inner: part.len }, lhs, rhs, &mut strip);
                at += part.len;
            }
            let width = LANES.min(d - column);
            for (h, strip) in strip.chunks_exact(LANES).take(g).enumerate() {
                let out = &mut out[h * d + column..][..width];
                out.iter_mut().zip(strip).for_each(|(o, s)| *o = s * norm[h]);
            }
        }
    }
}
