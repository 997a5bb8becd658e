//! Renders of the first and last steps, and the list of stored rollouts.
//!
//! The pictures are not selected by hand: they are the first and the last ones, and among several
//! answers to a task the one with the median reward.

use super::artifact::{Picture, boxes};
use super::curve::value;
use super::{Run, Shown};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Maximum number of pairs, and of pictures in a strip.
const MANY: usize = 8;

/// Early beside late answers: to the same tasks if the run drew a task twice, otherwise a strip of
/// each.
pub fn before_and_after(run: &Run) -> Markup {
    let steps: Vec<u64> = run.shown.iter().map(|s| s.entry.step).collect();
    let (Some(first), Some(last)) = (steps.iter().min(), steps.iter().max()) else { return html! {} };
    if first == last {
        return html! {};
    }
    let pairs = pairs(run, *first, *last);
    html! {
        h2 { "Before and after" }
        @if pairs.is_empty() {
            p.note { "No task was stored twice, so these are different tasks: the first and the last stored answers of the run, not selected." }
            h3 { "First" }
            div.strip { @for s in run.shown.iter().take(MANY) { (shot(s, "")) } }
            h3 { "Last" }
            div.strip { @for s in run.shown.iter().skip(run.shown.len().saturating_sub(MANY)) { (shot(s, "")) } }
        } @else {
            p.note { "The same task, answered early and late in the run. If a step stored several answers, this is the one with the median reward." }
            div.pairs {
                @for (early, late) in pairs.into_iter().take(MANY) {
                    div.pair {
                        p { (early.record.prompt) }
                        div { (shot(early, "")) (shot(late, "")) }
                    }
                }
            }
        }
    }
}

/// Every step with its stored rollouts, collapsed.
pub fn all(run: &Run) -> Markup {
    let mut steps: BTreeMap<u64, Vec<&Shown>> = BTreeMap::new();
    run.shown.iter().for_each(|s| steps.entry(s.entry.step).or_default().push(s));
    html! {
        @if !steps.is_empty() {
            h2 { "Rollouts" }
            p.note {
                (run.stored) " stored" @if run.shown.len() < run.stored {
                    ", of which " (run.shown.len()) " have a page here (evenly spaced steps, with the first and the last one)"
                } ". A page shows the picture with the boxes of its defects beside the code, shaded by responsibility."
            }
            @for (step, shown) in &steps {
                details.step {
                    summary {
                        b { "Step " (step) } " · " (shown.len()) " rollouts · mean reward "
                        (value(shown.iter().map(|s| s.entry.reward).sum::<f64>() / shown.len() as f64))
                        " · " (shown.iter().filter(|s| s.entry.clean).count()) " defect-free"
                    }
                    div.strip { @for s in shown { (shot(s, &s.entry.task)) } }
                }
            }
        }
    }
}

/// A small picture that links to the rollout's page.
fn shot(shown: &Shown, name: &str) -> Markup {
    let entry = &shown.entry;
    html! {
        a.shot href={ "rollouts/" (shown.page) } {
            @match shown.pictures.first() {
                Some((image, width, height)) => span.frame {
                    img src={ "images/" (image) } width=(width) height=(height) loading="lazy" alt="";
                    (boxes(&shown.record.defects, 0, &Picture { href: String::new(), width: *width, height: *height }))
                },
                None => span.frame.none {
                    @match &shown.record.error { Some(e) => (e.message), None => "no picture" }
                },
            }
            span.caption {
                span { @if name.is_empty() { "step " (entry.step) } @else { (name) } }
                span { (state(shown)) " " b { (value(entry.reward)) } }
            }
        }
    }
}

fn state(shown: &Shown) -> Markup {
    let entry = &shown.entry;
    let count = shown.record.defects.iter().filter(|d| !d.is_note()).count();
    html! {
        @if !entry.executed { span.bad { "failed" } }
        @else if entry.clean { span.ok { "✓" } }
        @else { span.bad { "✕" @if count > 0 { (count) } } }
    }
}

/// Tasks with answers in both halves of the run: the answers at their first and last step, by
/// falling distance between the steps.
fn pairs(run: &Run, first: u64, last: u64) -> Vec<(&Shown, &Shown)> {
    let middle = first + (last - first) / 2;
    let mut tasks: BTreeMap<&str, Vec<&Shown>> = BTreeMap::new();
    run.shown.iter().for_each(|s| tasks.entry(&s.entry.task).or_default().push(s));
    let mut found: Vec<_> = tasks.into_values().filter_map(|group| ends(&group, middle)).collect();
    found.sort_by_key(|(a, b)| std::cmp::Reverse(b.entry.step - a.entry.step));
    found
}

/// The answers to one task at its first and last step, if these are in different halves of the run.
fn ends<'a>(group: &[&'a Shown], middle: u64) -> Option<(&'a Shown, &'a Shown)> {
    let early = group.iter().map(|s| s.entry.step).min()?;
    let late = group.iter().map(|s| s.entry.step).max()?;
    let at = |step| median(group.iter().copied().filter(|s| s.entry.step == step).collect());
    if early <= middle && late > middle { Some((at(early)?, at(late)?)) } else { None }
}

/// The answer with the median reward.
fn median(mut group: Vec<&Shown>) -> Option<&Shown> {
    group.sort_by(|a, b| a.entry.reward.total_cmp(&b.entry.reward));
    group.get(group.len() / 2).copied()
}
