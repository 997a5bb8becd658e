//! `convert`: a Hugging Face folder from a GGUF file.

use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;
use vsdpo_policy::convert_gguf;

/// Make a Hugging Face folder from a GGUF file, for `train`, `generate`, `eval` and `logprobs`.
///
/// Takes language models of the Llama and Qwen3 families with a byte-level BPE tokenizer. Quantised
/// weights are widened to float32 once: the folder holds the quantised model, four bytes a weight.
///
/// Example: visual-sdpo convert SmolLM2-135M-Instruct.Q4_1.gguf smollm2
#[derive(Parser)]
pub struct Args {
    /// The file.
    #[arg(value_name = "FILE.gguf")]
    file: PathBuf,
    /// The folder to make.
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<Exit> {
    convert_gguf(&args.file, &args.out)?;
    terminal::remark(&format!("wrote {}", args.out.display()));
    Ok(Exit::Fine)
}
