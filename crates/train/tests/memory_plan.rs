//! The memory plan against what the process really holds at its peak: random models of two sizes
//! take two steps each, and every kind of setting that the plan knows is on in one of them.

use std::path::Path;
use std::sync::Arc;
use vsdpo_policy::{Config, Policy, TextConfig};
use vsdpo_train::recipe::Recipe;
use vsdpo_train::{Environment, RunOptions, StepReport, run};

const NAME: &str = "VSDPO_MEMORY_PLAN";

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The embedded policy with a larger language model of random weights.
fn write_model(folder: &Path, hidden: usize, layers: usize) {
    let mini = root().join("assets/mini");
    let config = Config::read(&mini.join("config.json")).unwrap();
    let text = TextConfig {
        hidden_size: hidden,
        intermediate_size: 3 * hidden,
        num_hidden_layers: layers,
        num_attention_heads: hidden / 64,
        num_key_value_heads: hidden / 128,
        head_dim: 64,
        mrope_section: [12, 10, 10],
        ..config.text.clone()
    };
    let vision = config.vision.clone().map(|v| vsdpo_policy::VisionConfig { out_hidden_size: hidden, ..v });
    Policy::random(Config { text, vision, ..config }, &mini, 1).unwrap().save(folder).unwrap();
}

/// The planned and the measured peak in GB after two steps of this run.
fn measure(folder: &Path, sets: &[&str]) -> [f64; 2] {
    let mut all = vec![
        format!("policy.model={:?}", folder.join("model")),
        format!("output_dir={:?}", folder.join("run")),
    ];
    let small = [
        "steps=2",
        "optim.decay_steps=0",
        "optim.warmup_steps=0",
        "eval.every=0",
        "rollout.prompts_per_step=2",
        "rollout.group_size=2",
        "rollout.max_completion_tokens=48",
        "optim.micro_batch_tokens=512",
    ];
    all.extend(small.iter().chain(sets).map(|set| (*set).to_owned()));
    let recipe = Recipe::load(&root().join("recipes/chart-visual-sdpo.toml"), &all).unwrap();
    let env = Environment::open(&recipe).unwrap();
    let mut said = [0.0; 2];
    let on_step = &mut |report: &StepReport| {
        said = ["memory/planned_gb", "memory/peak_gb"]
            .map(|key| report.metrics.get(key).copied().unwrap_or(0.0));
    };
    run(&recipe, &env, RunOptions { resume: false, stop: Arc::default(), on_step }).unwrap();
    said
}

/// Runs in a process of its own, because the peak of a process never falls.
#[test]
fn the_plan_is_within_a_tenth_of_the_measured_peak() {
    if let Ok(case) = std::env::var(NAME) {
        let case: Vec<&str> = case.split('|').collect();
        let [hidden, layers, sets @ ..] = case.as_slice() else { panic!("{case:?}") };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("model")).unwrap();
        write_model(&folder.path().join("model"), hidden.parse().unwrap(), layers.parse().unwrap());
        reset_peak();
        let [planned, peak] = measure(folder.path(), sets);
        println!("MEASURED {planned} {peak}");
        return;
    }
    let cases = [
        "512|8",
        "768|12|optim.recompute=block|optim.moments=blocks8",
        "768|12|policy.lora.rank=8|optim.recompute=block",
    ];
    for case in cases {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_plan_is_within_a_tenth_of_the_measured_peak", "--nocapture"])
            .env(NAME, case)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout).into_owned();
        let line = text.lines().find_map(|l| l.split("MEASURED ").nth(1));
        let line =
            line.unwrap_or_else(|| panic!("{case}: {text} {}", String::from_utf8_lossy(&child.stderr)));
        let numbers: Vec<f64> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let ratio = numbers[0] / numbers[1];
        println!("{case}: planned {:.3} GB, measured {:.3} GB, ratio {ratio:.3}", numbers[0], numbers[1]);
        assert!(
            (0.9..=1.1).contains(&ratio),
            "{case}: planned {} GB, measured {} GB",
            numbers[0],
            numbers[1]
        );
    }
}

/// Sets the peak of this process to what it holds now.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}
