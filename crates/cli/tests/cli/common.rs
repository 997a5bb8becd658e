//! Runs the binary of this package.

use std::path::Path;
use std::process::{Command, Output};

/// The binary, started in the workspace so that it finds the Python environment.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_visual-sdpo"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command
}

/// Runs the binary with these arguments.
pub fn run(args: &[&str]) -> Output {
    binary().args(args).output().expect("the binary starts")
}

/// The path of a chart in `tests/charts`.
pub fn chart(name: &str) -> String {
    format!("{}/tests/charts/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Fails unless the exit code is 2, standard output is empty and the one line of standard error
/// contains every word.
pub fn assert_one_line(output: &Output, words: &[&str]) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{out}\n{err}");
    assert_eq!(out, "", "{err}");
    assert_eq!(err.trim_end().lines().count(), 1, "{err}");
    assert!(err.starts_with("error: ") && !err.contains("panicked") && !err.contains("a bug in"), "{err}");
    for word in words {
        assert!(err.contains(word), "`{word}` is not in: {err}");
    }
}
