//! Independent work over several threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// `f(0)` to `f(n - 1)` on at most `threads` threads, in this order. After an error no further call
/// begins.
///
/// # Errors
/// The error of the smallest number that has one.
pub fn spread<T: Send, E: Send>(
    threads: usize,
    n: usize,
    f: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= n {
                break;
            }
            let result = f(i);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((i, result));
        }
        done
    };
    let mut all: Vec<(usize, Result<T, E>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(n)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn results_stand_in_order_whoever_made_them() {
        for (threads, n) in [(1, 5), (4, 100), (8, 3), (3, 0)] {
            let Ok(got) = spread(threads, n, |i| Ok::<_, Infallible>(i * i));
            assert_eq!(got, (0..n).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_ends_all() {
        let calls = AtomicUsize::new(0);
        let f = |i| {
            calls.fetch_add(1, Ordering::Relaxed);
            if i >= 10 { Err(i) } else { Ok(i) }
        };
        assert_eq!(spread(2, 1_000_000, f), Err(10));
        assert!(calls.into_inner() < 1_000_000);
    }
}
