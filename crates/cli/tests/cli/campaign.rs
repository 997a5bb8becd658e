//! `reproduce` and `ablate`: what they refuse, what they plan, and a small comparison of the
//! embedded policy.

use crate::common::{assert_one_line, binary, run};
use serde_json::Value;
use std::path::Path;

#[test]
fn wrong_arms_factors_and_overrides_are_one_line() {
    for (args, words) in [
        (
            &["reproduce", "chart", "--arms", "grpo,x"][..],
            &["no arm \"x\"", "help: use base, best-constant"][..],
        ),
        (&["reproduce", "chart", "--set", "seed=2"], &["--set seed", "help: give --seeds"]),
        (&["reproduce", "web", "--set", "credit.amplify=2"], &["the arm \"visual-sdpo-1\" sets it itself"]),
        (&["reproduce", "chart", "--steps", "9"], &["optim.decay_steps: 75 cannot be used"]),
        (
            &["reproduce", "chart", "--recipes", "nowhere"],
            &["nowhere/chart-visual-sdpo.toml", "--recipes DIR"],
        ),
        (&["ablate", "nothing"], &["no factor is called \"nothing\"; help: use credit, location"]),
        (&["ablate", "policy-size"], &["--models", "help: give --models DIR,DIR"]),
        (&["tune", "base"], &["no trained arm is called \"base\"; help: use sft-realistic"]),
        (&["ablate", "beta", "--set", "grpo.weight=2"], &["the arm \"beta-1\" sets it itself"]),
    ] {
        assert_one_line(&run(args), words);
    }
}

#[test]
fn a_dry_run_prints_the_arms_and_their_budgets() {
    let printed = |args: &[&str]| {
        let output = run(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = printed(&["reproduce", "web", "--seeds", "3", "--dry-run"]);
    for want in [
        "visual-sdpo reproduce web --seeds 3 --tasks 256, in runs/reproduce-web",
        "sft-realistic             0       4800  web-sft.toml data.references=realistic",
        "opsd-gold              4800       2400  web-opsd.toml data.references=gold",
        "39 training runs (3 seeds): at most 158400 rollouts",
        "41 tests of 256 tasks",
    ] {
        assert!(text.contains(want), "{want:?} is not in\n{text}");
    }
    let text = printed(&["ablate", "teacher", "--dry-run", "--seeds", "1", "--arms", "live,ema"]);
    assert!(text.contains("distill.teacher=live") && !text.contains("distill.teacher=base"), "{text}");
    let text = printed(&["tune", "grpo", "--dry-run", "--seeds", "1"]);
    assert!(text.contains("8 training runs"), "{text}");
    assert!(text.contains("chart-grpo.toml optim.lr=5e-4 optim.max_grad_norm=1.0"), "{text}");
    let list = printed(&["ablate", "list"]);
    assert_eq!(list.lines().count(), 13, "{list}");
}

/// The results of a comparison of two arms with two seeds, and what was said meanwhile.
fn compared(out: &Path) -> (Value, String) {
    let mut command = binary();
    command.args(["reproduce", "chart", "--arms", "base,grpo,visual-sdpo", "--seeds", "2", "--steps", "1"]);
    command.args(["--tasks", "4", "--json", "--out"]).arg(out);
    for set in ["optim.decay_steps=0", "optim.warmup_steps=0", "eval.tasks=2"] {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn a_comparison_writes_its_results_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (results, said) = compared(&out);
    assert_eq!(results["done"], serde_json::json!([5, 5]), "{said}");
    let arms = results["arms"].as_array().unwrap();
    let names: Vec<&str> = arms.iter().filter_map(|arm| arm["name"].as_str()).collect();
    assert_eq!(names, ["base", "grpo", "visual-sdpo"]);
    assert_eq!(arms[1]["counts"]["rollouts"], 16.0);
    assert_eq!(arms[1]["versus"]["defect_free"]["seeds"], 2);
    assert!(said.contains("run 2 of 5: GRPO, seed 1") && said.contains("  tested: defect-free"), "{said}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("results.json")).unwrap(), results);
    assert!(read("results.md").contains("| **Visual-SDPO, amplify 3** | 2 |"), "{}", read("results.md"));
    assert!(read("results.html").contains("Visual-SDPO, amplify 3 minus each arm"));
    let (again, said) = compared(&out);
    assert_eq!(again, results);
    assert!(!said.contains("run "), "nothing is repeated: {said}");
    // Without one of its results, that run is trained and tested again, to the same numbers.
    std::fs::remove_dir_all(out.join("grpo-s2")).unwrap();
    let (mut repeated, said) = compared(&out);
    assert!(said.contains("GRPO, seed 2") && !said.contains("GRPO, seed 1"), "{said}");
    repeated["arms"][1]["counts"]["seconds"] = results["arms"][1]["counts"]["seconds"].clone();
    assert_eq!(repeated, results);
}
