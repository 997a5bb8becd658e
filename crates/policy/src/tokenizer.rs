//! Text to token ids and back, with the bytes that every token wrote.
//!
//! Token spans decide which statement a token belongs to (credit, equation 5), so they are exact: a
//! byte-level BPE token *is* a sequence of bytes, and its span is where these bytes landed in the
//! decoded text, even where it holds only a part of a character. Re-encoding decoded text is never
//! needed and never done.
//!
//! Not done: streaming, tokenizers that are not byte-level BPE (refused at load).

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
    /// The bytes of each token; `None` for a special token, which writes nothing.
    bytes: Vec<Option<Box<[u8]>>>,
    /// The spellings of the special tokens.
    special: Vec<String>,
    end_ids: Vec<u32>,
    pad_id: Option<u32>,
    image_pad: Option<u32>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`, and the end tokens from `generation_config.json` (else the
    /// `eos_token` of `tokenizer_config.json`).
    ///
    /// # Errors
    /// A missing or corrupt `tokenizer.json`, a tokenizer that is not byte-level, a folder that
    /// names no end token.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        let path = dir.join("tokenizer.json");
        let json = std::fs::read(&path).map_err(|e| FrontError::read(&path, e))?;
        let fail = |message: String| FrontError::Tokenizer { path: path.clone(), message };
        let tokenizer = Tokenizer::from_bytes(&json).map_err(|e| fail(e.to_string()))?;
        if !matches!(tokenizer.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
            return Err(fail("only byte-level BPE is supported (decoder ByteLevel, as in Qwen)".into()));
        }
        let end_ids = end_ids(dir, &tokenizer)?;
        if end_ids.is_empty() {
            return Err(fail(
                "no end token; set eos_token_id in generation_config.json or eos_token in tokenizer_config.json"
                    .into(),
            ));
        }
        let pad_id = config_token(dir, "pad_token")?.and_then(|t| tokenizer.token_to_id(&t));
        let special = tokenizer.get_added_tokens_decoder();
        let special = special.into_values().filter(|t| t.special).map(|t| t.content).collect();
        let bytes = token_bytes(&tokenizer);
        let image_pad = tokenizer.token_to_id("<|image_pad|>");
        let inner = Inner { path, tokenizer, bytes, special, end_ids, pad_id, image_pad };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The ids of a text. Special tokens spelt in it are recognised (the chat template writes
    /// them); none are added.
    ///
    /// # Errors
    /// Only a tokenizer that cannot represent some byte.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, FrontError> {
        let encoding = self.inner.tokenizer.encode_fast(text, false);
        encoding
            .map(|e| e.get_ids().to_vec())
            .map_err(|e| FrontError::Tokenizer { path: self.inner.path.clone(), message: e.to_string() })
    }

    /// The text of some ids and the bytes of it that each id wrote.
    ///
    /// The spans follow each other without gaps from 0 to the length of the text. Special tokens
    /// and ids outside the vocabulary write nothing (empty spans). Bytes that are no UTF-8 become
    /// U+FFFD as in Python's `errors="replace"`; the span of such a byte lies inside the
    /// replacement, so spans need not begin or end on character boundaries.
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

    /// The padding token, where the folder names one.
    pub fn pad_id(&self) -> Option<u32> {
        self.inner.pad_id
    }

    /// The id of `<|image_pad|>`; `None` for a model without pictures.
    pub fn image_pad(&self) -> Option<u32> {
        self.inner.image_pad
    }

    /// The id of one token by its spelling in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.tokenizer.token_to_id(token)
    }

    /// Number of ids, special tokens included. A model's embedding may have more rows.
    pub fn vocab_size(&self) -> usize {
        self.inner.bytes.len()
    }

    /// The text with every spelt special token broken by a space after its first character.
    pub(crate) fn defuse(&self, text: &str) -> String {
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

/// The bytes of every id. A token is spelt in the byte alphabet; one that is not (an added token
/// with, say, a space in it) stands for its own UTF-8.
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

/// GPT-2's alphabet: printable Latin-1 characters stand for themselves, the other bytes for U+0100
/// onwards in order.
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

/// Decodes with replacement, and says for every byte boundary of `raw` where it is in the text.
fn lossy(raw: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(raw.len());
    let mut place = Vec::with_capacity(raw.len() + 1);
    for chunk in raw.utf8_chunks() {
        place.extend(text.len()..text.len() + chunk.valid().len());
        text.push_str(chunk.valid());
        // An invalid sequence has at most the three bytes that U+FFFD has, so each keeps a byte of
        // its own.
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

/// A token named in `tokenizer_config.json`, as a string or as an object with `content`.
pub(crate) fn config_token(dir: &Path, key: &str) -> Result<Option<String>, FrontError> {
    let config = read_json(&dir.join("tokenizer_config.json"))?;
    let value = &config[key];
    Ok(value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned))
}

/// A JSON file that may be missing: then null.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Value, FrontError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|e| FrontError::Json { path: path.into(), message: e.to_string() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(serde_json::Value::Null),
        Err(e) => Err(FrontError::read(path, e)),
    }
}
