//! Whether a change that a finding suggests removes the finding: each is applied to the script as a
//! person would type it, and the script is drawn again.

use super::{fixtures, outcomes, render, scripts};
use std::collections::BTreeMap;
use std::path::PathBuf;
use vsdpo_artifact::{Defect, Domain, ElementKind, Language, Level, Outcome, Span, Task};
use vsdpo_credit::{CreditConfig, credit};
use vsdpo_diagnose::diagnose;

/// Share of the suggested changes that must remove their finding.
const GOAL: f64 = 0.8;

/// A finding, and the scripts that its suggestion makes of the one that it is about.
struct Try {
    script: usize,
    rule: &'static str,
    told: String,
    changes: Vec<String>,
}

#[test]
fn suggested_changes_remove_their_findings() {
    let scripts = scripts(&fixtures("lint"));
    let (mut tries, mut vague) = (Vec::new(), BTreeMap::<&str, usize>::new());
    let drawn = render(&scripts);
    for (script, outcome) in drawn.iter().enumerate() {
        for (defect, statement) in folded(&scripts[script].1, outcome) {
            let changes = changes(&scripts[script].1, statement, outcome, &defect);
            if changes.is_empty() {
                *vague.entry(defect.rule).or_default() += 1;
                continue;
            }
            let name = scripts[script].0.file_name().unwrap().to_string_lossy();
            let told = format!("{name}: {}: {}: {:?}", defect.rule, defect.message, defect.help);
            tries.push(Try { script, rule: defect.rule, told, changes });
        }
    }
    let changed =
        |t: &Try| t.changes.iter().map(|text| (scripts[t.script].0.clone(), text.clone())).collect();
    let all: Vec<(PathBuf, String)> = tries.iter().flat_map(|t| -> Vec<_> { changed(t) }).collect();
    let mut after = outcomes(&all).into_iter();
    let mut by_rule: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for t in &tries {
        let before = left(&drawn[t.script], t.rule);
        let best = after.by_ref().take(t.changes.len()).map(|outcome| left(&outcome, t.rule)).min();
        let kept = best.is_none_or(|best| best >= before);
        by_rule.entry(t.rule).or_default()[usize::from(kept)] += 1;
        if kept {
            println!("{}", t.told);
        }
    }
    for (rule, [removed, kept]) in &by_rule {
        println!("{rule}: {removed} of {} removed", removed + kept);
    }
    let [removed, kept] = by_rule.values().fold([0, 0], |sum, n| [sum[0] + n[0], sum[1] + n[1]]);
    println!("all: {removed} of {} removed; without a change that can be typed: {vague:?}", removed + kept);
    assert!(removed + kept >= 80, "only {} changes were tried", removed + kept);
    assert!(removed as f64 >= GOAL * (removed + kept) as f64, "{removed} of {}", removed + kept);
}

/// The warnings with the statement to change, one of each rule and statement.
fn folded(source: &str, outcome: &Outcome) -> Vec<(Defect, Span)> {
    let mut kept: Vec<(Defect, Span)> = Vec::new();
    for defect in warnings(outcome) {
        let one = std::slice::from_ref(&defect);
        let blamed = credit(Language::Python, source, outcome, one, &CreditConfig::default());
        let worst = blamed.statements.iter().rev().max_by(|a, b| a.resp.total_cmp(&b.resp));
        let Some(span) = worst.map(|s| s.statement.span) else { continue };
        if !kept.iter().any(|(other, at)| other.rule == defect.rule && *at == span) {
            kept.push((defect, span));
        }
    }
    kept
}

fn warnings(outcome: &Outcome) -> Vec<Defect> {
    let task = Task::unspecified(Domain::Chart, Language::Python);
    let defects = diagnose(&task, outcome, None).defects;
    defects.into_iter().filter(|d| d.level >= Level::Warning).collect()
}

/// Findings of the rule after a change; a script that fails now has as many as one likes.
fn left(outcome: &Outcome, rule: &str) -> usize {
    match outcome {
        Outcome::Failed { .. } => usize::MAX,
        Outcome::Rendered(_) => warnings(outcome).iter().filter(|d| d.rule == rule).count(),
    }
}

/// The scripts that a person could make of a suggestion, whose alternatives stand after "or"; none
/// where it names no change that can be typed.
fn changes(source: &str, span: Span, outcome: &Outcome, defect: &Defect) -> Vec<String> {
    let help = defect.help.as_deref().unwrap_or_default();
    let (start, end) = (span.start, span.end);
    let statement = &source[start..end];
    let instead = |text: String| format!("{}{text}{}", &source[..start], &source[end..]);
    let ticks = outcome.rendered().is_some_and(|r| {
        defect.elements.iter().any(|id| r.elements[*id as usize].kind == ElementKind::TickLabel)
    });
    let mut made = Vec::new();
    if help.starts_with("loc=") || help.starts_with("bbox_to_anchor=") {
        let words = help.split(", without ").next().unwrap_or(help).split(", and ").next().unwrap_or(help);
        let mut text = arguments(words)
            .iter()
            .fold(statement.to_owned(), |text, (name, value)| with_argument(&text, name, value));
        if help.contains("without bbox_to_anchor") {
            text = with_argument(&text, "bbox_to_anchor", "None");
        }
        made.push(instead(text));
    } else if let Some(color) = help.strip_prefix('#').and_then(|rest| rest.get(..6)) {
        let names = ["labelcolor", "colors", "color", "c"];
        let name = names.into_iter().find(|name| value_of(statement, name).is_some()).unwrap_or("color");
        made.push(instead(with_argument(statement, name, &format!("'#{color}'"))));
    }
    if help.starts_with("plt.subplots(layout='constrained')") {
        let calls = ["plt.subplots(", "plt.figure("];
        made.extend(calls.iter().filter_map(|call| in_call(source, call, "layout", "'constrained'")));
    }
    if help.contains("bbox_inches='tight'") {
        let source = made.first().map_or(source, String::as_str);
        let saved = ["plt.savefig(", "fig.savefig("].iter();
        made.extend(
            saved.filter_map(|call| in_call(source, call, "bbox_inches", "'tight'")).collect::<Vec<_>>(),
        );
    }
    made.extend(line_for(help).map(|line| at_the_end(source, &line)));
    if let Some(factor) = factor(help) {
        let labels = "[*_a.get_xticklabels(), *_a.get_yticklabels()]";
        let scale = format!(
            "[_t.set_fontsize({factor} * _t.get_fontsize()) for _a in plt.gcf().axes for _t in {labels}]"
        );
        made.extend(if ticks {
            Some(at_the_end(source, &scale))
        } else {
            resized(statement, factor).map(instead)
        });
    }
    made
}

/// The line that a suggestion adds before the script saves.
fn line_for(help: &str) -> Option<String> {
    let every = "for _a in plt.gcf().axes:";
    if let Some((to, from)) = help.split_once(") for the panel at ") {
        let to = to.strip_prefix("ax.set_position(")?;
        let far = format!("max(abs(p - q) for p, q in zip(_a.get_position().bounds, {from}))");
        return Some(format!("[_a.set_position({to}) for _a in plt.gcf().axes if {far} < 0.004]"));
    }
    if let Some(call) = help.strip_prefix("ax.tick_params(").and_then(|rest| rest.split(')').next()) {
        return Some(format!("{every} _a.tick_params({call})"));
    }
    let lines = [
        ("tight_layout() after", "plt.gcf().tight_layout()".to_owned()),
        ("xticks(rotation=90)", format!("{every} _a.tick_params(axis='x', rotation=90)")),
        ("axis='x', nbins=6", format!("{every} _a.xaxis.set_major_locator(plt.MaxNLocator(6))")),
        ("ax.axis('off')", format!("{every} _a.axis('on' if _a.has_data() else 'off')")),
    ];
    lines.into_iter().find(|(words, _)| help.contains(words)).map(|(_, line)| line)
}

/// The source with an argument set in its first call of this name.
fn in_call(source: &str, call: &str, name: &str, value: &str) -> Option<String> {
    let start = source.find(call)?;
    let end = start + closing(&source[start..])? + 1;
    Some(format!("{}{}{}", &source[..start], with_argument(&source[start..end], name, value), &source[end..]))
}

/// The factor of "a font size 1.3 times as large" or of "use 74 % of its font size".
fn factor(help: &str) -> Option<f64> {
    let number = |text: &str| text.split_whitespace().next_back().and_then(|word| word.parse::<f64>().ok());
    let times = help.split_once(" times as large").and_then(|(before, _)| number(before));
    times.or_else(|| {
        help.split_once(" % of its font size").and_then(|(before, _)| Some(number(before)? / 100.0))
    })
}

/// A statement with its font size multiplied; the default sizes are 10 and, of titles, 12.
fn resized(statement: &str, factor: f64) -> Option<String> {
    let names = ["labelsize", "fontsize", "size"];
    let found =
        names.into_iter().find_map(|name| Some((name, value_of(statement, name)?.parse::<f64>().ok()?)));
    let (name, size) = found.unwrap_or(("fontsize", if statement.contains("title(") { 12.0 } else { 10.0 }));
    statement.ends_with(')').then(|| with_argument(statement, name, &format!("{:.2}", size * factor)))
}

/// A script with one more line before it saves.
fn at_the_end(source: &str, line: &str) -> String {
    match source.find("plt.savefig(").or_else(|| source.find("fig.savefig(")) {
        Some(at) => format!("{}{line}\n{}", &source[..at], &source[at..]),
        None => format!("{source}\n{line}\n"),
    }
}

/// The pairs of `name=value, name=value`.
fn arguments(text: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match c == ',' && depth == 0 {
            true => parts.push(String::new()),
            false => parts.last_mut().unwrap().push(c),
        }
    }
    parts.iter().filter_map(|part| part.trim().split_once('=')).map(|(a, b)| (a.into(), b.into())).collect()
}

/// Where the value of an argument begins and ends in the text of a call.
fn place_of(call: &str, name: &str) -> Option<(usize, usize)> {
    let starts_word = |at: usize| !call[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let key = format!("{name}=");
    let at = call.match_indices(&key).map(|(at, _)| at).find(|at| starts_word(*at))? + key.len();
    let (mut depth, mut quote) = (0, None);
    let end = call[at..].char_indices().find(|&(_, c)| {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => return false,
            None if c == '"' || c == '\'' => quote = Some(c),
            None => depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c)),
        }
        depth < 0 || (depth == 0 && quote.is_none() && c == ',')
    });
    Some((at, at + end.map_or(call.len() - at, |(end, _)| end)))
}

fn value_of<'a>(call: &'a str, name: &str) -> Option<&'a str> {
    place_of(call, name).map(|(start, end)| &call[start..end])
}

/// A call with an argument set: the value that is there is replaced.
fn with_argument(call: &str, name: &str, value: &str) -> String {
    if let Some((start, end)) = place_of(call, name) {
        return format!("{}{value}{}", &call[..start], &call[end..]);
    }
    let Some(end) = call.rfind(')') else { return call.to_owned() };
    let comma = if call[..end].trim_end().ends_with(['(', ',']) { "" } else { ", " };
    format!("{}{comma}{name}={value}{}", &call[..end], &call[end..])
}

/// Where the first call in a text ends: the byte of its closing bracket.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if c == ')' && depth == 0 {
            return Some(at);
        }
    }
    None
}
