//! The order in which rows are drawn: a fresh permutation per epoch that takes no memory.
//!
//! A Feistel network over the smallest even number of bits that holds the row count, walked until
//! the result is a row again (cycle walking): a bijection of `0..n` for every seed and epoch,
//! computed for one position at a time. So a step knows its rows without the steps before it, and a
//! resumed run needs no state but its step number.

/// Rounds of the network. Four make a Feistel network a pseudo-random permutation if the round
/// function is one (Luby and Rackoff 1988); two more are cheap.
const ROUNDS: u64 = 6;

/// The row at a position of the endless stream over `n` rows: epoch `position / n`, each a
/// permutation of its own. `n` must be above 0.
pub(crate) fn row_at(seed: u64, position: u64, n: u64) -> u64 {
    let (epoch, place) = (position / n, position % n);
    permuted(mix(seed ^ mix(epoch)), place, n)
}

/// Rows of [`near`] that stay together.
const BLOCK: u64 = 64;
/// Rows over which neighbours are mixed: four blocks from anywhere.
const WINDOW: u64 = 4 * BLOCK;

/// The same for rows that are dear to read one by one because a row group is decoded for each:
/// blocks of neighbours in a fresh order, mixed four at a time. A step of up to [`WINDOW`] rows
/// then comes from a few row groups, and no epoch leaves a row out or takes one twice. Up to so
/// many rows, it mixes all of them.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) fn near(seed: u64, position: u64, n: u64) -> u64 {
    let (epoch, place) = (position / n, position % n);
    let key = mix(seed ^ mix(epoch));
    let first = place - place % WINDOW;
    let mixed = first + permuted(mix(key ^ mix(first)), place - first, WINDOW.min(n - first));
    // Whole blocks change places; what is left over at the end stays there.
    match mixed / BLOCK {
        block if block < n / BLOCK => permuted(key, block, n / BLOCK) * BLOCK + mixed % BLOCK,
        _ => mixed,
    }
}

/// Where the permutation of `0..n` with this key sends `x`.
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
        // At most four values share a walk on average, because the domain is less than four times
        // n.
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
                for order in [row_at, near] {
                    let mut seen = vec![false; n as usize];
                    for place in 0..n {
                        let row = order(5, epoch * n + place, n);
                        assert!(!std::mem::replace(&mut seen[row as usize], true), "n {n}, row {row} twice");
                    }
                }
            }
        }
    }

    #[test]
    fn neighbours_are_drawn_near_each_other_and_blocks_anywhere() {
        let n = 10_000;
        let order = |seed, epoch: u64| (0..n).map(|i| near(seed, epoch * n + i, n)).collect::<Vec<_>>();
        let (a, b, c) = (order(1, 0), order(1, 1), order(2, 0));
        assert!(a != b && a != c);
        // Rows of four blocks in every window, so that few row groups are touched.
        for window in a.chunks(WINDOW as usize) {
            let mut blocks: Vec<u64> = window.iter().map(|row| row / BLOCK).collect();
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len() as u64, (window.len() as u64).div_ceil(BLOCK));
            // A step of 16 prompts holds rows of several of them.
            let step: std::collections::HashSet<u64> = window[..16].iter().map(|row| row / BLOCK).collect();
            assert!(step.len() >= 2.min(blocks.len()), "{step:?}");
        }
        let mid = (n - 1) as f64 / 2.0;
        let cov = a.iter().enumerate().map(|(i, &r)| (i as f64 - mid) * (r as f64 - mid)).sum::<f64>();
        let own = (0..n).map(|i| (i as f64 - mid).powi(2)).sum::<f64>();
        // 156 blocks: a deviation of 0.08.
        assert!((cov / own).abs() < 0.25, "{}", cov / own);
    }

    #[test]
    fn seeds_and_epochs_give_orders_of_their_own_without_a_trend() {
        let n = 10_000;
        let order = |seed, epoch: u64| (0..n).map(|i| row_at(seed, epoch * n + i, n)).collect::<Vec<_>>();
        let (a, b, c) = (order(1, 0), order(1, 1), order(2, 0));
        let same = |x: &[u64], y: &[u64]| x.iter().zip(y).filter(|(a, b)| a == b).count();
        // Fixed points of a random permutation are Poisson with mean 1.
        assert!(same(&a, &b) < 8 && same(&a, &c) < 8 && same(&a, &(0..n).collect::<Vec<_>>()) < 8);
        // The covariance of place and row, over its value for the identity: 0 with deviation
        // 1/sqrt(n).
        let mid = (n - 1) as f64 / 2.0;
        let cov = a.iter().enumerate().map(|(i, &r)| (i as f64 - mid) * (r as f64 - mid)).sum::<f64>();
        let own = (0..n).map(|i| (i as f64 - mid).powi(2)).sum::<f64>();
        assert!((cov / own).abs() < 0.04, "{}", cov / own);
        // Neighbours are no neighbours any more: about 2 of n differ by one.
        let close = a.windows(2).filter(|w| w[0].abs_diff(w[1]) == 1).count();
        assert!(close < 12, "{close}");
    }
}
