//! The statement of each element, against `fixtures/attribution`.

use super::{fixtures, render, scripts};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use vsdpo_artifact::{Element, ElementKind, Language, Statement};
use vsdpo_credit::{smallest_around, statements};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    truth: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "match")]
    choice: Choice,
    line: usize,
    col: Option<usize>,
    #[serde(default)]
    also: Vec<usize>,
    #[serde(rename = "axis_call")]
    _axis_call: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    kind: Option<OneOrMany<ElementKind>>,
    text: Option<String>,
    label: Option<String>,
    axis: Option<char>,
    /// `Some(None)` is `null`: inside no axes.
    #[serde(default, deserialize_with = "present")]
    axes: Option<Option<usize>>,
    nth: Option<OneOrMany<usize>>,
    parent_kind: Option<ElementKind>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: PartialEq> OneOrMany<T> {
    fn has(&self, value: &T) -> bool {
        match self {
            OneOrMany::One(one) => one == value,
            OneOrMany::Many(many) => many.contains(value),
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(d).map(Some)
}

impl Choice {
    /// The positions of the elements that it selects.
    fn of(&self, elements: &[Element]) -> Vec<usize> {
        let axes: Vec<u32> = elements.iter().filter(|e| e.kind == ElementKind::Axes).map(|e| e.id).collect();
        let hit = |e: &Element| {
            let inside = e.axes.map(|id| axes.iter().position(|a| *a == id).expect("axes are listed"));
            let parent = e.parent.map(|id| elements[id as usize].kind);
            self.kind.as_ref().is_none_or(|k| k.has(&e.kind))
                && (self.text.is_none() || self.text == e.text)
                && (self.label.is_none() || self.label == e.label)
                && (self.axis.is_none() || self.axis == e.axis)
                && self.axes.is_none_or(|a| a == inside)
                && (self.parent_kind.is_none() || self.parent_kind == parent)
        };
        let hits = (0..elements.len()).filter(|&i| hit(&elements[i])).enumerate();
        hits.filter(|(n, _)| self.nth.as_ref().is_none_or(|nth| nth.has(n))).map(|(_, i)| i).collect()
    }
}

/// (right, all) for each class of elements.
type Counts = BTreeMap<String, (usize, usize)>;

/// The classes that have goals.
fn class(kind: ElementKind) -> &'static str {
    use ElementKind::*;
    match kind {
        Tick | TickLabel | Grid | Spine => "ticks, grid, spines",
        Figure | Axes => "backgrounds",
        _ => "created things and texts",
    }
}

#[test]
fn elements_are_attributed_to_the_labelled_statements() {
    let scripts = scripts(&fixtures("attribution"));
    assert!(scripts.len() >= 60);
    let mut kinds = Counts::new();
    let mut classes = Counts::new();
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for ((path, source), outcome) in scripts.iter().zip(render(&scripts)) {
        let text = fs::read_to_string(path.with_extension("json")).unwrap();
        let truth: Truth = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let elements = &outcome.rendered().unwrap().elements;
        let statements = statements(Language::Python, source, &[]);
        let mut left: BTreeSet<usize> = (0..elements.len()).collect();
        for entry in &truth.truth {
            for i in entry.choice.of(elements) {
                if !left.remove(&i) {
                    continue;
                }
                let found = place(source, &statements, &elements[i]);
                let right = found.is_some_and(|(line, col)| {
                    (line == entry.line && entry.col.is_none_or(|c| c == col)) || entry.also.contains(&line)
                });
                let kind = serde_json::to_value(elements[i].kind).unwrap().as_str().unwrap().to_owned();
                if !right {
                    let name = path.file_name().unwrap().to_string_lossy();
                    let got = found.map_or("nothing".to_string(), |(line, _)| format!("line {line}"));
                    *wrong.entry(format!("{name}: {kind}: {got}, not line {}", entry.line)).or_default() += 1;
                }
                for (counts, key) in [(&mut kinds, kind), (&mut classes, class(elements[i].kind).to_owned())]
                {
                    let count = counts.entry(key).or_default();
                    *count = (count.0 + usize::from(right), count.1 + 1);
                }
            }
        }
        assert!(left.is_empty(), "{}: {} elements without a label", path.display(), left.len());
    }
    for (what, n) in &wrong {
        println!("{what} ({n})");
    }
    println!("| elements | n | right |\n|---|---|---|");
    for (what, (right, all)) in kinds.iter().chain(&classes) {
        println!("| {what} | {all} | {:.3} |", *right as f64 / *all as f64);
    }
    let share = |what: &str| classes[what].0 as f64 / classes[what].1 as f64;
    assert!(share("created things and texts") >= 0.98);
    assert!(share("ticks, grid, spines") >= 0.90);
}

/// Line and column, from 1, of the statement that drew an element.
fn place(source: &str, statements: &[Statement], element: &Element) -> Option<(usize, usize)> {
    let statement = &statements[smallest_around(statements, *element.stack.first()?)?];
    let line_start = source[..statement.span.start].rfind('\n').map_or(0, |i| i + 1);
    Some((statement.line, 1 + statement.span.start - line_start))
}
