//! `train` on pages, with the real browser: one update of the embedded policy.

use crate::common::binary;
use serde_json::Value;
use std::path::Path;

fn train(folder: &Path, sets: &[&str]) -> Vec<Value> {
    let out = format!("output_dir={:?}", folder.join("run"));
    let mut command = binary();
    command.args(["train", "recipes/web-visual-sdpo.toml", "--set", &out]);
    let few = ["steps=1", "eval.every=0", "optim.decay_steps=0", "optim.warmup_steps=0"];
    for set in few.iter().chain(sets) {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = std::fs::read_to_string(folder.join("run/rollouts.jsonl")).unwrap();
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// The names and scores of a rubric's axes.
fn scores(row: &Value) -> Vec<(&str, Option<f64>)> {
    let axes = row["rubric"].as_object().into_iter().flatten();
    axes.map(|(name, axis)| (name.as_str(), axis["score"].as_f64())).collect()
}

#[test]
fn references_add_the_axes_of_design2code_to_the_reward() {
    let folder = tempfile::tempdir().unwrap();
    let rows = train(folder.path(), &["reward.reference=true"]);
    assert_eq!(rows.len(), 4, "the first rollout of every group is kept");
    let executed: Vec<&Value> = rows.iter().filter(|row| row["executed"] == true).collect();
    assert!(!executed.is_empty());
    for row in executed {
        let scores = scores(row);
        let of =
            |name: &str| scores.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no {name}")).1;
        // There are no weights of CLIP; an axis without a score is left out of the reward.
        assert_eq!(of("clip"), None);
        assert_eq!(row["rubric"]["clip"]["observed"], "no weights");
        let axes = row["rubric"].as_object().into_iter().flatten();
        let ok: Vec<bool> = axes.filter_map(|(_, axis)| axis["satisfied"].as_bool()).collect();
        // The share of satisfied axes, times the share of requirements that are met.
        let most = ok.iter().filter(|ok| **ok).count() as f64 / ok.len() as f64;
        let reward = row["reward"].as_f64().unwrap();
        assert!((0.0..=most + 1e-5).contains(&reward), "{reward} {most} {scores:?}");
        let content = scores[0].1.unwrap();
        assert!((reward - most * content).abs() < 1e-5, "{reward} {most} {content}");
        // The base policy writes the texts of the task, so some blocks match.
        assert!(of("block_match").is_some_and(|score| score > 0.0 && score <= 1.0), "{scores:?}");
    }
}
