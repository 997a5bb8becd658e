//! ChartMimic's four low-level scores (docs/specs/chartmimic.md, 0 and 4 to 8): texts, layout,
//! chart types, colours.
//!
//! [`Rules::Official`] gives the numbers of the benchmark's own programs, bugs included, run
//! in a fresh process per example (in one process they carry type scores over to the next example).
//! Sets are sorted here; there, their order depends on random hashes. The colour score is `None`
//! where those programs raise (a ground truth that records no colour).
//!
//! [`Rules::Fixed`] fixes the following bugs, and only these. In the comparison:
//! - two empty records agree (1, not 0), in every metric; against a ground truth without colours a
//!   prediction with colours scores 0 instead of ending the program, whatever the chart is called;
//! - more than ten colours are not thinned (up to [`color::MANY`]).
//!
//! In the response ([`script`]): only the *calls* of `plt.savefig` and `plt.show` are taken out,
//! not all that follows the first of them.
//!
//! In the recorder (`crates/render/python/vsdpo_record`, option `fixed`):
//! - an exception in a hooked call opens the lock again;
//! - hooked functions keep their names, so that seaborn finds its default colours;
//! - a colour that cannot be read is left out; it neither raises in the script nor loses the whole
//!   record;
//! - an artist does not take the place of an earlier one that had the same colour when it was
//!   drawn;
//! - `none` and fully transparent colours are the token `none`, not black.
//!
//! Not fixed, because it would be another metric: every label is its own type, 3D aliases count as
//! 2D, only the exact polar class is polar, saves under other names write texts twice, the names
//! that the hooks leave in the script, lines of strings that the wrapper indents, `from __future__`
//! in the wrapper, tick removal at the first characters `plt.savefig` wherever they stand, and the
//! rule for charts named `graph`.

pub mod assignment;
pub mod color;
pub(crate) mod compared;
mod dataset;
pub mod eval;
mod example;
pub(crate) mod judge;
pub mod pairs;
pub mod print;
pub(crate) mod reference;
mod responses;
pub mod scorer;
pub mod script;
mod summary;
pub mod visual;

mod chart_type;
mod layout;
mod official;
mod text;
mod truths;

#[cfg(test)]
mod tests;

pub use judge::JudgeConfig;
pub use responses::Format;
pub use summary::{Summary, table};

use vsdpo_artifact::{ChartRecords, ChartScores, F1};

/// Which rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Those of the benchmark's own programs, to the digit.
    #[default]
    Official,
    /// The same without the bugs that the module lists.
    Fixed,
}

/// The F1 of `matched` of `pred` and of `gt` items; an empty side gives 0 on that side.
pub(crate) fn f1(matched: f64, pred: f64, gt: f64, rules: Rules) -> F1 {
    if rules == Rules::Fixed && pred == 0.0 && gt == 0.0 {
        return F1 { precision: 1.0, recall: 1.0, f1: 1.0 };
    }
    let share = |of: f64| if of > 0.0 { matched / of } else { 0.0 };
    let (precision, recall) = (share(pred), share(gt));
    let sum = precision + recall;
    let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
    F1 { precision, recall, f1 }
}

/// Why there is no colour score.
pub const NO_COLOR: &str =
    "the ground truth records no colour; the official evaluator raises ZeroDivisionError there";

/// Scores a prediction against the ground truth of the chart called `name` (the file's stem).
pub fn score(pred: &ChartRecords, gt: &ChartRecords, name: &str, rules: Rules) -> ChartScores {
    ChartScores {
        exec: pred.exec,
        text: text::score(&pred.text, &gt.text, rules),
        layout: layout::score(&pred.layout, &gt.layout, rules),
        chart_type: chart_type::score(&pred.types, &gt.types, rules),
        color: color::score(&pred.colors, &gt.colors, name, rules),
    }
}

/// Whether the layout of a chart counts its axes only (docs/specs/chartmimic.md, 8): the file's
/// path holds `/graph`.
pub fn counts_axes_only(name: &str) -> bool {
    format!("/{name}").contains("/graph")
}

/// How many items two multisets share.
pub(crate) fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    let mut left = std::collections::BTreeMap::new();
    for item in a {
        *left.entry(item).or_insert(0usize) += 1;
    }
    let mut take = |item: &T| left.get_mut(item).filter(|n| **n > 0).map(|n| *n -= 1).is_some();
    b.iter().filter(|item| take(item)).count()
}
