//! The axes of a chart that are judged against a reference: the four metrics of ChartMimic under
//! the `fixed` rules, and how alike the pictures look. The score of an axis is the F1.

use super::SATISFIED;
use crate::axes::chart::ChartScores;
use crate::reward::reward;
use std::collections::BTreeMap;
use vsdpo_artifact::{Axis, ChartAxis, ChartRecords, Diagnosis, GridCell, Verdict};

/// How many things an observation names.
const NAMED: usize = 3;
/// Characters of a text that an observation shows.
const SHOWN: usize = 24;

/// A render beside its reference.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The metrics.
    pub scores: ChartScores,
    /// What the render's script left.
    pub pred: &'a ChartRecords,
    /// What the reference's script left.
    pub gt: &'a ChartRecords,
    /// Similarity of the pictures, 0 to 1; `None` where the reference has no picture.
    pub visual: Option<f64>,
}

/// The diagnosis with the axes that need a reference, and the reward (equation 8) over all axes. A
/// failed execution stays as it is.
pub fn against(mut diagnosis: Diagnosis, with: &Comparison) -> Diagnosis {
    if !diagnosis.executed {
        return diagnosis;
    }
    let domain = vsdpo_artifact::Domain::Chart;
    let verdicts = Axis::against_reference(domain).iter().map(|&axis| (axis, with.verdict(axis)));
    diagnosis.rubric.axes.extend(verdicts);
    diagnosis.reward = reward(true, &diagnosis.rubric);
    diagnosis
}

impl Comparison<'_> {
    fn verdict(&self, axis: Axis) -> Verdict {
        let (pred, gt) = (self.pred, self.gt);
        let Axis::Chart(axis) = axis else {
            return Verdict { satisfied: None, score: None, observed: "not of a chart".into() };
        };
        let (score, observed) = match axis {
            ChartAxis::Text => (Some(self.scores.text.f1), difference(&texts(&pred.text), &texts(&gt.text))),
            ChartAxis::Layout => {
                (Some(self.scores.layout.f1), difference(&cells(&pred.layout), &cells(&gt.layout)))
            }
            ChartAxis::ChartType => {
                (Some(self.scores.chart_type.f1), difference(&calls(&pred.types), &calls(&gt.types)))
            }
            ChartAxis::Color => (self.scores.color.map(|c| c.f1), difference(&tokens(pred), &tokens(gt))),
            ChartAxis::Visual => {
                (self.visual, self.visual.map_or("no picture".into(), |v| format!("{v:.2}")))
            }
            _ => (None, "needs no reference".into()),
        };
        Verdict { satisfied: score.map(|s| s >= SATISFIED), score: score.map(|s| s as f32), observed }
    }
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

/// Every call by the name of its function, which ends the label.
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

/// `all`, or what is missing and what is too much.
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
    let said: Vec<String> = parts.into_iter().flatten().collect();
    if said.is_empty() { "all".into() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::chart::{Rules, score};
    use vsdpo_artifact::{ColorToken, Domain, Rubric};

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

    fn judged(pred: &ChartRecords, gt: &ChartRecords, executed: bool) -> Diagnosis {
        let axes = vec![(
            Axis::Chart(ChartAxis::Overlap),
            Verdict { satisfied: Some(false), score: Some(0.5), observed: "a b".into() },
        )];
        let before = Diagnosis { executed, defects: vec![], rubric: Rubric { axes }, reward: 0.5 };
        let scores = score(pred, gt, "bar_1", Rules::Fixed);
        against(before, &Comparison { scores, pred, gt, visual: Some(0.25) })
    }

    #[test]
    fn the_reward_is_the_mean_over_all_axes() {
        let gt = records(&["Sales", "Town"], 2, "#FF0000");
        let pred = records(&["Sales", "a very long title that nobody asked for"], 1, "#FF0000");
        let d = judged(&pred, &gt, true);
        // Overlap 1/2; text 1 of 2 and 1 of 2; layout 1; type P 1, R 1/2; colour 1; visual 1/4.
        let want = (0.5 + 0.5 + 1.0 + 2.0 / 3.0 + 1.0 + 0.25) / 6.0;
        assert!((f64::from(d.reward) - want).abs() < 1e-6, "{}", d.reward);
        let seen: Vec<(&str, Option<bool>, &str)> =
            d.rubric.axes[1..].iter().map(|(a, v)| (a.name(), v.satisfied, v.observed.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("text", Some(false), "missing 'Town'; extra 'a very long title that n..'"),
                ("layout", Some(true), "all"),
                ("chart_type", Some(false), "missing bar"),
                ("color", Some(true), "all"),
                ("visual", Some(false), "0.25"),
            ]
        );
        assert_eq!(Axis::against_reference(Domain::Chart).len(), 5);
    }

    #[test]
    fn a_failed_execution_stays_at_nothing() {
        let gt = records(&[], 1, "#FF0000");
        let d = judged(&ChartRecords::default(), &gt, false);
        assert_eq!((d.rubric.axes.len(), d.reward), (1, 0.5));
    }

    #[test]
    fn long_differences_are_counted() {
        let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(difference(&list(1), &list(6)), "missing 1, 2, 3 and 2 more");
        assert_eq!(difference(&list(2), &list(2)), "all");
    }
}
