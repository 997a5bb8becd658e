//! The panels of curves and their metrics.

use super::Run;
use super::curve::{Panel, Series, panel};
use super::records::{ArmRecord, Interval};
use maud::{Markup, html};

const RATE: Option<(f64, f64)> = Some((0.0, 1.0));

/// Title, note, fixed range, and for each line (metric, label).
type Spec = (&'static str, &'static str, Option<(f64, f64)>, &'static [(&'static str, &'static str)]);

/// The panels that every run may have, in order. A metric that a run did not write has no line.
const SPECS: &[Spec] = &[
    (
        "Reward",
        "mean over axes, 0 for code that fails; training prompts",
        RATE,
        &[("reward", "mean"), ("reward_std", "standard deviation in a group")],
    ),
    (
        "Defect-free",
        "share of training rollouts",
        RATE,
        &[("defect_free", "defect-free"), ("exec/success", "executes")],
    ),
    (
        "Distillation KL",
        "student‖teacher per token, in nats",
        None,
        &[
            ("distill/kl_flagged", "blamed tokens"),
            ("distill/kl_unflagged", "other tokens"),
            ("distill/kl_mean", "all"),
        ],
    ),
    (
        "Teacher − student log p",
        "on the student's own tokens",
        None,
        &[("distill/gap_flagged", "blamed tokens"), ("distill/gap_unflagged", "other tokens")],
    ),
    ("Entropy", "of the student, nats per token", None, &[("entropy", "entropy")]),
    (
        "Length",
        "tokens of an answer",
        None,
        &[("completions/mean_length", "mean"), ("completions/max_length", "longest")],
    ),
    ("Cut at the token limit", "share of answers", RATE, &[("completions/clipped_ratio", "cut")]),
    (
        "Loss",
        "weighted terms of the sum",
        None,
        &[
            ("loss", "total"),
            ("loss/distill", "distillation"),
            ("loss/grpo", "GRPO"),
            ("loss/ce", "cross-entropy"),
        ],
    ),
    ("Gradient norm", "before clipping", None, &[("grad_norm", "norm")]),
    ("Distance to the base", "KL, nats per token", None, &[("drift/kl_base", "KL to base")]),
    (
        "Credit",
        "share of an answer that is blamed",
        None,
        &[
            ("credit/flagged_token_fraction", "blamed tokens"),
            ("credit/mapped_statement_fraction", "statements with elements"),
        ],
    ),
];

/// The grid of curves; empty if the run logged nothing.
pub fn curves(run: &Run) -> Markup {
    let mut panels = held_out(run);
    panels.extend(SPECS.iter().map(|(title, note, range, metrics)| Panel {
        title: (*title).into(),
        note: (*note).into(),
        range: *range,
        series: metrics.iter().enumerate().map(|(i, (key, label))| series(run, key, label, i)).collect(),
    }));
    panels.push(prefixed(run, "rubric/", "Rubric by axis", "share satisfied, of those evaluated", RATE));
    panels.push(prefixed(run, "timing_s/", "Time per step", "seconds by phase", None));
    if run.metrics.is_empty() && run.evals.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Curves" }
        p.note { "Values per step; the bold line is a running mean. Move the pointer over a panel to read values." }
        div.curves { @for p in &panels { (panel(p)) } }
    }
}

fn series(run: &Run, key: &str, label: &str, class: usize) -> Series {
    let point = |(i, m): (usize, &serde_json::Map<String, serde_json::Value>)| {
        let step = m.get("step").and_then(serde_json::Value::as_f64).unwrap_or(i as f64);
        Some((step, m.get(key)?.as_f64()?))
    };
    let points = run.metrics.iter().enumerate().filter_map(point).collect();
    Series { label: label.into(), class: class % 6, points, bars: Vec::new() }
}

/// A panel of the metrics with a prefix: at most six, those with the largest last value.
fn prefixed(run: &Run, prefix: &str, title: &str, note: &str, range: Option<(f64, f64)>) -> Panel {
    let mut keys: Vec<&str> = Vec::new();
    for key in run.metrics.iter().flat_map(|m| m.keys()) {
        if key.starts_with(prefix) && !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let last = |key: &str| run.metrics.iter().rev().find_map(|m| m.get(key)?.as_f64()).unwrap_or(0.0);
    if keys.len() > 6 {
        keys.sort_by(|a, b| last(b).total_cmp(&last(a)));
        keys.truncate(6);
    }
    let series = keys.iter().enumerate().map(|(i, key)| series(run, key, &key[prefix.len()..], i)).collect();
    Panel { title: title.into(), note: note.into(), range, series }
}

/// The evaluations of the student over the run, with intervals.
fn held_out(run: &Run) -> Vec<Panel> {
    let evals: Vec<&ArmRecord> = run.evals.iter().filter(|e| e.is_student()).collect();
    if evals.len() < 2 {
        return Vec::new();
    }
    let line = |label: &str, class, of: fn(&ArmRecord) -> Option<Interval>| {
        let all: Vec<(f64, Interval)> = evals.iter().filter_map(|e| Some((e.step as f64, of(e)?))).collect();
        Series {
            label: label.into(),
            class,
            points: all.iter().map(|(x, v)| (*x, v.mean)).collect(),
            bars: all.iter().map(|(x, v)| (*x, v.low, v.high)).collect(),
        }
    };
    vec![Panel {
        title: "Held-out evaluation".into(),
        note: "student alone, 95 % intervals".into(),
        range: RATE,
        series: vec![
            line("defect-free", 0, |e| e.defect_free),
            line("reward", 1, |e| e.reward),
            line("executes", 2, |e| e.exec),
        ],
    }]
}
