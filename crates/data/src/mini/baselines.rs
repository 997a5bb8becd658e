//! What can be reached without reading the whole prompt: the best constant layout, and the best
//! rules that read one field per choice.

use super::design::{Content, Layout};
use super::split::{Split, stream};
use rand::seq::IndexedRandom;
use std::collections::BTreeMap;

/// The best constant policy: the layout that is good for the most of the first `n` contents of a
/// split, and the share of contents that it is good for. The search is exhaustive and uses geometry
/// only; to score the policy like any other, render its answers.
///
/// # Panics
/// Never: every world has layouts.
pub fn best_constant<C: Content>(split: Split, seed: u64, n: u64) -> (C::Layout, f64) {
    let sample = Sample::of::<C>(split, seed, n);
    let count = |layout: &usize| sample.good.iter().filter(|good| good[*layout]).count();
    let layouts = C::Layout::every();
    let best = (0..layouts.len()).max_by_key(count).expect("there are layouts");
    (layouts[best].clone(), count(&best) as f64 / n as f64)
}

/// The best set of single-field rules that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct SingleFieldRules {
    /// The name of each choice with that of the field that its rule reads.
    pub rules: Vec<(&'static str, &'static str)>,
    /// Share of the training contents for which the layout is good.
    pub train: f64,
    /// Share of the test contents for which the layout is good.
    pub test: f64,
}

/// Searches for the best rules of one field each: a rule maps the values of one field to the values
/// of one choice, and a layout must be good as a whole. The rules are chosen on the first `n`
/// training contents and scored on the first `n` test contents.
///
/// The search is coordinate ascent on the joint score: the best field and table for one choice, or
/// for two choices with the same field, while the others are fixed. It starts from the best table
/// of each choice alone, and from random constants, all from `seed`.
pub fn best_single_field_rules<C: Content>(seed: u64, n: u64) -> SingleFieldRules {
    const STARTS: u64 = 12;
    let [train, test] = [Split::Train, Split::Test].map(|split| Sample::of::<C>(split, seed, n));
    let choices = C::Layout::CHOICES;
    let start = |k: u64| -> Vec<Rule> {
        let mut rng = stream(Split::Train, seed ^ 0x51e1d, k);
        let constant = |(_, count): &(&str, usize)| {
            let values: Vec<usize> = (0..*count).collect();
            Rule { field: 0, table: BTreeMap::new(), fallback: *values.choose(&mut rng).unwrap_or(&0) }
        };
        choices.iter().map(constant).collect()
    };
    let alone = (0..choices.len()).map(|k| train.best_alone(choices, k)).collect();
    let starts = std::iter::once(alone).chain((0..STARTS).map(start));
    let climbed = starts.map(|rules| {
        let rules = train.climb(choices, rules);
        (train.score(choices, &rules), rules)
    });
    let (found, rules) =
        climbed.reduce(|a, b| if b.0 > a.0 { b } else { a }).unwrap_or_else(|| (0, Vec::new()));
    SingleFieldRules {
        rules: choices.iter().zip(&rules).map(|(c, r)| (c.0, train.names[r.field])).collect(),
        train: found as f64 / n as f64,
        test: test.score(choices, &rules) as f64 / n as f64,
    }
}

/// A rule for one choice.
#[derive(Clone, Debug)]
struct Rule {
    field: usize,
    table: BTreeMap<usize, usize>,
    /// The choice for values of the field that the table does not have.
    fallback: usize,
}

impl Rule {
    fn apply(&self, fields: &[usize]) -> usize {
        self.table.get(&fields[self.field]).copied().unwrap_or(self.fallback)
    }
}

type Choices = &'static [(&'static str, usize)];

/// Contents with everything that the search needs.
struct Sample {
    names: Vec<&'static str>,
    fields: Vec<Vec<usize>>,
    /// For each content, whether each layout is good, in the order of [`Layout::every`].
    good: Vec<Vec<bool>>,
}

impl Sample {
    fn of<C: Content>(split: Split, seed: u64, n: u64) -> Self {
        let contents: Vec<C> = (0..n).map(|i| C::draw(split, &mut stream(split, seed, i))).collect();
        let layouts = C::Layout::every();
        Sample {
            names: contents.first().into_iter().flat_map(|c| c.fields()).map(|f| f.0).collect(),
            fields: contents.iter().map(|c| c.fields().into_iter().map(|f| f.1).collect()).collect(),
            good: contents.iter().map(|c| layouts.iter().map(|l| c.good(l)).collect()).collect(),
        }
    }

    /// The number of contents for which the rules give a good layout.
    fn score(&self, choices: Choices, rules: &[Rule]) -> usize {
        let good = |i: &usize| {
            let values: Vec<usize> = rules.iter().map(|r| r.apply(&self.fields[*i])).collect();
            self.good[*i][index(choices, &values)]
        };
        (0..self.fields.len()).filter(good).count()
    }

    /// The best rule for choice `k` if all other choices were good whenever they can be.
    fn best_alone(&self, choices: Choices, k: usize) -> Rule {
        let inner: usize = choices[k + 1..].iter().map(|c| c.1).product();
        let possible = |i: usize| -> Vec<bool> {
            let mut possible = vec![false; choices[k].1];
            for (layout, good) in self.good[i].iter().enumerate() {
                possible[layout / inner % choices[k].1] |= good;
            }
            possible
        };
        let gains: Vec<Vec<bool>> = (0..self.fields.len()).map(possible).collect();
        let (_, field, table) = self.best_table(&gains);
        Rule { field, table, fallback: 0 }
    }

    /// Improves one choice or two at a time until nothing helps.
    fn climb(&self, choices: Choices, mut rules: Vec<Rule>) -> Vec<Rule> {
        let singles = (0..choices.len()).map(|k| [k, k]);
        let pairs = (0..choices.len()).flat_map(|k| (0..k).map(move |j| [j, k]));
        let moves: Vec<[usize; 2]> = singles.chain(pairs).collect();
        let mut best = self.score(choices, &rules);
        loop {
            let before = best;
            for &[j, k] in &moves {
                let gains: Vec<Vec<bool>> =
                    (0..self.fields.len()).map(|i| self.gains(choices, &rules, [j, k], i)).collect();
                let (score, field, table) = self.best_table(&gains);
                if score > best {
                    best = score;
                    let part = |of: fn(usize, usize) -> usize| {
                        table.iter().map(|(&v, &pair)| (v, of(pair, choices[k].1))).collect()
                    };
                    rules[k] = Rule { field, table: part(|pair, n| pair % n), fallback: 0 };
                    if j != k {
                        rules[j] = Rule { field, table: part(|pair, n| pair / n), fallback: 0 };
                    }
                }
            }
            if best == before {
                return rules;
            }
        }
    }

    /// For each value of the choices `j` and `k` (of `k` alone if they are the same), whether
    /// content `i` gets a good layout if the others follow their rules.
    fn gains(&self, choices: Choices, rules: &[Rule], [j, k]: [usize; 2], i: usize) -> Vec<bool> {
        let mut values: Vec<usize> = rules.iter().map(|r| r.apply(&self.fields[i])).collect();
        let outer = if j == k { 1 } else { choices[j].1 };
        let mut gains = Vec::with_capacity(outer * choices[k].1);
        for a in 0..outer {
            if j != k {
                values[j] = a;
            }
            for b in 0..choices[k].1 {
                values[k] = b;
                gains.push(self.good[i][index(choices, &values)]);
            }
        }
        gains
    }

    /// The field whose best table gains most, with its score and table.
    fn best_table(&self, gains: &[Vec<bool>]) -> (usize, usize, BTreeMap<usize, usize>) {
        let table = |field: usize| {
            let mut counts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (fields, gains) in self.fields.iter().zip(gains) {
                let of = counts.entry(fields[field]).or_insert_with(|| vec![0; gains.len()]);
                of.iter_mut().zip(gains).for_each(|(n, &gain)| *n += usize::from(gain));
            }
            let best = |counts: Vec<usize>| (0..counts.len()).max_by_key(|&v| (counts[v], usize::MAX - v));
            let score = counts.values().map(|c| c.iter().max().copied().unwrap_or(0)).sum();
            let table = counts.into_iter().filter_map(|(v, c)| Some((v, best(c)?))).collect();
            (score, field, table)
        };
        let tables = (0..self.names.len()).map(table);
        tables.reduce(|a, b| if b.0 > a.0 { b } else { a }).unwrap_or_default()
    }
}

/// The position of a layout in [`Layout::every`].
fn index(choices: Choices, values: &[usize]) -> usize {
    choices.iter().zip(values).fold(0, |index, (choice, value)| index * choice.1 + value)
}
