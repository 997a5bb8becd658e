use super::*;
use crate::testing::{StubRenderer, recipe, write_policy};
use crate::trainer::StepReport;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vsdpo_policy::Policy;

/// Runs until the end, or until the report of step `stop_at`.
fn go(recipe: &Recipe, resume: bool, stop_at: usize) -> Result<RunSummary, TrainError> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let on_step = &mut |report: &StepReport| flag.store(report.step >= stop_at, Ordering::Relaxed);
    let env = Environment::without_references(Box::new(StubRenderer));
    run(recipe, &env, RunOptions { resume, stop, on_step })
}

fn weights(folder: &Path) -> Vec<u32> {
    let policy = Policy::load(folder).unwrap();
    let values = |(_, var): &(String, candle_core::Var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    policy.parameters().iter().flat_map(values).map(f32::to_bits).collect()
}

fn lines(folder: &Path, file: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("model")).unwrap();
    write_policy(&folder.path().join("model"));
    folder
}

#[test]
fn a_resumed_run_is_the_straight_run_bit_for_bit() {
    let folder = model();
    let sets =
        ["distill.teacher=ema", "eval.every=2", "eval.tasks=2", "stop.enabled=false", "distill.ema_rate=0.5"];
    let mut straight = recipe(folder.path(), &sets);
    straight.output_dir = folder.path().join("straight");
    let whole = go(&straight, false, usize::MAX).unwrap();
    assert_eq!((&whole.end, whole.progress.step), (&End::Finished, 4));

    let mut cut = straight.clone();
    cut.output_dir = folder.path().join("cut");
    let half = go(&cut, false, 2).unwrap();
    assert_eq!((half.end, half.progress.step), (End::Interrupted, 2));
    // A log that ran ahead of the checkpoint, and a line cut short, are dropped.
    let metrics = cut.output_dir.join("metrics.jsonl");
    let ahead = std::fs::read_to_string(&metrics).unwrap() + "{\"step\":3,\"loss\":0}\n{\"step\":";
    std::fs::write(&metrics, ahead).unwrap();
    let rest = go(&cut, true, usize::MAX).unwrap();
    assert_eq!((rest.end, rest.progress.step), (End::Finished, 4));

    assert!(weights(&whole.checkpoint) == weights(&rest.checkpoint), "weights differ");
    assert!(weights(&whole.checkpoint) != weights(&straight.policy.model), "nothing was learnt");
    let ema = Path::new("resume/ema");
    assert!(weights(&whole.checkpoint.join(ema)) == weights(&rest.checkpoint.join(ema)), "averages differ");
    let (a, b) = (lines(&straight.output_dir, "metrics.jsonl"), lines(&cut.output_dir, "metrics.jsonl"));
    let key = |l: &serde_json::Value| [l["step"].clone(), l["loss"].clone(), l["budget/rollouts"].clone()];
    assert_eq!(a.iter().map(key).collect::<Vec<_>>(), b.iter().map(key).collect::<Vec<_>>());
    assert_eq!(a.len(), 4);
    // Evaluations before the first step, after the second and after the last, in both.
    let steps = |dir: &Path| -> Vec<u64> {
        let students = lines(dir, "evals.jsonl").into_iter().filter(|l| l["arm"] == "student");
        students.map(|l| l["step"].as_u64().unwrap()).collect()
    };
    assert_eq!(steps(&straight.output_dir), [0, 2, 4]);
    assert_eq!(steps(&cut.output_dir), [0, 2, 4]);
    let best = straight.output_dir.join("checkpoints/best");
    let step = whole.best().unwrap().step;
    assert_eq!(std::fs::read_link(&best).unwrap(), Path::new(&format!("best-{step}")));
    assert!(best.join("model.safetensors").is_file());
    let kept = std::fs::read_dir(straight.output_dir.join("checkpoints")).unwrap().flatten();
    assert_eq!(kept.filter(|e| e.file_name().to_string_lossy().starts_with("best-")).count(), 1);
    // The first step of four is watched.
    assert!(a[0].get("gradnorm/distill").is_some() && a[1].get("gradnorm/distill").is_none(), "{}", a[0]);
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_again() {
    let folder = model();
    let recipe = recipe(folder.path(), &["steps=2"]);
    go(&recipe, false, usize::MAX).unwrap();
    std::fs::rename(recipe.output_dir.join("checkpoints/step-2"), recipe.output_dir.join("checkpoints/.x"))
        .unwrap();
    let again = go(&recipe, true, usize::MAX).unwrap();
    assert_eq!((again.progress.step, again.progress.rollouts), (2, 18));
    assert_eq!(lines(&recipe.output_dir, "metrics.jsonl").len(), 2);
    assert!(!recipe.output_dir.join("checkpoints/.x").exists(), "what was half written is gone");
}

#[test]
fn a_run_folder_holds_what_the_report_reads() {
    let folder = model();
    let recipe = recipe(folder.path(), &["steps=3", "checkpoint.every=1", "checkpoint.keep=2"]);
    go(&recipe, false, usize::MAX).unwrap();
    let dir = &recipe.output_dir;
    assert_eq!(Recipe::load(&dir.join("recipe.toml"), &[]).unwrap(), recipe);
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    assert!(manifest["held_out"].is_object() && manifest["host"]["cpus"].as_u64() > Some(0));
    let metrics = lines(dir, "metrics.jsonl");
    for name in [
        "loss",
        "grad_norm",
        "reward",
        "reward_std",
        "exec/success",
        "completions/mean_length",
        "timing_s/render",
    ] {
        assert!(metrics[2][name].is_f64(), "{name}: {}", metrics[2]);
    }
    assert_eq!(metrics[2]["budget/rollouts"], 27.0);
    let rollouts = lines(dir, "rollouts.jsonl");
    assert_eq!(rollouts.len(), 9, "three prompts, one rollout each, three steps");
    for line in &rollouts {
        assert_eq!(line["tokens"].as_array().map(Vec::len), Some(12));
        if let Some(image) = line["image"].as_str() {
            assert!(dir.join(image).is_file());
        }
        assert_eq!(line["image"].is_null(), line["executed"] == false);
    }
    let mut kept: Vec<String> = std::fs::read_dir(dir.join("checkpoints"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["step-2", "step-3"]);
}

#[test]
fn a_run_is_never_overwritten_or_mixed() {
    let folder = model();
    let first = recipe(folder.path(), &["steps=1"]);
    assert!(go(&first, true, usize::MAX).unwrap_err().to_string().contains("there is no run to resume"));
    go(&first, false, usize::MAX).unwrap();
    let again = go(&first, false, usize::MAX).unwrap_err().to_string();
    assert!(again.contains("there is a run already; help: give --resume"), "{again}");
    let other = recipe(folder.path(), &["steps=1", "optim.lr=0.5"]);
    let mixed = go(&other, true, usize::MAX).unwrap_err().to_string();
    assert!(
        mixed.contains("the run was begun with optim.lr = 0.001, now 0.5; help: resume with the"),
        "{mixed}"
    );
    for (set, want) in [
        ("render.window=[320,240]", "render.window = [1280, 720], now [320, 240]"),
        ("optim.decay_steps=1", "optim.decay_steps = 0, now 1"),
        ("optim.warmup_steps=0", "optim.warmup_steps = 2, now 0"),
        ("data.limit=7", "data.limit = 0, now 7"),
        ("data.split=feedback", "data.split = \"train\", now \"feedback\""),
        ("distill.trust_rate_end=1", "distill.trust_rate_end = nothing, now 1.0"),
    ] {
        let sets = ["steps=3", "data.type=mini", set];
        let refused = go(&recipe(folder.path(), &sets), true, usize::MAX).unwrap_err().to_string();
        assert!(refused.contains(want) && !refused.contains('\n'), "{refused}");
    }
    let faster = recipe(folder.path(), &["steps=1", "render.timeout_s=3", "render.workers=1"]);
    assert_eq!(go(&faster, true, usize::MAX).unwrap().progress.step, 1, "limits of renders may change");
    let longer = recipe(folder.path(), &["steps=2"]);
    assert_eq!(go(&longer, true, usize::MAX).unwrap().progress.step, 2, "a run may be made longer");
}

#[test]
fn cross_entropy_alone_samples_nothing() {
    let folder = model();
    let sets = ["distill.weight=0", "grpo.weight=0", "sft.weight=1", "steps=2"];
    let recipe = recipe(folder.path(), &sets);
    let summary = go(&recipe, false, usize::MAX).unwrap();
    assert_eq!((summary.progress.rollouts, summary.progress.generated_tokens), (0, 0));
    let metrics = lines(&recipe.output_dir, "metrics.jsonl");
    assert!(metrics[0]["loss"].as_f64() > Some(5.0) && metrics[0].get("reward").is_none(), "{}", metrics[0]);
}

/// A corpus of rows with a picture each, drawn by a student that sees it.
fn picture_corpus(folder: &Path, count: u8) {
    std::fs::create_dir(folder).unwrap();
    let mut rows = String::new();
    for i in 0..count {
        let grey = image::RgbaImage::from_pixel(64, 48, image::Rgba([40 * i, 90, 90, 255]));
        grey.save(folder.join(format!("{i}.png"))).unwrap();
        let content =
            serde_json::json!([{"type": "image"}, {"type": "text", "text": format!("Redraw {i}.")}]);
        let row = serde_json::json!({
            "prompt": [{"role": "user", "content": content}], "images": [format!("{i}.png")],
            "completion": [{"role": "assistant", "content": "plt.plot([1, 2])"}],
        });
        rows.push_str(&format!("{row}\n"));
    }
    std::fs::write(folder.join("train.jsonl"), rows).unwrap();
}

#[test]
fn a_run_on_a_corpus_is_watched_on_rows_that_it_never_draws() {
    let folder = model();
    let data = folder.path().join("data");
    picture_corpus(&data, 5);
    let path = format!("data.path={data:?}");
    let more =
        ["eval.every=2", "eval.benchmark=own", "eval.rows=2", "eval.tasks=2", "rollout.prompts_per_step=3"];
    let recipe = recipe(folder.path(), &[&["steps=2", "data.type=jsonl", &path][..], &more].concat());
    go(&recipe, false, usize::MAX).unwrap();
    let evals = lines(&recipe.output_dir, "evals.jsonl");
    let student: Vec<_> = evals.iter().filter(|l| l["arm"] == "student").collect();
    assert_eq!(student.len(), 2);
    assert!(student.iter().all(|l| l["benchmark"] == "own" && l["tasks"] == 2 && l["exec"]["mean"].is_f64()));
    assert!(evals.iter().all(|l| l["arm"] != "best-constant"), "a corpus has no constant layout");
    let shown = lines(&recipe.output_dir, "rollouts.jsonl");
    // Only the lines of a step have tokens.
    let asked = |step: bool| -> std::collections::BTreeSet<&str> {
        let lines = shown.iter().filter(|l| l["tokens"].is_array() == step);
        lines.map(|l| l["prompt"].as_str().unwrap()).collect()
    };
    assert_eq!(asked(false), ["Redraw 3.", "Redraw 4."].into());
    assert_eq!(asked(true), ["Redraw 0.", "Redraw 1.", "Redraw 2."].into());
    let wider = self::recipe(
        folder.path(),
        &[&["steps=2", "data.type=jsonl", &path][..], &more, &["eval.rows=3"]].concat(),
    );
    let refused = go(&wider, true, usize::MAX).unwrap_err().to_string();
    assert!(refused.contains("eval.rows = 2, now 3"), "{refused}");
}

#[test]
fn a_task_with_a_picture_trains_end_to_end() {
    let folder = model();
    let data = folder.path().join("data");
    picture_corpus(&data, 2);
    let path = format!("data.path={data:?}");
    let sets = ["steps=1", "data.type=jsonl", &path, "sft.weight=1", "rollout.prompts_per_step=2"];
    let recipe = recipe(folder.path(), &sets);
    let before = weights(&recipe.policy.model);
    let summary = go(&recipe, false, usize::MAX).unwrap();
    assert_eq!((summary.progress.step, summary.progress.rollouts), (1, 6));
    assert!(weights(&summary.checkpoint) != before, "nothing was learnt");
    // The picture is in the prompt: at least its smallest grid of placeholders.
    let source = vsdpo_data::TaskStream::open(&recipe.data).unwrap();
    let tasks = source.batch(recipe.seed, 0, 2).unwrap();
    let policy = Policy::load(&recipe.policy.model).unwrap();
    let with = policy.encode(&vsdpo_context::student_prompt(&tasks[0])).unwrap().ids.len();
    let bare = vsdpo_artifact::Task { images: vec![], ..tasks[0].clone() };
    let without = policy.encode(&vsdpo_context::student_prompt(&bare)).unwrap().ids.len();
    assert!(with > without, "{with} tokens with the picture, {without} without");
    let manifest = std::fs::read_to_string(recipe.output_dir.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"rows\": 2"), "{manifest}");
}

/// A learning rate that rises until it ruins the weights: the entropy of the tokens goes to 0.
#[test]
fn a_run_that_collapses_ends_within_20_steps_and_says_why() {
    let folder = model();
    let sets = [
        "steps=80",
        "optim.lr=4",
        "optim.warmup_steps=2000",
        "stop.window=5",
        "stop.exec_fall=1",
        "stop.length_min=0.01",
        "stop.length_max=100",
        "checkpoint.every=10",
        "distill.truncated=keep",
    ];
    let collapsing = recipe(folder.path(), &sets);
    let summary = go(&collapsing, false, usize::MAX).unwrap();
    let End::Fell(why) = &summary.end else { panic!("{:?}", summary.end) };
    assert!(why.starts_with("over the last 5 steps, ") && why.contains("(stop."), "{why}");
    let entropies: Vec<f64> = lines(&collapsing.output_dir, "metrics.jsonl")
        .iter()
        .map(|l| l["entropy"].as_f64().unwrap())
        .collect();
    let first = entropies[..5].iter().sum::<f64>() / 5.0;
    let collapse = entropies.iter().position(|&h| h < 0.3 * first).unwrap();
    assert!(collapse > 5 && entropies.len() <= collapse + 20, "{collapse}: {entropies:?}");

    let again = go(&collapsing, true, usize::MAX).unwrap();
    assert_eq!(
        (&again.end, again.progress.step),
        (&summary.end, summary.progress.step),
        "resumed, it stays ended"
    );
    let more = summary.progress.step + 2;
    let steps = format!("steps={more}");
    let on = recipe(folder.path(), &[&sets[1..], &[steps.as_str(), "stop.enabled=false"]].concat());
    let on = go(&on, true, usize::MAX).unwrap();
    assert_eq!((on.end, on.progress.step), (End::Finished, more), "without the rules it goes on");
}

#[test]
fn a_run_whose_schedule_depends_on_its_length_keeps_it() {
    for (set, key) in
        [("optim.decay_steps=1", "optim.decay_steps"), ("distill.trust_rate_end=1", "distill.trust_rate_end")]
    {
        let folder = model();
        let of = |steps: &str| {
            recipe(folder.path(), &["distill.teacher=trust_region", "optim.warmup_steps=0", set, steps])
        };
        go(&of("steps=2"), false, usize::MAX).unwrap();
        let longer = go(&of("steps=3"), true, usize::MAX).unwrap_err().to_string();
        assert!(longer.contains(&format!("steps = 2, now 3 ({key} depends on it); help: ")), "{longer}");
    }
}

/// Every moment in a checkpoint, and the number of Adam's steps.
fn moments(checkpoint: &Path) -> (Vec<f32>, i64) {
    let file = checkpoint.join("resume/optimizer.safetensors");
    let state = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
    let steps = state["steps"].to_vec1::<i64>().unwrap()[0];
    let moments = state.iter().filter(|(name, _)| name.contains("exp_avg"));
    (moments.flat_map(|(_, t)| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect(), steps)
}

#[test]
fn after_a_warm_start_the_teacher_is_the_student_and_adam_begins_anew() {
    for teacher in ["base", "ema", "trust_region", "live"] {
        let folder = model();
        let kind = format!("distill.teacher={teacher}");
        let sets = [
            &kind,
            "sft.warm_start_steps=2",
            "distill.truncated=keep",
            "checkpoint.every=1",
            "checkpoint.keep=9",
        ];
        let straight = recipe(folder.path(), &sets);
        let whole = go(&straight, false, usize::MAX).unwrap();
        let at = |n: usize| straight.output_dir.join(format!("checkpoints/step-{n}"));
        let base = |n: usize| weights(&at(n).join("resume/base"));
        assert!(!at(1).join("resume/base").exists(), "{teacher}: not before the switch");
        assert!(
            base(2) == weights(&at(2)) && base(4) == base(2),
            "{teacher}: the base is the student of step 2"
        );
        assert!(base(2) != weights(&straight.policy.model), "{teacher}: the warm start taught something");
        if teacher == "ema" {
            assert!(weights(&at(2).join("resume/ema")) == base(2), "the average begins there");
        }
        let counts: Vec<i64> = (1..=4).map(|n| moments(&at(n)).1).collect();
        assert_eq!(counts, [1, 0, 1, 2], "{teacher}");
        assert!(moments(&at(2)).0.iter().all(|&m| m == 0.0) && moments(&at(3)).0.iter().any(|&m| m != 0.0));
        // Cut after the switch, it is the same run.
        let mut cut = straight.clone();
        cut.output_dir = folder.path().join("cut");
        go(&cut, false, 3).unwrap();
        let rest = go(&cut, true, usize::MAX).unwrap();
        assert!(weights(&rest.checkpoint) == weights(&whole.checkpoint), "{teacher}: resumed");
    }
}

/// The values of an adapter in its folder.
fn adapter(folder: &Path) -> Vec<u32> {
    let policy = Policy::load(folder).unwrap();
    assert!(policy.adapter().is_some());
    let values = |(_, var): &(String, candle_core::Var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    policy.changing().iter().flat_map(values).map(f32::to_bits).collect()
}

#[test]
fn a_resumed_run_of_an_adapter_is_the_straight_run_bit_for_bit() {
    let folder = model();
    for teacher in ["ema", "trust_region"] {
        let teacher_set = format!("distill.teacher={teacher}");
        let sets = [
            "policy.lora.rank=2",
            "policy.lora.dropout=0.1",
            "policy.lora.modules_to_save=[\"k_norm\"]",
            "policy.lora.merge_on_save=true",
            "sft.warm_start_steps=1",
            "optim.lr=0.02",
            "optim.moments=blocks8",
            "optim.recompute=block",
            "checkpoint.every=1",
            "checkpoint.keep=9",
            "stop.enabled=false",
            &teacher_set,
        ];
        let mut straight = recipe(folder.path(), &sets);
        straight.output_dir = folder.path().join(format!("straight-{teacher}"));
        let whole = go(&straight, false, usize::MAX).unwrap();
        let mut cut = straight.clone();
        cut.output_dir = folder.path().join(format!("cut-{teacher}"));
        go(&cut, false, 2).unwrap();
        let rest = go(&cut, true, usize::MAX).unwrap();
        assert_eq!(rest.progress.step, 4);
        assert!(adapter(&whole.checkpoint) == adapter(&rest.checkpoint), "adapters differ");
        let begun = straight.output_dir.join("checkpoints/step-1");
        assert!(adapter(&whole.checkpoint) != adapter(&begun), "nothing was learnt");
        // The folder's model is as it was, and the merged one is not.
        assert!(weights(&whole.checkpoint) == weights(&straight.policy.model), "the base moved");
        let merged = whole.checkpoint.join("merged");
        assert!(weights(&merged) == weights(&rest.checkpoint.join("merged")));
        assert!(weights(&merged) != weights(&straight.policy.model));
        // Training goes on from an adapter, with its settings and no others.
        let from = format!("policy.model={:?}", whole.checkpoint);
        let on = [&sets[..], &[&from, "steps=1", "output_dir=\"\""]].concat();
        let mut on = recipe(folder.path(), &on);
        on.output_dir = folder.path().join(format!("on-{teacher}"));
        go(&on, false, usize::MAX).unwrap();
        on.output_dir = folder.path().join(format!("wrong-{teacher}"));
        on.policy.lora.as_mut().unwrap().rank = 3;
        let refused = go(&on, false, usize::MAX).unwrap_err().to_string();
        assert!(
            refused.contains("it is an adapter of rank 2") && refused.contains("help: give [policy.lora]"),
            "{refused}"
        );
    }
}

#[test]
fn the_base_of_an_adapter_is_the_policy_with_its_adapter_off() {
    let folder = model();
    let recipe = recipe(folder.path(), &["policy.lora.rank=2", "distill.teacher=base"]);
    let student = crate::student(&recipe).unwrap();
    let teacher = crate::teacher::Teacher::begin(&recipe, &student).unwrap();
    let base = teacher.base().unwrap();
    let shared = base.parameters().iter().zip(student.parameters()).all(|(a, b)| a.1.id() == b.1.id());
    assert!(shared, "the base is a second copy of the weights");
    for (name, var) in student.changing().iter().filter(|(name, _)| name.contains("lora_B")) {
        var.set(&var.ones_like().unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let plain = Policy::load(&recipe.policy.model).unwrap();
    let prompt = plain.encode(&[vsdpo_artifact::Message::text(vsdpo_artifact::Role::User, "Draw.")]).unwrap();
    let said = |policy: &Policy| policy.logprobs(&prompt, &[5, 6, 7]).unwrap();
    assert_eq!(said(base), said(&plain));
    assert_ne!(said(&student), said(&plain));
}
