//! The axes of a chart that compare it with its reference: the four metrics of ChartMimic under the
//! `fixed` rules, and the similarity of the pictures. The score of an axis is the F1.

use crate::compared::{ReferenceResult, SATISFIED};
use std::collections::BTreeMap;
use vsdpo_artifact::{Axis, AxisScore, ChartComparison, ChartRecords, GridCell};

/// Items that an observation names at most.
const NAMED: usize = 3;
/// Characters of a text that an observation shows.
const SHOWN: usize = 24;

/// The axes that the comparison adds. It adds no defects: the metrics do not say where a chart
/// differs.
pub(crate) fn compare(with: &ChartComparison) -> ReferenceResult {
    let ChartComparison { scores, pred, gt, visual } = with;
    let axis = |axis: Axis, score: Option<f64>, observed: String| {
        let satisfied = score.map(|s| s >= SATISFIED);
        (axis, AxisScore { satisfied, score: score.map(|s| s as f32), observed, remedy: None })
    };
    let axes = vec![
        axis(super::TEXT, Some(scores.text.f1), difference(&texts(&pred.text), &texts(&gt.text))),
        axis(super::LAYOUT, Some(scores.layout.f1), difference(&cells(&pred.layout), &cells(&gt.layout))),
        axis(
            super::CHART_TYPE,
            Some(scores.chart_type.f1),
            difference(&calls(&pred.types), &calls(&gt.types)),
        ),
        axis(super::COLOR, scores.color.map(|c| c.f1), difference(&tokens(pred), &tokens(gt))),
        axis(super::VISUAL, *visual, visual.map_or("no picture".into(), |v| format!("{v:.2}"))),
    ];
    ReferenceResult { axes, defects: Vec::new() }
}

fn texts(list: &[String]) -> Vec<String> {
    let short = |t: &String| match t.chars().count() > SHOWN {
        true => format!("'{}..'", t.chars().take(SHOWN).collect::<String>()),
        false => format!("'{t}'"),
    };
    list.iter().map(short).collect()
}

fn cells(list: &[GridCell]) -> Vec<String> {
    let cell = |c: &GridCell| {
        let (rows, columns) = ((c.row_start + 1, c.row_end + 1), (c.col_start + 1, c.col_end + 1));
        format!("{}x{} row {}-{} column {}-{}", c.nrows, c.ncols, rows.0, rows.1, columns.0, columns.1)
    };
    list.iter().map(cell).collect()
}

/// Every call by the name of its function, which is the end of the label.
fn calls(counts: &BTreeMap<String, u64>) -> Vec<String> {
    let calls =
        |(label, &n): (&String, &u64)| std::iter::repeat_n(name(label).to_owned(), n.min(64) as usize);
    counts.iter().flat_map(calls).collect()
}

fn tokens(records: &ChartRecords) -> Vec<String> {
    records.colors.iter().map(|c| format!("{} {}", name(&c.class), c.token)).collect()
}

fn name(label: &str) -> &str {
    label.rsplit_once(".py").and_then(|(_, tail)| tail.get(1..)).unwrap_or(label)
}

/// `all`, or the items that are missing and those that are extra.
fn difference(pred: &[String], gt: &[String]) -> String {
    let rest = |of: &[String], without: &[String]| {
        let mut left: Vec<&String> = without.iter().collect();
        let mut more: Vec<String> = Vec::new();
        for item in of {
            match left.iter().position(|l| *l == item) {
                Some(i) => {
                    left.swap_remove(i);
                }
                None => more.push(item.clone()),
            }
        }
        more
    };
    let list = |what: &str, items: Vec<String>| {
        let named = items.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = items.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!items.is_empty()).then(|| format!("{what} {named}{more}"))
    };
    let parts = [list("missing", rest(gt, pred)), list("extra", rest(pred, gt))];
    let parts_named: Vec<String> = parts.into_iter().flatten().collect();
    if parts_named.is_empty() { "all".into() } else { parts_named.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_axes;
    use vsdpo_artifact::{ChartScores, ColorToken, Domain, F1, Image, Language, Outcome, Rendered, Task};

    fn records(texts: &[&str], bars: u64, color: &str) -> ChartRecords {
        let class = "matplotlib/__init__.py/bar".to_owned();
        let cell = GridCell { nrows: 1, ncols: 1, row_start: 0, row_end: 0, col_start: 0, col_end: 0 };
        ChartRecords {
            text: texts.iter().map(|t| t.to_string()).collect(),
            layout: vec![cell],
            types: [("matplotlib/__init__.py-bar".to_owned(), bars)].into(),
            colors: [ColorToken { class, token: color.into() }].into(),
            ..ChartRecords::default()
        }
    }

    fn f1(f1: f64) -> F1 {
        F1 { precision: f1, recall: f1, f1 }
    }

    #[test]
    fn the_reward_is_the_share_of_satisfied_axes() {
        let gt = records(&["Sales", "Town"], 2, "#FF0000");
        let pred = records(&["Sales", "a very long title that nobody asked for"], 1, "#FF0000");
        let (text, chart_type) = (f1(0.5), f1(2.0 / 3.0));
        let scores = ChartScores { exec: true, text, layout: f1(1.0), chart_type, color: Some(f1(1.0)) };
        let comparison = vsdpo_artifact::Comparison::Chart(Box::new(ChartComparison {
            scores,
            pred,
            gt,
            visual: Some(0.25),
        }));
        let image = Image { width: 0, height: 0, rgba: [].into() };
        let outcome = Outcome::Rendered(Rendered::of_page(image, vec![]));
        let task = Task::unspecified(Domain::Chart, Language::Python);
        let d = crate::diagnose(&task, &outcome, Some(&comparison));
        // An empty picture has no other axes.
        let reward = crate::reward(&d, &crate::AxisWeights::equal(Domain::Chart));
        assert!((reward - 2.0 / 5.0).abs() < 1e-6, "{reward}");
        let found: Vec<(&str, Option<bool>, &str)> =
            d.rubric.axes[6..].iter().map(|(a, v)| (a.name, v.satisfied, v.observed.as_str())).collect();
        assert_eq!(
            found,
            [
                ("text", Some(false), "missing 'Town'; extra 'a very long title that n..'"),
                ("layout", Some(true), "all"),
                ("chart_type", Some(false), "missing bar"),
                ("color", Some(true), "all"),
                ("visual", Some(false), "0.25"),
            ]
        );
        let axes: Vec<Axis> = d.rubric.axes[6..].iter().map(|(a, _)| *a).collect();
        assert_eq!(axes, reference_axes(Domain::Chart));
    }

    #[test]
    fn long_differences_are_counted() {
        let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(difference(&list(1), &list(6)), "missing 1, 2, 3 and 2 more");
        assert_eq!(difference(&list(2), &list(2)), "all");
    }
}
