//! The policy: a loaded model with everything that training and sampling need.

mod adapter;

use crate::model::{Batch, FeatureCache, Keep, Network, Recompute, TrainingPass};
use crate::ops::{Weight, linear, simd};
use crate::weights::{Mode, Weights, head_name};
use crate::{Config, Encoded, Front, Loading, PatchGrid, PolicyError, SampleConfig, SaveOptions};
use crate::{TextTokenizer, Trains};
use crate::{checkpoint, lora, positions, sample};
use candle_core::{Device, Tensor, Var};
use std::path::{Path, PathBuf};
use vsdpo_artifact::Message;

/// A tokenized prompt with its images and positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Token ids; an image is a run of image tokens, one per merged patch.
    pub ids: Vec<u32>,
    /// The images, in order of appearance.
    pub images: Vec<PatchGrid>,
    /// M-RoPE positions `[t, h, w]` of every token.
    pub positions: Vec<[u32; 3]>,
    /// The position, on all three axes, of the first completion token.
    pub next_position: u32,
}

/// A prompt and its completion.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// x, or x with the teacher's privileged context v.
    pub prompt: &'a Prompt,
    /// y: token ids, end token included if it was sampled.
    pub completion: &'a [u32],
}

/// A Qwen3-VL with its tokenizer, chat template and image processor, or a language model of the
/// Qwen3 or Llama family, which reads no pictures.
///
/// Weights are on the CPU. Those in f32 can be changed in place through [`Policy::parameters`];
/// every call reads their current values. Frozen matrices may be bf16 ([`Loading::dtype`]).
/// [`Policy::set_trainable`] selects the parameters that train.
pub struct Policy {
    config: Config,
    weights: Weights,
    front: Front,
    /// The folder whose tokenizer and settings files [`Policy::save`] copies.
    source: PathBuf,
    features: FeatureCache,
}

impl Policy {
    /// Reads a Hugging Face folder as f32. All parameters except the vision tower's are trainable.
    /// The folder may be that of a PEFT adapter which names its model's folder: then nothing
    /// trains.
    ///
    /// # Errors
    /// As [`Policy::open`].
    pub fn load(dir: &Path) -> Result<Self, PolicyError> {
        Self::open(dir, &Loading::default())
    }

    /// Reads a Hugging Face folder, or that of a PEFT adapter which names its model's folder.
    ///
    /// # Errors
    /// Files that are missing, corrupt or inconsistent; the message names the file, and every
    /// tensor that does not fit. Too little memory, decided before the weights are read.
    pub fn open(dir: &Path, how: &Loading) -> Result<Self, PolicyError> {
        if lora::is_adapter_folder(dir) {
            let mut policy = Self::open(&lora::base_of(dir)?, &Loading { trains: Trains::Nothing, ..*how })?;
            policy.load_adapter(dir)?;
            return Ok(policy);
        }
        if !dir.is_dir() {
            let help = "give the folder of a Hugging Face model (Qwen3-VL, Qwen3 or Llama)".into();
            return Err(PolicyError::Missing { path: dir.into(), help });
        }
        let config = Config::read(&dir.join("config.json"))?;
        let checkpoint::Loaded { names, vars, halves } = checkpoint::load_weights(dir, &config, how)?;
        let weights = Weights::with_halves(names, vars, halves, |name| how.trains.includes(name));
        let mut policy = Self::assemble(config, weights, dir)?;
        if let Some(pixels) = how.max_pixels {
            policy.front.limit_pixels(pixels);
        }
        Ok(policy)
    }

    /// A model of this configuration with random weights from `seed`, distributed as in
    /// transformers. `files` is a folder with the tokenizer, template and processor files. All
    /// parameters are trainable.
    ///
    /// # Errors
    /// An inconsistent configuration; missing or corrupt files, named in the message.
    pub fn random(config: Config, files: &Path, seed: u64) -> Result<Self, PolicyError> {
        config.check(files)?;
        let weights = Weights::random(&config, seed)?;
        Self::assemble(config, weights, files)
    }

    /// Joins the parts after checking that the files of `source` fit the configuration.
    fn assemble(config: Config, weights: Weights, source: &Path) -> Result<Self, PolicyError> {
        let front = if config.vision.is_some() { Front::load(source) } else { Front::of_texts(source) }?;
        let wrong = |key: &str, message: String| {
            let path = source.join("config.json");
            Err(PolicyError::Config { path, key: key.into(), message })
        };
        let (rows, ids) = (config.text.vocab_size, front.tokenizer().vocab_size());
        if ids > rows {
            return wrong(
                "text_config.vocab_size",
                format!("is {rows}, but the tokenizer has {ids} token ids"),
            );
        }
        let (pad, image) = (front.tokenizer().image_pad(), config.image_token());
        if let Some((pad, image)) = pad.zip(image).filter(|(pad, image)| pad != image) {
            let message = format!("is {image}, but in the tokenizer <|image_pad|> is {pad}");
            return wrong("image_token_id", message);
        }
        if let Some((vision, processor)) = config.vision.as_ref().zip(front.processor())
            && vision.patch_len() != processor.patch_len()
        {
            let (ours, theirs) = (vision.patch_len(), processor.patch_len());
            return wrong(
                "vision_config.patch_size",
                format!("gives {ours} values per patch, but the image processor makes {theirs}"),
            );
        }
        Ok(Self { config, weights, front, source: source.into(), features: FeatureCache::default() })
    }

    /// Writes the whole model, as [`save_as`](Self::save_as) with f32 weights does.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, dir: &Path) -> Result<(), PolicyError> {
        self.save_as(dir, SaveOptions::default())
    }

    /// A copy with its own weights, none of them trainable: a frozen teacher, or the start of a
    /// moving average. With an adapter only the adapter is copied; the other weights are shared.
    ///
    /// # Errors
    /// Only if memory runs out.
    pub fn frozen_copy(&self) -> Result<Self, PolicyError> {
        Ok(Self {
            config: self.config.clone(),
            weights: self.weights.frozen_copy()?,
            front: self.front.clone(),
            source: self.source.clone(),
            features: FeatureCache::default(),
        })
    }

    /// The model's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All f32 parameters with their names in the weights file, in a fixed order, including the
    /// vision tower's. Frozen matrices in bf16 are not among them.
    pub fn parameters(&self) -> &[(String, Var)] {
        self.weights.all()
    }

    /// The trainable parameters, in the same order, and then the adapter's.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.weights.trainable()
    }

    /// Makes exactly the parameters whose name satisfies `trains` trainable. The others are not on
    /// the tape and get no gradient. With an adapter this has no effect: only the adapter trains.
    /// Matrices in bf16 that are to train become f32.
    ///
    /// # Errors
    /// The tensor library refuses to make a variable.
    pub fn set_trainable(&mut self, trains: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
        self.weights.set_trainable(trains)
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        self.front.tokenizer()
    }

    /// Bytes of its parameters in memory, with its adapter.
    pub fn bytes(&self) -> usize {
        let adapter = self.weights.adapter.iter().flat_map(|adapter| adapter.all());
        let size = |var: &Var| var.elem_count() * var.dtype().size_in_bytes();
        let full: usize = self.weights.all().iter().chain(adapter).map(|(_, var)| size(var)).sum();
        full + self.weights.half_bytes()
    }

    /// Encodes a conversation: the chat template up to the start of the policy's turn, one image
    /// token per image feature, and M-RoPE positions.
    ///
    /// # Errors
    /// A conversation that the template rejects, or an image of an extreme shape.
    pub fn encode(&self, messages: &[Message]) -> Result<Prompt, PolicyError> {
        let Encoded { ids, images } = self.front.encode(messages)?;
        self.prompt(ids, images)
    }

    /// Makes a prompt from ids that hold one image token per image feature.
    ///
    /// # Errors
    /// Image tokens that do not match the images.
    pub fn prompt(&self, ids: Vec<u32>, images: Vec<PatchGrid>) -> Result<Prompt, PolicyError> {
        let grids: Vec<[usize; 3]> = images.iter().map(|i| i.grid).collect();
        let vision = self.config.vision.as_ref().map(|v| (v.tokens.image, v.spatial_merge_size));
        let positions = positions::mrope(&ids, vision, &grids)?;
        Ok(Prompt { ids, images, positions: positions.tokens, next_position: positions.next })
    }

    /// Samples `per_prompt` completions of every prompt, ordered by prompt. Each prompt is
    /// prefilled once, and at most `config.max_rows` completions are in memory at once. Completion
    /// `i` of the result has its own random stream, made from `seed` and `i`.
    ///
    /// # Errors
    /// A prompt that does not fit the model, or settings out of range.
    pub fn sample(
        &self,
        prompts: &[Prompt],
        per_prompt: usize,
        config: &SampleConfig,
        seed: u64,
    ) -> Result<Vec<Completion>, PolicyError> {
        let end_ids = self.tokenizer().end_ids();
        let never: Vec<u32> = self.config.image_token().into_iter().collect();
        let sampler = sample::Sampler { network: self.network(), config, end_ids, never };
        let rows = sampler.sample(prompts, per_prompt, seed)?;
        Ok(rows.into_iter().map(|row| self.completion(row)).collect())
    }

    /// The parameters with the adapter.
    #[cfg(test)]
    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    fn network(&self) -> Network<'_> {
        Network { config: &self.config, weights: &self.weights, features: &self.features }
    }

    fn completion(&self, row: sample::Row) -> Completion {
        let (text, token_spans) = self.tokenizer().decode(&row.tokens);
        Completion { tokens: row.tokens, logprobs: row.logprobs, text, token_spans, finished: row.finished }
    }

    /// Hidden states after the final norm at the positions that predict the completions:
    /// `prompt_len - 1` to `prompt_len + T - 2` of each sequence, one sequence after another, `[sum
    /// of T, hidden]`. Sequences are packed without padding. Their product with the transposed
    /// [`Policy::head`] is the logits.
    ///
    /// # Errors
    /// A sequence that does not fit the model.
    pub fn completion_hidden(&self, sequences: &[Sequence], mode: Mode) -> Result<Tensor, PolicyError> {
        let batch = Batch::of_sequences(&self.config, sequences)?;
        if batch.is_empty() {
            return Ok(Tensor::zeros(
                (0, self.config.text.hidden_size),
                candle_core::DType::F32,
                &Device::Cpu,
            )?);
        }
        self.network().hidden(&batch, mode, None)
    }

    /// The same in [`Mode::Train`], kept for its backward pass as `recompute` says.
    ///
    /// # Errors
    /// A sequence that does not fit the model, or none with a completion.
    pub fn training_pass<'s>(
        &'s self,
        sequences: &[Sequence<'s>],
        recompute: Recompute,
    ) -> Result<TrainingPass<'s>, PolicyError> {
        TrainingPass::new(self.network(), Batch::of_sequences(&self.config, sequences)?, recompute)
    }

    /// The vision tower's features of the image tokens of `images`, one image after another, each
    /// `[sum of image tokens, hidden]`: first those that replace the embeddings, then those that
    /// are added after the first language layers (DeepStack).
    ///
    /// # Errors
    /// An image that does not fit the model.
    pub fn image_features(&self, images: &[&PatchGrid], mode: Mode) -> Result<Vec<Tensor>, PolicyError> {
        let found = self.features.get(&self.network(), (mode, Keep::Passing), images)?;
        let rows = Tensor::new(found.rows, &Device::Cpu)?;
        let all = std::iter::once(&found.distinct.embeds).chain(&found.distinct.deep);
        Ok(all.map(|t| t.index_select(&rows, 0)).collect::<Result<_, _>>()?)
    }

    /// The output head `[vocab, hidden]`; the embedding if they are tied.
    ///
    /// # Panics
    /// Never: loading checks that the parameter exists.
    pub fn head(&self) -> Weight {
        self.weights.get(&head_name(&self.config), Mode::Train).expect("loading checked the parameters")
    }

    /// log pi(y_t | x, y_<t) of every completion token, at temperature 1.
    ///
    /// # Errors
    /// A sequence that does not fit the model.
    pub fn logprobs(&self, prompt: &Prompt, completion: &[u32]) -> Result<Vec<f32>, PolicyError> {
        let hidden = self.completion_hidden(&[Sequence { prompt, completion }], Mode::Infer)?;
        let head = self.weights.get(&head_name(&self.config), Mode::Infer)?;
        let vocab = self.config.text.vocab_size;
        if let Some(id) = completion.iter().find(|id| **id as usize >= vocab) {
            return Err(PolicyError::input(
                "completion",
                format!("token id {id} is outside the model's vocabulary of {vocab}"),
            ));
        }
        // In chunks of rows, because logits over a full vocabulary need far more memory than
        // states.
        const ROWS: usize = 64;
        let mut out = Vec::with_capacity(completion.len());
        for (i, targets) in completion.chunks(ROWS).enumerate() {
            let rows = hidden.narrow(0, i * ROWS, targets.len())?;
            let logits = linear(&rows, &head, None)?.flatten_all()?.to_vec1::<f32>()?;
            for (logits, &target) in logits.chunks_exact(vocab).zip(targets) {
                out.push(logits[target as usize] - log_sum_exp(logits));
            }
        }
        Ok(out)
    }
}

/// The log-sum-exp of a row.
pub(crate) fn log_sum_exp(row: &[f32]) -> f32 {
    simd::vectorised(
        #[inline(always)]
        || {
            let top = simd::max(row);
            top + simd::sum_by(row.len(), |i| simd::exp(row[i] - top)).ln()
        },
    )
}

/// A sampled completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Token ids, including the end token if it was sampled.
    pub tokens: Vec<u32>,
    /// Log-probability of each token under the full softmax after temperature (temperature 1 if
    /// greedy). They ignore `top_p`, `top_k` and penalties: with these, tokens are sampled from
    /// another distribution.
    pub logprobs: Vec<f32>,
    /// The decoded text, without special tokens.
    pub text: String,
    /// The byte range of each token in `text`.
    pub token_spans: Vec<vsdpo_artifact::Span>,
    /// Whether an end token was sampled within the length limit.
    pub finished: bool,
}
