//! The weights that the vision tower starts from.
//!
//! With random filters the tower learns the colours of patches and nothing finer: most of a page is
//! of one colour, whose mean is far larger than what a thin line or a letter adds to it. After
//! 70 000 pictures the position of a legend, the rotation of tick labels and a grid were still read
//! at chance. So the filters start as cosines, which separate the mean from the detail and scale
//! both alike, and the positions as sinusoids of the same size.

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use std::f64::consts::PI;
use vsdpo_policy::Policy;

/// Edge of a patch in pixels.
const PATCH: usize = 16;
/// Frames of a patch; a picture is both.
const FRAMES: usize = 2;
/// Brightness and two colour differences, as weights of red, green and blue.
const COLOURS: [[f64; 3]; 3] = [[0.577, 0.577, 0.577], [0.707, 0.0, -0.707], [0.408, -0.816, 0.408]];
/// Filters of each of the three.
const FILTERS: [usize; 3] = [80, 24, 24];
/// What a mean is multiplied by, and what the other cosines are.
const GAINS: [f64; 2] = [0.08, 0.5];
/// The size of the positions.
const POSITION: f64 = 0.4;

/// Sets the patch filters and the position embedding.
pub fn start(policy: &Policy) -> Result<()> {
    for (name, var) in policy.parameters() {
        let shape = var.dims().to_vec();
        let values = if name.ends_with("patch_embed.proj.weight") {
            filters(shape[0])
        } else if name.ends_with("pos_embed.weight") {
            positions(shape[0], shape[1])
        } else {
            continue;
        };
        let all = shape.iter().product::<usize>();
        anyhow::ensure!(values.len() == all, "{name} has {all} values, not {}", values.len());
        var.set(&Tensor::from_vec(values, shape, &Device::Cpu).context(name.clone())?)?;
    }
    Ok(())
}

/// `[hidden, colours, frames, PATCH, PATCH]`.
fn filters(hidden: usize) -> Vec<f32> {
    let mut order: Vec<(usize, usize)> = (0..PATCH * PATCH).map(|k| (k / PATCH, k % PATCH)).collect();
    order.sort_by_key(|&(u, v)| (u + v, u));
    let mut all = Vec::new();
    for (weights, count) in COLOURS.into_iter().zip(FILTERS) {
        for &(u, v) in &order[..count] {
            let gain = GAINS[usize::from(u + v > 0)] / FRAMES as f64;
            for weight in weights {
                for _ in 0..FRAMES {
                    let at = |y: usize, x: usize| gain * weight * cosine(u, y) * cosine(v, x);
                    all.extend((0..PATCH).flat_map(|y| (0..PATCH).map(move |x| at(y, x) as f32)));
                }
            }
        }
    }
    all.truncate(hidden * all.len() / FILTERS.iter().sum::<usize>());
    all
}

/// The orthonormal cosine of frequency `u` at pixel `x`.
fn cosine(u: usize, x: usize) -> f64 {
    let n = PATCH as f64;
    let scale = if u == 0 { 1.0 / n } else { 2.0 / n };
    scale.sqrt() * (PI * (x as f64 + 0.5) * u as f64 / n).cos()
}

/// `[side * side, hidden]`: sines and cosines of row and column, a quarter each.
fn positions(count: usize, hidden: usize) -> Vec<f32> {
    let side = (count as f64).sqrt() as usize;
    let quarter = hidden / 4;
    let value = |place: usize, k: usize| {
        let phase = PI * (place as f64 + 0.5) / side as f64 * (1 + k % quarter) as f64 / 2.0;
        POSITION * if (k / quarter).is_multiple_of(2) { phase.sin() } else { phase.cos() }
    };
    let row = |i: usize| {
        (0..hidden).map(move |k| value(if k < hidden / 2 { i / side } else { i % side }, k) as f32)
    };
    (0..count).flat_map(row).collect()
}
