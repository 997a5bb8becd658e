//! The forward pass of the whole network over a packed batch: image features and token embeddings
//! in, hidden states out.

mod batch;
mod features;

pub(crate) use batch::Batch;
pub(crate) use features::FeatureCache;

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
        let embedding = text.get("embed_tokens.weight")?;
        if batch.images.is_empty() {
            let embeds = ops::embedding(&embedding, &batch.ids)?;
            let input = TextInput { embeds, packed: &batch.packed, deep: &[] };
            return text::forward(&self.config.text, &text, input, cache);
        }
        let BatchFeatures { distinct, rows } = self.features.get(self, mode, &batch.images)?;
        // Text rows and image rows are looked up separately and then interleaved. The recorded
        // rows, not the ids, decide which row is an image: a sampled image token is an ordinary
        // token.
        let mut is_image = vec![false; batch.ids.len()];
        batch.packed.image_rows.iter().for_each(|row| is_image[*row as usize] = true);
        let text_ids = batch.ids.iter().zip(&is_image).filter(|(_, image)| !**image).map(|(id, _)| *id);
        let text_ids: Vec<u32> = text_ids.collect();
        let both = Tensor::cat(&[ops::embedding(&embedding, &text_ids)?, distinct.embeds], 0)?;
        let texts = text_ids.len() as u32;
        let (mut text_rows, mut image_rows) = (0..texts, rows.iter().map(|r| r + texts));
        let row = |is_image: &bool| if *is_image { image_rows.next() } else { text_rows.next() };
        let order: Vec<u32> = is_image.iter().filter_map(row).collect();
        let embeds = ops::embedding(&both, &order)?;
        let deep = distinct.deep.iter().map(|d| ops::embedding(d, &rows)).collect::<Result<Vec<_>, _>>()?;
        let input = TextInput { embeds, packed: &batch.packed, deep: &deep };
        text::forward(&self.config.text, &text, input, cache)
    }
}
