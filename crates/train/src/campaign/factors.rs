//! The factors of `ablate`: variants of a domain's `visual-sdpo` recipe. The first variant of a
//! factor is the one that the paired tests compare with the others.

use super::{Arm, Kind, wrong};
use crate::error::TrainError;
use std::path::PathBuf;
use vsdpo_artifact::Domain;

/// A setting that is varied.
pub struct Factor {
    /// What the command line calls it.
    pub name: &'static str,
    /// What is varied, in one line.
    pub about: &'static str,
    variants: Variants,
}

/// Name, label, overrides.
type Variant = (&'static str, &'static str, &'static [&'static str]);

enum Variants {
    Fixed(&'static [Variant]),
    /// All axes in the reward, or one half of them.
    Axes,
    /// A model folder each.
    Models,
}

use Variants::{Axes, Fixed, Models};

const fn factor(name: &'static str, about: &'static str, variants: Variants) -> Factor {
    Factor { name, about, variants }
}

/// Every factor, in the order of the help.
#[rustfmt::skip]
pub const FACTORS: [Factor; 13] = [
    factor("credit", "amplification of blamed statements, without the policy gradient", Fixed(&[
        ("amplify-10", "amplify 10", &["grpo.weight=0", "credit.amplify=10"]),
        ("amplify-3", "amplify 3", &["grpo.weight=0", "credit.amplify=3"]),
        ("amplify-1", "amplify 1 (uniform)", &["grpo.weight=0", "credit.amplify=1"]),
    ])),
    factor("location", "weights at the blamed statements, or shuffled among all", Fixed(&[
        ("own", "at the blamed statements", &["credit.placement=own"]),
        ("shuffled", "shuffled among statements", &["credit.placement=shuffled"]),
    ])),
    factor("render", "feedback on this render, or on another task's", Fixed(&[
        ("own", "on its own render", &["distill.feedback=own"]),
        ("shuffled", "on another task's render", &["distill.feedback=shuffled"]),
    ])),
    factor("channel", "what the teacher is shown", Fixed(&[
        ("both", "picture and rubric", &["distill.channels=[\"image\", \"rubric\"]"]),
        ("picture", "picture", &["distill.channels=[\"image\"]"]),
        ("rubric", "rubric", &["distill.channels=[\"rubric\"]"]),
    ])),
    factor("rubric", "how much the rubric says", Fixed(&[
        ("binary", "verdicts", &["distill.rubric=binary"]),
        ("observed", "with observed values", &["distill.rubric=observed"]),
        ("full", "with a choice that would do", &["distill.rubric=full"]),
    ])),
    factor("teacher", "whose weights the teacher has", Fixed(&[
        ("trust-region", "trust region", &["distill.teacher=trust_region"]),
        ("rising", "trust region, 0.1 to 0.9", &["distill.teacher=trust_region", "distill.trust_rate=0.1",
            "distill.trust_rate_end=0.9"]),
        ("ema", "moving average", &["distill.teacher=ema"]),
        ("base", "base", &["distill.teacher=base"]),
        ("live", "live", &["distill.teacher=live"]),
        ("live-gated", "live, flagged statements alone", &["distill.teacher=live", "distill.gate=flagged"]),
    ])),
    factor("divergence", "divergence of student and teacher", Fixed(&[
        ("forward-kl", "KL(teacher || student)", &["distill.divergence=forward_kl"]),
        ("reverse-kl", "KL(student || teacher)", &["distill.divergence=reverse_kl"]),
        ("jsd", "Jensen-Shannon, alpha 0.5", &["distill.divergence={jsd={alpha=0.5}}"]),
    ])),
    // With one update per batch `behaviour` and `none` are the same run.
    factor("importance", "importance weight, with two updates per batch", Fixed(&[
        ("behaviour", "student over sampler", &["optim.updates_per_batch=2", "distill.is_kind=behaviour"]),
        ("context", "teacher over student", &["optim.updates_per_batch=2", "distill.is_kind=context"]),
        ("none", "none", &["optim.updates_per_batch=2", "distill.is_kind=none"]),
    ])),
    factor("beta", "weight of the policy gradient", Fixed(&[
        ("beta-1", "beta 1", &["grpo.weight=1"]),
        ("beta-0.01", "beta 0.01", &["grpo.weight=0.01"]),
        ("beta-0.1", "beta 0.1", &["grpo.weight=0.1"]),
        ("beta-10", "beta 10", &["grpo.weight=10"]),
    ])),
    factor("group", "completions per prompt G, 16 rollouts per step", Fixed(&[
        ("g-2", "G 2", &["rollout.group_size=2", "rollout.prompts_per_step=8"]),
        ("g-4", "G 4", &["rollout.group_size=4", "rollout.prompts_per_step=4"]),
        ("g-8", "G 8", &["rollout.group_size=8", "rollout.prompts_per_step=2"]),
    ])),
    factor("overlap", "overlap of elements and defects", Fixed(&[
        ("iou", "intersection over union", &["credit.overlap=iou"]),
        ("ioa", "intersection over the element", &["credit.overlap=ioa"]),
    ])),
    factor("axes", "axes with weight in the reward; all are evaluated", Axes),
    factor("policy-size", "the model folders of --models", Models),
];

/// The arms of a factor.
///
/// # Errors
/// An unknown factor, or models that are missing or belong to no factor.
pub fn ablate(name: &str, domain: Domain, models: &[PathBuf]) -> Result<Vec<Arm>, TrainError> {
    let Some(factor) = FACTORS.iter().find(|factor| factor.name == name) else {
        let names: Vec<&str> = FACTORS.iter().map(|factor| factor.name).collect();
        let problem = format!("no factor is called {name:?}");
        return Err(wrong("ablate", problem, &format!("use {}", names.join(", "))));
    };
    let arms = match factor.variants {
        Fixed(variants) => variants.iter().map(fixed).collect(),
        Axes => halves(domain),
        Models => models.iter().map(|model| of_model(model)).collect::<Vec<_>>(),
    };
    let sizes = matches!(factor.variants, Models);
    if !sizes && !models.is_empty() {
        return Err(wrong("--models", format!("has no use for {name:?}"), "leave it out"));
    }
    let names: std::collections::BTreeSet<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    if arms.len() < 2 || names.len() < arms.len() {
        let problem = "two or more folders of different names are needed".to_owned();
        return Err(wrong("--models", problem, "give --models DIR,DIR"));
    }
    Ok(arms)
}

fn fixed((name, label, set): &Variant) -> Arm {
    variant(name, label, set.iter().map(|s| (*s).to_owned()).collect())
}

fn variant(name: &str, label: &str, set: Vec<String>) -> Arm {
    let (name, label, recipe) = (name.to_owned(), label.to_owned(), super::MAIN.to_owned());
    Arm { name, label, recipe, set, kind: Kind::Trained, world_only: false }
}

/// All axes with equal weights, and each of two disjoint halves.
fn halves(domain: Domain) -> Vec<Arm> {
    let names: Vec<&str> = vsdpo_diagnose::axes(domain).iter().map(|axis| axis.name).collect();
    let of = |name: &str, label: &str, axes: Vec<&str>| {
        let weight = |axis: &&str| format!("{axis}={}", 1.0 / axes.len() as f64);
        let weights: Vec<String> = axes.iter().map(weight).collect();
        let label = format!("{label}: {}", axes.join(", "));
        variant(name, &label, vec![format!("reward.weights={{{}}}", weights.join(", "))])
    };
    let half = |first: usize| names.iter().copied().skip(first).step_by(2).collect();
    vec![
        of("all", "all", names.clone()),
        of("half-a", "rewarded", half(0)),
        of("half-b", "rewarded", half(1)),
    ]
}

fn of_model(model: &std::path::Path) -> Arm {
    let name = model.file_name().unwrap_or(model.as_os_str()).to_string_lossy().into_owned();
    variant(&name, &name, vec![format!("policy.model={}", toml::Value::from(model.display().to_string()))])
}
