//! WebCode2M (`xcodemind/webcode2m`, CC-BY-4.0): 2.6 million pages of the real web, 2,066 Parquet
//! files.
//!
//! Columns that are read: `image`, `text` (HTML with its CSS inside) and, where a key of the recipe
//! asks for it, `score` (a judgement of the page's looks, an integer), `lang` (a code such as `en`)
//! and `tokens` (two integers: GPT-2 tokens of the CSS and of the HTML, as the data set's card
//! says; what counts here is their sum). `bbox`, `scale` and `hash` are not read. A row whose value
//! is missing does not pass.
//!
//! The columns are as in the data set's card and in what others read of it; no row of it was seen
//! when this was written.

use crate::DataConfig;
use crate::error::DataError;
use crate::shards::file::{Column, Shard, integer_lists, integers, text};
use arrow_array::{Array, ArrayRef};

const SCORE: Column = Column { path: "score", what: "Int64", fits: |a| integers(a).is_some() };
const LANG: Column = Column { path: "lang", what: "text", fits: |a| text(a).is_some() };
const TOKENS: Column =
    Column { path: "tokens", what: "a list of Int64", fits: |a| integer_lists(a).is_some() };

/// The keys `min_score`, `lang` and `max_tokens` of a recipe's `[data]`.
pub(crate) struct Keys<'a>(pub &'a DataConfig);

impl Keys<'_> {
    /// The columns that they look at; none if every row passes.
    pub fn columns(&self) -> Vec<Column> {
        let DataConfig { min_score, lang, max_tokens, .. } = self.0;
        let asked = [(min_score.is_some(), SCORE), (!lang.is_empty(), LANG), (max_tokens.is_some(), TOKENS)];
        asked.into_iter().filter_map(|(asked, column)| asked.then_some(column)).collect()
    }

    /// Why each row of a row group does not pass, in their order.
    pub fn verdicts(&self, shard: &Shard, group: usize) -> Result<Vec<Option<String>>, DataError> {
        let DataConfig { min_score, lang, max_tokens, .. } = self.0;
        let mut verdicts = Vec::new();
        if let Some(least) = *min_score {
            judge(&mut verdicts, &shard.read(group, &SCORE, None)?, &|a, i| score(a, i, least));
        }
        if !lang.is_empty() {
            judge(&mut verdicts, &shard.read(group, &LANG, None)?, &|a, i| language(a, i, lang));
        }
        if let Some(most) = *max_tokens {
            judge(&mut verdicts, &shard.read(group, &TOKENS, None)?, &|a, i| tokens(a, i, most));
        }
        Ok(verdicts)
    }
}

/// Puts the first reason against each row.
fn judge(
    verdicts: &mut Vec<Option<String>>,
    pieces: &[ArrayRef],
    why: &dyn Fn(&dyn Array, usize) -> Option<String>,
) {
    verdicts.resize(pieces.iter().map(|p| p.len()).sum(), None);
    let rows = pieces.iter().flat_map(|piece| (0..piece.len()).map(move |i| (piece, i)));
    for (verdict, (piece, i)) in verdicts.iter_mut().zip(rows) {
        *verdict = verdict.take().or_else(|| why(piece, i));
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
