//! The merge search: neighbouring blocks of a page are merged while that makes the texts of both
//! pages more similar (docs/specs/design2code.md, 10).

use super::assign::{Row, assign, in_context, paid, transposed};
use super::blocks::joined;
use super::gain::{GAIN, ROUNDING, gain};
use super::joins::Joins;
use super::ratio::{Alphabet, Indexed};
use super::rematch::Rematch;
use std::collections::HashMap;
use vsdpo_artifact::TextBlock;

/// Merges blocks of both pages until no merge helps; returns the pairs of the resulting blocks, in
/// order of the candidate's.
pub fn merge(cand: &mut Vec<TextBlock>, refs: &mut Vec<TextBlock>) -> Vec<(usize, usize)> {
    let mut costs = Costs::default();
    let mut current = paid(&costs.table(cand, refs));
    loop {
        let cand_changed = costs.merge_side(Side::Cand, (cand, refs), &mut current);
        let refs_changed = costs.merge_side(Side::Ref, (refs, cand), &mut current);
        if !cand_changed && !refs_changed {
            return assign(&in_context(&costs.table(cand, refs)));
        }
    }
}

/// The page whose blocks are the rows of a table.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Cand,
    Ref,
}

/// Costs of pairs of texts, minus their ratios, each computed once.
#[derive(Default)]
struct Costs {
    numbers: HashMap<String, usize>,
    alphabet: Alphabet,
    texts: Vec<Indexed>,
    known: HashMap<(usize, usize), f64>,
}

impl Costs {
    /// Candidate's blocks by reference's blocks.
    fn table(&mut self, cand: &[TextBlock], refs: &[TextBlock]) -> Vec<Vec<f64>> {
        let columns = self.numbers(refs);
        cand.iter().map(|block| self.row(Side::Cand, &block.text, &columns)).collect()
    }

    fn numbers(&mut self, blocks: &[TextBlock]) -> Vec<usize> {
        blocks.iter().map(|block| self.number(&block.text)).collect()
    }

    fn number(&mut self, text: &str) -> usize {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        self.numbers.insert(text.to_string(), self.texts.len());
        self.texts.push(Indexed::new(self.alphabet.read(text)));
        self.texts.len() - 1
    }

    /// A text of one page with all texts of the other.
    fn row(&mut self, side: Side, text: &str, others: &[usize]) -> Vec<f64> {
        let number = self.number(text);
        let mut cost = |&other: &usize| {
            let (a, b) = if side == Side::Cand { (number, other) } else { (other, number) };
            // Not negated, which would make a negative zero.
            *self.known.entry((a, b)).or_insert_with(|| 0.0 - self.texts[b].ratio(self.texts[a].text()))
        };
        others.iter().map(&mut cost).collect()
    }

    /// One round for one page; `current` are the costs of the cheapest matching, before and after.
    fn merge_side(
        &mut self,
        side: Side,
        (blocks, others): (&mut Vec<TextBlock>, &[TextBlock]),
        current: &mut Vec<f64>,
    ) -> bool {
        let (kinds, columns) = (self.numbers(blocks), self.numbers(others));
        let table: Vec<_> = blocks.iter().map(|block| self.row(side, &block.text, &columns)).collect();
        let rows: Vec<Row> = table.iter().zip(&kinds).map(|(costs, &kind)| Row { costs, kind }).collect();
        let mut joins = Joins::new(&rows);
        let mut rematch = Rematch::new(&rows, &columns, side == Side::Cand);
        let mut found = Vec::new();
        for at in 0..blocks.len().saturating_sub(1) {
            let text = joined(&blocks[at], &blocks[at + 1]).text;
            let joined = self.row(side, &text, &columns);
            let joined = Row { costs: &joined, kind: self.number(&text) };
            let hopeless = |joins: &mut Joins| joins.gain_bound(at, joined, current) < GAIN - ROUNDING;
            if joins.as_mut().is_some_and(hopeless) {
                continue;
            }
            let gain = gain(current, &rematch.paid(at, joined));
            if gain > GAIN {
                found.push((at, gain));
            }
        }
        if found.is_empty() {
            return false;
        }
        apply(blocks, found);
        let table: Vec<_> = blocks.iter().map(|block| self.row(side, &block.text, &columns)).collect();
        *current = if side == Side::Cand { paid(&table) } else { paid(&transposed(&table)) };
        true
    }
}

/// Merges the best first; a block takes part in one merge at most.
fn apply(blocks: &mut Vec<TextBlock>, mut found: Vec<(usize, f64)>) {
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut chosen: Vec<usize> = Vec::new();
    for (at, _) in found {
        if chosen.iter().all(|other| other.abs_diff(at) > 1) {
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    for at in chosen.into_iter().rev() {
        blocks[at] = joined(&blocks[at], &blocks[at + 1]);
        blocks.remove(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design2code::testing::{Digest, Random};

    fn blocks(texts: Vec<String>) -> Vec<TextBlock> {
        texts.into_iter().map(|text| TextBlock { text, bbox: [0.0; 4], color: [0.0; 3] }).collect()
    }

    fn page(random: &mut Random, words: &[String]) -> Vec<String> {
        let n = 1 + random.below(14);
        let mut text = || {
            let n = 1 + random.below(4);
            (0..n).map(|_| words[random.below(words.len())].clone()).collect::<Vec<_>>().join(" ")
        };
        (0..n).map(|_| text()).collect()
    }

    /// Texts of which some are split in two and some are removed.
    fn cut(random: &mut Random, texts: &[String]) -> Vec<String> {
        let mut all = Vec::new();
        for text in texts {
            let split = random.below(3) == 0;
            match text.split_once(' ') {
                Some((a, b)) if split => all.extend([a.to_string(), b.to_string()]),
                _ => all.extend((random.below(6) > 0).then(|| text.clone())),
            }
        }
        if all.is_empty() { vec!["x".to_string()] } else { all }
    }

    /// Of 600 pairs of pages with few words, by the plain search with the `difflib` of CPython
    /// 3.11.7 and SciPy 1.16.3, which matches again for every merge it tries; 888 merges are made.
    #[test]
    fn merges_are_those_of_the_plain_search() {
        let (mut random, mut digest, mut merges) = (Random(5), Digest::new(), 0);
        for _ in 0..600 {
            let n = 2 + random.below(8);
            let mut word = || {
                let n = 1 + random.below(5);
                random.letters(n, 6)
            };
            let words: Vec<String> = (0..n).map(|_| word()).collect();
            let cand = page(&mut random, &words);
            let mut refs = page(&mut random, &words);
            if random.below(2) == 1 {
                refs = cut(&mut random, &cand);
            }
            merges += cand.len() + refs.len();
            let (mut cand, mut refs) = (blocks(cand), blocks(refs));
            let pairs = merge(&mut cand, &mut refs);
            merges -= cand.len() + refs.len();
            cand.iter().chain(&refs).for_each(|block| digest.add(format!("{}\n", block.text).as_bytes()));
            digest.pairs(&pairs);
        }
        assert_eq!((digest, merges), (Digest(0xbaa6_ece1_7fa7_aac9), 888));
    }
}
