//! How alike two texts are: the ratio of Python's `difflib.SequenceMatcher` (specs/design2code.md, 9).

use std::collections::HashMap;
use std::ops::Range;

/// From this many characters on, frequent ones of the second text do not begin a match.
const LONG: usize = 200;

/// Twice the matching characters over all characters, 1 for two empty texts. Not symmetric.
pub fn ratio(a: &str, b: &str) -> f64 {
    let mut alphabet = Alphabet::default();
    let (a, b) = (alphabet.read(a), alphabet.read(b));
    Indexed::new(b).ratio(&a)
}

/// Characters as small numbers.
#[derive(Clone, Debug, Default)]
pub struct Alphabet(HashMap<char, u32>);

impl Alphabet {
    /// The numbers of a text's characters; new ones get the next numbers.
    pub fn read(&mut self, text: &str) -> Vec<u32> {
        let mut number = |c| {
            let next = self.0.len() as u32;
            *self.0.entry(c).or_insert(next)
        };
        text.chars().map(&mut number).collect()
    }
}

/// A second text, prepared for many first ones.
#[derive(Clone, Debug)]
pub struct Indexed {
    text: Vec<u32>,
    /// Where each character stands, without the frequent ones of a long text.
    places: Vec<Vec<u32>>,
}

impl Indexed {
    /// Of a text in numbers of an [`Alphabet`].
    pub fn new(text: Vec<u32>) -> Self {
        let mut places = vec![Vec::new(); text.iter().max().map_or(0, |&c| c as usize + 1)];
        for (at, &c) in (0u32..).zip(&text) {
            places[c as usize].push(at);
        }
        if text.len() >= LONG {
            let most = text.len() / 100 + 1;
            places.iter_mut().filter(|at| at.len() > most).for_each(Vec::clear);
        }
        Self { text, places }
    }

    /// The text.
    pub fn text(&self) -> &[u32] {
        &self.text
    }

    /// [`ratio`] of a first text, in numbers of the same alphabet, and this one.
    pub fn ratio(&self, a: &[u32]) -> f64 {
        let total = a.len() + self.text.len();
        if total == 0 { 1.0 } else { 2.0 * self.matching(a) as f64 / total as f64 }
    }

    fn places(&self, c: u32) -> &[u32] {
        self.places.get(c as usize).map_or(&[], Vec::as_slice)
    }

    /// Characters in the runs that the texts share, the longest run first, then what is left and right of it.
    fn matching(&self, a: &[u32]) -> usize {
        let b = &self.text;
        let mut windows = vec![(0..a.len(), 0..b.len())];
        let mut rows = [vec![0; b.len() + 1], vec![0; b.len() + 1]];
        let mut sum = 0;
        while let Some((wa, wb)) = windows.pop() {
            let (mut i, mut j, mut size) = self.longest(a, (&wa, &wb), &mut rows);
            // Frequent characters begin no run but belong to one.
            while i > wa.start && j > wb.start && a[i - 1] == b[j - 1] {
                (i, j, size) = (i - 1, j - 1, size + 1);
            }
            while i + size < wa.end && j + size < wb.end && a[i + size] == b[j + size] {
                size += 1;
            }
            if size > 0 {
                sum += size;
                let sides = [(wa.start..i, wb.start..j), (i + size..wa.end, j + size..wb.end)];
                windows.extend(sides.into_iter().filter(|(a, b)| !a.is_empty() && !b.is_empty()));
            }
        }
        sum
    }

    /// The first of the longest runs in a window: where it begins in both texts, and its length.
    ///
    /// `row[j]` is the length of the run that ends at a character of `a` and at `b[j - 1]`; two rows take
    /// turns, and both are zero between calls.
    fn longest(
        &self,
        a: &[u32],
        (wa, wb): (&Range<usize>, &Range<usize>),
        [row, next]: &mut [Vec<u32>; 2],
    ) -> (usize, usize, usize) {
        let (mut i, mut j, mut size) = (wa.start, wb.start, 0);
        let mut before: &[u32] = &[];
        for at in wa.clone() {
            let ends = self.places(a[at]);
            for end in ends.iter().map(|&end| end as usize).filter(|end| wb.contains(end)) {
                let length = row[end] + 1;
                next[end + 1] = length;
                if length > size {
                    size = length;
                    (i, j) = (at + 1 - length as usize, end + 1 - length as usize);
                }
            }
            // Only the entries of the row before were set.
            before.iter().for_each(|&end| row[end as usize + 1] = 0);
            std::mem::swap(row, next);
            before = ends;
        }
        before.iter().for_each(|&end| row[end as usize + 1] = 0);
        (i, j, size as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by CPython 3.11's difflib.
    #[test]
    fn ratios_are_those_of_difflib() {
        let long = "the quick brown fox jumps over the lazy dog; ".repeat(5);
        let other = long.replace("fox", "cat").replace("lazy", "very lazy");
        for (a, b, want) in CASES {
            let (a, b) = (a.replace("LONG", &long), b.replace("LONG", &long));
            let (a, b) = (a.replace("OTHER", &other), b.replace("OTHER", &other));
            assert!((ratio(&a, &b) - want).abs() < 1e-15, "{a} / {b}: {}", ratio(&a, &b));
        }
    }

    const CASES: [(&str, &str, f64); 10] = [
        ("", "", 1.0),
        ("abc", "", 0.0),
        ("abcd", "bcde", 0.75),
        ("harbour bread", "harbor breads", 0.9230769230769231),
        ("aab", "baab", 0.8571428571428571),
        ("straße", "STRASSE", 0.0),
        ("LONG", "LONG", 1.0),
        ("LONG", "OTHER", 0.06736842105263158),
        ("OTHER", "LONG", 0.06736842105263158),
        ("a short text", "LONG", 0.0),
    ];
}
