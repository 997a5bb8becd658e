//! WebCode2M (`xcodemind/webcode2m`, CC-BY-4.0): 2.6 million pages of the real web in 2,066 Parquet
//! files.
//!
//! Columns that are read: `image`, `text` (HTML with its CSS inside) and, if the recipe filters by
//! them, `score` (visual quality of the page, an integer), `lang` (a code such as `en`) and
//! `tokens` (two integers: GPT-2 tokens of the CSS and of the HTML according to the data set's
//! card; the filter uses their sum). `bbox`, `scale` and `hash` are not read. A row with a missing
//! value does not pass the filter.
//!
//! The schema is taken from the data set's card and from other readers of it. It has not been
//! tested on the published files.

use crate::DataConfig;
use crate::error::DataError;
use crate::shards::file::{Column, Shard, integer_lists, integers, text};
use arrow_array::{Array, ArrayRef};

const SCORE: Column = Column { path: "score", what: "Int64", fits: |a| integers(a).is_some() };
const LANG: Column = Column { path: "lang", what: "text", fits: |a| text(a).is_some() };
const TOKENS: Column =
    Column { path: "tokens", what: "a list of Int64", fits: |a| integer_lists(a).is_some() };

/// The filters `min_score`, `lang` and `max_tokens` in the `[data]` section of a recipe.
pub(crate) struct Filters<'a>(pub &'a DataConfig);

impl Filters<'_> {
    /// The columns that the filters need; empty if every row passes.
    pub fn columns(&self) -> Vec<Column> {
        let DataConfig { min_score, lang, max_tokens, .. } = self.0;
        let needed = [(min_score.is_some(), SCORE), (!lang.is_empty(), LANG), (max_tokens.is_some(), TOKENS)];
        needed.into_iter().filter_map(|(needed, column)| needed.then_some(column)).collect()
    }

    /// For each row of a row group: why it does not pass, or `None` if it passes.
    pub fn rejections(&self, shard: &Shard, group: usize) -> Result<Vec<Option<String>>, DataError> {
        let DataConfig { min_score, lang, max_tokens, .. } = self.0;
        let mut rejections = Vec::new();
        if let Some(least) = *min_score {
            reject(&mut rejections, &shard.read(group, &SCORE, None)?, &|a, i| score(a, i, least));
        }
        if !lang.is_empty() {
            reject(&mut rejections, &shard.read(group, &LANG, None)?, &|a, i| language(a, i, lang));
        }
        if let Some(most) = *max_tokens {
            reject(&mut rejections, &shard.read(group, &TOKENS, None)?, &|a, i| tokens(a, i, most));
        }
        Ok(rejections)
    }
}

/// Applies one filter to the rows of a column; a row keeps the reason of the first filter that
/// rejects it.
fn reject(
    rejections: &mut Vec<Option<String>>,
    pieces: &[ArrayRef],
    why: &dyn Fn(&dyn Array, usize) -> Option<String>,
) {
    rejections.resize(pieces.iter().map(|p| p.len()).sum(), None);
    let rows = pieces.iter().flat_map(|piece| (0..piece.len()).map(move |i| (piece, i)));
    for (rejection, (piece, i)) in rejections.iter_mut().zip(rows) {
        *rejection = rejection.take().or_else(|| why(piece, i));
    }
}

fn score(array: &dyn Array, i: usize, least: i64) -> Option<String> {
    match integers(array).filter(|scores| scores.is_valid(i)).map(|scores| scores.value(i)) {
        Some(score) if score >= least => None,
        Some(score) => Some(format!("score {score} is below {least}")),
        None => Some("has no score".into()),
    }
}

fn language(array: &dyn Array, i: usize, wanted: &[String]) -> Option<String> {
    match text(array).filter(|langs| langs.is_valid(i)).map(|langs| langs.value(i)) {
        Some(lang) if wanted.iter().any(|w| w == lang) => None,
        Some(lang) => Some(format!("lang is {lang:?}")),
        None => Some("has no lang".into()),
    }
}

fn tokens(array: &dyn Array, i: usize, most: u64) -> Option<String> {
    let none = || Some("has no tokens".into());
    let Some((lists, counts)) = integer_lists(array).filter(|(lists, _)| lists.is_valid(i)) else {
        return none();
    };
    let offsets = lists.value_offsets();
    let (first, end) = (offsets[i] as usize, offsets[i + 1] as usize);
    if first == end || (first..end).any(|k| counts.is_null(k)) {
        return none();
    }
    let sum = counts.values()[first..end].iter().fold(0i64, |sum, &n| sum.saturating_add(n));
    (i128::from(sum) > i128::from(most)).then(|| format!("{sum} tokens are more than {most}"))
}
