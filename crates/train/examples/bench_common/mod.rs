//! What the two benches against PyTorch share: the model, the clock, the comparison.

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use vsdpo_policy::{Config, FrontSpec, ImageTokens, Policy, TextConfig, VisionConfig, write_front_files};

/// Medians of some rounds of one piece of work.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Figures {
    /// User and system time of all threads, in milliseconds.
    pub cpu_ms: f64,
    /// Time by the clock, in milliseconds.
    pub wall_ms: f64,
    /// Peak of resident memory above what was there before the model, in MB.
    pub peak_mb: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} CPU-ms, {:.0} ms, peak {:.0} MB", self.cpu_ms, self.wall_ms, self.peak_mb)
    }
}

/// Resident memory before the model was made.
pub struct Before(f64);

impl Before {
    /// Now.
    pub fn now() -> Self {
        Self(status("VmRSS"))
    }

    /// Runs `work` `warm + rounds` times and takes the medians of the last `rounds`.
    pub fn measure(
        &self,
        warm: usize,
        rounds: usize,
        mut work: impl FnMut() -> Result<()>,
    ) -> Result<Figures> {
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for round in 0..warm + rounds {
            let start = (Instant::now(), cpu_ms());
            work()?;
            if round >= warm {
                wall.push(start.0.elapsed().as_secs_f64() * 1e3);
                cpu.push(cpu_ms() - start.1);
            }
        }
        Ok(Figures { cpu_ms: median(cpu), wall_ms: median(wall), peak_mb: status("VmHWM") - self.0 })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

/// A line of /proc/self/status in MB.
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

/// User and system time of this process. Linux counts in hundredths of a second.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

/// The same work by fixtures/bench/pytorch_step.py under the Python of `--python PATH`. `None`,
/// with a word why, if the option is not given: PyTorch is no part of the project's own set-up.
pub fn pytorch(what: &str) -> Result<Option<Figures>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let python: PathBuf = match args.as_slice() {
        [] => {
            println!("PyTorch is not measured; give --python PATH of a Python with torch and transformers 5");
            return Ok(None);
        }
        [option, path] if option == "--python" => path.into(),
        other => bail!("unknown arguments {other:?}; the only option is --python PATH"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bench/pytorch_step.py");
    let threads = std::thread::available_parallelism()?.to_string();
    let run = Command::new(&python).arg(script).args([what, "--threads", &threads]).output();
    let run = run.with_context(|| format!("cannot start {}", python.display()))?;
    if !run.status.success() {
        let words = String::from_utf8_lossy(&run.stderr);
        let last = words.lines().last().unwrap_or("no message");
        bail!(
            "{} could not run the PyTorch side: {last}; it needs torch and transformers 5",
            python.display()
        );
    }
    let out = String::from_utf8(run.stdout)?;
    let line = out.lines().last().context("the PyTorch side printed nothing")?;
    println!("PyTorch: {line}");
    Ok(Some(serde_json::from_str(line)?))
}

/// One line for the table of `cargo xtask bench`.
pub fn row(name: &str, field: f64, ours: f64, goal: f64) {
    println!("{}", serde_json::json!({"bench": name, "field": field, "ours": ours, "goal": goal}));
}

/// hidden 192, 4 layers, 6 query and 2 key heads of 32, SwiGLU 512, vocabulary 1024, as in
/// pytorch_step.py. The first number of every state is kept large, and the end tokens' rows of the
/// head turn it into a large penalty: no completion ends early.
pub fn policy() -> Result<Policy> {
    let folder = tempfile::tempdir()?;
    let spec = FrontSpec { vocab_size: 300, min_pixels: 1024, max_pixels: 65536 };
    let front = write_front_files(folder.path(), std::iter::once("a = 1".to_string()), spec)?;
    let config = Config { text: text(), vision: Some(vision(front.tokens)), tie_word_embeddings: false };
    let mut policy = Policy::random(config, folder.path(), 1)?;
    policy.set_trainable(|name| !name.starts_with("model.visual."))?;
    for (name, var) in policy.parameters() {
        let mut values = var.flatten_all()?.to_vec1::<f32>()?;
        match name.as_str() {
            "lm_head.weight" => front.end_ids.iter().for_each(|id| values[*id as usize * 192] = -100.0),
            "model.language_model.embed_tokens.weight" => {
                values.iter_mut().step_by(192).for_each(|x| *x = 1.0);
            }
            _ => continue,
        }
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(policy)
}

fn text() -> TextConfig {
    TextConfig {
        vocab_size: 1024,
        hidden_size: 192,
        intermediate_size: 512,
        num_hidden_layers: 4,
        num_attention_heads: 6,
        num_key_value_heads: 2,
        head_dim: 32,
        rms_norm_eps: 1e-6,
        rope_theta: 10_000.0,
        mrope_section: [6, 5, 5],
        qk_norm: true,
    }
}

fn vision(tokens: ImageTokens) -> VisionConfig {
    VisionConfig {
        tokens,
        depth: 1,
        hidden_size: 64,
        num_heads: 2,
        intermediate_size: 128,
        in_channels: 3,
        patch_size: 16,
        temporal_patch_size: 2,
        spatial_merge_size: 2,
        out_hidden_size: 192,
        num_position_embeddings: 64,
        deepstack_visual_indexes: vec![0],
    }
}
