//! Tokenizer, chat template and end tokens of a GGUF file, as Hugging Face files.

use super::Facts;
use crate::PolicyError;
use candle_core::quantized::gguf_file::Value as Fact;
use serde_json::{Map, Value, json};

/// `tokenizer.ggml.token_type` of tokens that stand for nothing in the text.
const CONTROL: usize = 3;
/// The same, of words that are never divided.
const USER_DEFINED: usize = 4;

/// How a tokenizer divides texts before it merges: the value of `tokenizer.ggml.pre`, the regular
/// expression, whether digits are taken apart first, and whether a word of the vocabulary is kept
/// whole. The expression of GPT-2 is the tokenizer library's own.
const DIVISIONS: [(&str, Option<&str>, bool, bool); 6] = [
    ("gpt-2", None, false, false),
    ("smollm", None, true, false),
    ("qwen2", Some(QWEN), false, false),
    ("qwen35", Some(QWEN), false, false),
    ("llama-bpe", Some(LLAMA), false, true),
    ("llama3", Some(LLAMA), false, true),
];
const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The files by name; a text is written as it is.
///
/// # Errors
/// A tokenizer that is not byte-level BPE, or divides texts in an unknown way; a missing template.
pub(super) fn files(facts: &Facts) -> Result<Vec<(&'static str, Value)>, PolicyError> {
    let kind = facts.text("tokenizer.ggml.model")?;
    if kind != "gpt2" {
        let message = format!("is \"{kind}\"; only byte-level BPE (\"gpt2\") is supported");
        return Err(facts.wrong("tokenizer.ggml.model", message));
    }
    let words = texts(facts, "tokenizer.ggml.tokens")?;
    let template = facts.text("tokenizer.chat_template")?;
    let id = |name: &str| -> Result<Option<usize>, PolicyError> {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let found = facts.optional(&key).map(|value| {
            super::whole(value).filter(|id| *id < words.len()).ok_or_else(|| facts.wrong(&key, "is no token"))
        });
        found.transpose()
    };
    let end = id("eos")?.ok_or_else(|| facts.wrong("tokenizer.ggml.eos_token_id", "is missing"))?;
    // A turn may end with another token than a text.
    let turn = id("eot")?.filter(|turn| *turn != end);
    let ends: Vec<usize> = std::iter::once(end).chain(turn).collect();
    let mut settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": words[end],
        "clean_up_tokenization_spaces": false,
        "model_max_length": facts.number("context_length")?,
        "chat_template": template,
    });
    for (name, key) in [("bos", "bos_token"), ("padding", "pad_token"), ("unknown", "unk_token")] {
        if let Some(id) = id(name)? {
            settings[key] = words[id].into();
        }
    }
    Ok(vec![
        ("tokenizer.json", tokenizer(facts, &words)?),
        ("tokenizer_config.json", settings),
        ("chat_template.jinja", template.into()),
        ("generation_config.json", json!({"eos_token_id": ends})),
    ])
}

fn texts<'a>(facts: &Facts<'a>, key: &str) -> Result<Vec<&'a str>, PolicyError> {
    let text = |value: &'a Fact| match value {
        Fact::String(text) => Ok(text.as_str()),
        _ => Err(facts.wrong(key, "holds something that is not a text")),
    };
    facts.list(key)?.iter().map(text).collect()
}

fn tokenizer(facts: &Facts, words: &[&str]) -> Result<Value, PolicyError> {
    let pre = facts.text("tokenizer.ggml.pre")?;
    let Some(&(_, pattern, digits, whole)) = DIVISIONS.iter().find(|division| division.0 == pre) else {
        let known = DIVISIONS.map(|division| division.0).join(", ");
        let message =
            format!("is \"{pre}\", which is not known; help: {known} are, or copy the model's own folder");
        return Err(facts.wrong("tokenizer.ggml.pre", message));
    };
    let types: Vec<Option<usize>> = match facts.optional("tokenizer.ggml.token_type") {
        Some(Fact::Array(types)) => types.iter().map(super::whole).collect(),
        _ => Vec::new(),
    };
    let added = words.iter().enumerate().filter_map(|(id, word)| {
        let kind = types.get(id).copied().flatten()?;
        let special = kind == CONTROL;
        (special || kind == USER_DEFINED).then(|| {
            json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": special})
        })
    });
    let vocabulary: Map<String, Value> =
        words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
    let mut steps = Vec::new();
    if digits {
        steps.push(json!({"type": "Digits", "individual_digits": true}));
    }
    if let Some(pattern) = pattern {
        steps.push(
            json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}),
        );
    }
    let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": regex});
    steps.push(bytes(pattern.is_none()));
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": (pattern == Some(QWEN)).then(|| json!({"type": "NFC"})),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "post_processor": null,
        "decoder": bytes(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": whole,
            "vocab": vocabulary,
            "merges": texts(facts, "tokenizer.ggml.merges")?,
        },
    }))
}
