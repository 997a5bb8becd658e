//! A training pass with its backward pass: the tape covers the whole network, or one block of it at
//! a time.
//!
//! The embedding is not on the tape: its gradient is added row by row to the sum of the step, and
//! no table of zeros is made. With [`Recompute::Block`] only the inputs of the blocks are kept, and
//! the backward pass runs every block again: the memory of the activations of one block instead of
//! all, for one more forward pass.

use super::batch::Batch;
use super::features::{BatchFeatures, Keep};
use super::sums::GradientSums;
use super::{Inputs, Network};
use crate::text::Blocks;
use crate::weights::{Mode, VISUAL, embedding_name, text_prefix};
use crate::{PolicyError, ops};
use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a training pass keeps for its backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// All activations.
    #[default]
    None,
    /// The inputs of the decoder layers; their activations are computed again.
    Block,
}

/// Consecutive layers with what enters them.
struct Segment {
    layers: Range<usize>,
    input: Tensor,
}

/// One segment on the tape.
struct Tape {
    input: Tensor,
    /// DeepStack features of the segment's layers, by layer.
    deep: Vec<(usize, Tensor)>,
    output: Tensor,
}

/// A forward pass in [`Mode::Train`] that waits for the gradient of its hidden states.
pub struct TrainingPass<'a> {
    network: Network<'a>,
    batch: Batch<'a>,
    inputs: Inputs,
    /// DeepStack features of the first layers, off the tape.
    deep: Vec<Tensor>,
    segments: Vec<Segment>,
    /// Of the last segment.
    tape: Tape,
    hidden: Tensor,
}

impl<'a> TrainingPass<'a> {
    pub(crate) fn new(
        network: Network<'a>,
        batch: Batch<'a>,
        recompute: Recompute,
    ) -> Result<Self, PolicyError> {
        if batch.is_empty() {
            return Err(PolicyError::input("completion", "no sequence of the pass has one"));
        }
        let inputs = network.inputs(&batch, (Mode::Train, Keep::Lasting))?;
        let table = network.weights.get(&embedding_name(network.config), Mode::Infer)?;
        let (embeds, deep) = inputs.embeds(&table)?;
        let (embeds, deep) = (embeds.detach(), deep.iter().map(Tensor::detach).collect::<Vec<_>>());
        let count = network.config.text.num_hidden_layers;
        let length = match recompute {
            Recompute::None => count,
            Recompute::Block => 1,
        };
        let run = Run { network, batch: &batch, deep: &deep };
        let blocks = run.blocks()?;
        let (mut segments, mut x) = (Vec::new(), embeds);
        let tape = loop {
            let start = segments.last().map_or(0, |s: &Segment| s.layers.end);
            segments.push(Segment { layers: start..start + length, input: x.detach() });
            let tape = run.tape(&blocks, &segments[segments.len() - 1])?;
            if start + length == count {
                break tape;
            }
            x = tape.output.detach();
        };
        let hidden = tape.output.detach();
        Ok(Self { network, inputs, segments, tape, hidden, deep, batch })
    }

    /// The hidden states after the final norm, `[sum of T, hidden]`; off the tape.
    pub fn hidden(&self) -> &Tensor {
        &self.hidden
    }

    /// Adds the gradients of everything that trains to `sums`, given `grad` = dL/dhidden in
    /// row-major order.
    ///
    /// # Errors
    /// A gradient of another size, or an error of the tensor library.
    pub fn backward(self, grad: &[f32], sums: &mut GradientSums) -> Result<(), PolicyError> {
        let Self { network, batch, inputs, deep, segments, tape, .. } = self;
        let run = Run { network, batch: &batch, deep: &deep };
        let blocks = run.blocks()?;
        let vars: Vec<Tensor> = network.weights.trainable().map(|(_, var)| var.as_tensor().clone()).collect();
        let mut deep_grads: Vec<Option<Tensor>> = vec![None; deep.len()];
        let (mut tape, mut grad) = (Some(tape), Some(grad.to_vec()));
        for segment in segments.iter().rev() {
            let Some(dy) = grad.take() else { break };
            let tape = tape.take().map_or_else(|| run.tape(&blocks, segment), Ok)?;
            let mut store = ops::backward(&tape.output, &dy)?;
            sums.take(&mut store, &vars)?;
            for (i, leaf) in &tape.deep {
                deep_grads[*i] = store.remove(leaf);
            }
            let dx = store.remove(&tape.input);
            grad = dx.map(|dx| dx.flatten_all()?.to_vec1::<f32>()).transpose()?;
        }
        match grad {
            Some(grad) => Entry { network, inputs: &inputs, vars: &vars }.backward(&grad, &deep_grads, sums),
            None => Ok(()),
        }
    }
}

/// What a segment is run with.
#[derive(Clone, Copy)]
struct Run<'r, 'a> {
    network: Network<'a>,
    batch: &'r Batch<'a>,
    deep: &'r [Tensor],
}

impl<'r, 'a: 'r> Run<'r, 'a> {
    fn blocks(&self) -> Result<Blocks<'r>, PolicyError> {
        Blocks::new(&self.network.config.text, &self.batch.packed, self.deep.len())
    }

    /// Runs a segment on a tape of its own. Its inputs are variables if something before them
    /// trains.
    fn tape(&self, blocks: &Blocks, segment: &Segment) -> Result<Tape, PolicyError> {
        let weights = self.network.weights;
        let tower = weights.any_trains(VISUAL);
        let (config, text) = (self.network.config, text_prefix(self.network.config));
        let embedding = embedding_name(config);
        let table = weights.trainable().any(|(name, _)| name == embedding);
        let earlier = (0..segment.layers.start).any(|i| weights.any_trains(&format!("{text}.layers.{i}.")));
        let leaf = |wanted: bool, t: &Tensor| -> Result<Tensor, PolicyError> {
            Ok(if wanted { Var::from_tensor(t)?.as_tensor().clone() } else { t.clone() })
        };
        let input = leaf(tower || table || earlier, &segment.input)?;
        let (view, mut x) = (weights.view(text, Mode::Train), input.clone());
        let mut deep = Vec::new();
        for i in segment.layers.clone() {
            let features = self.deep.get(i).map(|d| leaf(tower, d)).transpose()?;
            x = blocks.run(&view, i, x, features.as_ref(), None)?;
            deep.extend(features.filter(|_| tower).map(|f| (i, f)));
        }
        if segment.layers.end == self.network.config.text.num_hidden_layers {
            x = blocks.finish(&view, &x)?;
        }
        Ok(Tape { input, deep, output: x })
    }
}

/// The part before the first layer: the embedding, and the vision tower if it trains.
struct Entry<'e, 'a> {
    network: Network<'a>,
    inputs: &'e Inputs,
    vars: &'e [Tensor],
}

impl Entry<'_, '_> {
    /// Continues with the gradients of the embeddings `[n, hidden]` and of the DeepStack features.
    fn backward(
        &self,
        grad: &[f32],
        deep: &[Option<Tensor>],
        sums: &mut GradientSums,
    ) -> Result<(), PolicyError> {
        let width = self.network.config.text.hidden_size;
        let texts = self.inputs.text_ids.len();
        let source = |row: usize| self.inputs.order.as_ref().map_or(row, |order| order[row] as usize);
        let rows = || grad.chunks_exact(width).enumerate().map(|(row, g)| (source(row), g));
        let table = self.network.weights.get(&embedding_name(self.network.config), Mode::Train)?;
        if let Some(at) = table.tensor().and_then(|table| sums.position(table.id())) {
            sums.change(at, |sum| {
                for (from, g) in rows().filter(|(from, _)| *from < texts) {
                    let id = self.inputs.text_ids[from] as usize;
                    ops::simd::axpy(1.0, g, &mut sum[id * width..][..width]);
                }
            })?;
        }
        let Some(BatchFeatures { distinct, rows: image_rows }) = &self.inputs.features else { return Ok(()) };
        if !self.network.weights.any_trains(VISUAL) {
            return Ok(());
        }
        let mut embeds = vec![0.0; distinct.embeds.elem_count()];
        for (from, g) in rows().filter(|(from, _)| *from >= texts) {
            ops::simd::axpy(1.0, g, &mut embeds[(from - texts) * width..][..width]);
        }
        let mut outputs = vec![(&distinct.embeds, embeds)];
        for (level, grad) in distinct.deep.iter().zip(deep) {
            let Some(grad) = grad else { continue };
            let mut sum = vec![0.0; level.elem_count()];
            ops::with_values(grad, |grad| {
                for (row, g) in image_rows.iter().zip(grad.chunks_exact(width)) {
                    ops::simd::axpy(1.0, g, &mut sum[*row as usize * width..][..width]);
                }
                Ok(())
            })?;
            outputs.push((level, sum));
        }
        let mut store = ops::backward_all(&outputs)?;
        sums.take(&mut store, self.vars)
    }
}
