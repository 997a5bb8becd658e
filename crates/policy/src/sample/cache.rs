//! The key/value cache of one sequence, by layer and head, and attention over it.
//!
//! The prompt's part is computed once and shared by its whole group; every completion owns the part
//! of its own tokens. Parts grow by one token at a time, differ in length and never move, so a
//! finished row is simply dropped. Keys and values are f32, or rounded to bf16 and widened in
//! tiles.

use super::tile::{LANES, Operand, Tile, tile_rows};
use crate::Dtype;
use crate::ops::{half, simd};
use pulp::{Arch, Simd, WithSimd};

/// The cached keys and values of one head. Keys are stored in blocks of [`LANES`] tokens as
/// `[head_dim][LANES]`, so that one tile computes a strip of scores; values are stored as rows,
/// zero-padded to whole strips.
pub(super) struct HeadCache {
    keys: Numbers,
    values: Numbers,
    len: usize,
}

/// Stored numbers.
enum Numbers {
    Full(Vec<f32>),
    Half(Vec<u16>),
}

impl Numbers {
    fn with_room(count: usize, dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Numbers::Full(Vec::with_capacity(count)),
            Dtype::Bf16 => Numbers::Half(Vec::with_capacity(count)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Numbers::Full(x) => x.len(),
            Numbers::Half(x) => x.len(),
        }
    }

    /// Appends zeros up to `len` numbers.
    fn pad(&mut self, len: usize) {
        match self {
            Numbers::Full(x) => x.resize(len, 0.0),
            Numbers::Half(x) => x.resize(len, 0),
        }
    }

    /// Writes `values` at `from`, `step` numbers apart.
    fn write(&mut self, from: usize, step: usize, values: &[f32]) {
        match self {
            Numbers::Full(x) => {
                x[from..].iter_mut().step_by(step).zip(values).for_each(|(to, v)| *to = *v);
            }
            Numbers::Half(x) => {
                x[from..].iter_mut().step_by(step).zip(values).for_each(|(to, v)| *to = half::round(*v));
            }
        }
    }

    /// The `count` numbers from `from`, widened into `tile` if they are bf16.
    #[inline(always)]
    fn tile<'a>(&'a self, from: usize, count: usize, tile: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Numbers::Full(x) => &x[from..from + count],
            Numbers::Half(x) => {
                tile.resize(count, 0.0);
                for (o, word) in tile.iter_mut().zip(&x[from..from + count]) {
                    *o = half::value(*word);
                }
                tile
            }
        }
    }
}

impl HeadCache {
    /// An empty cache with room for `tokens`.
    pub fn with_room(tokens: usize, head_dim: usize, dtype: Dtype) -> Self {
        let tokens = tokens.next_multiple_of(LANES);
        let values = Numbers::with_room(tokens * head_dim.next_multiple_of(LANES), dtype);
        Self { keys: Numbers::with_room(tokens * head_dim, dtype), values, len: 0 }
    }

    /// Appends the key and value `[head_dim]` of one token.
    pub fn push(&mut self, key: &[f32], value: &[f32]) {
        let (d, lane) = (key.len(), self.len % LANES);
        if lane == 0 {
            self.keys.pad(self.keys.len() + d * LANES);
        }
        let block = self.keys.len() - d * LANES;
        self.keys.write(block + lane, LANES, key);
        let row = self.len * d.next_multiple_of(LANES);
        self.values.pad(row + d.next_multiple_of(LANES));
        self.values.write(row, 1, value);
        self.len += 1;
    }

    /// Tokens whose values are read at once: all that need no widening.
    fn value_block(&self) -> usize {
        match self.values {
            Numbers::Full(_) => self.len.max(1),
            Numbers::Half(_) => LANES,
        }
    }
}

/// Buffers of [`Attend`].
#[derive(Default)]
pub(super) struct AttendScratch {
    scores: Vec<f32>,
    strips: Vec<f32>,
    tile: Vec<f32>,
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
    /// Buffers.
    pub scratch: &'a mut AttendScratch,
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
        let Attend { queries, head_dim: d, parts, scratch, out } = self;
        let AttendScratch { scores, strips, tile } = scratch;
        let g = queries.len() / d;
        let total = parts[0].len + parts[1].len;
        scores.resize(g * total, 0.0);
        let mut strip = [0f32; 8 * LANES];
        let mut at = 0;
        for part in parts {
            for b in 0..part.len.div_ceil(LANES) {
                let block = part.keys.tile(b * d * LANES, d * LANES, tile);
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
        strips.clear();
        strips.resize(wide * 8, 0.0);
        let mut at = 0;
        for part in parts {
            for from in (0..part.len).step_by(part.value_block()) {
                let count = part.value_block().min(part.len - from);
                let rows = part.values.tile(from * wide, count * wide, tile);
                for (column, strip) in strips.chunks_exact_mut(8 * LANES).enumerate() {
                    let lhs = Operand { x: &scores[at..], stride: total };
                    let rhs = Operand { x: &rows[column * LANES..], stride: wide };
                    tile_rows(simd, Tile { rows: g, inner: count }, lhs, rhs, strip);
                }
                at += count;
            }
        }
        normalise(strips, &norm, out, d);
    }
}

/// Writes the sums of values, in strips of eight heads, to `out` `[g, d]`, each head multiplied by
/// its norm.
#[inline(always)]
fn normalise(strips: &[f32], norm: &[f32; 8], out: &mut [f32], d: usize) {
    for (column, strip) in strips.chunks_exact(8 * LANES).enumerate() {
        let width = LANES.min(d - column * LANES);
        for ((out, strip), norm) in out.chunks_exact_mut(d).zip(strip.chunks_exact(LANES)).zip(norm) {
            let out = &mut out[column * LANES..][..width];
            out.iter_mut().zip(strip).for_each(|(o, s)| *o = s * norm);
        }
    }
}
