//! A world small enough for unit tests: a random policy of a few thousand numbers and a renderer
//! that decides by the bytes of the source. No Python, no process.

use crate::batch::Batch;
use crate::recipe::Recipe;
use crate::stages::{Experience, credit, diagnose, encode, render, reward, sample};
use crate::step::StepContext;
use std::path::Path;
use vsdpo_artifact::{ExecError, FailureKind, Image, Outcome, Rendered, Source, Span};
use vsdpo_data::TaskStream;
use vsdpo_policy::{Config, FrontSpec, Policy, TextConfig, VisionConfig, write_front_files};
use vsdpo_render::{RenderError, RenderStats, Renderer, Screenshot};

/// Renders every other source to a picture of its own colour; the rest fails at its first byte.
pub struct StubRenderer;

impl Renderer for StubRenderer {
    fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
        let sum: u32 = source.text.bytes().map(u32::from).sum();
        if sum.is_multiple_of(2) {
            let pixel = [sum as u8, (sum / 3) as u8, 40, 255];
            let image = Image { width: 48, height: 32, rgba: pixel.repeat(48 * 32).into() };
            return Ok(Outcome::Rendered(Rendered::of_page(image, vec![])));
        }
        let error = ExecError {
            kind: FailureKind::Exception,
            message: format!("ValueError: {sum}"),
            traceback: String::new(),
            span: Some(Span::new(0, 1)),
            help: None,
        };
        Ok(Outcome::Failed { error })
    }

    fn screenshot(&self, source: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        Ok(match self.render(source)? {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(rendered) => {
                let image = rendered.pages[0].image.clone();
                Ok(Screenshot { image, unmet: vec![], beside: vec![], retried: false })
            }
        })
    }

    fn workers(&self) -> usize {
        1
    }

    fn identity(&self) -> Result<String, RenderError> {
        Ok("stub".into())
    }

    fn stats(&self) -> RenderStats {
        RenderStats::default()
    }
}

/// Writes a random policy as a model folder.
pub fn write_policy(folder: &Path) {
    let tasks = TaskStream::open(&Default::default()).unwrap().batch(5, 0, 40).unwrap();
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
            qk_norm: true,
        },
        vision: Some(VisionConfig {
            tokens: front.tokens,
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
        }),
        tie_word_embeddings: true,
    };
    Policy::random(config, folder, 11).unwrap().save(folder).unwrap();
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
    let source = TaskStream::open(&recipe.data).unwrap();
    let tasks = source.batch(recipe.seed, 0, recipe.rollout.prompts_per_step).unwrap();
    let prompts = encode(policy, &tasks).unwrap();
    let sampling = crate::stages::Sampling { seed: 9, ..StepContext::new(recipe, 0).sampling() };
    let mut rollouts = sample(policy, &tasks, &prompts, &sampling).unwrap();
    for (i, y) in rollouts.iter_mut().enumerate() {
        y.finished = i % recipe.rollout.group_size != 1;
    }
    let outcomes = render(&StubRenderer, &tasks, &rollouts).unwrap();
    let comparisons = vec![None; outcomes.len()];
    let mut experience =
        Experience { tasks, prompts, rollouts, outcomes, comparisons, ..Experience::default() };
    experience.diagnoses = diagnose(&experience);
    experience.rewards = reward(&experience, &recipe.axis_weights());
    experience.credits = credit(&experience, &StepContext::new(recipe, 0));
    experience
}

/// The batch of an experience at step 0.
pub fn batch<'a>(policy: &Policy, experience: &'a Experience, recipe: &Recipe) -> Batch<'a> {
    Batch::assemble(policy, experience, &StepContext::new(recipe, 0)).unwrap()
}
