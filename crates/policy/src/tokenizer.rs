//! Tokenization, and decoding with the byte span of every token.
//!
//! Token spans decide which statement a token belongs to (credit, equation 5), so they are exact: a
//! byte-level BPE token *is* a sequence of bytes, and its span is the place of these bytes in the
//! decoded text, even if it holds only a part of a character. Decoded text is never encoded again.
//!
//! Not implemented: streaming, and tokenizers that are not byte-level BPE (rejected by `load`).

use crate::FrontError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokenizers::{DecoderWrapper, Tokenizer};
use vsdpo_artifact::Span;

/// The tokenizer of a model folder.
#[derive(Clone, Debug)]
pub struct TextTokenizer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    tokenizer: Tokenizer,
    /// The bytes of each token; `None` for special tokens, which decode to nothing.
    bytes: Vec<Option<Box<[u8]>>>,
    /// The special tokens as text.
    special: Vec<String>,
    end_ids: Vec<u32>,
    image_pad: Option<u32>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, and the end tokens from `generation_config.json` (else the
    /// `eos_token` of `tokenizer_config.json`).
    ///
    /// # Errors
    /// A missing or corrupt `tokenizer.json`, a tokenizer that is not byte-level BPE, or a folder
    /// without an end token.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        let path = dir.join("tokenizer.json");
        let json = std::fs::read(&path).map_err(|e| FrontError::read(&path, e))?;
        let fail = |message: String| FrontError::Tokenizer { path: path.clone(), message };
        let tokenizer = Tokenizer::from_bytes(&json).map_err(|e| fail(e.to_string()))?;
        if !matches!(tokenizer.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
            return Err(fail("only byte-level BPE is supported (decoder ByteLevel)".into()));
        }
        let end_ids = end_ids(dir, &tokenizer)?;
        if end_ids.is_empty() {
            return Err(fail(
                "the folder has no end token; help: set eos_token_id in generation_config.json \
                 or eos_token in tokenizer_config.json"
                    .into(),
            ));
        }
        let special = tokenizer.get_added_tokens_decoder();
        let special = special.into_values().filter(|t| t.special).map(|t| t.content).collect();
        let bytes = token_bytes(&tokenizer);
        let image_pad = tokenizer.token_to_id("<|image_pad|>");
        let inner = Inner { path, tokenizer, bytes, special, end_ids, image_pad };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The token ids of a text. Special tokens in the text are recognised, because the chat
    /// template writes them; none are added.
    ///
    /// # Errors
    /// Only if the vocabulary lacks a byte.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, FrontError> {
        let encoding = self.inner.tokenizer.encode_fast(text, false);
        encoding
            .map(|e| e.get_ids().to_vec())
            .map_err(|e| FrontError::Tokenizer { path: self.inner.path.clone(), message: e.to_string() })
    }

    /// Decodes ids to text, with the byte span of each id in the text.
    ///
    /// The spans cover the text in order and without gaps. Special tokens and ids outside the
    /// vocabulary have empty spans. Invalid UTF-8 becomes U+FFFD as with Python's
    /// `errors="replace"`; the span of an invalid byte lies inside the replacement, so spans need
    /// not begin or end at character boundaries.
    pub fn decode(&self, ids: &[u32]) -> (String, Vec<Span>) {
        let mut raw = Vec::new();
        let ends: Vec<usize> = ids
            .iter()
            .map(|&id| {
                raw.extend_from_slice(self.inner.token(id));
                raw.len()
            })
            .collect();
        let (text, place) = lossy(&raw);
        let mut start = 0;
        let spans = ends.into_iter().map(|end| {
            let span = Span::new(start, place[end]);
            start = span.end;
            span
        });
        let spans = spans.collect();
        (text, spans)
    }

    /// The ids that end a completion; at least one.
    pub fn end_ids(&self) -> &[u32] {
        &self.inner.end_ids
    }

    /// The id of `<|image_pad|>`; `None` if the vocabulary lacks it.
    pub fn image_pad(&self) -> Option<u32> {
        self.inner.image_pad
    }

    /// The id of a token as spelt in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.tokenizer.token_to_id(token)
    }

    /// Number of ids, including special tokens. A model's embedding may have more rows.
    pub fn vocab_size(&self) -> usize {
        self.inner.bytes.len()
    }

    /// Escapes special tokens in the text with a space after their first character.
    pub(crate) fn escape_special(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for token in self.inner.special.iter().filter(|t| text.contains(t.as_str())) {
            let first = token.chars().next().map_or(0, char::len_utf8);
            out = out.replace(token, &format!("{} {}", &token[..first], &token[first..]));
        }
        out
    }
}

impl Inner {
    fn token(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).and_then(|b| b.as_deref()).unwrap_or(&[])
    }
}

/// The bytes of every id. Tokens are spelt in the byte alphabet; a token with other characters,
/// such as an added token with a space, stands for its own UTF-8.
fn token_bytes(tokenizer: &Tokenizer) -> Vec<Option<Box<[u8]>>> {
    let alphabet = byte_alphabet();
    let special = tokenizer.get_added_tokens_decoder();
    let vocab = tokenizer.get_vocab(true);
    let size = vocab.values().max().map_or(0, |&id| id as usize + 1);
    let mut bytes = vec![None; size];
    for (token, id) in vocab {
        if special.get(&id).is_some_and(|t| t.special) {
            continue;
        }
        let spelt: Option<Vec<u8>> = token.chars().map(|c| alphabet.get(&c).copied()).collect();
        bytes[id as usize] = Some(spelt.unwrap_or_else(|| token.into_bytes()).into_boxed_slice());
    }
    bytes
}

/// GPT-2's byte alphabet: printable Latin-1 characters stand for themselves; the characters from
/// U+0100 on stand for the other bytes, in order.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut next = 0x100;
    let mut letter = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    };
    (0..=255).map(|byte| (letter(byte), byte)).collect()
}

/// Decodes UTF-8 with replacement; also returns the place in the text of every byte boundary of
/// `raw`.
fn lossy(raw: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(raw.len());
    let mut place = Vec::with_capacity(raw.len() + 1);
    for chunk in raw.utf8_chunks() {
        place.extend(text.len()..text.len() + chunk.valid().len());
        text.push_str(chunk.valid());
        // An invalid sequence has at most three bytes, as many as U+FFFD, so every byte has its own
        // place.
        place.extend(text.len()..text.len() + chunk.invalid().len());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    place.push(text.len());
    (text, place)
}

fn end_ids(dir: &Path, tokenizer: &Tokenizer) -> Result<Vec<u32>, FrontError> {
    let generation = read_json(&dir.join("generation_config.json"))?;
    let ids: Vec<u32> = match &generation["eos_token_id"] {
        serde_json::Value::Array(list) => list.iter().filter_map(as_id).collect(),
        one => as_id(one).into_iter().collect(),
    };
    if !ids.is_empty() {
        return Ok(ids);
    }
    let token = config_token(dir, "eos_token")?;
    Ok(token.and_then(|t| tokenizer.token_to_id(&t)).into_iter().collect())
}

fn as_id(value: &serde_json::Value) -> Option<u32> {
    value.as_u64().and_then(|id| id.try_into().ok())
}

/// A token that `tokenizer_config.json` names, as a string or as an object with `content`.
pub(crate) fn config_token(dir: &Path, key: &str) -> Result<Option<String>, FrontError> {
    let config = read_json(&dir.join("tokenizer_config.json"))?;
    let value = &config[key];
    Ok(value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned))
}

/// Reads a JSON file; returns null if it does not exist.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Value, FrontError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|e| FrontError::Json { path: path.into(), message: e.to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(serde_json::Value::Null),
        Err(e) => Err(FrontError::read(path, e)),
    }
}
