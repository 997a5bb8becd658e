//! Colours (docs/specs/chartmimic.md, 7.2 to 7.4): the best one-to-one matching of two sets of
//! tokens, class by class.

use super::{Rules, assignment, f1};
use crate::ciede2000::{Lab, difference};
use std::collections::{BTreeMap, BTreeSet};
use vsdpo_artifact::{ColorToken, F1};

/// The benchmark thins longer lists.
const FEW: usize = 10;
/// Longer lists are thinned under the fixed rules as well, to bound the time that a score takes.
pub const MANY: usize = 256;
/// Of two tokens that are more similar than this, thinning keeps the first.
const ALIKE: f64 = 0.7;

/// `None` where the benchmark's program raises: no colour in the ground truth, unless the chart is
/// a box plot.
pub(crate) fn score(
    pred: &BTreeSet<ColorToken>,
    gt: &BTreeSet<ColorToken>,
    name: &str,
    rules: Rules,
) -> Option<F1> {
    let (pred, gt) = (thinned(pred, rules), thinned(gt, rules));
    if gt.is_empty() && rules == Rules::Official && !name.contains("box") {
        return None;
    }
    let (of_pred, of_gt) = (by_class(&pred), by_class(&gt));
    let both = of_pred.iter().filter_map(|(class, tokens)| Some((tokens, of_gt.get(class)?)));
    let similarity: f64 = both.map(|(a, b)| best_sum(a, b)).sum();
    Some(f1(similarity, pred.len() as f64, gt.len() as f64, rules))
}

/// A parsed token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Color(Lab),
    Name(&'a str),
}

fn value(token: &str) -> Value<'_> {
    Lab::of_hex(token).map_or(Value::Name(token), Value::Color)
}

/// 0 to 1 (docs/specs/chartmimic.md, 7.3).
fn similarity(a: Value<'_>, b: Value<'_>) -> f64 {
    match (a, b) {
        (Value::Color(a), Value::Color(b)) => (1.0 - difference(a, b) / 100.0).max(0.0),
        (Value::Name(a), Value::Name(b)) => f64::from(a == b),
        _ => 0.0,
    }
}

/// The similarity of two tokens, `#RRGGBB` with or without alpha digits or the name of a colour
/// map.
pub fn token_similarity(a: &str, b: &str) -> f64 {
    similarity(value(a), value(b))
}

/// Spec 7.2: of a long list, in sorted order, only tokens that resemble no earlier one; classes do
/// not count.
fn thinned(tokens: &BTreeSet<ColorToken>, rules: Rules) -> Vec<(&str, Value<'_>)> {
    let all = tokens.iter().map(|t| (t.class.as_str(), value(&t.token)));
    if tokens.len() <= if rules == Rules::Official { FEW } else { MANY } {
        return all.collect();
    }
    // Names resemble equal names only, so a set does for them; colours that do not resemble are
    // few.
    let mut kept: Vec<(&str, Value<'_>)> = Vec::new();
    let mut names = BTreeSet::new();
    let mut colors: Vec<Value<'_>> = Vec::new();
    for (class, value) in all {
        let new = match value {
            Value::Name(name) => names.insert(name),
            color @ Value::Color(_) => {
                let new = colors.iter().all(|&other| similarity(color, other) <= ALIKE);
                colors.extend(new.then_some(color));
                new
            }
        };
        kept.extend(new.then_some((class, value)));
    }
    kept
}

fn by_class<'a>(tokens: &[(&'a str, Value<'a>)]) -> BTreeMap<&'a str, Vec<Value<'a>>> {
    let mut classes: BTreeMap<&str, Vec<Value<'_>>> = BTreeMap::new();
    for (class, value) in tokens {
        classes.entry(*class).or_default().push(*value);
    }
    classes
}

/// The greatest sum of similarities of a one-to-one matching. A colour and a name have none in
/// common, so both kinds are matched apart; names match equal names.
fn best_sum(a: &[Value<'_>], b: &[Value<'_>]) -> f64 {
    let names = |all: &[Value<'_>]| all.iter().filter(|v| matches!(v, Value::Name(_))).count();
    let equal = a.iter().filter(|v| matches!(v, Value::Name(_)) && b.contains(v)).count();
    let colors = |all: &[Value<'_>]| -> Vec<Lab> {
        let lab = |v: &Value<'_>| if let Value::Color(lab) = v { Some(*lab) } else { None };
        all.iter().filter_map(lab).collect()
    };
    debug_assert!(equal <= names(a).min(names(b)), "tokens of a class are distinct");
    let (short, long) = if a.len() <= b.len() { (colors(a), colors(b)) } else { (colors(b), colors(a)) };
    let similar = |x: &Lab, y: &Lab| similarity(Value::Color(*x), Value::Color(*y));
    let table: Vec<Vec<f64>> = short.iter().map(|x| long.iter().map(|y| similar(x, y)).collect()).collect();
    equal as f64 + assignment::best_sum(&table)
}
