//! Tokens per second of sampling on a random small model, text only.
//!
//!     cargo run --release -p vsdpo-policy --example bench_sample -- [rows] [prompt] [new] [per_prompt]
//!
//! Defaults: 32 rows, prompts of 16 tokens, 256 new tokens, every row its own prompt. No row ends early. CPU
//! seconds are those of all threads together: on a busy machine they are the figure to compare.

use candle_core::Tensor;
use std::time::Instant;
use vsdpo_policy::{
    Config, FrontSpec, Mode, Policy, PolicyError, Prompt, SampleConfig, Sequence, TextConfig, VisionConfig,
    write_front_files,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    vsdpo_policy::ops::tune_allocator();
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let at = |i: usize, default: usize| arguments.get(i).copied().unwrap_or(default);
    let (rows, prompt, new, per_prompt) = (at(0, 32), at(1, 16), at(2, 256), at(3, 1));
    let policy = policy()?;
    let prompts: Vec<Prompt> = (0..rows / per_prompt)
        .map(|p| policy.prompt((0..prompt).map(|i| ((i * 7 + p * 13) % 256) as u32).collect(), Vec::new()))
        .collect::<Result<_, PolicyError>>()?;
    let config = SampleConfig { max_completion_tokens: new, temperature: 1.0, top_p: 1.0 };
    for round in 0..3 {
        let clock = Clock::start();
        let drawn = policy.sample(&prompts, per_prompt, &config, round)?;
        let tokens: usize = drawn.iter().map(|c| c.tokens.len()).sum();
        clock.report("sample", tokens);
        let sequences: Vec<Sequence> = drawn
            .iter()
            .enumerate()
            .map(|(i, c)| Sequence { prompt: &prompts[i / per_prompt], completion: &c.tokens })
            .collect();
        let clock = Clock::start();
        let hidden = policy.completion_hidden(&sequences, Mode::Train)?;
        clock.report("forward", tokens);
        hidden.sum_all()?.backward()?;
        clock.report("forward and backward", tokens);
    }
    Ok(())
}

struct Clock(Instant, f64);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), cpu_seconds())
    }

    fn report(&self, what: &str, tokens: usize) {
        let (wall, cpu) = (self.0.elapsed().as_secs_f64(), cpu_seconds() - self.1);
        let rate = tokens as f64 / wall;
        let per = 1e6 * cpu / tokens as f64;
        println!(
            "{what}: {tokens} tokens, {wall:.2} s, {rate:.0} tokens/s, {cpu:.2} CPU-s, {per:.0} CPU-us/token"
        );
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// hidden 192, 4 layers, 6 query and 2 key heads of 32, SwiGLU 512, vocabulary 1024, head not tied. The first
/// number of every state is kept large, and the end tokens' rows of the head turn it into a large penalty.
fn policy() -> Result<Policy, Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("vsdpo-bench-{}", std::process::id()));
    let spec = FrontSpec { vocab_size: 300, min_pixels: 1024, max_pixels: 65536 };
    let front = write_front_files(&dir, std::iter::once("a = 1".to_string()), spec)?;
    let text = TextConfig {
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
    };
    let vision = VisionConfig {
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
    };
    let config = Config {
        text,
        vision,
        image_token_id: front.image_pad,
        video_token_id: front.video_pad,
        vision_start_token_id: front.vision_start,
        vision_end_token_id: front.vision_end,
        tie_word_embeddings: false,
    };
    let policy = Policy::random(config, &dir, 1)?;
    for (name, var) in policy.parameters() {
        let mut rows = var.flatten_all()?.to_vec1::<f32>()?;
        match name.as_str() {
            "lm_head.weight" => front.end_ids.iter().for_each(|id| rows[*id as usize * 192] = -100.0),
            "model.language_model.embed_tokens.weight" => rows.iter_mut().step_by(192).for_each(|x| *x = 1.0),
            _ => continue,
        }
        var.set(&Tensor::from_vec(rows, var.shape(), var.device())?)?;
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(policy)
}
