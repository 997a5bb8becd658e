//! From the tests of all trials to the table: means over seeds, intervals, paired tests, budgets.

use super::curve::{PICKS, Point, Reach, mean_curve};
use super::trial::{Counts, Test, Trial};
use super::{Campaign, Kind};
use crate::eval::TaskScores;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vsdpo_data::mini::Split;
use vsdpo_stats::paired::{holm, sign_flip};
use vsdpo_stats::seeds::{TTest, bootstrap_seeds, mean_and_deviation, t_test};
use vsdpo_stats::{Estimate, bootstrap};

/// Seed of every bootstrap: the same tests give the same intervals.
const SEED: u64 = 1;

/// The table of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The command.
    pub command: String,
    /// `mini-chart`, `mini-web`, `mini-slide` or `own`.
    pub benchmark: String,
    /// Seeds that were asked for.
    pub seeds: u64,
    /// Tasks of the test.
    pub tasks: usize,
    /// Their split.
    pub split: Split,
    /// Finished trials and all of them.
    pub done: (usize, usize),
    /// The arm that the paired tests compare with every other one.
    pub main: String,
    /// Keys of the scores, in the order of the table; [`title`] names them.
    pub columns: Vec<String>,
    /// The arms that have a finished seed.
    pub arms: Vec<ArmResult>,
    /// Rollouts to another arm's end, one per score.
    pub reach: Vec<Reach>,
}

/// The row of an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmResult {
    /// The arm's name.
    pub name: String,
    /// What a reader is told.
    pub label: String,
    /// File of the recipe, without folder.
    pub recipe: String,
    /// Its overrides.
    pub set: Vec<String>,
    /// Finished seeds; one for an arm that is not trained.
    pub seeds: Vec<u64>,
    /// Whether it is trained.
    pub trained: bool,
    /// By column.
    pub scores: BTreeMap<String, Score>,
    /// The main arm minus this one, by column; empty for the main arm.
    pub versus: BTreeMap<String, Versus>,
    /// What training used, means over seeds.
    pub counts: Counts,
    /// Seeds that a stop rule ended, with the step and the reason.
    pub stopped: Vec<(u64, usize, String)>,
    /// Evaluations on dev tasks: step, then mean, lowest and highest defect-free share over seeds.
    pub curve: Vec<(usize, [f64; 3])>,
}

/// One score of an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean over seeds and tasks, with the 95 % interval of a bootstrap over both.
    #[serde(flatten)]
    pub mean: Estimate,
    /// Sample standard deviation over seeds.
    pub sd: Option<f64>,
    /// The mean of each seed.
    pub by_seed: Vec<f64>,
}

/// The main arm minus another one, paired by seed and task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// Seeds that both have.
    pub seeds: usize,
    /// Mean difference, with the 95 % interval of a bootstrap over tasks (of the means over seeds).
    pub over_tasks: Estimate,
    /// The t-test over seeds; `None` for fewer than two.
    pub t_test: Option<TTest>,
    /// Its p, corrected by Holm's method for the number of arms.
    pub holm: Option<f64>,
    /// Two-sided p of the sign flips of the seeds' differences. With n seeds it is at least
    /// 2 / 2^n: 0.0625 with 5.
    pub sign_flip: f64,
}

/// The heading of a column.
pub fn title(column: &str) -> &str {
    match column {
        "exec" => "executes",
        "defect_free" => "defect-free",
        "good" => "good by geometry",
        "held_back" => "held-back choice",
        other => other,
    }
}

/// The scores by column.
fn columns(scores: &TaskScores) -> Vec<(&str, &[f64])> {
    let mut all: Vec<(&str, &[f64])> =
        vec![("exec", &scores.exec), ("defect_free", &scores.defect_free), ("reward", &scores.reward)];
    all.extend(scores.good.as_ref().map(|v| ("good", &v[..])));
    all.extend(scores.held_back.as_ref().map(|v| ("held_back", &v[..])));
    all.extend(scores.axes.iter().map(|(name, v)| (name.as_str(), &v[..])));
    all
}

/// The tests of one arm by seed.
struct Row<'a> {
    trial: &'a Trial,
    tests: BTreeMap<u64, &'a Test>,
}

impl<'a> Row<'a> {
    /// The test of a seed; what is not trained has one for all.
    fn of(&self, seed: u64) -> Option<&'a Test> {
        match self.trial.arm.kind {
            Kind::Trained => self.tests.get(&seed).copied(),
            Kind::Base | Kind::Constant => self.tests.values().next().copied(),
        }
    }

    fn first(&self) -> Option<&'a Test> {
        self.tests.values().next().copied()
    }

    fn values(&self, column: &str) -> Vec<&'a [f64]> {
        self.tests.values().filter_map(|test| of_column(test, column)).collect()
    }

    fn curves(&self) -> Vec<&'a [Point]> {
        self.tests.values().map(|test| &test.trained.curve[..]).collect()
    }
}

fn of_column<'a>(test: &'a Test, column: &str) -> Option<&'a [f64]> {
    columns(&test.scores).into_iter().find(|(name, _)| *name == column).map(|(_, values)| values)
}

fn mean(values: &[f64]) -> f64 {
    mean_and_deviation(values).0
}

impl Results {
    /// The results of what is finished: `tests` belong to the trials of the plan. Tests that
    /// answered another settings do not count.
    pub fn of(campaign: &Campaign, plan: &[Trial], tests: &[Option<Test>]) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for (trial, test) in plan.iter().zip(tests) {
            let Some(test) = test.as_ref().filter(|test| test.settings == trial.settings(campaign)) else {
                continue;
            };
            match rows.iter_mut().find(|row| row.trial.arm.name == trial.arm.name) {
                Some(row) => _ = row.tests.insert(trial.seed, test),
                None => rows.push(Row { trial, tests: BTreeMap::from([(trial.seed, test)]) }),
            }
        }
        let order = |row: &Row| campaign.arms.iter().position(|arm| arm.name == row.trial.arm.name);
        rows.sort_by_key(order);
        let find = |name: &str| rows.iter().find(|row| row.trial.arm.name == name);
        let main = find(&campaign.main);
        let first = rows.first().and_then(Row::first);
        let columns: Vec<String> =
            first.map_or(Vec::new(), |test| columns(&test.scores).iter().map(|c| c.0.to_owned()).collect());
        let mut arms: Vec<ArmResult> = rows.iter().map(|row| row.result(main, &columns)).collect();
        correct(&mut arms, &columns);
        let reached = campaign.reached.as_deref().and_then(find);
        let reach = main.zip(reached).map_or(Vec::new(), |(main, other)| reaches(main, other));
        Results {
            command: campaign.command.clone(),
            benchmark: first.map_or(String::new(), |test| test.settings.benchmark.clone()),
            seeds: campaign.seeds,
            tasks: first.map_or(0, |test| test.scores.exec.len()),
            split: campaign.split,
            done: (rows.iter().map(|row| row.tests.len()).sum(), plan.len()),
            main: campaign.main.clone(),
            columns,
            arms,
            reach,
        }
    }
}

impl Row<'_> {
    fn result(&self, main: Option<&Row>, columns: &[String]) -> ArmResult {
        let arm = &self.trial.arm;
        let score = |column: &String| {
            let values = self.values(column);
            let by_seed: Vec<f64> = values.iter().map(|row| mean(row)).collect();
            let sd = mean_and_deviation(&by_seed).1;
            (column.clone(), Score { mean: bootstrap_seeds(&values, SEED), sd, by_seed })
        };
        let others = main.filter(|main| main.trial.arm.name != arm.name);
        let versus = |column: &String| Some((column.clone(), versus(others?, self, column)?));
        let each = |of: fn(&Counts) -> f64| {
            mean(&self.tests.values().map(|test| of(&test.trained.counts)).collect::<Vec<_>>())
        };
        let stopped =
            |(seed, test): (&u64, &&Test)| Some((*seed, test.trained.step, test.trained.stopped.clone()?));
        let curve = mean_curve(&self.curves(), |p| Some(p.defect_free));
        ArmResult {
            name: arm.name.clone(),
            label: arm.label.clone(),
            recipe: format!("{}-{}.toml", self.trial.recipe.domain.name(), arm.recipe),
            set: arm.set.clone(),
            seeds: self.tests.keys().copied().collect(),
            trained: arm.kind == Kind::Trained,
            scores: columns.iter().map(score).collect(),
            versus: columns.iter().filter_map(versus).collect(),
            counts: Counts {
                rollouts: each(|c| c.rollouts),
                references: each(|c| c.references),
                generated_tokens: each(|c| c.generated_tokens),
                trained_tokens: each(|c| c.trained_tokens),
                seconds: each(|c| c.seconds),
            },
            stopped: self.tests.iter().filter_map(stopped).collect(),
            curve: curve.into_iter().map(|(point, values)| (point.step, values)).collect(),
        }
    }
}

/// The paired comparison of two arms on one column.
fn versus(main: &Row, other: &Row, column: &str) -> Option<Versus> {
    let both = main
        .tests
        .iter()
        .filter_map(|(&seed, test)| Some((of_column(test, column)?, of_column(other.of(seed)?, column)?)));
    let of_tasks: Vec<Vec<f64>> = both.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect()).collect();
    let tasks = of_tasks.first()?.len();
    let of_seeds: Vec<f64> = of_tasks.iter().map(|row| mean(row)).collect();
    let means: Vec<f64> =
        (0..tasks).map(|i| mean(&of_tasks.iter().map(|row| row[i]).collect::<Vec<_>>())).collect();
    Some(Versus {
        seeds: of_seeds.len(),
        over_tasks: bootstrap(&means, SEED),
        t_test: t_test(&of_seeds),
        holm: None,
        sign_flip: sign_flip(&of_seeds, SEED),
    })
}

/// Fills in the p values that are corrected for the number of arms.
fn correct(arms: &mut [ArmResult], columns: &[String]) {
    for column in columns {
        let tested = |arm: &&mut ArmResult| arm.versus.get(column).is_some_and(|v| v.t_test.is_some());
        let mut all: Vec<&mut Versus> =
            arms.iter_mut().filter(tested).filter_map(|arm| arm.versus.get_mut(column)).collect();
        let p: Vec<f64> = all.iter().filter_map(|v| v.t_test.map(|t| t.p)).collect();
        all.iter_mut().zip(holm(&p)).for_each(|(versus, p)| versus.holm = Some(p));
    }
}

fn reaches(main: &Row, other: &Row) -> Vec<Reach> {
    let used: Vec<f64> = other.tests.values().map(|test| test.trained.counts.rollouts).collect();
    let reach = |pick| Reach::of(pick, &main.curves(), &other.curves(), &used);
    let named = |reach| Reach { arm: other.trial.arm.name.clone(), ..reach };
    PICKS.into_iter().filter_map(reach).map(named).collect()
}
