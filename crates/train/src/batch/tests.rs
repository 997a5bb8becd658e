use super::*;
use crate::recipe::Recipe;
use crate::testing::{batch, experience, recipe, write_policy};
use vsdpo_artifact::{AxisScore, Credit, Domain, Outcome};

/// A folder with a policy in `model`.
fn world() -> (tempfile::TempDir, Policy) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    write_policy(&model);
    let policy = Policy::load(&model).unwrap();
    (folder, policy)
}

fn total(batch: &Batch, of: impl Fn(&Item) -> f64) -> f64 {
    batch.items.iter().map(of).sum()
}

fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v)).sum()
}

#[test]
fn multipliers_hold_every_denominator() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["sft.weight=1"]);
    let mut experience = experience(&policy, &recipe);
    // Rewards by hand: the first group differs, the others are level.
    let reward = |i: usize| match i {
        0 => 0.9,
        _ => [0.3, 0.0, 0.3][i % 3],
    };
    experience.rewards = (0..9).map(|i| Some(reward(i))).collect();
    let batch = batch(&policy, &experience, &recipe);
    assert!((batch.advantages[0] - 0.5).abs() < 1e-6);
    let counts = Counts { distilled: 6, truncated: 3, ..Counts::default() };
    assert_eq!(batch.counts, counts);
    // Nine rollouts and three references; truncated rollouts stay for the policy gradient.
    assert_eq!(batch.items.len(), 12);
    assert!((total(&batch, |i| sum(&i.ce)) - 1.0).abs() < 1e-6);
    assert!((total(&batch, |i| sum(&i.rl)) - 1.0).abs() < 1e-6);
    // Each distilled rollout weighs 1 / N_d, and tokens within it as w_t.
    for item in batch.items.iter().filter(|i| i.teacher.is_some()) {
        assert!((sum(&item.ref_kl) - 1.0 / 6.0).abs() < 1e-6);
        assert!((item.ref_kl[0] / item.ref_kl[1] - item.weights[0] / item.weights[1]).abs() < 1e-5);
    }
    // A failure blames the statement at its place: some token there weighs amplify.
    let blamed = batch.items.iter().any(|i| i.weights.contains(&3.0));
    assert!(blamed, "no token of a failed rollout is amplified");
}

#[test]
fn truncated_rollouts_that_are_kept_are_distilled_with_reward_0() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.truncated=keep"]);
    let experience = experience(&policy, &recipe);
    let batch = batch(&policy, &experience, &recipe);
    assert_eq!(batch.counts, Counts { distilled: 9, ..Counts::default() });
    let cut = batch.items.iter().find(|i| i.rollout == Some(1)).unwrap();
    assert!(!experience.rollouts[1].finished && experience.rewards[1] == Some(0.0));
    assert!((sum(&cut.ref_kl) - 1.0 / 9.0).abs() < 1e-6);
}

#[test]
fn rollouts_without_a_reward_have_no_policy_gradient() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.weight=0"]);
    let mut experience = experience(&policy, &recipe);
    experience.rewards = [Some(0.9), None, Some(0.3)].repeat(3);
    let batch = batch(&policy, &experience, &recipe);
    // The two scored rollouts of a group are 0.3 above and below their mean.
    assert!((batch.advantages[0] - 0.3).abs() < 1e-6 && batch.advantages[1] == 0.0);
    assert!(batch.items.iter().all(|item| item.rollout.unwrap() % 3 != 1));
    let scored = (0..9).filter(|i| i % 3 != 1).map(|i| experience.rollouts[i].tokens.len()).sum::<usize>();
    assert_eq!(batch.items[0].rl[0], 1.0 / scored as f32);
}

#[test]
fn rejection_fine_tuning_imitates_clean_rollouts_that_ended() {
    let (folder, policy) = world();
    let own = ["distill.weight=0", "grpo.weight=0", "sft.weight=1", "sft.on=clean_rollouts"];
    let recipe = recipe(folder.path(), &own);
    assert!(StepContext::new(&recipe, 0).samples());
    let mut experience = experience(&policy, &recipe);
    for (i, d) in experience.diagnoses.iter_mut().enumerate() {
        // Only rollouts 0 and 1 are free of defects, and the second one met the token limit.
        let ok = AxisScore { satisfied: Some(i < 2), score: None, observed: String::new(), remedy: None };
        (d.executed, d.rubric.axes) = (true, vec![(vsdpo_diagnose::axes(Domain::Chart)[0], ok)]);
    }
    let batch = batch(&policy, &experience, &recipe);
    assert_eq!(batch.items.len(), 1);
    assert_eq!(*batch.items[0].tokens, *experience.rollouts[0].tokens);
    assert!((sum(&batch.items[0].ce) - 1.0).abs() < 1e-6 && batch.items[0].rl.is_empty());
}

#[test]
fn shuffled_weights_are_the_same_weights_at_other_statements() {
    let (folder, policy) = world();
    let world = experience(&policy, &recipe(folder.path(), &[]));
    let shuffled = recipe(folder.path(), &["credit.placement=shuffled"]);
    let credits = crate::stages::credit(&world, &StepContext::new(&shuffled, 0));
    let sorted = |credit: &Credit| {
        let mut weights: Vec<f32> = credit.statements.iter().map(|s| s.weight).collect();
        weights.sort_by(f32::total_cmp);
        weights
    };
    assert!(credits.iter().zip(&world.credits).all(|(a, b)| sorted(a) == sorted(b)));
    assert_eq!(credits, crate::stages::credit(&world, &StepContext::new(&shuffled, 0)));
    let blamed =
        world.credits.iter().any(|c| c.statements.len() > 1 && c.statements.iter().any(|s| s.resp > 0.0));
    assert_eq!(credits != world.credits, blamed, "some blame moved");
}

#[test]
fn level_groups_are_left_out_where_only_the_reward_counts() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.weight=0"]);
    let mut experience = experience(&policy, &recipe);
    experience.rollouts.iter_mut().for_each(|y| y.finished = true);
    experience.rewards = (0..9).map(|i| Some(if i == 0 { 0.9 } else { 0.3 })).collect();
    let batch = batch(&policy, &experience, &recipe);
    let kept: Vec<Option<usize>> = batch.items.iter().map(|i| i.rollout).collect();
    assert_eq!(kept, [Some(0), Some(1), Some(2)]);
    // The denominator still counts the tokens of all nine.
    let tokens: usize = experience.rollouts.iter().map(|y| y.tokens.len()).sum();
    assert_eq!(batch.items[0].rl[0], 1.0 / tokens as f32);
}

#[test]
fn prompts_that_do_not_fit_are_dropped_and_counted() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.max_prompt_tokens=10"]);
    let experience = experience(&policy, &recipe);
    let batch = batch(&policy, &experience, &recipe);
    let counts = Counts { truncated: 3, overlong: 6, ..Counts::default() };
    assert_eq!(batch.counts, counts);
}

#[test]
fn shuffled_feedback_is_of_another_task() {
    for (rollouts, group) in [(9, 3), (4, 2)] {
        let mut shown: Vec<usize> = (0..rollouts).map(|i| of_another_task(i, rollouts, group)).collect();
        assert!(shown.iter().enumerate().all(|(i, &j)| i / group != j / group));
        shown.sort();
        assert_eq!(shown, (0..rollouts).collect::<Vec<_>>(), "a permutation");
    }
    assert_eq!((0..3).map(|i| of_another_task(i, 3, 3)).collect::<Vec<_>>(), [1, 2, 0]);
    let (folder, policy) = world();
    let own = recipe(folder.path(), &[]);
    let shuffled = recipe(folder.path(), &["distill.feedback=shuffled"]);
    let mut experience = experience(&policy, &own);
    for (i, outcome) in experience.outcomes.iter_mut().enumerate() {
        let error = vsdpo_artifact::ExecError {
            kind: vsdpo_artifact::FailureKind::Exception,
            message: format!("error {i}"),
            traceback: String::new(),
            span: None,
            help: None,
        };
        *outcome = Outcome::Failed { error };
    }
    let texts = |recipe: &Recipe| -> Vec<String> {
        let decode = |i: &Item| policy.tokenizer().decode(&i.teacher.as_ref().unwrap().ids).0;
        batch(&policy, &experience, recipe).items.iter().filter(|i| i.teacher.is_some()).map(decode).collect()
    };
    assert!(texts(&own)[0].contains("error 0\n") && texts(&shuffled)[0].contains("error 3\n"));
}

#[test]
fn reference_context_shows_the_reference() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.context=reference"]);
    let mut experience = experience(&policy, &recipe);
    experience.tasks[2].reference = None;
    let batch = batch(&policy, &experience, &recipe);
    assert_eq!((batch.counts.distilled, batch.counts.unreferenced), (4, 2));
    let shown = policy.tokenizer().decode(&batch.items[0].teacher.as_ref().unwrap().ids).0;
    assert!(shown.contains(experience.tasks[0].reference.as_ref().unwrap().trim_end()));
}

/// The stub's failures are flagged at their first statement and its renders have no elements, so
/// that no statement of theirs is.
#[test]
fn a_gate_distils_flagged_tokens_only() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["distill.gate=flagged", "distill.truncated=keep", "grpo.weight=0"]);
    let mut experience = experience(&policy, &recipe);
    // A statement begins each code, so that the place of the error is inside one.
    for (i, y) in experience.rollouts.iter_mut().enumerate() {
        y.text = "a = 1\nb = 2\n".into();
        y.code = vsdpo_artifact::Span::new(0, 12);
        y.token_spans = (0..y.tokens.len()).map(|t| vsdpo_artifact::Span::new(t, t + 1)).collect();
        assert_eq!(y.tokens.len(), 12, "rollout {i}");
    }
    experience.credits = crate::stages::credit(&experience, &StepContext::new(&recipe, 0));
    let failed = |i: usize| matches!(experience.outcomes[i], Outcome::Failed { .. });
    let failures = (0..9).filter(|&i| failed(i)).count();
    assert!(0 < failures && failures < 9, "{failures} of 9");
    let batch = batch(&policy, &experience, &recipe);
    let want = Counts { distilled: failures, unflagged: 9 - failures, ..Counts::default() };
    assert_eq!(batch.counts, want);
    assert_eq!(batch.items.len(), failures);
    for item in &batch.items {
        assert!(failed(item.rollout.unwrap()));
        // `a = 1` and its line end weigh amplify; `b = 2` weighs nothing.
        let share = 1.0 / (6.0 * failures as f32);
        let want: Vec<f32> = (0..12).map(|t| if t < 6 { share } else { 0.0 }).collect();
        assert!(item.ref_kl.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", item.ref_kl);
        assert_eq!((item.weights[0], item.weights[11]), (3.0, 0.0));
    }
}
