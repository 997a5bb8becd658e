//! Similarity of two texts: the ratio of Python's `difflib.SequenceMatcher`
//! (docs/specs/design2code.md, 9).

use std::collections::HashMap;
use std::ops::Range;

/// If the second text has this many characters, its frequent ones do not begin a match.
const LONG: usize = 200;

/// Twice the matching characters over all characters, 1 for two empty texts. Not symmetric.
pub fn ratio(a: &str, b: &str) -> f64 {
    let mut alphabet = Alphabet::default();
    let (a, b) = (alphabet.read(a), alphabet.read(b));
    Indexed::new(b).ratio(&a)
}

/// Maps characters to small numbers.
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

/// A second text, indexed for comparison with many first texts.
#[derive(Clone, Debug)]
pub struct Indexed {
    text: Vec<u32>,
    /// For each character that may begin a run, the row of its places.
    rows: Vec<Option<usize>>,
    /// Rows of bits, one for each place in the text.
    places: Vec<Vec<u64>>,
}

type Window = (Range<usize>, Range<usize>);

impl Indexed {
    /// Of a text in numbers of an [`Alphabet`].
    pub fn new(text: Vec<u32>) -> Self {
        let numbers = text.iter().max().map_or(0, |&c| c as usize + 1);
        let mut counts = vec![0; numbers];
        text.iter().for_each(|&c| counts[c as usize] += 1);
        let most = if text.len() >= LONG { text.len() / 100 + 1 } else { usize::MAX };
        let (mut rows, mut places) = (vec![None; numbers], Vec::new());
        for (at, c) in text.iter().map(|&c| c as usize).enumerate().filter(|&(_, c)| counts[c] <= most) {
            let row = *rows[c].get_or_insert_with(|| {
                places.push(vec![0; text.len().div_ceil(64)]);
                places.len() - 1
            });
            places[row][at / 64] |= 1u64 << (at % 64);
        }
        Self { text, rows, places }
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

    /// Characters in the runs that the texts share, the longest run first, then what is left and
    /// right of it.
    fn matching(&self, a: &[u32]) -> usize {
        let b = &self.text;
        let mut windows: Vec<Window> = vec![(0..a.len(), 0..b.len())];
        let mut begins = vec![0; b.len().div_ceil(64)];
        let mut sum = 0;
        while let Some((wa, wb)) = windows.pop() {
            if wa.is_empty() || wb.is_empty() {
                continue;
            }
            let (mut i, mut j, mut size) = self.longest(a, (&wa, &wb), &mut begins);
            // Frequent characters cannot begin a run, but can extend one.
            while i > wa.start && j > wb.start && a[i - 1] == b[j - 1] {
                (i, j, size) = (i - 1, j - 1, size + 1);
            }
            while i + size < wa.end && j + size < wb.end && a[i + size] == b[j + size] {
                size += 1;
            }
            if size > 0 {
                sum += size;
                windows.push((wa.start..i, wb.start..j));
                windows.push((i + size..wa.end, j + size..wb.end));
            }
        }
        sum
    }

    /// The first of the longest runs in a window: where it begins in both texts, and its length.
    ///
    /// For a character of `a`, the runs that end with it are lengthened to the left, all at once as
    /// bits of `begins`, until none is left or one is longer than the best. Where no run of some
    /// length ends, no longer one passes, so that the search goes on behind that.
    fn longest(
        &self,
        a: &[u32],
        (wa, wb): (&Range<usize>, &Range<usize>),
        begins: &mut [u64],
    ) -> (usize, usize, usize) {
        let mut best = (wa.start, wb.start, 0);
        let mut i = wa.start;
        while i < wa.end {
            let mut length = 1;
            let mut found = self.begin(a[i], wb, begins);
            while found && length <= best.2 {
                found = self.lengthen(a[i - length], wb, begins);
                length += 1;
            }
            if !found {
                i += best.2 + 2 - length;
                continue;
            }
            while let Some(first) = first(begins, wb) {
                best = (i + 1 - length, first, length);
                i += 1;
                let next = if i < wa.end { self.places(a[i]) } else { None };
                keep(begins, wb, |begin| {
                    let at = begin + length;
                    at < wb.end && next.is_some_and(|next| next[at / 64] >> (at % 64) & 1 == 1)
                });
                length += 1;
            }
        }
        best
    }

    fn places(&self, c: u32) -> Option<&[u64]> {
        Some(&self.places[(*self.rows.get(c as usize)?)?])
    }

    /// The runs of one character in a window; whether there are any.
    fn begin(&self, c: u32, window: &Range<usize>, begins: &mut [u64]) -> bool {
        let Some(places) = self.places(c) else { return false };
        let words = window.start / 64..window.end.div_ceil(64);
        let begins = &mut begins[words.clone()];
        begins.copy_from_slice(&places[words]);
        if let Some(last) = begins.last_mut() {
            *last &= u64::MAX >> (63 - (window.end - 1) % 64);
        }
        begins[0] &= u64::MAX << (window.start % 64);
        begins.iter().any(|&word| word != 0)
    }

    /// The runs with one character more before them; whether any are left.
    fn lengthen(&self, c: u32, window: &Range<usize>, begins: &mut [u64]) -> bool {
        let Some(places) = self.places(c) else { return false };
        let words = window.start / 64..window.end.div_ceil(64);
        let begins = &mut begins[words.clone()];
        let mut any = 0;
        for (at, places) in places[words].iter().enumerate() {
            let carried = begins.get(at + 1).map_or(0, |next| next << 63);
            let first = if at == 0 { u64::MAX << (window.start % 64) } else { u64::MAX };
            begins[at] = (begins[at] >> 1 | carried) & places & first;
            any |= begins[at];
        }
        any != 0
    }
}

/// The first set bit in the words of a window.
fn first(bits: &[u64], window: &Range<usize>) -> Option<usize> {
    let words = window.start / 64..window.end.div_ceil(64);
    words.into_iter().find(|&w| bits[w] != 0).map(|w| w * 64 + bits[w].trailing_zeros() as usize)
}

/// Clears the bits of a window's words that are not to be kept.
fn keep(bits: &mut [u64], window: &Range<usize>, kept: impl Fn(usize) -> bool) {
    let words = window.start / 64..window.end.div_ceil(64);
    for (word, at) in bits[words.clone()].iter_mut().zip(words) {
        let mut left = *word;
        while left != 0 {
            if !kept(at * 64 + left.trailing_zeros() as usize) {
                *word &= !(left & left.wrapping_neg());
            }
            left &= left - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design2code::testing::{Digest, Random};

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

    /// Of 3000 pairs, a tenth of them long, by CPython 3.11.7's difflib.
    #[test]
    fn random_ratios_are_those_of_difflib() {
        let (mut random, mut digest) = (Random(4), Digest::new());
        for case in 0..3000 {
            let mut kinds = 1 + random.below(9);
            let longest = if case % 10 == 0 { 600 } else { 70 };
            let (n, m) = (random.below(longest), random.below(longest));
            if case % 10 == 0 {
                kinds = 2 + random.below(120);
            }
            let (a, mut b) = (random.letters(n, kinds), random.letters(m, kinds));
            if random.below(2) == 1 {
                let part = |text: &str, from: usize, to: usize| -> String {
                    text.chars().skip(from).take(to.saturating_sub(from)).collect()
                };
                let from = random.below(n + 1);
                let front = random.below(m + 1);
                let shared = part(&a, from, from + random.below(80));
                b = part(&b, 0, front) + &shared + &part(&b, m / 2, m);
            }
            digest.number(ratio(&a, &b));
        }
        assert_eq!(digest, Digest(0xf546_fedd_0498_94d2));
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
