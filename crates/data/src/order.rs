//! The order in which rows are drawn: a new permutation per epoch, computed without memory.
//!
//! A Feistel network over the smallest even number of bits that can represent the row count,
//! repeated until the result is below the row count (cycle walking), is a bijection of `0..n` for
//! every seed and epoch. Each position is computed on its own, so the only state that a resumed run
//! needs is its step number.

/// Rounds of the network. Four rounds make a Feistel network a strong pseudo-random permutation if
/// the round function is pseudo-random (Luby and Rackoff 1988); two more are cheap.
const ROUNDS: u64 = 6;

/// The row at a position of the endless stream over `n` rows, in epoch `position / n`. Each epoch
/// has its own permutation. `n` must be above 0.
pub(crate) fn row_at(seed: u64, position: u64, n: u64) -> u64 {
    let (epoch, place) = (position / n, position % n);
    permuted(mix(seed ^ mix(epoch)), place, n)
}

/// Adjacent rows that [`blocked_row_at`] moves together.
const BLOCK: u64 = 64;
/// Positions within which [`blocked_row_at`] mixes rows: four blocks.
const WINDOW: u64 = 4 * BLOCK;

/// Like [`row_at`], for rows that are expensive to read one by one because each read decodes a row
/// group. Blocks of adjacent rows are shuffled, and the rows of four blocks at a time are mixed, so
/// that a step of up to [`WINDOW`] rows needs only a few row groups. Each epoch still visits every
/// row exactly once. If `n` is at most [`WINDOW`], all rows are mixed.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) fn blocked_row_at(seed: u64, position: u64, n: u64) -> u64 {
    let (epoch, place) = (position / n, position % n);
    let key = mix(seed ^ mix(epoch));
    let first = place - place % WINDOW;
    let mixed = first + permuted(mix(key ^ mix(first)), place - first, WINDOW.min(n - first));
    // Only complete blocks are permuted; an incomplete last block stays at the end.
    match mixed / BLOCK {
        block if block < n / BLOCK => permuted(key, block, n / BLOCK) * BLOCK + mixed % BLOCK,
        _ => mixed,
    }
}

/// The image of `x` under the permutation of `0..n` with this key.
fn permuted(key: u64, x: u64, n: u64) -> u64 {
    let bits = u64::BITS - (n - 1).leading_zeros();
    let half = bits.div_ceil(2).max(1);
    let mask = (1u64 << half) - 1;
    let mut y = x;
    loop {
        let (mut left, mut right) = (y >> half, y & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(key ^ mix(right ^ (round << 40))) & mask));
        }
        y = (left << half) | right;
        // Takes at most four iterations on average, because the domain is smaller than 4 n.
        if y < n {
            return y;
        }
    }
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_every_row_once() {
        for n in [1, 2, 3, 7, 63, 64, 65, 256, 300, 1000, 4097] {
            for epoch in 0..3 {
                for order in [row_at, blocked_row_at] {
                    let mut drawn = vec![false; n as usize];
                    for place in 0..n {
                        let row = order(5, epoch * n + place, n);
                        assert!(!std::mem::replace(&mut drawn[row as usize], true), "n {n}, row {row} twice");
                    }
                }
            }
        }
    }

    #[test]
    fn blocked_order_needs_few_blocks_per_window_and_has_no_trend() {
        let n = 10_000;
        let order =
            |seed, epoch: u64| (0..n).map(|i| blocked_row_at(seed, epoch * n + i, n)).collect::<Vec<_>>();
        let (a, b, c) = (order(1, 0), order(1, 1), order(2, 0));
        assert!(a != b && a != c);
        // Each window contains rows of four blocks, so that few row groups are read.
        for window in a.chunks(WINDOW as usize) {
            let mut blocks: Vec<u64> = window.iter().map(|row| row / BLOCK).collect();
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len() as u64, (window.len() as u64).div_ceil(BLOCK));
            // A step of 16 prompts mixes rows of several blocks.
            let step: std::collections::HashSet<u64> = window[..16].iter().map(|row| row / BLOCK).collect();
            assert!(step.len() >= 2.min(blocks.len()), "{step:?}");
        }
        let mid = (n - 1) as f64 / 2.0;
        let cov = a.iter().enumerate().map(|(i, &r)| (i as f64 - mid) * (r as f64 - mid)).sum::<f64>();
        let own = (0..n).map(|i| (i as f64 - mid).powi(2)).sum::<f64>();
        // With 156 blocks the standard deviation is 0.08.
        assert!((cov / own).abs() < 0.25, "{}", cov / own);
    }

    #[test]
    fn seeds_and_epochs_have_unrelated_orders_without_a_trend() {
        let n = 10_000;
        let order = |seed, epoch: u64| (0..n).map(|i| row_at(seed, epoch * n + i, n)).collect::<Vec<_>>();
        let (a, b, c) = (order(1, 0), order(1, 1), order(2, 0));
        let same = |x: &[u64], y: &[u64]| x.iter().zip(y).filter(|(a, b)| a == b).count();
        // The number of fixed points of a random permutation is Poisson with mean 1.
        assert!(same(&a, &b) < 8 && same(&a, &c) < 8 && same(&a, &(0..n).collect::<Vec<_>>()) < 8);
        // The covariance of position and row, relative to the identity's: 0 with standard deviation
        // 1/sqrt(n).
        let mid = (n - 1) as f64 / 2.0;
        let cov = a.iter().enumerate().map(|(i, &r)| (i as f64 - mid) * (r as f64 - mid)).sum::<f64>();
        let own = (0..n).map(|i| (i as f64 - mid).powi(2)).sum::<f64>();
        assert!((cov / own).abs() < 0.04, "{}", cov / own);
        // Of n pairs of successive rows, about 2 are adjacent in the file.
        let close = a.windows(2).filter(|w| w[0].abs_diff(w[1]) == 1).count();
        assert!(close < 12, "{close}");
    }
}
