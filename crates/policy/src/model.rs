//! The forward pass of the whole network over a packed batch: image features and token embeddings
//! in, hidden states out.

mod batch;
mod features;
mod pass;
mod sums;

pub(crate) use batch::Batch;
pub(crate) use features::{FeatureCache, Keep, MAX_FEATURE_BYTES};
pub use pass::{Recompute, TrainingPass};
pub use sums::GradientSums;

use crate::text::{self, KeyValue, TextInput};
use crate::weights::{Mode, Weights, text_prefix};
use crate::{Config, PolicyError, ops};
use candle_core::Tensor;
use features::BatchFeatures;

/// The parts of a model that a forward pass reads.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a> {
    pub config: &'a Config,
    pub weights: &'a Weights,
    pub features: &'a FeatureCache,
}

/// Where the rows of a batch's embeddings come from. Text rows and image rows are looked up
/// separately and then interleaved.
struct Inputs {
    /// The ids of the text rows.
    text_ids: Vec<u32>,
    /// For every row of the batch its row among the text rows followed by the features of the
    /// distinct images; `None` without images.
    order: Option<Vec<u32>>,
    /// The features of the images; `None` without images.
    features: Option<BatchFeatures>,
}

impl Inputs {
    /// The embeddings `[n, hidden]` and the DeepStack features `[image rows, hidden]` of the first
    /// layers, with this embedding table.
    fn embeds(&self, table: &ops::Weight) -> Result<(Tensor, Vec<Tensor>), PolicyError> {
        let text = ops::embedding(table, &self.text_ids)?;
        let (Some(order), Some(BatchFeatures { distinct, rows })) = (&self.order, &self.features) else {
            return Ok((text, Vec::new()));
        };
        let both = Tensor::cat(&[&text, &distinct.embeds], 0)?;
        let deep = distinct.deep.iter().map(|d| ops::embedding(d, rows)).collect::<Result<Vec<_>, _>>()?;
        Ok((ops::embedding(&both, order)?, deep))
    }
}

impl Network<'_> {
    /// Hidden states of the batch's kept rows after the final norm, `[kept, hidden]`. If given,
    /// `cache` receives the keys and values of every layer.
    ///
    /// # Errors
    /// An image whose patches do not fill its grid, or an error of the tensor library.
    pub fn hidden(
        &self,
        batch: &Batch,
        mode: Mode,
        cache: Option<&mut Vec<KeyValue>>,
    ) -> Result<Tensor, PolicyError> {
        let text = self.weights.view(text_prefix(self.config), mode);
        // Whoever wants keys and values samples from the prompt.
        let keep = if mode == Mode::Train || cache.is_some() { Keep::Lasting } else { Keep::Passing };
        let (embeds, deep) =
            self.inputs(batch, (mode, keep))?.embeds(&text.weight("embed_tokens.weight")?)?;
        let input = TextInput { embeds, packed: &batch.packed, deep: &deep };
        text::forward(&self.config.text, &text, input, cache)
    }

    fn inputs(&self, batch: &Batch, how: (Mode, Keep)) -> Result<Inputs, PolicyError> {
        if batch.images.is_empty() {
            return Ok(Inputs { text_ids: batch.ids.clone(), order: None, features: None });
        }
        let features = self.features.get(self, how, &batch.images)?;
        // The recorded rows, not the ids, decide which row is an image: a sampled image token is an
        // ordinary token.
        let mut is_image = vec![false; batch.ids.len()];
        batch.packed.image_rows.iter().for_each(|row| is_image[*row as usize] = true);
        let text_ids = batch.ids.iter().zip(&is_image).filter(|(_, image)| !**image).map(|(id, _)| *id);
        let text_ids: Vec<u32> = text_ids.collect();
        let texts = text_ids.len() as u32;
        let (mut text_rows, mut image_rows) = (0..texts, features.rows.iter().map(|r| r + texts));
        let row = |is_image: &bool| if *is_image { image_rows.next() } else { text_rows.next() };
        let order = Some(is_image.iter().filter_map(row).collect());
        Ok(Inputs { text_ids, order, features: Some(features) })
    }
}
