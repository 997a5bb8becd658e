//! Options of a model's folder: how its weights are kept in memory, and how it samples beyond
//! temperature and nucleus.

use anyhow::Result;
use std::path::Path;
use vsdpo_policy::{Config, Dtype, Footprint, Loading, SampleConfig, recommended};

/// How the weights are kept.
#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "model folder")]
pub struct Storage {
    /// Number format of the weights in memory, f32 or bf16; arithmetic is f32. Default: bf16 where
    /// the files hold it, whose results are those of f32.
    #[arg(long, value_name = "FORMAT")]
    dtype: Option<Dtype>,
    /// Pixels of a picture after resizing at most, where the model's own limit is higher; 32 x 32
    /// pixels take one token.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1024..))]
    max_pixels: Option<u32>,
}

impl Storage {
    /// How the folder is loaded.
    pub fn loading(&self) -> Loading {
        Loading { dtype: self.dtype, max_pixels: self.max_pixels.map(|n| n as usize), ..Loading::frozen() }
    }

    /// The same for a model that samples: it is refused if its keys and values do not fit as well.
    pub fn loading_to_sample(&self, model: &Path, rows: usize, sampling: &SampleConfig) -> Loading {
        let tokens = rows.min(sampling.max_rows).saturating_mul(sampling.max_completion_tokens);
        let cache = Config::read(&model.join("config.json")).map(|config| {
            let full = Footprint::new(&config).cache(tokens);
            if sampling.cache == Dtype::Bf16 { full / 2 } else { full }
        });
        Loading { beside: cache.unwrap_or(0) as u64, ..self.loading() }
    }
}

/// How tokens are drawn. Given values replace those that the model's folder recommends; a server is
/// not asked for them.
#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "model folder")]
pub struct Drawing {
    /// Draw from the N most likely tokens only; 0 from all. Default: of generation_config.json.
    #[arg(long, value_name = "N", conflicts_with = "endpoint")]
    top_k: Option<usize>,
    /// Factor against tokens of the prompt and the answer so far, as in transformers; 1 is none.
    /// Default: of generation_config.json.
    #[arg(long, value_name = "F", conflicts_with = "endpoint")]
    repetition_penalty: Option<f32>,
    /// Subtracted from the logits of the answer's tokens so far, as in vLLM; 0 is none. Default: of
    /// generation_config.json.
    #[arg(long, value_name = "F", allow_negative_numbers = true, conflicts_with = "endpoint")]
    presence_penalty: Option<f32>,
    /// Number format of cached keys and values, f32 or bf16, which takes half of the memory.
    #[arg(long, value_name = "FORMAT", default_value = "f32")]
    cache_dtype: Dtype,
}

impl Drawing {
    /// The settings: what is given, else what the folder `model` recommends, else those of `pure`.
    /// Without `model` nothing is read.
    pub fn config(
        &self,
        model: Option<&Path>,
        (temperature, top_p): (Option<f64>, Option<f64>),
        pure: SampleConfig,
    ) -> Result<SampleConfig> {
        let pure = SampleConfig { cache: self.cache_dtype, ..pure };
        let base = model.map_or(Ok(pure), |model| recommended(model, &pure))?;
        Ok(SampleConfig {
            temperature: temperature.map_or(base.temperature, |t| t as f32),
            top_p: top_p.map_or(base.top_p, |p| p as f32),
            top_k: self.top_k.unwrap_or(base.top_k),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(base.presence_penalty),
            ..base
        })
    }
}
