//! The memory plan: what a run will hold at its peak, before its first step.
//!
//! Weights, teachers, gradients and moments are counted exactly. What grows with the texts is
//! estimated from the prompts of the first step, completions of full length and renders of usual
//! size. A run whose plan does not fit the machine is refused with the setting that saves most.

use crate::error::TrainError;
use crate::folder::{available_bytes, peak_bytes};
use crate::loss::chunk_rows;
use crate::recipe::Recipe;
use crate::teacher::Teacher;
use serde::Serialize;
use vsdpo_artifact::{Content, Image, Message, Role};
use vsdpo_policy::{Dtype, Footprint, Policy, Prompt, Recompute};

/// What a process holds before the model: the program, its threads, the tokenizer.
const PROGRAM: usize = 64 << 20;
/// Text tokens of a rubric with its frame, in a teacher's prompt.
const RUBRIC_TOKENS: usize = 256;
/// Pixels of a render: matplotlib's default figure.
const RENDER: (u32, u32) = (640, 480);

/// Bytes at the peak of a run, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// The program and its libraries.
    pub program: usize,
    /// The student's weights, with its adapter.
    pub weights: usize,
    /// Copies of the weights, or of the adapter, for teachers and the base.
    pub teachers: usize,
    /// The sums of the gradients.
    pub gradients: usize,
    /// Adam's moments.
    pub moments: usize,
    /// Features of images that are kept between passes.
    pub features: usize,
    /// The largest micro-batch: activations, the gradients of one pass, logits.
    pub update: usize,
    /// The sampler: its packed weights, its cache of keys and values, logits.
    pub sampling: usize,
    /// Reading the weights, of which the file's pages are given back one by one.
    pub loading: usize,
}

impl MemoryPlan {
    /// Bytes at the peak. Sampling and updates follow each other, and sampling has no gradients.
    pub fn peak(&self) -> usize {
        let held = self.weights + self.teachers + self.moments + self.features;
        let phases = (held + self.sampling).max(held + self.gradients + self.update).max(self.loading);
        self.program + phases
    }

    /// Returns an error if the run does not fit the memory that this process can have.
    ///
    /// # Errors
    /// The plan, and the setting that saves most.
    pub fn check(&self, recipe: &Recipe) -> Result<(), TrainError> {
        match available_bytes() {
            Some(available) if self.peak() > available => Err(TrainError::Memory {
                plan: self.to_string(),
                available: gb(available),
                help: self.help(recipe),
            }),
            _ => Ok(()),
        }
    }

    /// The setting that saves most of what does not fit.
    fn help(&self, recipe: &Recipe) -> &'static str {
        let o = &recipe.optim;
        let sampling = self.sampling > self.gradients + self.update;
        let first = [
            (sampling, self.sampling, "set rollout.max_rows, or lower rollout.max_completion_tokens"),
            (!sampling && o.recompute == Recompute::None, self.update, "set optim.recompute = \"block\""),
            (!sampling && o.recompute == Recompute::Block, self.update, "lower optim.micro_batch_tokens"),
            (o.moments == Default::default(), self.moments, "set optim.moments = \"blocks8\""),
            (
                recipe.policy.lora.is_none(),
                self.gradients + self.moments + self.teachers,
                "train an adapter: add [policy.lora]",
            ),
        ];
        let best = first.into_iter().filter(|(applies, _, _)| *applies).max_by_key(|(_, bytes, _)| *bytes);
        best.map_or("choose a smaller model", |(_, _, help)| help)
    }
}

impl std::fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("weights", self.weights),
            ("teachers", self.teachers),
            ("gradients", self.gradients),
            ("moments", self.moments),
            ("image features", self.features),
            ("update", self.update),
            ("sampling", self.sampling),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(_, b)| *b > 0)
            .map(|(name, bytes)| format!("{name} {}", gb(*bytes)))
            .collect();
        write!(f, "{} at the peak ({})", gb(self.peak()), said.join(", "))
    }
}

/// Bytes in GB.
fn gb(bytes: usize) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

/// GB of resident memory that this process has had at most, where the system reports it.
pub fn peak_gb() -> Option<f64> {
    peak_bytes().map(|bytes| bytes as f64 / 1e9)
}

/// Numbers of the texts of one step.
struct Texts {
    /// Tokens of the longest prompt, and of all prompts together.
    longest: usize,
    total: usize,
    /// Tokens of images in the longest prompt.
    pictures: usize,
    /// Tokens that the teacher sees besides.
    feedback: usize,
    /// Of which are a render.
    render: usize,
    /// Of a completion.
    completion: usize,
    prompts: usize,
    /// Completions of one prompt.
    group: usize,
}

impl Texts {
    fn of(recipe: &Recipe, policy: &Policy, prompts: &[Prompt]) -> Result<Self, TrainError> {
        let distilled = recipe.distill.weight > 0.0;
        let image = policy.config().vision.as_ref().map(|vision| vision.tokens.image);
        let pictures = |p: &Prompt| p.ids.iter().filter(|id| Some(**id) == image).count();
        let render = if image.is_some() { pictures(&policy.encode(&[render()])?) } else { 0 };
        let longest = prompts.iter().map(|p| p.ids.len()).max().unwrap_or(0);
        let room = recipe.distill.max_prompt_tokens.saturating_sub(longest);
        let (render, feedback) = match distilled {
            true => (render.min(room), (render + RUBRIC_TOKENS).min(room)),
            false => (0, 0),
        };
        Ok(Self {
            longest,
            total: prompts.iter().map(|p| p.ids.len()).sum(),
            pictures: prompts.iter().map(pictures).max().unwrap_or(0),
            feedback,
            render,
            completion: recipe.rollout.max_completion_tokens,
            prompts: prompts.len(),
            group: recipe.rollout.group_size,
        })
    }
}

/// A message with a render of the usual size.
fn render() -> Message {
    let (width, height) = RENDER;
    let rgba = vec![255; 4 * (width * height) as usize].into();
    Message { role: Role::User, content: vec![Content::Image(Image { width, height, rgba })] }
}

/// The plan of a run that begins with this student; `prompts` are those of its first step.
///
/// # Errors
/// An image that the policy's front end refuses.
pub fn plan(
    recipe: &Recipe,
    student: &Policy,
    teacher: &Teacher,
    prompts: &[Prompt],
) -> Result<MemoryPlan, TrainError> {
    let texts = Texts::of(recipe, student, prompts)?;
    let foot = Footprint::new(student.config());
    let trained: Vec<usize> = student.trainable().map(|(_, var)| var.elem_count()).collect();
    let gradients: usize = trained.iter().map(|n| 4 * n).sum();
    let copies = teacher.copies();
    let weights = student.bytes();
    let shown = texts.prompts * (texts.pictures + texts.group * texts.render);
    Ok(MemoryPlan {
        program: PROGRAM,
        weights,
        teachers: copies * student.changing().iter().map(|(_, var)| 4 * var.elem_count()).sum::<usize>(),
        gradients,
        moments: trained.iter().map(|&n| recipe.optim.moments.bytes(n)).sum(),
        features: foot.features(shown),
        update: update(recipe, student, &foot, &texts),
        sampling: sampling(recipe, &foot, &texts),
        loading: weights,
    })
}

/// The largest micro-batch.
fn update(recipe: &Recipe, student: &Policy, foot: &Footprint, texts: &Texts) -> usize {
    let cost = texts.longest + texts.feedback + texts.completion;
    let rollouts = texts.prompts * texts.group;
    let items = (recipe.optim.micro_batch_tokens / cost.max(1)).clamp(1, rollouts.max(1));
    // Consecutive rollouts share their prompt.
    let rows = items.div_ceil(texts.group) * texts.longest + items * texts.completion;
    let taught = items * cost;
    let several = rollouts > items;
    let in_layers = |name: &str| name.contains(".layers.") && !name.starts_with("model.visual.");
    let pass: usize =
        student.trainable().filter(|(n, _)| in_layers(n)).map(|(_, var)| 4 * var.elem_count()).sum();
    let depth = foot.depth();
    let (tape, store) = match recipe.optim.recompute {
        Recompute::None => (depth * foot.layer_tape(rows), if several { pass } else { 0 }),
        Recompute::Block => (depth * foot.states(rows) + foot.layer_tape(rows), pass / depth.max(1)),
    };
    // States of student, teacher and second teacher, the gradient, and streams.
    let states = 5 * foot.states(items * texts.completion);
    let teacher = foot.forward(taught).max(foot.tower(items * texts.render));
    let backward = foot.layer_backward(rows) + store;
    // One chunk of the fused head: student, teacher and second teacher.
    let teachers = if recipe.distill.weight > 0.0 { 3 } else { 1 };
    let vocabulary = student.config().text.vocab_size;
    let logits = 4 * (items * texts.completion).min(chunk_rows(vocabulary)) * vocabulary * teachers;
    tape + states + teacher.max(backward).max(logits)
}

fn sampling(recipe: &Recipe, foot: &Footprint, texts: &Texts) -> usize {
    let rollout = &recipe.rollout;
    let rows = (texts.prompts * texts.group).min(rollout.max_rows.unwrap_or(usize::MAX));
    // A prompt is prefilled when the first of its rows has room.
    let prompts = rows.div_ceil(texts.group).min(texts.prompts) + usize::from(rollout.max_rows.is_some());
    let total = texts.total.min(prompts * texts.longest);
    let cache = |tokens: usize| match rollout.cache_dtype {
        Dtype::F32 => foot.cache(tokens),
        Dtype::Bf16 => foot.cache(tokens) / 2,
    };
    let prefill = foot.prefill(total, texts.longest).max(foot.tower(texts.pictures * texts.prompts));
    let decoding = cache(rows * texts.completion) + foot.step(rows);
    foot.decoder() + cache(total) + prefill.max(decoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_setting_that_saves_most() {
        let recipe = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
            Recipe::parse("name = \"a\"\ndomain = \"chart\"\n", &sets).unwrap()
        };
        let billion = 1_000_000_000;
        let plan = MemoryPlan {
            weights: 4 * billion,
            gradients: 4 * billion,
            moments: 8 * billion,
            ..Default::default()
        };
        assert_eq!(
            plan.to_string(),
            "16.00 GB at the peak (weights 4.00 GB, gradients 4.00 GB, moments 8.00 GB)"
        );
        let help = |plan: &MemoryPlan, sets: &[&str]| plan.help(&recipe(sets));
        assert!(help(&plan, &[]).contains("[policy.lora]"));
        assert!(help(&plan, &["policy.lora.rank=4"]).contains("optim.moments"));
        let long = MemoryPlan { update: 30 * billion, ..plan };
        assert!(help(&long, &[]).contains("optim.recompute"));
        assert!(help(&long, &["optim.recompute=block"]).contains("optim.micro_batch_tokens"));
        let wide = MemoryPlan { sampling: 50 * billion, ..plan };
        assert!(help(&wide, &[]).contains("set rollout.max_rows"));
        assert_eq!(wide.peak(), 62 * billion, "no gradients while sampling");
        let error =
            MemoryPlan { weights: usize::MAX / 4, ..plan }.check(&recipe(&[])).unwrap_err().to_string();
        assert!(error.contains("are available; help: ") && !error.contains('\n'), "{error}");
    }
}
