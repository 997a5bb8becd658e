use super::*;
use crate::eval::TaskScores;
use crate::testing::{StubRenderer, experience as stub_experience, recipe, write_policy};

/// A folder with a policy in `model`.
fn world() -> (tempfile::TempDir, Policy) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    write_policy(&model);
    let policy = Policy::load(&model).unwrap();
    (folder, policy)
}

fn sums(flagged: &[f32], unflagged: &[f32]) -> Sums {
    let teacher: Vec<f32> = flagged.iter().chain(unflagged).copied().collect();
    let flags: Vec<Option<bool>> = (0..teacher.len()).map(|i| Some(i < flagged.len())).collect();
    Sums::of(&vec![0.0; teacher.len()], &teacher, &flags)
}

#[test]
fn gaps_are_teacher_minus_student_per_kind_of_statement() {
    let student = [-1.0, -2.0, -3.0, -4.0];
    let teacher = [-1.5, -2.0, -2.0, -9.0];
    let got = Sums::of(&student, &teacher, &[Some(true), Some(false), Some(false), None]);
    assert_eq!((got.flagged.total, got.flagged.tokens), (-0.5, 1));
    assert_eq!((got.unflagged.total, got.unflagged.tokens), (1.0, 2));
}

/// Means are over the tokens of all rollouts, not over rollouts.
#[test]
fn means_of_two_rollouts_by_hand() {
    let observed = [
        [sums(&[-1.0, -2.0, -3.0], &[0.5]), sums(&[-0.5, -0.5, -0.5], &[-0.5])],
        [sums(&[-2.0], &[0.0, 0.25]), sums(&[0.5], &[0.0, 0.5])],
    ];
    let report = gap_report(&observed, 1);
    assert_eq!((report.rollouts, report.flagged_tokens, report.unflagged_tokens), (2, 4, 3));
    let mean = |e: Option<Estimate>| e.unwrap().mean;
    // (-1 - 2 - 3 - 2) / 4 and (0.5 + 0 + 0.25) / 3.
    assert_eq!((mean(report.true_v.flagged), mean(report.true_v.unflagged)), (-2.0, 0.25));
    assert_eq!(mean(report.true_v.difference), -2.25);
    // (-1.5 + 0.5) / 4 and (-0.5 + 0.5) / 3.
    assert_eq!((mean(report.shuffled_v.flagged), mean(report.shuffled_v.unflagged)), (-0.25, 0.0));
    let contrast = report.contrast.unwrap();
    assert_eq!(contrast.mean, -2.0);
    // Resamples of the first rollout alone give -2.5 - 0, of the second alone -2.125 - 0.25.
    assert_eq!((contrast.low, contrast.high), (-2.5, -2.0));
    let clean = gap_report(&[[sums(&[], &[0.1]); 2]; 3], 1);
    assert_eq!((clean.true_v.flagged, clean.true_v.difference, clean.contrast), (None, None, None));
    assert!(clean.true_v.unflagged.is_some());
    assert_eq!(gap_report(&[], 1).true_v.unflagged, None);
}

fn check(name: &'static str, wanted: Wanted, difference: Option<(f64, f64, f64)>, passed: bool) -> Check {
    let difference = difference.map(|(low, mean, high)| Estimate { mean, low, high });
    Check { name, difference, wanted, passed }
}

#[test]
fn the_sentence_names_what_decided() {
    let share = check("share", Wanted::Above, Some((0.125, 0.25, 0.5)), true);
    let gap = check("gap", Wanted::Below, Some((-0.5, -0.25, -0.125)), true);
    assert_eq!(
        sentence(&[share.clone(), gap.clone()]),
        "go: share is +25.0 points [+12.5, +50.0]; gap is -0.250 nats [-0.500, -0.125]"
    );
    let level = check("gap", Wanted::Below, Some((-0.5, -0.25, 0.125)), false);
    let nothing = check("contrast", Wanted::Below, None, false);
    assert_eq!(
        sentence(&[share, level, nothing]),
        "no-go: gap is -0.250 nats [-0.500, +0.125], not clearly below 0; \
         contrast cannot be measured (no flagged or no unflagged token)"
    );
}

/// Whether each answer of the student, with true v and with shuffled v is clean; and the gaps.
fn decided(clean: [[bool; 8]; 3], flagged: [f32; 2]) -> Vec<bool> {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &["eval.tasks=2"]);
    let env = Environment::without_references(Box::new(StubRenderer));
    let mut shares =
        evaluate(&policy, env.renderer(), &EvalConfig::of_recipe(&recipe, &env, None).unwrap()).unwrap();
    let names = ["student", Way::GIVEN, Way::SHUFFLED];
    let arm = |(name, clean): (&str, [bool; 8])| Arm {
        arm: name.into(),
        scores: TaskScores {
            defect_free: clean.map(|c| f64::from(u8::from(c))).to_vec(),
            ..TaskScores::default()
        },
        ..shares.student().clone()
    };
    shares.arms = zip(names, clean).map(arm).collect();
    let observed = [flagged.map(|gap| sums(&[gap], &[0.0])); 8];
    checks(&shares, &gap_report(&observed, 1)).iter().map(|check| check.passed).collect()
}

#[test]
fn every_condition_can_fail_alone() {
    let (no, yes) = ([false; 8], [true; 8]);
    assert_eq!(decided([no, yes, no], [-1.0, 0.0]), [true, true, true, true]);
    assert_eq!(decided([yes, yes, no], [-1.0, 0.0]), [false, true, true, true]);
    assert_eq!(decided([no, yes, yes], [-1.0, 0.0]), [true, false, true, true]);
    assert_eq!(decided([no, yes, no], [1.0, 2.0]), [true, true, false, true]);
    assert_eq!(decided([no, yes, no], [-1.0, -2.0]), [true, true, true, false]);
    // One more clean answer of eight is not clearly more.
    let one = [true, false, false, false, false, false, false, false];
    assert_eq!(decided([no, one, no], [-1.0, 0.0])[..2], [false, false]);
}

/// Where the teacher is asked what the student is asked, the gap is 0 to the bit.
#[test]
fn equal_prompts_have_no_gap() {
    let (folder, policy) = world();
    let recipe = recipe(folder.path(), &[]);
    let experience = stub_experience(&policy, &recipe);
    let prompts: BTreeMap<usize, Prompt> =
        (0..9).map(|i| (i, experience.prompts[experience.rollouts[i].task].clone())).collect();
    let (taught, _) = teacher_prompts(&policy, &experience, &recipe, FeedbackKind::Own).unwrap();
    let observed = observe(&policy, &experience, &recipe, [&prompts, &taught]).unwrap();
    assert_eq!(observed.len(), taught.len());
    let total = |sums: &Sums| sums.flagged.total.abs() + sums.unflagged.total.abs();
    assert!(observed.iter().all(|[same, _]| total(same) == 0.0), "{observed:?}");
    assert!(observed.iter().any(|[_, other]| total(other) > 0.0), "the teacher's prompt changes nothing");
}

#[test]
fn a_probe_of_a_random_policy_is_a_no_go() {
    let (folder, policy) = world();
    let env = Environment::without_references(Box::new(StubRenderer));
    for set in ["distill.feedback=shuffled", "distill.gate=flagged", "distill.channels=[\"rubric\"]"] {
        let recipe = recipe(folder.path(), &[set, "distill.truncated=keep"]);
        let mut phases = 0;
        let report = probe(&policy, &env, &recipe, 4, &mut |_| phases += 1).unwrap();
        assert_eq!((phases, report.tasks, report.gap.rollouts, report.gap.overlong), (3, 4, 4, 0));
        assert!(!report.go && report.sentence.starts_with("no-go: "), "{}", report.sentence);
        let arms: Vec<&str> = report.shares.arms.iter().map(|a| a.arm.as_str()).collect();
        assert_eq!(arms, ["student", "best-constant", "given-feedback", "shuffled-feedback"]);
        assert!(report.shares.arms.iter().all(|a| a.tasks == 4));
        let text = table(&report);
        assert!(text.contains("true - shuffled") && text.contains("best-constant"), "{text}");
        assert!(text.ends_with(&format!("\n{}\n", report.sentence)), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["gap"]["true_v"].is_object() && json["go"] == false, "{json}");
    }
    let dropped = recipe(folder.path(), &["distill.max_prompt_tokens=1", "distill.truncated=keep"]);
    let report = probe(&policy, &env, &dropped, 3, &mut |_| ()).unwrap();
    assert_eq!((report.gap.rollouts, report.gap.overlong), (0, 3));
    assert!(report.sentence.contains("cannot be measured"), "{}", report.sentence);
}

#[test]
fn a_recipe_without_feedback_cannot_be_probed() {
    let (folder, policy) = world();
    let env = Environment::without_references(Box::new(StubRenderer));
    for (set, key) in
        [("distill.weight=0", "distill.weight"), ("distill.context=reference", "distill.context")]
    {
        let error = probe(&policy, &env, &recipe(folder.path(), &[set]), 2, &mut |_| ()).unwrap_err();
        let line = error.to_string();
        assert!(line.starts_with(key) && line.contains("; help: "), "{line}");
    }
}
