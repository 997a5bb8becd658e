//! The evaluations: base beside final on held-out tasks as a headline, and a table of all arms.

use super::Run;
use super::records::{ArmRecord, Interval};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The cards at the top.
pub fn headline(run: &Run) -> Markup {
    let students: Vec<&ArmRecord> = run.evals.iter().filter(|e| e.is_student()).collect();
    let base = students.iter().min_by_key(|e| e.step);
    let last = students.iter().max_by_key(|e| e.step);
    match (base, last) {
        (Some(base), Some(last)) if base.step < last.step => html! {
            p.note {
                "Held-out tasks (" (last.benchmark) ", " (last.tasks) " tasks), the student without feedback: step "
                (base.step) " and step " (last.step) ". Bars are 95 % intervals."
            }
            div.headline {
                (card("defect-free", base.defect_free, last.defect_free, true))
                (card("executes", base.exec, last.exec, true))
                (card("reward", base.reward, last.reward, false))
            }
        },
        _ => training(run),
    }
}

/// The cards of a run without two evaluations: training rollouts, with a note that says so.
fn training(run: &Run) -> Markup {
    let ends = |key: &str| -> Option<(Interval, Interval)> {
        let values: Vec<f64> = run.metrics.iter().filter_map(|m| m.get(key)?.as_f64()).collect();
        let n = (values.len() / 5).clamp(1, 10);
        let mean = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            Interval { mean, low: mean, high: mean }
        };
        (values.len() >= 2).then(|| (mean(&values[..n]), mean(&values[values.len() - n..])))
    };
    let cards = [
        ("defect-free", "defect_free", true),
        ("executes", "exec/success", true),
        ("reward", "reward", false),
    ];
    html! {
        p.note { "This run has no two held-out evaluations; these are training prompts, the first and the last steps." }
        div.headline {
            @for (name, key, percent) in cards {
                @if let Some((from, to)) = ends(key) { (card(name, Some(from), Some(to), percent)) }
            }
        }
    }
}

fn card(name: &str, from: Option<Interval>, to: Option<Interval>, percent: bool) -> Markup {
    let (Some(from), Some(to)) = (from, to) else { return html! {} };
    html! {
        div.figure-card {
            p.kicker { (name) }
            p.big { small { (shown(from.mean, percent)) } span.arrow { "→" } (shown(to.mean, percent)) }
            svg viewBox="0 0 300 44" role="img" aria-label={ (name) ": from " (shown(from.mean, percent)) " to " (shown(to.mean, percent)) } {
                line.axis x1="4" x2="296" y1="29" y2="29" {}
                @for at in [0.0, 0.25, 0.5, 0.75, 1.0] { line.axis x1=(x(at)) x2=(x(at)) y1="26" y2="32" {} }
                text x="0" y="43" { (shown(0.0, percent)) }
                text x="300" y="43" text-anchor="end" { (shown(1.0, percent)) }
                (whisker("from", from, 8.0)) (whisker("to", to, 18.0))
            }
        }
    }
}

fn x(v: f64) -> f64 {
    4.0 + 292.0 * v.clamp(0.0, 1.0)
}

fn whisker(class: &str, v: Interval, y: f64) -> Markup {
    html! {
        g class=(class) {
            line.whisker x1=(x(v.low)) x2=(x(v.high)) y1=(y) y2=(y) {}
            circle cx=(x(v.mean)) cy=(y) r="4.2" {}
        }
    }
}

fn shown(v: f64, percent: bool) -> String {
    if percent { format!("{:.0} %", 100.0 * v) } else { format!("{v:.2}") }
}

/// All evaluations: the student at its steps, then the arms to compare it with.
pub fn table(run: &Run) -> Markup {
    let (students, others): (Vec<_>, Vec<_>) = run.evals.iter().partition(|a| a.is_student());
    if run.evals.is_empty() {
        return html! {};
    }
    let last = students.iter().map(|a| a.step).max();
    let axes: BTreeSet<&str> = run.evals.iter().flat_map(|a| a.axes.keys()).map(String::as_str).collect();
    html! {
        h2 { "Evaluation" }
        p.note { "Share of held-out tasks, with 95 % intervals. The column of an axis is the share of answers that satisfy it." }
        div.scroll {
            table.arms {
                thead { tr {
                    th { "arm" } th.num { "step" } th.num { "tasks" } th.num { "executes" } th.num { "defect-free" } th.num { "reward" }
                    th.num { "good by geometry" } th.num { "held-back choice" }
                    @for axis in &axes { th.num { (axis) } }
                } }
                tbody { @for a in students.iter().chain(&others) {
                    tr.student[a.is_student() && Some(a.step) == last] {
                        td { (name(a)) } td.num { (a.step) } td.num { (a.tasks) }
                        td.num { (cell(a.exec, true)) } td.num { (cell(a.defect_free, true)) } td.num { (cell(a.reward, false)) }
                        td.num { (cell(a.good, true)) } td.num { (cell(a.held_back, true)) }
                        @for axis in &axes { td.num { (cell(a.axes.get(*axis).copied(), true)) } }
                    }
                } }
            }
        }
    }
}

/// The label of an arm; an unknown arm keeps its name.
fn name(a: &ArmRecord) -> &str {
    match a.arm.as_str() {
        "student" if a.step == 0 => "base",
        "best-constant" => "best constant layout",
        "given-feedback" => "with feedback on its own answers (teacher)",
        "shuffled-feedback" => "control: with feedback on other tasks",
        other => other,
    }
}

/// An end of an interval, without a unit.
fn bound(v: f64, percent: bool) -> String {
    if percent { format!("{:.0}", 100.0 * v) } else { format!("{v:.2}") }
}

fn cell(v: Option<Interval>, percent: bool) -> Markup {
    let Some(v) = v else { return html! { "–" } };
    html! {
        (shown(v.mean, percent))
        @if v.low < v.high { small { (bound(v.low, percent)) "–" (bound(v.high, percent)) } }
    }
}
