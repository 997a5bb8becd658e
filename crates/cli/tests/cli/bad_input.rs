//! Bad input exits with 2 and one line that names the problem, the place and the help.

use crate::common::{assert_one_line, binary, chart, run};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

#[test]
fn unreadable_scripts_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let check = |path: &str, words: &[&str]| assert_one_line(&run(&["lint", path]), words);
    check("no-such.py", &["`no-such.py` does not exist", "check the path"]);
    check(dir.path().to_str().unwrap(), &["the folder", "has no file to check", "ipynb"]);
    check(&file("latin1.py", b"x = 'caf\xe9'\n"), &["latin1.py", "not UTF-8 (byte 8)", "coding: latin-1"]);
    check(&file("empty.py", b" \n"), &["empty.py", "is empty"]);
    check(&file("page.svg", b"<p>"), &["page.svg", "none of the files", ".html"]);
    check(&file("empty.html", b""), &["empty.html", "is empty", "or a page"]);
    check("/dev/zero", &["/dev/zero", "not a regular file"]);
    check(&file("evil\x1b[2J.py", b"\xff"), &["not UTF-8"]);
}

#[test]
fn unknown_rules_and_runs_are_errors() {
    let chart = chart("clean.py");
    assert_one_line(&run(&["lint", &chart, "--select", "pretty"]), &["no rule `pretty`", "explain"]);
    assert_one_line(&run(&["explain", "chart/nope"]), &["no rule `chart/nope`"]);
    assert_one_line(&run(&["report", "no-such-run"]), &["`no-such-run` is not a folder"]);
    let dir = tempfile::tempdir().unwrap();
    assert_one_line(&run(&["report", dir.path().to_str().unwrap()]), &["metrics.jsonl", "run folder"]);
}

#[test]
fn a_missing_python_environment_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let lint = |home: &std::path::Path| {
        binary().args(["lint", &chart("clean.py")]).env("VSDPO_HOME", home).output().unwrap()
    };
    assert_one_line(&lint(dir.path()), &[".venv/bin/python is missing", "cargo xtask setup", "VSDPO_HOME"]);
}

/// A seccomp filter that answers ENOSYS simulates a kernel without landlock.
#[test]
fn a_kernel_without_landlock_is_an_error() {
    let rules = [(libc::SYS_landlock_create_ruleset, vec![])].into_iter().collect();
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap().try_into().unwrap();
    let mut command = binary();
    command.args(["lint", &chart("clean.py")]).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: between fork and exec only two prctl-like calls are made, on memory that is already
    // there.
    unsafe {
        command.pre_exec(move || seccompiler::apply_filter(&filter).map_err(std::io::Error::other));
    }
    assert_one_line(&command.output().unwrap(), &["landlock", "--unsafe-no-sandbox"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = binary().args(["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
