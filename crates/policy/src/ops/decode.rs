//! Attention for sampling: one new query per sequence against a preallocated cache.
//!
//! A plain function on slices, because sampling never needs a gradient and the caches are reused in place.

use super::simd;
use rayon::prelude::*;

/// Sizes of one decoding step.
#[derive(Clone, Copy, Debug)]
pub struct DecodeShape {
    /// Query heads H.
    pub heads: usize,
    /// Key/value heads Hkv; H is a multiple of it.
    pub kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Positions each sequence's cache has room for.
    pub capacity: usize,
}

/// `softmax(q k^T / sqrt(d)) v` for one query row per sequence.
///
/// `q` and the result are `[B, H, d]`, the caches `[B, Hkv, capacity, d]`, and `lengths[b]` counts the
/// valid positions of sequence b, the new one included. A length of 0 gives zeros.
///
/// # Panics
/// If a slice does not fit the shape or a length exceeds the capacity.
pub fn decode_attention(
    q: &[f32],
    k_cache: &[f32],
    v_cache: &[f32],
    lengths: &[usize],
    shape: DecodeShape,
) -> Vec<f32> {
    let DecodeShape { heads, kv_heads, head_dim: d, capacity } = shape;
    assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads), "decode: {heads} heads over {kv_heads}");
    assert_eq!(q.len(), lengths.len() * heads * d, "decode: query size");
    let cache = lengths.len() * kv_heads * capacity * d;
    assert!(k_cache.len() >= cache && v_cache.len() >= cache, "decode: cache size");
    assert!(lengths.iter().all(|&t| t <= capacity), "decode: length beyond the cache");
    let group = heads / kv_heads;
    let mut out = vec![0.0; q.len()];
    out.par_chunks_mut(group * d).zip(q.par_chunks(group * d)).enumerate().for_each(|(task, (out, q))| {
        let (len, at) = (lengths[task / kv_heads], task * capacity * d);
        let (k, v) = (&k_cache[at..at + len * d], &v_cache[at..at + len * d]);
        simd::vectorised(
            #[inline(always)]
            || {
                let mut scores = vec![0.0; len];
                for (q, out) in q.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
                    attend(q, (k, v), &mut scores, out);
                }
            },
        );
    });
    out
}

/// One query against one head's cache.
#[inline(always)]
fn attend(q: &[f32], (k, v): (&[f32], &[f32]), scores: &mut [f32], out: &mut [f32]) {
    let d = q.len();
    let scale = 1.0 / (d as f32).sqrt();
    for (s, key) in scores.iter_mut().zip(k.chunks_exact(d)) {
        *s = simd::dot(q, key) * scale;
    }
    let top = simd::max(scores);
    let total = simd::exp_shifted(scores, top);
    for (&p, value) in scores.iter().zip(v.chunks_exact(d)) {
        simd::axpy(p, value, out);
    }
    for o in out {
        *o /= total.max(f32::MIN_POSITIVE);
    }
}
