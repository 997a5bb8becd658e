//! Extends the tokenizer and the embedding for slides, when charts and pages are learned.

use crate::corpus::Corpus;
use crate::plan::STAGES;
use crate::{FRONT, config, texts};
use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use std::path::Path;
use vsdpo_policy::{Extension, Policy, extend_front_files};

/// Tokens that slides get: enough for their words. Charts and pages keep their tokens.
const TOKENS: usize = 384;

/// The policy with tokens for slides, its files in `out`. A new token starts from the mean of its
/// two parts.
pub fn for_slides(policy: &Policy, corpus: &Corpus, out: &Path) -> Result<Policy> {
    let mut mix = STAGES[STAGES.len() - 1].mix;
    mix.worlds = [0.5, 0.5, 0.0, 0.0];
    let kept = texts(corpus, mix, 8000)?;
    mix.worlds = [0.0, 0.0, 0.5, 0.5];
    let added = texts(corpus, mix, 4000)?;
    let extension = extend_front_files(out, kept.into_iter(), added.into_iter(), TOKENS, FRONT)?;
    println!("{} tokens for slides", extension.parts.len());
    let extended = Policy::random(config(&extension.summary), out, 0)?;
    for ((name, var), (_, old)) in extended.parameters().iter().zip(policy.parameters()) {
        let value = match var.dims() == old.dims() {
            true => old.as_tensor().clone(),
            false => with_new_rows(old.as_tensor(), &extension).context(name.clone())?,
        };
        var.set(&value)?;
    }
    extended.save(out)?;
    Ok(extended)
}

/// The embedding with a row for each new token before those of the special ones.
fn with_new_rows(old: &Tensor, extension: &Extension) -> Result<Tensor> {
    let (mut rows, width) = (old.to_vec2::<f32>()?, old.dim(1)?);
    let special = rows.split_off(extension.kept as usize);
    for [a, b] in &extension.parts {
        let parts = rows[*a as usize].iter().zip(&rows[*b as usize]);
        let mean = parts.map(|(a, b)| (a + b) / 2.0).collect();
        rows.push(mean);
    }
    rows.extend(special);
    let shape = (rows.len(), width);
    Ok(Tensor::from_vec(rows.concat(), shape, &Device::Cpu)?)
}
