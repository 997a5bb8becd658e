//! The vision tower: patches in, features for the image tokens and for the first language layers
//! (DeepStack) out.
//!
//! Several images are packed one after another without padding; each frame attends to itself only.
//! Patches are in the image processor's order: the `merge x merge` patches of one language token
//! are consecutive.

use crate::lora;
use crate::ops;
use crate::weights::View;
use crate::{PolicyError, VisionConfig};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};

/// Epsilon of every LayerNorm of the tower; not in the configuration file.
const NORM_EPS: f64 = 1e-6;
/// Base of the tower's rotary frequencies; not in the configuration file.
const ROPE_THETA: f32 = 10_000.0;

/// The features of images with `m` merged patches in total.
#[derive(Clone)]
pub(crate) struct Features {
    /// `[m, hidden]`; replace the embeddings of the image tokens.
    pub embeds: Tensor,
    /// `[m, hidden]` each; added to the outputs of the first language layers.
    pub deep: Vec<Tensor>,
}

impl Features {
    /// A copy of the features of `count` tokens from row `start`.
    pub fn rows(&self, start: usize, count: usize) -> Result<Self, PolicyError> {
        let cut = |t: &Tensor| t.narrow(0, start, count)?.force_contiguous();
        let deep = self.deep.iter().map(cut).collect::<Result<_, _>>()?;
        Ok(Self { embeds: cut(&self.embeds)?, deep })
    }

    /// Concatenates the features of at least one image.
    pub fn join(parts: &[&Features]) -> Result<Self, PolicyError> {
        let embeds: Vec<&Tensor> = parts.iter().map(|p| &p.embeds).collect();
        let level = |i: usize| Tensor::cat(&parts.iter().map(|p| &p.deep[i]).collect::<Vec<_>>(), 0);
        let levels = parts.first().map_or(0, |p| p.deep.len());
        let deep = (0..levels).map(level).collect::<Result<_, _>>()?;
        Ok(Self { embeds: Tensor::cat(&embeds, 0)?, deep })
    }

    /// Size in memory.
    pub fn bytes(&self) -> usize {
        self.embeds.elem_count() * (1 + self.deep.len()) * size_of::<f32>()
    }
}

/// Runs the tower on flattened patches `[n, patch_len]` of images with these grids `[t, h, w]`.
pub(crate) fn forward(
    config: &VisionConfig,
    w: &View,
    patches: &Tensor,
    grids: &[[usize; 3]],
) -> Result<Features, PolicyError> {
    let kernel = w.get("patch_embed.proj.weight")?.reshape((config.hidden_size, config.patch_len()))?;
    // The patches do not overlap, so the convolution is a matrix product.
    let x = ops::linear(patches, &kernel, Some(&w.get("patch_embed.proj.bias")?))?;
    let cells: Vec<Cell> = grids.iter().flat_map(|g| cells(*g, config.spatial_merge_size)).collect();
    let side = config.num_position_embeddings.isqrt();
    let positions = w.get("pos_embed.weight")?.apply_op1(Interpolate::new(&cells, side))?;
    let mut x = (x + positions)?;
    let (cos, sin) = rotary(config, &cells)?;
    let segments = segments(grids);
    let mut deep = vec![None; config.deepstack_visual_indexes.len()];
    for i in 0..config.depth {
        x = block(config, &w.at("blocks").at(i), &x, (&cos, &sin), &segments)?;
        if let Some(at) = config.deepstack_visual_indexes.iter().position(|&d| d == i) {
            deep[at] = Some(merger(config, &w.at("deepstack_merger_list").at(at), &x, true)?);
        }
    }
    Ok(Features {
        embeds: merger(config, &w.at("merger"), &x, false)?,
        deep: deep.into_iter().flatten().collect(),
    })
}

fn block(
    config: &VisionConfig,
    w: &View,
    x: &Tensor,
    (cos, sin): (&Tensor, &Tensor),
    segments: &[ops::Segment],
) -> Result<Tensor, PolicyError> {
    let (n, hidden) = x.dims2()?;
    let heads = (n, config.num_heads, hidden / config.num_heads);
    let normed = w.at("norm1").layer_norm(x, NORM_EPS)?;
    let (weight, bias) = (w.weight("attn.qkv.weight")?, w.get("attn.qkv.bias")?);
    // Slicing the weight instead of the product avoids three copies of the activations.
    let part = |i: usize| -> Result<Tensor, PolicyError> {
        let (weight, bias) = (weight.rows(i * hidden, hidden)?, bias.narrow(0, i * hidden, hidden)?);
        let adapted = w.adapted("attn.qkv.weight").map(|a| a.rows(i * hidden, hidden)).transpose()?;
        Ok(lora::linear(&normed, &weight, Some(&bias), adapted.as_ref())?.reshape(heads)?)
    };
    let (q, k) = (ops::rope(&part(0)?, cos, sin)?, ops::rope(&part(1)?, cos, sin)?);
    let mixed = ops::attention(&q, &k, &part(2)?, segments, false)?.reshape((n, hidden))?;
    let x = (x + w.at("attn.proj").linear(&mixed)?)?;
    let normed = w.at("norm2").layer_norm(&x, NORM_EPS)?;
    let inner = ops::gelu_tanh(&w.at("mlp.linear_fc1").linear(&normed)?)?;
    Ok((x + w.at("mlp.linear_fc2").linear(&inner)?)?)
}

/// Merges the patches of each language token. The DeepStack mergers normalise the merged patches,
/// the final merger each patch.
fn merger(config: &VisionConfig, w: &View, x: &Tensor, joined_norm: bool) -> Result<Tensor, PolicyError> {
    let (n, hidden) = x.dims2()?;
    let joined = (n / config.merge_unit(), hidden * config.merge_unit());
    let x = if joined_norm {
        w.at("norm").layer_norm(&x.reshape(joined)?, NORM_EPS)?
    } else {
        w.at("norm").layer_norm(x, NORM_EPS)?.reshape(joined)?
    };
    w.at("linear_fc2").linear(&ops::gelu(&w.at("linear_fc1").linear(&x)?)?)
}

/// The position of a patch in its frame, and the frame's size.
struct Cell {
    row: usize,
    column: usize,
    height: usize,
    width: usize,
}

/// The patches of one image in the image processor's order.
fn cells([t, height, width]: [usize; 3], merge: usize) -> impl Iterator<Item = Cell> {
    let unit = merge * merge;
    let blocks = width / merge;
    (0..t * height * width).map(move |i| {
        let (block, inner) = (i % (height * width) / unit, i % unit);
        let row = block / blocks * merge + inner / merge;
        let column = block % blocks * merge + inner % merge;
        Cell { row, column, height, width }
    })
}

/// One segment per frame, because attention stays within frames.
fn segments(grids: &[[usize; 3]]) -> Vec<ops::Segment> {
    let frames = grids.iter().flat_map(|&[t, h, w]| std::iter::repeat_n(h * w, t));
    let segment = |start: &mut usize, n| {
        *start += n;
        Some(ops::Segment::alone(*start - n..*start))
    };
    frames.scan(0, segment).collect()
}

/// The cosine and sine tables `[n, head_dim]`: a quarter of the width rotates with the row, a
/// quarter with the column, and the second half repeats the first.
fn rotary(config: &VisionConfig, cells: &[Cell]) -> Result<(Tensor, Tensor), PolicyError> {
    let dim = config.hidden_size / config.num_heads;
    let quarter = dim / 4;
    let freq: Vec<f32> =
        (0..quarter).map(|i| 1.0 / ROPE_THETA.powf((2 * i) as f32 / (dim / 2) as f32)).collect();
    let angles = |cell: &Cell| {
        let turn = |at: usize| freq.iter().map(move |f| at as f32 * f);
        let half: Vec<f32> = turn(cell.row).chain(turn(cell.column)).collect();
        [half.clone(), half].concat()
    };
    let angles: Vec<f32> = cells.iter().flat_map(angles).collect();
    let table = |f: fn(f32) -> f32| {
        let values = angles.iter().map(|&a| f(a)).collect();
        Tensor::from_vec(values, (cells.len(), dim), &Device::Cpu)
    };
    Ok((table(f32::cos)?, table(f32::sin)?))
}

/// Bilinear interpolation of the square table of learned positions at the position of each patch in
/// its frame, with aligned corners. Input `[side * side, c]`, output `[n, c]`.
struct Interpolate {
    taps: Vec<[(usize, f32); 4]>,
}

impl Interpolate {
    fn new(cells: &[Cell], side: usize) -> Self {
        let axis = |at: usize, size: usize| {
            let place = at as f32 * (side - 1) as f32 / (size.max(2) - 1) as f32;
            let low = place.floor();
            let (first, part) = (low as usize, place - low);
            [(first, 1.0 - part), ((first + 1).min(side - 1), part)]
        };
        let taps = |cell: &Cell| {
            let (rows, columns) = (axis(cell.row, cell.height), axis(cell.column, cell.width));
            let tap = |r: (usize, f32), c: (usize, f32)| (r.0 * side + c.0, r.1 * c.1);
            [
                tap(rows[0], columns[0]),
                tap(rows[0], columns[1]),
                tap(rows[1], columns[0]),
                tap(rows[1], columns[1]),
            ]
        };
        Self { taps: cells.iter().map(taps).collect() }
    }
}

impl CustomOp1 for Interpolate {
    fn name(&self) -> &'static str {
        "interpolate-positions"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let width = layout.dims()[1];
        let Some((from, to)) = layout.contiguous_offsets() else {
            candle_core::bail!("interpolate-positions: the table is not contiguous; call contiguous()")
        };
        let table = &storage.as_slice::<f32>()?[from..to];
        let mut out = vec![0f32; self.taps.len() * width];
        for (row, taps) in out.chunks_exact_mut(width).zip(&self.taps) {
            for &(at, weight) in taps {
                let source = &table[at * width..][..width];
                row.iter_mut().zip(source).for_each(|(o, s)| *o += weight * s);
            }
        }
        Ok((CpuStorage::F32(out), (self.taps.len(), width).into()))
    }

    fn bwd(&self, table: &Tensor, _out: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (entries, width) = table.dims2()?;
        let grad = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut out = vec![0f32; entries * width];
        for (row, taps) in grad.chunks_exact(width).zip(&self.taps) {
            for &(at, weight) in taps {
                let target = &mut out[at * width..][..width];
                target.iter_mut().zip(row).for_each(|(o, g)| *o += weight * g);
            }
        }
        Ok(Some(Tensor::from_vec(out, (entries, width), table.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_a_token_are_consecutive() {
        let order: Vec<(usize, usize)> = cells([1, 4, 4], 2).map(|c| (c.row, c.column)).collect();
        assert_eq!(order[..6], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)]);
        assert_eq!(order[15], (3, 3));
        let rows: Vec<_> = segments(&[[1, 4, 4], [2, 2, 2]]).into_iter().map(|s| s.rows).collect();
        assert_eq!(rows, [0..16, 16..20, 20..24]);
    }

    #[test]
    fn interpolation_keeps_the_corners_and_averages_the_centre() {
        // A 2x2 table at the positions of a 3x3 frame.
        let table = Tensor::new(&[[1f32], [2.0], [3.0], [8.0]], &Device::Cpu).unwrap();
        let cells: Vec<Cell> = cells([1, 3, 3], 1).collect();
        let out = table.apply_op1(Interpolate::new(&cells, 2)).unwrap();
        let out: Vec<f32> = out.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(out, [1.0, 1.5, 2.0, 2.0, 3.5, 5.0, 3.0, 5.5, 8.0]);
    }
}
