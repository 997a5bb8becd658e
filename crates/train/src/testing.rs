//! A world small enough for unit tests: a random policy of a few thousand numbers and a renderer
//! that decides by the bytes of the source. No Python, no process.

use crate::batch::Batch;
use crate::recipe::Recipe;
use crate::renderer::{Recorder, Renderer, Unseen, Viewer};
use crate::stages::{Experience, blame, encode, judge, render, sample};
use candle_core::{Device, Tensor};
use std::collections::HashMap;
use std::path::Path;
use vsdpo_artifact::{ChartRecords, ExecError, FailureKind, Image, Outcome, Rendered, Span};
use vsdpo_data::Source;
use vsdpo_diagnose::axes::web::blocks::Block;
use vsdpo_diagnose::axes::web::view::View;
use vsdpo_policy::{Config, FrontSpec, Policy, TextConfig, VisionConfig, write_front_files};
use vsdpo_render::{RenderError, RenderStats};

/// Renders every other source to a picture of its own colour; the rest fails at its first byte.
pub struct StubRenderer;

impl Renderer for StubRenderer {
    fn render_all(&self, sources: &[&str]) -> Result<Vec<Outcome>, RenderError> {
        let outcome = |source: &&str| {
            let sum: u32 = source.bytes().map(u32::from).sum();
            if sum.is_multiple_of(2) {
                let pixel = [sum as u8, (sum / 3) as u8, 40, 255];
                let image = Image { width: 48, height: 32, rgba: pixel.repeat(48 * 32).into() };
                Outcome::Rendered(Rendered { image, elements: vec![], notes: vec![], styles: vec![] })
            } else {
                let error = ExecError {
                    kind: FailureKind::Exception,
                    message: format!("ValueError: {sum}"),
                    traceback: String::new(),
                    span: Some(Span::new(0, 1)),
                };
                Outcome::Failed { error }
            }
        };
        Ok(sources.iter().map(outcome).collect())
    }

    fn stats(&self) -> RenderStats {
        RenderStats::default()
    }
}

/// Records every line as a text.
impl Recorder for StubRenderer {
    fn record_all(&self, sources: &[&str]) -> Result<Vec<ChartRecords>, RenderError> {
        let text = |source: &&str| source.lines().map(str::to_owned).collect();
        Ok(sources.iter().map(|s| ChartRecords { text: text(s), ..ChartRecords::default() }).collect())
    }
}

/// Sees every line as a block below the one before; refuses a page with `<![`, and loses one with
/// `lost`.
impl Viewer for StubRenderer {
    fn view_all(&self, pages: &[&str]) -> Result<Vec<Result<View, Unseen>>, RenderError> {
        let view = |html: &&str| {
            if html.contains("<![") {
                return Err(Unseen::Refused);
            } else if html.contains("lost") {
                return Err(Unseen::Lost);
            }
            let block = |(i, line): (usize, &str)| Block {
                text: line.to_lowercase(),
                bbox: [0.1, i as f64 / 10.0, 0.5, 0.1],
                color: [0.0; 3],
            };
            let image = Image { width: 60, height: 40, rgba: [90, 90, 90, 255].repeat(60 * 40).into() };
            Ok(View { blocks: html.lines().enumerate().map(block).collect(), plain: image })
        };
        Ok(pages.iter().map(view).collect())
    }
}

/// Writes a random policy as a model folder.
pub fn write_policy(folder: &Path) {
    let tasks = Source::open(&Default::default()).unwrap().batch(5, 0, 40).unwrap();
    let texts: Vec<String> = tasks.into_iter().flat_map(|t| [t.prompt, t.reference.unwrap()]).collect();
    let spec = FrontSpec { vocab_size: 420, min_pixels: 1024, max_pixels: 4096 };
    let front = write_front_files(folder, texts.into_iter(), spec).unwrap();
    let config = Config {
        text: TextConfig {
            vocab_size: front.vocab_size,
            hidden_size: 24,
            intermediate_size: 32,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            num_key_value_heads: 1,
            head_dim: 12,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            mrope_section: [2, 2, 2],
        },
        vision: VisionConfig {
            depth: 1,
            hidden_size: 16,
            num_heads: 2,
            intermediate_size: 24,
            in_channels: 3,
            patch_size: 16,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: 24,
            num_position_embeddings: 16,
            deepstack_visual_indexes: vec![0],
        },
        image_token_id: front.image_pad,
        video_token_id: front.video_pad,
        vision_start_token_id: front.vision_start,
        vision_end_token_id: front.vision_end,
        tie_word_embeddings: true,
    };
    Policy::random(config, folder, 11).unwrap().save(folder).unwrap();
}

/// A CLIP of one block and of numbers without meaning.
pub fn write_clip(folder: &Path) {
    let (h, inner, side) = (4, 6, 8);
    let config = serde_json::json!({
        "hidden_size": h, "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 2 * side, "patch_size": side, "projection_dim": 3,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    let mut put = |name: &str, shape: &[usize]| {
        let start = tensors.len() as f32;
        let values = (0..shape.iter().product()).map(|i: usize| (start + 1.7 * i as f32).sin()).collect();
        tensors.insert(name.into(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    put("visual_projection.weight", &[3, h]);
    put("vision_model.embeddings.class_embedding", &[h]);
    put("vision_model.embeddings.patch_embedding.weight", &[h, 3, side, side]);
    put("vision_model.embeddings.position_embedding.weight", &[5, h]);
    let block = "encoder.layers.0";
    let mut both = |name: &str, shape: &[usize]| {
        put(&format!("vision_model.{name}.weight"), shape);
        put(&format!("vision_model.{name}.bias"), &shape[..1]);
    };
    for norm in ["pre_layrnorm", "post_layernorm"] {
        both(norm, &[h]);
    }
    for norm in ["layer_norm1", "layer_norm2"] {
        both(&format!("{block}.{norm}"), &[h]);
    }
    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        both(&format!("{block}.self_attn.{part}"), &[h, h]);
    }
    both(&format!("{block}.mlp.fc1"), &[inner, h]);
    both(&format!("{block}.mlp.fc2"), &[h, inner]);
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

/// A recipe for the policy in `folder/model`, with small numbers everywhere; `more` are overrides.
pub fn recipe(folder: &Path, more: &[&str]) -> Recipe {
    let text = format!(
        "name = \"test\"\ndomain = \"chart\"\nsteps = 4\noutput_dir = {:?}\n[policy]\nmodel = {:?}\n\
         [rollout]\nprompts_per_step = 3\ngroup_size = 3\nmax_completion_tokens = 12\n\
         [optim]\nlr = 1e-3\nwarmup_steps = 2\n[eval]\nevery = 0\n",
        folder.join("run"),
        folder.join("model"),
    );
    let sets: Vec<String> = more.iter().map(|s| (*s).to_owned()).collect();
    Recipe::parse(&text, &sets).unwrap()
}

/// One step's experience of the stub world. A random policy hardly ever ends its text, so all
/// rollouts but the second of each group are declared finished.
pub fn experience(policy: &Policy, recipe: &Recipe) -> Experience {
    let source = Source::open(&recipe.data).unwrap();
    let tasks = source.batch(recipe.seed, 0, recipe.rollout.prompts_per_step).unwrap();
    let prompts = encode(policy, &tasks).unwrap();
    let mut rollouts = sample(policy, &tasks, &prompts, &recipe.rollout, 9).unwrap();
    for (i, y) in rollouts.iter_mut().enumerate() {
        y.finished = i % recipe.rollout.group_size != 1;
    }
    let outcomes = render(&StubRenderer, &rollouts).unwrap();
    let compared = vec![None; outcomes.len()];
    let diagnoses = judge(&tasks, &outcomes, &compared);
    let credits = blame(&rollouts, &outcomes, &diagnoses, recipe);
    Experience { tasks, prompts, rollouts, outcomes, compared, diagnoses, credits }
}

/// The batch of an experience at step 0.
pub fn batch<'a>(policy: &Policy, seen: &'a Experience, recipe: &Recipe) -> Batch<'a> {
    Batch::assemble(policy, seen, recipe, recipe.streams(0)).unwrap()
}
