//! The stages between a task and a batch, each a plain function over a whole step. Lists of
//! rollouts are prompt-major: the `group_size` rollouts of the first task, then those of the
//! second.

use crate::compare::Compared;
use crate::context::student_prompt;
use crate::error::TrainError;
use crate::recipe::{Recipe, RolloutSection};
use crate::renderer::Renderer;
use vsdpo_artifact::{Credit, Diagnosis, Outcome, Rollout, Task, extract_code};
use vsdpo_credit::{CreditConfig, credit};
use vsdpo_policy::{Policy, Prompt, SampleConfig};

/// Everything that happened between the tasks and the losses of one step.
#[derive(Debug, Default)]
pub struct Experience {
    /// x, one per prompt.
    pub tasks: Vec<Task>,
    /// The student's prompts, encoded; one per task.
    pub prompts: Vec<Prompt>,
    /// y, `group_size` per task; empty in steps that do not sample.
    pub rollouts: Vec<Rollout>,
    /// R(y), one per rollout.
    pub outcomes: Vec<Outcome>,
    /// Renders beside their references, one per rollout.
    pub compared: Vec<Option<Compared>>,
    /// D, v and r, one per rollout.
    pub diagnoses: Vec<Diagnosis>,
    /// resp and w, one per rollout.
    pub credits: Vec<Credit>,
}

impl Experience {
    /// The task of a rollout, by position.
    pub fn task_of(&self, rollout: usize) -> usize {
        rollout * self.tasks.len() / self.rollouts.len().max(1)
    }
}

/// x of every task, as the student sees it.
///
/// # Errors
/// A picture or text that the policy's front end refuses.
pub fn encode(policy: &Policy, tasks: &[Task]) -> Result<Vec<Prompt>, TrainError> {
    tasks.iter().map(|task| Ok(policy.encode(&student_prompt(task))?)).collect()
}

/// y ~ pi_theta(. | x): the groups of one step.
///
/// # Errors
/// The policy cannot sample.
pub fn sample(
    policy: &Policy,
    tasks: &[Task],
    prompts: &[Prompt],
    cfg: &RolloutSection,
    seed: u64,
) -> Result<Vec<Rollout>, TrainError> {
    let sampling = SampleConfig {
        max_completion_tokens: cfg.max_completion_tokens,
        temperature: cfg.temperature,
        top_p: cfg.top_p,
    };
    let completions = policy.sample(prompts, cfg.group_size, &sampling, seed)?;
    let rollout = |(i, c): (usize, vsdpo_policy::Completion)| Rollout {
        code: extract_code(&c.text, tasks[i / cfg.group_size].domain),
        text: c.text,
        tokens: c.tokens,
        logprobs: c.logprobs,
        token_spans: c.token_spans,
        finished: c.finished,
    };
    Ok(completions.into_iter().enumerate().map(rollout).collect())
}

/// R(y) of every rollout; a crash is an outcome.
///
/// # Errors
/// The renderer itself does not work.
pub fn render(renderer: &dyn Renderer, rollouts: &[Rollout]) -> Result<Vec<Outcome>, TrainError> {
    let sources: Vec<&str> = rollouts.iter().map(Rollout::source).collect();
    Ok(renderer.render_all(&sources)?)
}

/// D, v and r (equation 8) of every outcome.
pub fn judge(tasks: &[Task], outcomes: &[Outcome], compared: &[Option<Compared>]) -> Vec<Diagnosis> {
    let group = outcomes.len() / tasks.len().max(1);
    let diagnosis = |(i, outcome): (usize, &Outcome)| {
        let task = &tasks[i / group];
        let alone = vsdpo_diagnose::diagnose(task.domain, task.requirements.as_ref(), outcome);
        match (&compared[i], outcome.rendered()) {
            (Some(compared), Some(rendered)) => compared.against(alone, rendered),
            _ => alone,
        }
    };
    outcomes.iter().enumerate().map(diagnosis).collect()
}

/// resp(s) and w_s (equations 4 and 5) of every rollout's statements.
pub fn blame(
    rollouts: &[Rollout],
    outcomes: &[Outcome],
    diagnoses: &[Diagnosis],
    recipe: &Recipe,
) -> Vec<Credit> {
    let cfg = CreditConfig { amplify: recipe.credit.amplify, overlap: recipe.credit.overlap };
    let all = rollouts.iter().zip(outcomes).zip(diagnoses);
    all.map(|((y, outcome), d)| credit(recipe.domain, y.source(), outcome, &d.defects, &cfg)).collect()
}
