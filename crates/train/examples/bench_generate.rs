//! Sampling 32 x 256 tokens after prompts of 16 with the mini model, every row its own prompt,
//! against transformers' `generate`.
//!
//!     cargo run --release -p vsdpo-train --example bench_generate -- [--python PATH]

mod bench_common;

use anyhow::{Result, ensure};
use bench_common::{Before, policy, pytorch, row};
use vsdpo_policy::{Prompt, SampleConfig, ops};

const ROWS: usize = 32;
const NEW: usize = 256;

fn main() -> Result<()> {
    ops::tune_threads();
    ops::tune_allocator();
    let before = Before::now();
    let policy = policy()?;
    let ids = |row: usize| (0..16).map(|i| ((i * 7 + row * 13) % 256) as u32).collect();
    let prompts = (0..ROWS).map(|row| policy.prompt(ids(row), Vec::new()));
    let prompts: Vec<Prompt> = prompts.collect::<Result<_, _>>()?;
    let config = SampleConfig { max_completion_tokens: NEW, ..SampleConfig::default() };
    let ours = before.measure(1, 2, || {
        let drawn = policy.sample(&prompts, 1, &config, 7)?;
        let tokens: usize = drawn.iter().map(|c| c.tokens.len()).sum();
        ensure!(tokens == ROWS * NEW, "a completion ended early: {tokens} tokens");
        Ok(())
    })?;
    let rate = |wall_ms: f64| (ROWS * NEW) as f64 / wall_ms * 1e3;
    println!("ours: {ours}, {:.0} tokens/s", rate(ours.wall_ms));
    if let Some(field) = pytorch("sample")? {
        println!("PyTorch: {:.0} tokens/s", rate(field.wall_ms));
        row("sampling 32 x 256 tokens", field.cpu_ms, ours.cpu_ms, 2.0);
    }
    Ok(())
}
