//! The stages between a task and a batch, each a plain function over a whole step.

use crate::error::TrainError;
use crate::recipe::{CreditedDefects, Placement};
use crate::step::StepContext;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use vsdpo_artifact::{Comparison, Credit, Diagnosis, Outcome, Rollout, Source, Task, extract_code};
use vsdpo_context::student_prompt;
use vsdpo_diagnose::{AxisWeights, Graded, task_rewards};
use vsdpo_policy::{Completion, Policy, Prompt, SampleConfig};
use vsdpo_render::{Renderer, render_with_retries};
use vsdpo_score::{Candidate, Embed, ReferenceScorer};

/// Everything that happened between the tasks and the losses of one step.
#[derive(Debug, Default)]
pub struct Experience {
    /// x, one per prompt.
    pub tasks: Vec<Task>,
    /// The student's prompts, encoded; one per task.
    pub prompts: Vec<Prompt>,
    /// Tasks that were left out, because their prompts are too long.
    pub overlong: usize,
    /// y: the group of the first task, then that of the second; empty in steps that do not sample.
    pub rollouts: Vec<Rollout>,
    /// R(y), one per rollout.
    pub outcomes: Vec<Outcome>,
    /// The renders compared with the references of their tasks, one per rollout.
    pub comparisons: Vec<Option<Comparison>>,
    /// D, v and r, one per rollout.
    pub diagnoses: Vec<Diagnosis>,
    /// r, one per rollout; `None` for a rollout that could not be scored.
    pub rewards: Vec<Option<f32>>,
    /// resp and w, one per rollout.
    pub credits: Vec<Credit>,
}

impl Experience {
    /// Leaves out the tasks whose prompts have more than `limit` tokens, and counts them.
    ///
    /// # Errors
    /// No task is left.
    pub fn leave_out_overlong(&mut self, limit: Option<usize>) -> Result<(), TrainError> {
        let Some(limit) = limit else { return Ok(()) };
        let both = std::mem::take(&mut self.tasks).into_iter().zip(std::mem::take(&mut self.prompts));
        let before = both.len();
        let mut least = usize::MAX;
        let fits = |(_, prompt): &(Task, Prompt)| {
            least = least.min(prompt.ids.len());
            prompt.ids.len() <= limit
        };
        (self.tasks, self.prompts) = both.filter(fits).unzip();
        self.overlong = before - self.tasks.len();
        if self.tasks.is_empty() {
            return Err(TrainError::Empty {
                key: "rollout.max_prompt_tokens",
                problem: format!(
                    "every prompt of the step is longer than {limit}, the shortest has {least} tokens"
                ),
                help: "raise it, or lower policy.max_pixels",
            });
        }
        Ok(())
    }

    /// The task of a rollout.
    pub fn task_of(&self, rollout: usize) -> &Task {
        &self.tasks[self.rollouts[rollout].task]
    }
}

/// x of every task, as the student sees it.
///
/// # Errors
/// Returns an error for a picture or text that the policy's front end refuses.
pub fn encode(policy: &Policy, tasks: &[Task]) -> Result<Vec<Prompt>, TrainError> {
    tasks.iter().map(|task| Ok(policy.encode(&student_prompt(task))?)).collect()
}

/// How many completions per prompt, and how they are sampled.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Completions per prompt.
    pub group_size: usize,
    /// Temperature and limits.
    pub config: SampleConfig,
    /// Seed of the random draws.
    pub seed: u64,
}

/// y ~ pi_theta(. | prompt): one group per task.
///
/// # Errors
/// Returns an error if the policy cannot sample.
pub fn sample(
    policy: &Policy,
    tasks: &[Task],
    prompts: &[Prompt],
    sampling: &Sampling,
) -> Result<Vec<Rollout>, TrainError> {
    let completions = policy.sample(prompts, sampling.group_size, &sampling.config, sampling.seed)?;
    let rollout = |(i, c): (usize, Completion)| {
        let task = i / sampling.group_size;
        Rollout {
            task,
            code: extract_code(&c.text, tasks[task].language),
            text: c.text,
            tokens: c.tokens,
            logprobs: c.logprobs,
            token_spans: c.token_spans,
            finished: c.finished,
        }
    };
    Ok(completions.into_iter().enumerate().map(rollout).collect())
}

/// R(y) of every rollout; code that fails is an outcome. A failure that a busy machine can cause is
/// rendered a second time, alone.
///
/// # Errors
/// Returns an error if the renderer itself fails.
pub fn render(
    renderer: &dyn Renderer,
    tasks: &[Task],
    rollouts: &[Rollout],
) -> Result<Vec<Outcome>, TrainError> {
    let source = |y: &Rollout| Source::new(y.source(), tasks[y.task].language);
    let sources: Vec<Source> = rollouts.iter().map(source).collect();
    Ok(render_with_retries(renderer, &sources)?)
}

/// What compares renders with references, where the recipe asks for it.
#[derive(Clone, Copy)]
pub struct References<'a> {
    /// The metrics of the domain's benchmark.
    pub scorer: &'a ReferenceScorer,
    /// CLIP, if its weights are given.
    pub embed: Option<&'a Embed<'a>>,
}

impl std::fmt::Debug for References<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("References").finish_non_exhaustive()
    }
}

/// Every render compared with its task's reference; `None` where there is nothing to compare, and
/// everywhere without `references`.
///
/// # Errors
/// Returns an error if the renderer or the scorer itself fails.
pub fn compare(
    renderer: &dyn Renderer,
    references: Option<References>,
    experience: &Experience,
) -> Result<Vec<Option<Comparison>>, TrainError> {
    let Some(References { scorer, embed }) = references else {
        return Ok(vec![None; experience.rollouts.len()]);
    };
    let reference = |task: &Task| task.reference.as_ref().map(|code| Source::new(code, task.language));
    let references: Vec<Option<Source>> = experience.tasks.iter().map(reference).collect();
    let source = |y: &Rollout| Source::new(y.source(), experience.tasks[y.task].language);
    let sources: Vec<Source> = experience.rollouts.iter().map(source).collect();
    let candidates =
        experience.rollouts.iter().zip(&sources).zip(&experience.outcomes).map(|((y, source), outcome)| {
            Candidate { source, outcome, reference: references[y.task].as_ref() }
        });
    Ok(scorer.compare(renderer, embed, &candidates.collect::<Vec<_>>())?)
}

/// D and v of every rollout.
pub fn diagnose(experience: &Experience) -> Vec<Diagnosis> {
    let all = experience.outcomes.iter().zip(&experience.comparisons).enumerate();
    all.map(|(i, (outcome, with))| vsdpo_diagnose::diagnose(experience.task_of(i), outcome, with.as_ref()))
        .collect()
}

/// r (equation 8) of every rollout, from the rollouts of its task; which of them are scored and
/// graded says [`Graded`].
pub fn reward(experience: &Experience, weights: &AxisWeights) -> Vec<Option<f32>> {
    let mut out = vec![None; experience.rollouts.len()];
    for group in groups(experience) {
        let graded: Vec<Graded> = group.iter().map(|&i| graded_of(experience, i)).collect();
        group.iter().zip(task_rewards(&graded, weights)).for_each(|(&i, r)| out[i] = r);
    }
    out
}

/// The rollouts of each task that equation 8 grades.
pub(crate) fn graded(experience: &Experience) -> Vec<Vec<usize>> {
    let mut groups = groups(experience);
    groups.iter_mut().for_each(|group| group.retain(|&i| graded_of(experience, i).counts()));
    groups
}

/// The rollouts of each task.
fn groups(experience: &Experience) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); experience.tasks.len()];
    experience.rollouts.iter().enumerate().for_each(|(i, y)| groups[y.task].push(i));
    groups
}

fn graded_of(experience: &Experience, i: usize) -> Graded<'_> {
    Graded {
        outcome: &experience.outcomes[i],
        diagnosis: &experience.diagnoses[i],
        finished: experience.rollouts[i].finished,
    }
}

/// resp(s) and w_s (equations 4 and 5) of every rollout's statements, placed as the recipe says.
pub fn credit(experience: &Experience, context: &StepContext) -> Vec<Credit> {
    let (section, weights) = (&context.recipe.credit, context.recipe.axis_weights());
    let of = |i: usize| {
        let y = &experience.rollouts[i];
        let defects = match section.defects {
            CreditedDefects::All => experience.diagnoses[i].defects.clone(),
            CreditedDefects::Rewarded => weights.rewarded(&experience.diagnoses[i].defects),
        };
        let (language, outcome) = (experience.task_of(i).language, &experience.outcomes[i]);
        let credit = vsdpo_credit::credit(language, y.source(), outcome, &defects, &section.config());
        match section.placement {
            Placement::Own => credit,
            Placement::Shuffled => shuffled(credit, context.seed() ^ i as u64),
        }
    };
    (0..experience.rollouts.len()).map(of).collect()
}

/// The same responsibilities and weights, each at a random statement.
fn shuffled(mut credit: Credit, seed: u64) -> Credit {
    let mut blame: Vec<(f32, f32)> = credit.statements.iter().map(|s| (s.resp, s.weight)).collect();
    blame.shuffle(&mut StdRng::seed_from_u64(seed));
    for (statement, (resp, weight)) in credit.statements.iter_mut().zip(blame) {
        (statement.resp, statement.weight) = (resp, weight);
    }
    credit
}
