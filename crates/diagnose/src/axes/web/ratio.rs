//! How alike two texts are: the ratio of Python's `difflib.SequenceMatcher` (specs/design2code.md, 9).

use std::collections::HashMap;

/// From this many characters on, frequent ones of the second text do not begin a match.
const LONG: usize = 200;

/// Twice the matching characters over all characters, 1 for two empty texts. Not symmetric.
pub fn ratio(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    ratio_of(&a, &b)
}

/// [`ratio`] of texts that are already cut into characters.
pub fn ratio_of(a: &[char], b: &[char]) -> f64 {
    let total = a.len() + b.len();
    if total == 0 { 1.0 } else { 2.0 * matching(a, b) as f64 / total as f64 }
}

/// Characters in the runs that the texts share, the longest run first, then what is left and right of it.
fn matching(a: &[char], b: &[char]) -> usize {
    let places = places(b);
    let mut windows = vec![(0..a.len(), 0..b.len())];
    let mut sum = 0;
    // `length[j]` of the run that ends at this character of `a` and at `b[j - 1]`; the two rows take turns.
    let (mut row, mut next) = (vec![0usize; b.len() + 1], vec![0usize; b.len() + 1]);
    while let Some((wa, wb)) = windows.pop() {
        let (mut i, mut j, mut size) = (wa.start, wb.start, 0);
        for at in wa.clone() {
            let ends = places.get(&a[at]).map_or(&[][..], Vec::as_slice);
            for &end in ends.iter().filter(|end| wb.contains(end)) {
                let length = row[end] + 1;
                next[end + 1] = length;
                if length > size {
                    (i, j, size) = (at + 1 - length, end + 1 - length, length);
                }
            }
            // Only the entries of the row before were set.
            let before = at.checked_sub(1).filter(|b| wa.contains(b)).and_then(|b| places.get(&a[b]));
            before.into_iter().flatten().for_each(|&end| row[end + 1] = 0);
            std::mem::swap(&mut row, &mut next);
        }
        let last = wa.clone().last().and_then(|at| places.get(&a[at]));
        last.into_iter().flatten().for_each(|&end| row[end + 1] = 0);
        // Frequent characters begin no run but belong to one.
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

/// Where each character of the second text stands, without the frequent ones of a long text.
fn places(b: &[char]) -> HashMap<char, Vec<usize>> {
    let mut places: HashMap<char, Vec<usize>> = HashMap::new();
    for (at, &c) in b.iter().enumerate() {
        places.entry(c).or_default().push(at);
    }
    if b.len() >= LONG {
        let most = b.len() / 100 + 1;
        places.retain(|_, at| at.len() <= most);
    }
    places
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
