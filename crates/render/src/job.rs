//! One run of one script: deadline, output, and the verdict over what it left behind.

use crate::config::{RenderError, io};
use crate::forkserver::{Event, ForkServer, Submission};
use crate::result::{self, Refused, clean_line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use vsdpo_artifact::{ExecError, FailureKind, Outcome};

/// A fork server forks in milliseconds; this long means that it hangs.
const FORK_LIMIT: Duration = Duration::from_secs(60);
/// From the kill signal to the end of a process, pages given back.
const DEATH_LIMIT: Duration = Duration::from_secs(20);
/// For the first script, which may meet cold caches.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of output kept, counted from the end.
const TAIL: usize = 4096;
/// Reads in a row; with chunks of 64 KiB, the most that a pipe holds.
const ROUNDS: usize = 16;
/// Exit status of a child that could not close its sandbox (`SANDBOX_FAILED` of the fork server).
const SANDBOX_FAILED: i32 = 97;

/// What a run came to.
pub(crate) enum Run {
    /// The script's outcome, and the CPU seconds that it took.
    Done(Outcome, f64),
    /// The fork server died under it; the script is not to blame.
    ServerDied,
}

/// Runs `source` in `slot` of `server`, at most for `timeout`.
pub(crate) fn run(
    server: &ForkServer,
    slot: usize,
    source: &str,
    timeout: Duration,
) -> Result<Run, RenderError> {
    let Some(end) = execute(server, slot, source, timeout)? else { return Ok(Run::ServerDied) };
    let outcome = if end.watch.timed_out {
        failed(FailureKind::Timeout, format!("the script ran longer than {} s", timeout.as_secs_f64()))
    } else {
        match result::read(&end.buffer, source) {
            Ok(outcome) => outcome,
            Err(Refused::Broken(why)) => failed(FailureKind::Limit, format!("the result was refused: {why}")),
            Err(Refused::Absent) => absent(end.status, &end.watch),
        }
    };
    Ok(Run::Done(outcome, end.cpu))
}

/// Tries the sandbox before any untrusted script enters it: a script of ours must find the file system
/// closed. (Later an exit status proves nothing, because scripts choose theirs.)
pub(crate) fn try_sandbox(server: &ForkServer, slot: usize, landlock: bool) -> Result<(), RenderError> {
    let source = "import os\nos.listdir('/')\n";
    let fail = |message: String| Err(RenderError::Sandbox { message });
    let Some(end) = execute(server, slot, source, START_LIMIT)? else {
        return fail("the fork server ended at its first script".into());
    };
    if libc::WIFEXITED(end.status) && libc::WEXITSTATUS(end.status) == SANDBOX_FAILED {
        return fail(clean_line(&end.watch.tail(), 300));
    }
    match result::read(&end.buffer, source) {
        Ok(Outcome::Failed { error }) if !landlock || error.message.starts_with("PermissionError") => Ok(()),
        other => fail(format!("a script that lists the root folder came to {other:?}")),
    }
}

/// How a process ended, and what it left.
struct End {
    status: i32,
    cpu: f64,
    watch: Watch,
    buffer: File,
}

/// Runs a script to its end; `None` when the fork server died meanwhile.
fn execute(
    server: &ForkServer,
    slot: usize,
    source: &str,
    timeout: Duration,
) -> Result<Option<End>, RenderError> {
    let (submission, reader) = Submission::new(source)?;
    let Ok(events) = server.submit(slot, &submission) else { return Ok(None) };
    // With our copies of the script's ends closed, the pipe ends when the script does.
    let Submission { buffer, source: script, output, .. } = submission;
    drop((script, output));
    let Ok(Event::Started(pidfd)) = events.recv_timeout(FORK_LIMIT) else { return Ok(None) };
    let watch = watch(&pidfd, &reader, timeout)?;
    match events.recv_timeout(DEATH_LIMIT) {
        Ok(Event::Ended(status, cpu)) => Ok(Some(End { status, cpu, watch, buffer })),
        Ok(Event::Started(_)) | Err(_) => Ok(None),
    }
}

fn failed(kind: FailureKind, message: String) -> Outcome {
    Outcome::Failed { error: ExecError { kind, message, traceback: String::new(), span: None } }
}

/// A process that left no result: its end tells why.
fn absent(status: i32, watch: &Watch) -> Outcome {
    if libc::WIFEXITED(status) {
        let code = libc::WEXITSTATUS(status);
        let message = format!("the process ended itself without a result (exit status {code})");
        return failed(FailureKind::Crash, message);
    }
    let said = clean_line(watch.tail().trim(), 200);
    match libc::WTERMSIG(status) {
        libc::SIGXCPU => failed(FailureKind::Timeout, "the processor time limit was met".into()),
        libc::SIGKILL => {
            failed(FailureKind::Memory, "the process was killed, most likely for its memory".into())
        }
        libc::SIGSYS => failed(FailureKind::Crash, "a system call of another architecture".into()),
        signal => failed(FailureKind::Crash, format!("the process died by signal {signal}: {said}")),
    }
}

/// What was seen while a script ran.
struct Watch {
    timed_out: bool,
    tail: Vec<u8>,
}

impl Watch {
    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    /// Reads on, keeping only the end of what was said; `false` once the pipe is closed. Comes back after
    /// [`ROUNDS`] at the latest: a script that writes as fast as we read must not keep us from the clock.
    fn drain(&mut self, reader: &OwnedFd, chunk: &mut [u8]) -> bool {
        for _ in 0..ROUNDS {
            match rustix::io::read(reader, &mut *chunk) {
                Ok(0) => return false,
                Ok(n) => {
                    self.tail.extend_from_slice(&chunk[..n]);
                    let excess = self.tail.len().saturating_sub(TAIL);
                    self.tail.drain(..excess);
                    if n < chunk.len() {
                        return true;
                    }
                }
                Err(rustix::io::Errno::INTR) => (),
                Err(e) => return e == rustix::io::Errno::AGAIN,
            }
        }
        true
    }
}

/// Waits for the end of a process, which it brings about at the deadline, and discards its output.
fn watch(pidfd: &OwnedFd, reader: &OwnedFd, timeout: Duration) -> Result<Watch, RenderError> {
    let mut watch = Watch { timed_out: false, tail: Vec::new() };
    let mut chunk = vec![0; 1 << 16];
    let (mut deadline, mut open) = (Instant::now() + timeout, true);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if watch.timed_out {
                let source = std::io::ErrorKind::TimedOut.into();
                return Err(RenderError::Io { what: "end a process that does not die", source });
            }
            watch.timed_out = true;
            deadline = Instant::now() + DEATH_LIMIT;
            // An error means that it has just ended by itself.
            let _ = rustix::process::pidfd_send_signal(pidfd, Signal::KILL);
            continue;
        }
        let mut fds = [PollFd::new(pidfd, PollFlags::IN), PollFd::new(reader, PollFlags::IN)];
        let watched = if open { &mut fds[..] } else { &mut fds[..1] };
        let limit = Timespec::try_from(left).unwrap_or_default();
        match poll(watched, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => (),
            Err(e) => return Err(io("wait for a process")(e)),
        }
        let ended = !fds[0].revents().is_empty();
        if open && (ended || !fds[1].revents().is_empty()) {
            open = watch.drain(reader, &mut chunk);
        }
        if ended {
            return Ok(watch);
        }
    }
}
