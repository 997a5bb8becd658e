//! What the benches of the browser share.

use std::process::{Command, Stdio};

pub type Failure = Box<dyn std::error::Error>;

/// Makes this process the parent of what its children leave behind, so that it can wait for all of
/// it.
pub fn adopt() {
    // SAFETY: it takes no pointer.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// CPU seconds of children that have ended.
fn ended_cpu() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure that the pointer leads to; zeroes are valid for it
    // too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// CPU seconds of a command and of everything that it starts, until all of it has ended. What it
/// prints goes where `to` says.
pub fn tree_cpu(command: &mut Command, to: Stdio) -> Result<f64, Failure> {
    let before = ended_cpu();
    let status = command.stdout(to).stderr(Stdio::null()).status()?;
    // SAFETY: waits for children of this process only; a null pointer asks for no status.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(ended_cpu() - before)
}

/// Prints a figure as `cargo xtask bench` reads it.
pub fn row(bench: &str, field: f64, ours: f64, goal: Option<u32>) {
    println!("{}", serde_json::json!({ "bench": bench, "field": field, "ours": ours, "goal": goal }));
}

/// Prints how busy the machine is.
pub fn print_load() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine before: {}; busy machines inflate CPU time", load.trim());
}
