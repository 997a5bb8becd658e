//! The probe and the loop of revisions with the embedded policy, on a few tasks.

use std::path::Path;
use vsdpo_context::Channels;
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::{AxisWeights, RubricDetail};
use vsdpo_policy::{Policy, SampleConfig};
use vsdpo_train::Environment;
use vsdpo_train::eval::{EvalConfig, Way, evaluate};
use vsdpo_train::probe::probe;
use vsdpo_train::recipe::Recipe;
use vsdpo_train::reflect::Reflection;

const TASKS: usize = 6;

/// The recipe of charts with these overrides, its policy and its renderer.
fn chart(more: &[&str]) -> (Recipe, Policy, Environment) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sets = vec![format!("policy.model={:?}", root.join("assets/mini"))];
    sets.extend(more.iter().map(|set| (*set).to_owned()));
    let recipe = Recipe::load(&root.join("recipes/chart-visual-sdpo.toml"), &sets).unwrap();
    let policy = Policy::load(&recipe.policy.model).unwrap();
    let environment = Environment::open(&recipe).unwrap();
    (recipe, policy, environment)
}

#[test]
fn a_probe_reports_gaps_and_shares() {
    for set in ["distill.feedback=own", "distill.feedback=shuffled"] {
        let (recipe, policy, environment) = chart(&[set]);
        let report = probe(&policy, &environment, &recipe, TASKS, &mut |_| ()).unwrap();
        println!("{}", vsdpo_train::probe::table(&report));
        let gap = &report.gap;
        assert_eq!((gap.rollouts, gap.truncated, gap.overlong), (TASKS, 0, 0), "the recipe keeps them all");
        assert!(gap.flagged_tokens > 0 && gap.unflagged_tokens > 0);
        assert!(gap.true_v.flagged.is_some() && gap.true_v != gap.shuffled_v && gap.contrast.is_some());
        let arms: Vec<&str> = report.shares.arms.iter().map(|a| a.arm.as_str()).collect();
        assert_eq!(arms, ["student", "best-constant", "given-feedback", "shuffled-feedback"]);
        assert_eq!(report.go, report.checks.iter().all(|check| check.passed));
    }
}

/// The answer is the best of the attempts, so a revision never makes a task worse.
#[test]
fn revisions_cost_more_and_are_not_worse() {
    let (_, policy, environment) = chart(&[]);
    let channels = Channels { image: true, rubric: true };
    let [way, _] = Way::of_teacher(channels, RubricDetail::Full);
    let config = EvalConfig {
        world: World::Chart,
        own: None,
        references: None,
        split: Split::Dev,
        tasks: TASKS,
        sampling: SampleConfig { max_completion_tokens: 256, ..SampleConfig::default() },
        seed: 1,
        constant: false,
        feedback: &[],
        reflection: Some(Reflection { rounds: 2, way }),
        weights: AxisWeights::equal(World::Chart.domain()),
    };
    let report = evaluate(&policy, environment.renderer(), &config).unwrap();
    println!("{}", vsdpo_train::eval::table(&report));
    let names: Vec<&str> = report.arms.iter().map(|a| a.arm.as_str()).collect();
    assert_eq!(names, ["student", "reflect-1", "reflect-2"]);
    assert_eq!(report.student().cost.unwrap().renders, 0.0);
    for pair in report.arms.windows(2) {
        let (less, more) = (pair[0].cost.unwrap(), pair[1].cost.unwrap());
        assert!(
            pair[1].exec.mean >= pair[0].exec.mean && pair[1].defect_free.mean >= pair[0].defect_free.mean
        );
        assert!(more.tokens >= less.tokens && more.renders >= less.renders && more.seconds > 0.0);
    }
    assert!(report.arms[1].cost.unwrap().renders >= 1.0);
}
