//! Many pairs: scored at the same time, printed in order.

use crate::terminal;
use anyhow::Result;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Makes `line(0)` to `line(n - 1)` on so many threads and prints each, a JSON object, as soon as
/// those before it are printed. The first error ends it.
pub fn print_lines(n: usize, threads: usize, line: impl Fn(usize) -> Result<String> + Sync) -> Result<()> {
    let bar = terminal::progress("scoring", n as u64);
    let next = AtomicUsize::new(0);
    let (sender, lines) = mpsc::channel();
    let printed = std::thread::scope(|scope| {
        for _ in 0..threads.min(n) {
            let (sender, next, line) = (sender.clone(), &next, &line);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody listens any more after an error or a closed pipe.
                    if i >= n || sender.send((i, line(i))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        in_order(lines, |line| {
            bar.inc(1);
            terminal::out(&(terminal::escaped_json(&line).into_owned() + "\n"))
        })
    });
    bar.finish_and_clear();
    printed
}

/// Prints numbered lines in the order of their numbers, whatever order they come in.
fn in_order(
    lines: mpsc::Receiver<(usize, Result<String>)>,
    mut print: impl FnMut(String) -> std::io::Result<()>,
) -> Result<()> {
    let (mut waiting, mut next) = (HashMap::new(), 0);
    for (i, line) in lines {
        waiting.insert(i, line?);
        while let Some(line) = waiting.remove(&next) {
            print(line)?;
            next += 1;
        }
    }
    Ok(())
}
