//! Lists of files.

use std::path::PathBuf;

/// All files below some folders with their sizes, in order. What cannot be read is left out.
pub(crate) fn below(folders: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => open.push(entry.path()),
                Ok(facts) => found.push(format!("{} {}", entry.path().display(), facts.len())),
                Err(_) => (),
            }
        }
    }
    found.sort();
    found
}
