//! Time and memory of a model's folder: loading, log-probabilities, sampling.
//!
//!     cargo run --release -p vsdpo-policy --example measure_model -- DIR WORK [KEY=VALUE ..]
//!
//! WORK is `load`, `logprobs` or `sample`. Keys: `dtype` (f32, bf16; default that of the file),
//! `cache` (f32, bf16), `rows` (8), `tokens` (of a completion, 512), `prompt` (tokens, 64). One
//! process does one piece of work, because a process's peak of memory never falls. Prints a line of
//! JSON; resident memory is that of the peak, pages of the weights file included, and
//! `anonymous_gb` is what the process holds besides such pages at the end.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;
use vsdpo_policy::{Dtype, Loading, Policy, SampleConfig, ops};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    ops::tune_threads();
    ops::tune_allocator();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, work, keys @ ..] = args.as_slice() else { return Err("give DIR and WORK".into()) };
    let keys: HashMap<&str, &str> = keys.iter().filter_map(|k| k.split_once('=')).collect();
    let number = |key: &str, default: usize| keys.get(key).map_or(Ok(default), |v| v.parse());
    let (rows, tokens, prompt) = (number("rows", 8)?, number("tokens", 512)?, number("prompt", 64)?);
    let dtype: Option<Dtype> = keys.get("dtype").map(|v| v.parse()).transpose()?;
    let cache: Dtype = keys.get("cache").map_or(Ok(Dtype::F32), |v| v.parse())?;
    let policy =
        timed("load", || Ok(Policy::open(Path::new(dir), &Loading { dtype, ..Loading::frozen() })?))?;
    let ids = |n: usize, seed: usize| (0..n).map(|i| ((i * 7 + seed * 13) % 900) as u32).collect::<Vec<_>>();
    let asked = policy.prompt(ids(prompt, 1), Vec::new())?;
    match work.as_str() {
        "load" => {}
        "logprobs" => {
            let score = || Ok(policy.logprobs(&asked, &ids(tokens, 2))?.iter().sum::<f32>());
            let first = timed("logprobs", score)?;
            let second = timed("logprobs again", score)?;
            println!("sum {first} {second}");
        }
        "sample" => {
            let config = SampleConfig { max_completion_tokens: tokens, cache, ..SampleConfig::default() };
            let drawn =
                timed("sample", || Ok(policy.sample(std::slice::from_ref(&asked), rows, &config, 1)?))?;
            let count: usize = drawn.iter().map(|c| c.tokens.len()).sum();
            println!("{count} tokens");
        }
        other => return Err(format!("unknown work `{other}`").into()),
    }
    println!(
        "{{\"peak_gb\": {:.2}, \"resident_gb\": {:.2}, \"anonymous_gb\": {:.2}, \"file_gb\": {:.2}}}",
        status("VmHWM"),
        status("VmRSS"),
        status("RssAnon"),
        status("RssFile")
    );
    Ok(())
}

/// Runs `work` and prints its time by the clock and of all threads.
fn timed<R>(name: &str, work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    let (clock, cpu) = (Instant::now(), cpu_seconds());
    let done = work()?;
    println!("{name}: {:.2} s, {:.2} CPU-s", clock.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    Ok(done)
}

/// A line of /proc/self/status in GB.
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0 / 1e9
}

/// User and system time of this process. Linux counts in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
