//! The go/no-go probe: whether a recipe's teacher is worth distilling, measured before training.
//!
//! Two questions (docs/specs/training.md, 1.6). Does the teacher find fault where the defects are?
//! The gap log q(y_t) - log p(y_t) of the student's own tokens must be lower in flagged statements
//! than in others, and not because of feedback in general: v of another task's rollout must not
//! show the same. And does v help? The policy that is shown v of its own attempts must write more
//! answers free of defects than alone and than with v of other attempts.
//!
//! Before training every kind of teacher has the student's weights, so one policy scores both
//! contexts. `distill.feedback` and `distill.gate` are not read: the probe compares true and
//! shuffled v itself, and needs the tokens of all statements.

mod table;

use crate::batch::{Batch, Counts, Item, channels};
use crate::error::TrainError;
use crate::eval::{Arm, Attempter, EvalConfig, EvalReport, Way, evaluate};
use crate::loss::Weights;
use crate::metrics::statement_flags;
use crate::recipe::{ContextKind, FeedbackKind, GateKind, Recipe};
use crate::setup::Environment;
use crate::stages::{Experience, credit, encode, reward};
use crate::step::StepContext;
use crate::update::logp_now;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter::zip;
use vsdpo_artifact::Task;
use vsdpo_context::student_prompt;
use vsdpo_data::TaskStream;
use vsdpo_policy::{Policy, Prompt};
use vsdpo_stats::{Estimate, bootstrap, bootstrap_of};

pub use table::table;

/// What the probe of a recipe found.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeReport {
    /// The recipe's name.
    pub recipe: String,
    /// Training tasks, one rollout each.
    pub tasks: usize,
    /// Whether every check passed.
    pub go: bool,
    /// The verdict with the numbers that decided it.
    pub sentence: String,
    /// The rule: it is a go if all of these pass.
    pub checks: Vec<Check>,
    /// The teacher against the student, on the student's own tokens.
    pub gap: GapReport,
    /// Fresh samples with absent, true and shuffled v, and the best constant layout.
    pub shares: EvalReport,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// One condition of the rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What is compared.
    pub name: &'static str,
    /// The difference; `None` where there is nothing to compare.
    pub difference: Option<Estimate>,
    /// Which side of 0 the whole interval has to lie on.
    pub wanted: Wanted,
    /// Whether it does.
    pub passed: bool,
}

/// A side of 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A difference of shares that has to be above 0.
    Above,
    /// A difference of gaps in nats per token that has to be below 0.
    Below,
}

/// log q(y_t) - log p(y_t) at the temperature of the losses, in nats per token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapReport {
    /// Rollouts that were scored.
    pub rollouts: usize,
    /// Rollouts that the recipe would not distil because they met the token limit.
    pub truncated: usize,
    /// Rollouts whose teacher prompt does not fit, with true or with shuffled v.
    pub overlong: usize,
    /// Tokens in statements with blame.
    pub flagged_tokens: usize,
    /// Tokens in other statements. Tokens outside the code are in neither.
    pub unflagged_tokens: usize,
    /// The teacher is shown v of the rollout itself.
    pub true_v: Gap,
    /// The teacher is shown v of another task's rollout.
    pub shuffled_v: Gap,
    /// The difference of true v minus that of shuffled v.
    pub contrast: Option<Estimate>,
}

/// Mean gaps over tokens; intervals are over rollouts. `None` where there is no such token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// On the tokens of flagged statements.
    pub flagged: Option<Estimate>,
    /// On the tokens of other statements.
    pub unflagged: Option<Estimate>,
    /// Flagged minus unflagged.
    pub difference: Option<Estimate>,
}

/// Measures the teacher of a recipe on `tasks` training tasks, at least 2. `phase` is told what
/// begins.
///
/// # Errors
/// Returns an error for a recipe without a teacher that reads renders, and if the policy, the data
/// or the renderer does not work.
pub fn probe(
    policy: &Policy,
    env: &Environment,
    recipe: &Recipe,
    tasks: usize,
    phase: &mut dyn FnMut(&str),
) -> Result<ProbeReport, TrainError> {
    check_recipe(recipe)?;
    let recipe = &probed(recipe, tasks);
    phase("sampling and rendering training tasks");
    let experience = experience(policy, env, recipe)?;
    phase("scoring with the teacher's prompts");
    let (own, counts) = teacher_prompts(policy, &experience, recipe, FeedbackKind::Own)?;
    let (shuffled, others) = teacher_prompts(policy, &experience, recipe, FeedbackKind::Shuffled)?;
    let observed = observe(policy, &experience, recipe, [&own, &shuffled])?;
    let overlong = counts.overlong.max(others.overlong);
    let gap = GapReport { truncated: counts.truncated, overlong, ..gap_report(&observed, recipe.seed) };
    phase("sampling with true, shuffled and absent v");
    let shares = shares(policy, env, recipe, &experience.tasks)?;
    let checks = checks(&shares, &gap);
    Ok(ProbeReport {
        recipe: recipe.name.clone(),
        tasks,
        go: checks.iter().all(|check| check.passed),
        sentence: sentence(&checks),
        checks,
        gap,
        shares,
        notes: notes(recipe),
    })
}

fn check_recipe(recipe: &Recipe) -> Result<(), TrainError> {
    let error = |key, problem: &str, help| Err(TrainError::Empty { key, problem: problem.into(), help });
    if recipe.distill.weight == 0.0 {
        let help = "probe a recipe that distils, or add --set distill.weight=1";
        return error("distill.weight", "0 leaves the recipe without a teacher to probe", help);
    }
    match recipe.distill.context {
        ContextKind::Feedback => Ok(()),
        ContextKind::Reference => error(
            "distill.context",
            "\"reference\" shows the teacher no render",
            "probe a recipe with distill.context = \"feedback\"",
        ),
    }
}

/// The recipe with one rollout for each of `tasks` tasks, all of whose tokens are scored.
fn probed(recipe: &Recipe, tasks: usize) -> Recipe {
    let mut recipe = recipe.clone();
    (recipe.rollout.prompts_per_step, recipe.rollout.group_size) = (tasks, 1);
    recipe.distill.gate = GateKind::All;
    recipe
}

/// The first step after a warm start, with the distillation alone.
fn context(recipe: &Recipe) -> StepContext<'_> {
    StepContext { recipe, step: 0, weights: Weights { ce: 0.0, distill: 1.0, grpo: 0.0 } }
}

fn experience(policy: &Policy, env: &Environment, recipe: &Recipe) -> Result<Experience, TrainError> {
    let context = context(recipe);
    let tasks = context.draw(&TaskStream::open(&recipe.data)?.set_apart(recipe.eval.rows)?)?;
    let sampling = context.sampling();
    let attempter = Attempter {
        policy,
        renderer: env.renderer(),
        references: env.references(),
        sampling: sampling.config,
        seed: sampling.seed,
        weights: &recipe.axis_weights(),
    };
    let (rollouts, _) = attempter.sample(&tasks, &tasks.iter().map(student_prompt).collect::<Vec<_>>())?;
    let prompts = encode(policy, &tasks)?;
    let mut experience = Experience { prompts, ..attempter.draw(&tasks, rollouts)? };
    experience.rewards = reward(&experience, attempter.weights);
    experience.credits = credit(&experience, &context);
    Ok(experience)
}

/// The teacher's prompts of the rollouts that would be distilled, and what was left out.
fn teacher_prompts(
    policy: &Policy,
    experience: &Experience,
    recipe: &Recipe,
    feedback: FeedbackKind,
) -> Result<(BTreeMap<usize, Prompt>, Counts), TrainError> {
    let mut recipe = recipe.clone();
    recipe.distill.feedback = feedback;
    let batch = Batch::assemble(policy, experience, &context(&recipe))?;
    let taught = batch.items.into_iter().filter_map(|item| Some((item.rollout?, item.teacher?)));
    Ok((taught.collect(), batch.counts))
}

/// A sum over tokens.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    total: f64,
    tokens: usize,
}

/// The gaps of one rollout with one v.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    flagged: Sum,
    unflagged: Sum,
}

impl Sums {
    /// From log p(y_t), log q(y_t) and whether the statement of y_t has blame.
    fn of(student: &[f32], teacher: &[f32], flags: &[Option<bool>]) -> Self {
        let mut sums = Self::default();
        for ((&p, &q), flag) in zip(student, teacher).zip(flags) {
            let sum = match flag {
                Some(true) => &mut sums.flagged,
                Some(false) => &mut sums.unflagged,
                None => continue,
            };
            sum.total += f64::from(q) - f64::from(p);
            sum.tokens += 1;
        }
        sums
    }
}

/// The gaps of one rollout with true and with shuffled v.
type Observed = [Sums; 2];

/// Scores the rollouts that have a teacher's prompt in both maps (true v, shuffled v).
fn observe(
    policy: &Policy,
    experience: &Experience,
    recipe: &Recipe,
    teachers: [&BTreeMap<usize, Prompt>; 2],
) -> Result<Vec<Observed>, TrainError> {
    let both = |i: &&usize| teachers[1].contains_key(i);
    let rollouts: Vec<usize> = teachers[0].keys().filter(both).copied().collect();
    let tokens = |&i: &usize| Cow::Borrowed(&experience.rollouts[i].tokens[..]);
    let scores = |prompts: Vec<&Prompt>| {
        let items = zip(prompts, &rollouts).map(|(prompt, i)| Item::imitated(prompt, tokens(i)));
        logp_now(policy, &items.collect::<Vec<_>>(), recipe)
    };
    let alone = |i: &usize| &experience.prompts[experience.rollouts[*i].task];
    let student = scores(rollouts.iter().map(alone).collect())?;
    let own = scores(rollouts.iter().map(|i| &teachers[0][i]).collect())?;
    let shuffled = scores(rollouts.iter().map(|i| &teachers[1][i]).collect())?;
    let gaps = |(k, &i): (usize, &usize)| {
        let flags = statement_flags(experience, i);
        [&own[k], &shuffled[k]].map(|teacher| Sums::of(&student[k], teacher, &flags))
    };
    Ok(rollouts.iter().enumerate().map(gaps).collect())
}

/// Means over the tokens of all rollouts, with intervals over rollouts.
fn gap_report(observed: &[Observed], seed: u64) -> GapReport {
    let mean = |drawn: &[usize], of: &dyn Fn(&Observed) -> Sum| {
        let sums = drawn.iter().map(|&i| of(&observed[i]));
        let (total, tokens) = sums.fold((0.0, 0), |(t, n), sum| (t + sum.total, n + sum.tokens));
        total / tokens as f64
    };
    let difference =
        |drawn: &[usize], v: usize| mean(drawn, &|o| o[v].flagged) - mean(drawn, &|o| o[v].unflagged);
    let estimate = |statistic: &dyn Fn(&[usize]) -> f64| bootstrap_of(observed.len(), seed, statistic);
    let gap = |v: usize| Gap {
        flagged: estimate(&|drawn| mean(drawn, &|o| o[v].flagged)),
        unflagged: estimate(&|drawn| mean(drawn, &|o| o[v].unflagged)),
        difference: estimate(&|drawn| difference(drawn, v)),
    };
    GapReport {
        rollouts: observed.len(),
        truncated: 0,
        overlong: 0,
        flagged_tokens: observed.iter().map(|o| o[0].flagged.tokens).sum(),
        unflagged_tokens: observed.iter().map(|o| o[0].unflagged.tokens).sum(),
        true_v: gap(0),
        shuffled_v: gap(1),
        contrast: estimate(&|drawn| difference(drawn, 0) - difference(drawn, 1)),
    }
}

/// Fresh samples as an evaluation of the recipe takes them: on dev tasks of the embedded world if
/// the recipe trains on it, otherwise on the training tasks, of which nothing is learnt yet.
fn shares(
    policy: &Policy,
    env: &Environment,
    recipe: &Recipe,
    drawn: &[Task],
) -> Result<EvalReport, TrainError> {
    let own = (!recipe.data.dataset.is_generated()).then_some(drawn);
    let ways = Way::of_teacher(channels(&recipe.distill.channels), recipe.distill.rubric);
    let config = EvalConfig {
        tasks: drawn.len(),
        constant: own.is_none(),
        feedback: &ways,
        ..EvalConfig::of_recipe(recipe, env, own)?
    };
    evaluate(policy, env.renderer(), &config)
}

fn notes(recipe: &Recipe) -> Vec<String> {
    let mut notes = Vec::new();
    if !recipe.data.dataset.is_generated() {
        notes.push("the best constant layout is left out: only the embedded world has one".to_owned());
    }
    if recipe.sft.warm_start_steps > 0 {
        let steps = recipe.sft.warm_start_steps;
        notes.push(format!(
            "the recipe begins with a warm start of {steps} steps; this is the model before it"
        ));
    }
    notes
}

/// The four conditions.
fn checks(shares: &EvalReport, gap: &GapReport) -> Vec<Check> {
    let arm = |name: &str| shares.arms.iter().find(|arm| arm.arm == name);
    let given = arm(Way::GIVEN);
    let more = |other: Option<&Arm>| {
        let (given, other) = (&given?.scores.defect_free, &other?.scores.defect_free);
        let differences: Vec<f64> = zip(given, other).map(|(a, b)| a - b).collect();
        Some(bootstrap(&differences, shares.seed))
    };
    let check = |name, wanted, difference: Option<Estimate>| {
        let passed = difference.is_some_and(|d| match wanted {
            Wanted::Above => d.low > 0.0,
            Wanted::Below => d.high < 0.0,
        });
        Check { name, difference, wanted, passed }
    };
    use Wanted::{Above, Below};
    vec![
        check("defect-free share, true v - absent v", Above, more(Some(shares.student()))),
        check("defect-free share, true v - shuffled v", Above, more(arm(Way::SHUFFLED))),
        check("gap of flagged - unflagged tokens, true v", Below, gap.true_v.difference),
        check("gap of flagged - unflagged tokens, true v - shuffled v", Below, gap.contrast),
    ]
}

/// The verdict: all checks of a go, and those that failed of a no-go.
fn sentence(checks: &[Check]) -> String {
    let value = |check: &Check| match (check.difference, check.wanted) {
        (None, _) => "cannot be measured (no flagged or no unflagged token)".to_owned(),
        (Some(d), Wanted::Above) => {
            let [mean, low, high] = [d.mean, d.low, d.high].map(|v| 100.0 * v);
            format!("is {mean:+.1} points [{low:+.1}, {high:+.1}]")
        }
        (Some(d), Wanted::Below) => format!("is {:+.3} nats [{:+.3}, {:+.3}]", d.mean, d.low, d.high),
    };
    let failed = |check: &Check| {
        let side = match check.wanted {
            Wanted::Above => "above",
            Wanted::Below => "below",
        };
        let why = check.difference.map_or(String::new(), |_| format!(", not clearly {side} 0"));
        format!("{} {}{why}", check.name, value(check))
    };
    if checks.iter().all(|check| check.passed) {
        let passed: Vec<String> = checks.iter().map(|c| format!("{} {}", c.name, value(c))).collect();
        return format!("go: {}", passed.join("; "));
    }
    let failures: Vec<String> = checks.iter().filter(|c| !c.passed).map(failed).collect();
    format!("no-go: {}", failures.join("; "))
}

#[cfg(test)]
mod tests;
