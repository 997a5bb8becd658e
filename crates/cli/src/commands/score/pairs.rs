//! `--pairs`: reads a list of pairs, and prints a line for each pair in the order of the list.

use crate::commands::source;
use crate::terminal;
use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// The largest list that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The objects of a JSONL file with their line numbers, from 1. `form` is the object that the help
/// of an error shows.
pub fn read<T: DeserializeOwned>(list: &Path, form: &str) -> Result<Vec<(usize, T)>> {
    let shown = list.display();
    match std::fs::metadata(list) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{shown}` does not exist; help: check the path")
        }
        Ok(facts) if !facts.is_file() => {
            bail!("`{shown}` is not a file; help: give a file with one JSON object per line")
        }
        Ok(facts) if facts.len() > MAX_BYTES => {
            bail!("`{shown}` has {} bytes, more than {MAX_BYTES}; help: split it", facts.len())
        }
        other => other.map(drop).with_context(|| format!("cannot read `{shown}`"))?,
    }
    let bytes = std::fs::read(list).with_context(|| format!("cannot read `{shown}`"))?;
    let text = source::utf8(&shown.to_string(), bytes)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let object = |(i, line): (usize, &str)| match serde_json::from_str(line) {
        Ok(object) => Ok((i + 1, object)),
        Err(e) => Err(anyhow!("`{shown}` line {}: {e}; help: write {form} on each line", i + 1)),
    };
    let objects: Vec<_> = lines.map(object).collect::<Result<_>>()?;
    if objects.is_empty() {
        bail!("`{shown}` names no pairs; help: write {form} on each line");
    }
    Ok(objects)
}

/// Calls `line(0)` to `line(n - 1)` on `threads` threads and prints the results as JSON lines in
/// order, each as soon as those before it are printed. Stops at the first error.
pub fn print_lines(n: usize, threads: usize, line: impl Fn(usize) -> Result<Value> + Sync) -> Result<()> {
    let bar = terminal::progress("scoring", n as u64);
    let next = AtomicUsize::new(0);
    let (sender, lines) = mpsc::channel();
    let printed = std::thread::scope(|scope| {
        for _ in 0..threads.min(n) {
            let (sender, next, line) = (sender.clone(), &next, &line);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    // The receiver is gone after an error or a closed pipe.
                    if i >= n || sender.send((i, line(i))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        in_order(lines, |line| {
            bar.inc(1);
            terminal::out(&terminal::json_line(&line))
        })
    });
    bar.finish_and_clear();
    printed
}

/// Prints numbered lines in the order of their numbers.
fn in_order(
    lines: mpsc::Receiver<(usize, Result<Value>)>,
    mut print: impl FnMut(Value) -> std::io::Result<()>,
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
