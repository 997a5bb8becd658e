//! The policy: a model folder in memory, with everything that training and sampling ask of it.

use crate::model::{Batch, FeatureCache, head_name, hidden};
use crate::ops::matrix::{Mat, product};
use crate::ops::simd;
use crate::weights::{Mode, VISUAL, Weights};
use crate::{Config, Front, Message, PatchGrid, PolicyError, TextTokenizer, checkpoint, positions, sample};
use candle_core::{Device, Tensor, Var};
use std::path::{Path, PathBuf};

/// A prompt as the network reads it.
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

/// A prompt and what was said to it.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// x, or x with the privileged context.
    pub prompt: &'a Prompt,
    /// y: token ids, end token included if it was sampled.
    pub completion: &'a [u32],
}

/// A Qwen3-VL with its tokenizer, chat template and image processor.
///
/// Weights are f32 on the CPU and can be changed in place through [`Policy::parameters`];
/// everything reads them anew at every call. Which of them train is one mark each, see
/// [`Policy::set_trainable`].
pub struct Policy {
    config: Config,
    weights: Weights,
    front: Front,
    /// The folder whose other files a save copies.
    home: PathBuf,
    features: FeatureCache,
}

impl Policy {
    /// Reads a Hugging Face folder. Everything but the vision tower is marked as training.
    ///
    /// # Errors
    /// Missing, corrupt or disagreeing files, by name.
    pub fn load(dir: &Path) -> Result<Self, PolicyError> {
        if !dir.is_dir() {
            let mend = "give the folder of a Hugging Face Qwen3-VL model".into();
            return Err(PolicyError::Missing { path: dir.into(), mend });
        }
        let config = Config::read(&dir.join("config.json"))?;
        let weights = checkpoint::load_weights(dir, &config)?;
        Self::assemble(config, Weights::new(weights, |name| !name.starts_with(VISUAL)), dir)
    }

    /// A model of this configuration with weights drawn from `seed` as transformers draws them.
    /// `files` is a folder with the tokenizer, template and processor files. Everything is marked
    /// as training.
    ///
    /// # Errors
    /// A configuration that contradicts itself; missing or corrupt files, by name.
    pub fn random(config: Config, files: &Path, seed: u64) -> Result<Self, PolicyError> {
        config.check(files)?;
        let weights = Weights::random(&config, seed)?;
        Self::assemble(config, weights, files)
    }

    fn assemble(config: Config, weights: Weights, home: &Path) -> Result<Self, PolicyError> {
        let front = Front::load(home)?;
        let wrong = |key: &str, message: String| {
            let path = home.join("config.json");
            Err(PolicyError::Config { path, key: key.into(), message })
        };
        let (rows, ids) = (config.text.vocab_size, front.tokenizer().vocab_size());
        if ids > rows {
            return wrong("text_config.vocab_size", format!("is {rows}, but the tokenizer has {ids} ids"));
        }
        if let Some(pad) = front.tokenizer().image_pad().filter(|pad| *pad != config.image_token_id) {
            return wrong(
                "image_token_id",
                format!("is {}, the tokenizer says {pad}", config.image_token_id),
            );
        }
        let (ours, theirs) = (config.vision.patch_len(), front.processor().patch_len());
        if ours != theirs {
            return wrong(
                "vision_config.patch_size",
                format!("gives {ours} numbers a patch, the image processor {theirs}"),
            );
        }
        Ok(Self { config, weights, front, home: home.into(), features: FeatureCache::default() })
    }

    /// Writes a Hugging Face folder at `dir`, beside its place first and then renamed: the weights
    /// as f32 under the same names, every other file as it came. A folder that is there is
    /// replaced.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn save(&self, dir: &Path) -> Result<(), PolicyError> {
        checkpoint::save(&self.weights, &self.config, &self.home, dir)
    }

    /// A copy with weights of its own in which nothing trains: the base, or a moving average to be.
    ///
    /// # Errors
    /// Only when memory runs out.
    pub fn frozen_copy(&self) -> Result<Self, PolicyError> {
        Ok(Self {
            config: self.config.clone(),
            weights: self.weights.frozen_copy()?,
            front: self.front.clone(),
            home: self.home.clone(),
            features: FeatureCache::default(),
        })
    }

    /// The numbers of the model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Every parameter under its name in the file, in a fixed order, vision tower included.
    pub fn parameters(&self) -> &[(String, Var)] {
        self.weights.all()
    }

    /// The parameters that train, in the same order.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.weights.trainable()
    }

    /// Marks the parameters whose name satisfies `trains`; all others stay off the tape and cost no
    /// gradient.
    pub fn set_trainable(&mut self, trains: impl Fn(&str) -> bool) {
        self.weights.set_trainable(trains);
    }

    /// The chat template, tokenizer and image processor.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Text to ids and back.
    pub fn tokenizer(&self) -> &TextTokenizer {
        self.front.tokenizer()
    }

    /// A conversation as the network reads it: chat template with the opening of the policy's turn,
    /// image tokens as many as features, M-RoPE positions.
    ///
    /// # Errors
    /// A conversation that the template refuses, an image of an extreme shape.
    pub fn encode(&self, messages: &[Message]) -> Result<Prompt, PolicyError> {
        let (ids, images) = self.front.encode(messages)?;
        self.prompt(ids, images)
    }

    /// A prompt from ids whose image tokens are already as many as the images' features.
    ///
    /// # Errors
    /// Image tokens that do not match the images.
    pub fn prompt(&self, ids: Vec<u32>, images: Vec<PatchGrid>) -> Result<Prompt, PolicyError> {
        let grids: Vec<[usize; 3]> = images.iter().map(|i| i.grid).collect();
        let merge = self.config.vision.spatial_merge_size;
        let (positions, next_position) = positions::mrope(&ids, self.config.image_token_id, &grids, merge)?;
        Ok(Prompt { ids, images, positions, next_position })
    }

    /// `per_prompt` completions of every prompt, prompt by prompt. The prefix is computed once per
    /// prompt. Completion `i` of the answer has a random stream of its own, made from `seed` and
    /// `i`.
    ///
    /// # Errors
    /// A prompt that does not fit the model, settings out of range.
    pub fn sample(
        &self,
        prompts: &[Prompt],
        per_prompt: usize,
        config: &SampleConfig,
        seed: u64,
    ) -> Result<Vec<Completion>, PolicyError> {
        let network = sample::Network {
            config: &self.config,
            weights: &self.weights,
            features: &self.features,
            end_ids: self.tokenizer().end_ids(),
        };
        let drawn = sample::sample(&network, prompts, per_prompt, config, seed)?;
        Ok(drawn.into_iter().map(|row| self.completion(row)).collect())
    }

    fn completion(&self, row: sample::Row) -> Completion {
        let (text, token_spans) = self.tokenizer().decode(&row.tokens);
        Completion { tokens: row.tokens, logprobs: row.logprobs, text, token_spans, finished: row.finished }
    }

    /// Hidden states after the final norm at the positions that predict the completions:
    /// `prompt_len - 1` to `prompt_len + T - 2` of each sequence, one sequence after another, `[sum
    /// T, hidden]`. Sequences are packed without padding. Times [`Policy::head`] this gives the
    /// logits.
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
        hidden(&self.config, &self.weights, mode, (&batch, &self.features), None)
    }

    /// The output head `[vocab, hidden]`; the embedding when they are tied.
    ///
    /// # Panics
    /// Never: the parameter list is checked when the policy is made.
    pub fn head(&self) -> &Var {
        self.weights.var(head_name(&self.config)).expect("the parameter list was checked")
    }

    /// log pi(y_t | x, y_<t) of every completion token, at temperature 1.
    ///
    /// # Errors
    /// A sequence that does not fit the model.
    pub fn logprobs(&self, prompt: &Prompt, completion: &[u32]) -> Result<Vec<f32>, PolicyError> {
        let hidden = self.completion_hidden(&[Sequence { prompt, completion }], Mode::Infer)?;
        let rows = hidden.flatten_all()?.to_vec1::<f32>()?;
        let head = self.head().flatten_all()?.to_vec1::<f32>()?;
        let (width, vocab) = (self.config.text.hidden_size, self.config.text.vocab_size);
        if let Some(id) = completion.iter().find(|id| **id as usize >= vocab) {
            return Err(PolicyError::input(
                "completion",
                format!("token id {id} lies outside the model's {vocab}"),
            ));
        }
        // Few rows at a time: at a full vocabulary the logits are far larger than the states.
        const ROWS: usize = 64;
        let mut out = Vec::with_capacity(completion.len());
        for (rows, targets) in rows.chunks(ROWS * width).zip(completion.chunks(ROWS)) {
            let logits = product(Mat::new(rows, targets.len(), width), Mat::new(&head, vocab, width).t());
            for (logits, &target) in logits.chunks_exact(vocab).zip(targets) {
                out.push(logits[target as usize] - log_sum_exp(logits));
            }
        }
        Ok(out)
    }
}

/// log sum exp of a row.
pub(crate) fn log_sum_exp(row: &[f32]) -> f32 {
    simd::vectorised(
        #[inline(always)]
        || {
            let top = simd::max(row);
            top + simd::sum_by(row.len(), |i| simd::exp(row[i] - top)).ln()
        },
    )
}

/// How completions are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleConfig {
    /// Tokens after which a completion is cut, end token included.
    pub max_completion_tokens: usize,
    /// Divides the logits; 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Keeps the likeliest tokens that together hold this probability; 1 keeps all.
    pub top_p: f32,
}

/// One completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Token ids, end token included if it was drawn.
    pub tokens: Vec<u32>,
    /// Log-probability of each token under the full softmax after temperature (temperature 1 when
    /// greedy). `top_p` does not enter, so below 1 these are not the probabilities that were drawn
    /// from.
    pub logprobs: Vec<f32>,
    /// The decoded text; end and other special tokens write nothing.
    pub text: String,
    /// The bytes of `text` that each token wrote.
    pub token_spans: Vec<vsdpo_artifact::Span>,
    /// Whether an end token was drawn before the length limit.
    pub finished: bool,
}
