//! Makes the tokenizer and processor files of a model folder from a corpus: a byte-level BPE
//! tokenizer with Qwen's special tokens and rules, a chat template in Qwen3-VL's format, and the
//! processors' settings.
//!
//! The folder loads in this crate and in transformers (`AutoTokenizer`, and `AutoProcessor` once
//! `config.json` is added). The same corpus gives the same bytes: ties between pairs are broken by
//! id.

mod extend;

pub use extend::{Extension, extend_front_files};

use crate::{FrontError, ImageTokens};
use serde_json::{Value, json};
use std::path::Path;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// The settings of the files.
#[derive(Clone, Copy, Debug)]
pub struct FrontSpec {
    /// Number of token ids, including special tokens; at least 263 (256 bytes and 7 special
    /// tokens).
    pub vocab_size: usize,
    /// Minimum area of a resized image in pixels; a feature covers 32 x 32 pixels.
    pub min_pixels: usize,
    /// Maximum area of a resized image in pixels.
    pub max_pixels: usize,
}

/// The vocabulary size and special token ids of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontSummary {
    /// Number of token ids; less than requested if the corpus has no more pairs to merge.
    pub vocab_size: usize,
    /// Ids that end a completion: `<|im_end|>` and `<|endoftext|>`.
    pub end_ids: Vec<u32>,
    /// `<|endoftext|>`.
    pub pad_id: u32,
    /// `<|image_pad|>`, `<|video_pad|>`, `<|vision_start|>` and `<|vision_end|>`.
    pub tokens: ImageTokens,
}

/// Qwen's special tokens, in the order of their ids; they follow the learned vocabulary.
const SPECIAL: [&str; 7] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
];

/// Qwen2's pre-tokenization: contractions, letters with one leading symbol, single digits, symbols,
/// line ends, spaces.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Our own template for Qwen3-VL's prompt format; the tests compare it with the output of the
/// published template.
const CHAT_TEMPLATE: &str = include_str!("chat_template.jinja");

/// Trains the tokenizer on `corpus` and writes `tokenizer.json`, `tokenizer_config.json`,
/// `chat_template.jinja`, `preprocessor_config.json`, `video_preprocessor_config.json` and
/// `generation_config.json` into the folder `dir`, which is created if it does not exist.
///
/// # Errors
/// A vocabulary too small for bytes and special tokens, or a folder that cannot be written.
pub fn write_front_files(
    dir: &Path,
    corpus: impl Iterator<Item = String> + Send,
    spec: FrontSpec,
) -> Result<FrontSummary, FrontError> {
    let least = 256 + SPECIAL.len();
    if spec.vocab_size < least {
        return Err(fail(
            dir,
            format!("vocab_size {} is too small; help: set it to at least {least}", spec.vocab_size),
        ));
    }
    let tokenizer = train(corpus, spec.vocab_size).map_err(|e| fail(dir, e.to_string()))?;
    write_files(dir, &tokenizer, spec)
}

fn write_files(dir: &Path, tokenizer: &Tokenizer, spec: FrontSpec) -> Result<FrontSummary, FrontError> {
    let summary = summary(tokenizer).ok_or_else(|| fail(dir, "a special token is missing".into()))?;
    std::fs::create_dir_all(dir).map_err(|source| FrontError::Write { path: dir.into(), source })?;
    let json = tokenizer.to_string(true).map_err(|e| fail(dir, e.to_string()))?;
    write(dir, "tokenizer.json", &json)?;
    write(dir, "chat_template.jinja", CHAT_TEMPLATE)?;
    for (name, value) in settings(&summary, spec) {
        write(dir, name, &format!("{value:#}\n"))?;
    }
    Ok(summary)
}

fn fail(dir: &Path, message: String) -> FrontError {
    FrontError::Tokenizer { path: dir.into(), message }
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), FrontError> {
    let path = dir.join(name);
    std::fs::write(&path, text).map_err(|source| FrontError::Write { path, source })
}

fn train(corpus: impl Iterator<Item = String> + Send, vocab_size: usize) -> tokenizers::Result<Tokenizer> {
    let words = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Isolated, false)?;
    let bytes = ByteLevel::new(false, false, false);
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_normalizer(Some(NFC))?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![words.into(), bytes.into()])));
    tokenizer.with_post_processor(Some(bytes));
    tokenizer.with_decoder(Some(bytes));
    let trainer = BpeTrainerBuilder::new()
        .show_progress(false)
        .vocab_size(vocab_size - SPECIAL.len())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    tokenizer.train(&mut TrainerWrapper::from(trainer), corpus)?;
    tokenizer.add_special_tokens(SPECIAL.map(|token| AddedToken::from(token, true)))?;
    Ok(tokenizer)
}

fn summary(tokenizer: &Tokenizer) -> Option<FrontSummary> {
    Some(FrontSummary {
        vocab_size: tokenizer.get_vocab_size(true),
        end_ids: vec![tokenizer.token_to_id("<|im_end|>")?, tokenizer.token_to_id("<|endoftext|>")?],
        pad_id: tokenizer.token_to_id("<|endoftext|>")?,
        tokens: ImageTokens {
            image: tokenizer.token_to_id("<|image_pad|>")?,
            video: tokenizer.token_to_id("<|video_pad|>")?,
            vision_start: tokenizer.token_to_id("<|vision_start|>")?,
            vision_end: tokenizer.token_to_id("<|vision_end|>")?,
        },
    })
}

/// The JSON files beside the tokenizer. The chat template has its own file.
fn settings(summary: &FrontSummary, spec: FrontSpec) -> [(&'static str, Value); 4] {
    let processor = |key: &str, class: &str| {
        json!({
            "size": {"shortest_edge": spec.min_pixels, "longest_edge": spec.max_pixels},
            "patch_size": 16,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "processor_class": "Qwen3VLProcessor",
            (key): class,
        })
    };
    [
        ("preprocessor_config.json", processor("image_processor_type", "Qwen2VLImageProcessorFast")),
        ("video_preprocessor_config.json", processor("video_processor_type", "Qwen3VLVideoProcessor")),
        (
            "generation_config.json",
            json!({
                "do_sample": true,
                "temperature": 1.0,
                "top_p": 1.0,
                "eos_token_id": summary.end_ids,
                "pad_token_id": summary.pad_id,
            }),
        ),
        (
            "tokenizer_config.json",
            json!({
                "tokenizer_class": "Qwen2Tokenizer",
                "processor_class": "Qwen3VLProcessor",
                "add_bos_token": false,
                "add_prefix_space": false,
                "bos_token": null,
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "unk_token": null,
                "additional_special_tokens": SPECIAL[1..],
                "clean_up_tokenization_spaces": false,
                "errors": "replace",
                "model_max_length": 262_144,
                "split_special_tokens": false,
            }),
        ),
    ]
}
