//! Makes a Hugging Face folder from a GGUF file, the format of llama.cpp: a language model of the
//! Llama or Qwen3 family with its tokenizer and chat template.
//!
//! Quantised tensors are widened to f32 once, so the folder holds the model that the file holds and
//! not the one that was quantised. Tensors are read and written one at a time.
//!
//! Not supported: pictures (the projector of a Qwen3-VL is a second file), tokenizers that are not
//! byte-level BPE, scaled rotary embeddings.

mod front;

use crate::checkpoint::Misfits;
use crate::saving::{Data, Place, Source, write_weights};
use crate::weights::specs;
use crate::{Config, PolicyError, SaveOptions, TextConfig};
use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value as Fact};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Writes the folder `dir`, which must not exist, from the file `gguf`.
///
/// # Errors
/// A file that is not GGUF or is cut off; an architecture, tokenizer or tensor that is not
/// supported, named; errors of the file system. Nothing is left at `dir` then.
pub fn convert_gguf(gguf: &Path, dir: &Path) -> Result<(), PolicyError> {
    if dir.exists() {
        return Err(PolicyError::corrupt(dir, "exists already; help: name a new folder"));
    }
    let mut file = BufReader::new(File::open(gguf).map_err(|e| PolicyError::io(gguf, e))?);
    let damaged = |e: candle_core::Error| {
        PolicyError::corrupt(gguf, format!("is not a whole GGUF file ({})", first_line(&e)))
    };
    let content = Content::read(&mut file).map_err(damaged)?;
    let facts = Facts { path: gguf, content: &content };
    let config = config(&facts)?;
    let front = front::files(&facts)?;
    let place = Place::beside(dir)?;
    let written = write(&facts, &config, RefCell::new(file), &place.partial, &front);
    if written.is_err() {
        // The error says more than a second one about the rest of a folder would.
        let _ = std::fs::remove_dir_all(&place.partial);
    }
    written.and_then(|()| place.put(dir))
}

/// Writes the files of the folder `dir`.
fn write(
    facts: &Facts,
    config: &Config,
    file: RefCell<BufReader<File>>,
    dir: &Path,
    front: &[(&str, Value)],
) -> Result<(), PolicyError> {
    let mut value = config.to_json();
    value["max_position_embeddings"] = facts.number("context_length")?.into();
    for (name, value) in front.iter().chain([&("config.json", value)]) {
        let path = dir.join(name);
        let text = value.as_str().map_or_else(|| format!("{value:#}\n"), str::to_owned);
        std::fs::write(&path, text).map_err(|e| PolicyError::io(&path, e))?;
    }
    write_weights(&sources(facts, config, &file)?, dir, SaveOptions::default())
}

fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The metadata of a file.
struct Facts<'a> {
    path: &'a Path,
    content: &'a Content,
}

impl<'a> Facts<'a> {
    fn wrong(&self, key: &str, message: impl ToString) -> PolicyError {
        PolicyError::Config { path: self.path.into(), key: key.into(), message: message.to_string() }
    }

    fn optional(&self, key: &str) -> Option<&'a Fact> {
        self.content.metadata.get(key)
    }

    fn text(&self, key: &str) -> Result<&'a str, PolicyError> {
        match self.optional(key) {
            Some(Fact::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(key, "is not a text")),
            None => Err(self.wrong(key, "is missing")),
        }
    }

    fn list(&self, key: &str) -> Result<&'a [Fact], PolicyError> {
        match self.optional(key) {
            Some(Fact::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(key, "is not a list")),
            None => Err(self.wrong(key, "is missing")),
        }
    }

    /// The numbers of a tensor, widened.
    fn values(&self, file: &mut BufReader<File>, name: &str) -> Result<Vec<f32>, PolicyError> {
        let mut read = || -> candle_core::Result<Vec<f32>> {
            let tensor = self.content.tensor(file, name, &Device::Cpu)?.dequantize(&Device::Cpu)?;
            tensor.flatten_all()?.to_vec1()
        };
        read().map_err(|e| {
            PolicyError::corrupt(self.path, format!("tensor `{name}` cannot be read: {}", first_line(&e)))
        })
    }

    fn architecture(&self) -> Result<&'a str, PolicyError> {
        self.text("general.architecture")
    }

    /// A whole number among the keys of the architecture, if it is there.
    fn find(&self, name: &str) -> Result<Option<usize>, PolicyError> {
        let key = format!("{}.{name}", self.architecture()?);
        self.optional(&key)
            .map(|value| whole(value).ok_or_else(|| self.wrong(&key, "is not a whole number")))
            .transpose()
    }

    fn number(&self, name: &str) -> Result<usize, PolicyError> {
        let key = || format!("{}.{name}", self.architecture().unwrap_or_default());
        self.find(name)?.ok_or_else(|| self.wrong(&key(), "is missing"))
    }

    fn real(&self, name: &str) -> Result<Option<f64>, PolicyError> {
        let key = format!("{}.{name}", self.architecture()?);
        match self.optional(&key) {
            None => Ok(None),
            Some(Fact::F32(value)) => Ok(Some(f64::from(*value))),
            Some(Fact::F64(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(&key, "is not a real number")),
        }
    }
}

/// A whole number of any width.
fn whole(value: &Fact) -> Option<usize> {
    match value {
        Fact::U8(v) => Some(usize::from(*v)),
        Fact::U16(v) => Some(usize::from(*v)),
        Fact::U32(v) => usize::try_from(*v).ok(),
        Fact::U64(v) => usize::try_from(*v).ok(),
        Fact::I8(v) => usize::try_from(*v).ok(),
        Fact::I16(v) => usize::try_from(*v).ok(),
        Fact::I32(v) => usize::try_from(*v).ok(),
        Fact::I64(v) => usize::try_from(*v).ok(),
        _ => None,
    }
}

fn config(facts: &Facts) -> Result<Config, PolicyError> {
    let kind = facts.architecture()?;
    if !matches!(kind, "llama" | "qwen3") {
        let help = "is not supported; help: llama and qwen3 are, or use the folder with safetensors";
        return Err(facts.wrong("general.architecture", format!("\"{kind}\" {help}")));
    }
    let key = format!("{kind}.rope.scaling.type");
    if let Some(Fact::String(scaling)) = facts.optional(&key)
        && scaling != "none"
    {
        return Err(facts.wrong(&key, format!("is \"{scaling}\"; only unscaled positions are supported")));
    }
    let tensors = &facts.content.tensor_infos;
    let embedding = tensors.get("token_embd.weight");
    let rows = embedding.and_then(|info| info.shape.dims().first().copied());
    let vocab_size = rows.ok_or_else(|| missing(facts, "token_embd.weight"))?;
    let (hidden_size, heads) = (facts.number("embedding_length")?, facts.number("attention.head_count")?);
    let head_dim = facts.find("attention.key_length")?.unwrap_or(hidden_size / heads.max(1));
    let text = TextConfig {
        vocab_size,
        hidden_size,
        intermediate_size: facts.number("feed_forward_length")?,
        num_hidden_layers: facts.number("block_count")?,
        num_attention_heads: heads,
        num_key_value_heads: facts.find("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        rms_norm_eps: facts.real("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5),
        rope_theta: facts.real("rope.freq_base")?.unwrap_or(10_000.0) as f32,
        mrope_section: [head_dim / 2, 0, 0],
        qk_norm: kind == "qwen3",
    };
    let config = Config { text, vision: None, tie_word_embeddings: !tensors.contains_key("output.weight") };
    config.check(facts.path)?;
    Ok(config)
}

fn missing(facts: &Facts, name: &str) -> PolicyError {
    PolicyError::MissingTensor { path: facts.path.into(), name: name.into() }
}

/// The name of a parameter in the file.
fn in_file(name: &str) -> Option<String> {
    let whole = [
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("model.norm.weight", "output_norm.weight"),
        ("lm_head.weight", "output.weight"),
    ];
    if let Some((_, theirs)) = whole.iter().find(|(ours, _)| *ours == name) {
        return Some((*theirs).into());
    }
    let (layer, part) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let parts = [
        ("input_layernorm", "attn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    let part = part.strip_suffix(".weight")?;
    let (_, theirs) = parts.iter().find(|(ours, _)| *ours == part)?;
    Some(format!("blk.{layer}.{theirs}.weight"))
}

/// How many heads the rows of a projection are divided into where llama.cpp has them in another
/// order: it rotates neighbours, transformers rotates halves.
fn interleaved_heads(config: &Config, name: &str) -> Option<usize> {
    let t = &config.text;
    let heads = match name {
        _ if t.qk_norm => None,
        _ if name.ends_with("q_proj.weight") => Some(t.num_attention_heads),
        _ if name.ends_with("k_proj.weight") => Some(t.num_key_value_heads),
        _ => None,
    };
    heads.filter(|heads| *heads > 0)
}

/// Puts the rows `[heads * d, width]` into transformers' order: row `2 i + j` of a head becomes row
/// `j d / 2 + i`.
fn halves(values: &[f32], heads: usize, width: usize) -> Vec<f32> {
    let head = values.len() / heads;
    let d = head / width;
    let mut out = Vec::with_capacity(values.len());
    for head in values.chunks_exact(head) {
        for row in (0..d).map(|row| 2 * (row % (d / 2)) + row / (d / 2)) {
            out.extend_from_slice(&head[row * width..][..width]);
        }
    }
    out
}

/// The parameters, each of which is read when it is written.
fn sources<'a>(
    facts: &'a Facts,
    config: &'a Config,
    file: &'a RefCell<BufReader<File>>,
) -> Result<Vec<Source<'a>>, PolicyError> {
    let (mut sources, mut misfits) = (Vec::new(), Misfits::default());
    // Frequencies of positions are computed here.
    let mut known = vec!["rope_freqs.weight".to_owned()];
    for (name, shape) in specs(config) {
        let theirs = in_file(&name).ok_or_else(|| missing(facts, &name))?;
        known.push(theirs.clone());
        match facts.content.tensor_infos.get(&theirs).map(|info| info.shape.dims()) {
            None => misfits.missing.push(theirs.clone()),
            Some(found) if found != shape => {
                misfits.misshapen.push((theirs.clone(), found.to_vec(), shape.clone()));
            }
            Some(_) => {}
        }
        let heads = interleaved_heads(config, &name);
        let read = move |f: &mut dyn FnMut(&[f32])| {
            let values = facts.values(&mut file.borrow_mut(), &theirs)?;
            match heads {
                Some(heads) => f(&halves(&values, heads, config.text.hidden_size)),
                None => f(&values),
            }
            Ok(())
        };
        sources.push(Source { name, shape, data: Data::Floats(Box::new(read)) });
    }
    let surplus = facts.content.tensor_infos.keys().filter(|name| !known.contains(name));
    misfits.surplus.extend(surplus.cloned());
    misfits.none(facts.path, "metadata")?;
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_head_come_in_halves() {
        // One head of four rows and two columns: rows 0, 2 rotate with 1, 3.
        let rows = [0.0, 0.1, 1.0, 1.1, 2.0, 2.1, 3.0, 3.1];
        assert_eq!(halves(&rows, 1, 2), [0.0, 0.1, 2.0, 2.1, 1.0, 1.1, 3.0, 3.1]);
        // Two heads of two rows stay as they are.
        assert_eq!(halves(&rows, 2, 2), rows);
    }

    #[test]
    fn names_follow_llama_cpp() {
        assert_eq!(in_file("model.layers.7.mlp.up_proj.weight").as_deref(), Some("blk.7.ffn_up.weight"));
        assert_eq!(in_file("lm_head.weight").as_deref(), Some("output.weight"));
        assert_eq!(in_file("model.visual.merger.weight"), None);
    }
}
