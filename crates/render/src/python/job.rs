//! One run of one script: its deadline, its output, and how it ended.

use super::buffer::Refused;
use super::forkserver::{Event, ForkServer};
use super::submission::Submission;
use crate::config::{RenderError, io};
use crate::text::clean_line;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};
use vsdpo_artifact::{ExecError, FailureKind};

/// Time limit of a fork, which takes milliseconds.
const FORK_LIMIT: Duration = Duration::from_secs(60);
/// Time limit from the kill signal to the end of a process, which frees its memory.
const DEATH_LIMIT: Duration = Duration::from_secs(20);
/// Time limit of the first script, which may run with cold caches.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of output kept, counted from the end.
const TAIL: usize = 4096;
/// Reads in a row; with chunks of 64 KiB, the capacity of a pipe.
const ROUNDS: usize = 16;
/// Exit status of a child that could not close its sandbox (`SANDBOX_FAILED` of the fork server).
const SANDBOX_FAILED: i32 = 97;

/// A script and how the Python side runs it.
pub(crate) struct Request<'a> {
    /// The script.
    pub source: &'a str,
    /// The options of the probe, or of the recorder.
    pub options: serde_json::Value,
    /// The folder that it may read and seems to write to.
    pub folder: Option<&'a Path>,
}

/// A run that shows whether the sandbox is closed.
pub(crate) struct Trial {
    /// The options of the Python side.
    pub options: serde_json::Value,
    /// Reads the message of the script's exception from the buffer; gets the source as well.
    pub error: fn(&File, &str) -> Result<Option<String>, Refused>,
}

/// Tests the sandbox before any untrusted script enters it: a script of ours must fail to list the
/// root folder. (Later an exit status proves nothing, because scripts choose theirs.)
pub(crate) fn try_sandbox(
    server: &ForkServer,
    slot: usize,
    trial: &Trial,
    landlock: bool,
) -> Result<(), RenderError> {
    let source = "import os\nos.listdir('/')\n";
    let fail = |message: String| Err(RenderError::Sandbox { message });
    let request = Request { source, options: trial.options.clone(), folder: None };
    let Some(end) = execute(server, slot, &request, START_LIMIT)? else {
        return fail("the fork server ended at its first script".into());
    };
    if libc::WIFEXITED(end.status) && libc::WEXITSTATUS(end.status) == SANDBOX_FAILED {
        return fail(clean_line(&end.watch.tail(), 300));
    }
    match end.read(|buffer| (trial.error)(buffer, source)) {
        Ok(Some(message)) if !landlock || message.starts_with("PermissionError") => Ok(()),
        other => fail(format!("a script that lists the root folder ended with {other:?}")),
    }
}

/// How a process ended, and its result.
pub(crate) struct End {
    status: i32,
    /// Processor seconds.
    pub cpu: f64,
    watch: Watch,
    buffer: File,
}

impl End {
    /// The result of the process as `read` reads it, or the reason why there is none.
    pub fn read<T>(self, read: impl FnOnce(&File) -> Result<T, Refused>) -> Result<T, ExecError> {
        if let Some(limit) = self.watch.timed_out {
            let message = format!("the script ran longer than {} s", limit.as_secs_f64());
            return Err(failed(FailureKind::Timeout, message));
        }
        read(&self.buffer).map_err(|refused| match refused {
            Refused::Broken(why) => failed(FailureKind::Limit, format!("the result was refused: {why}")),
            Refused::Absent => absent(self.status, &self.watch),
        })
    }
}

/// Runs a script to its end, at most for `timeout`. `None` if the fork server died meanwhile, which
/// is not a failure of the script.
pub(crate) fn execute(
    server: &ForkServer,
    slot: usize,
    request: &Request<'_>,
    timeout: Duration,
) -> Result<Option<End>, RenderError> {
    let (submission, reader) = Submission::new(request.source)?;
    let Ok(events) = server.submit(slot, &submission, request) else { return Ok(None) };
    // Our copies of the script's ends must be closed, or the pipe stays open after its end.
    let Submission { buffer, source: script, output, .. } = submission;
    drop((script, output));
    let Ok(Event::Started(pidfd)) = events.recv_timeout(FORK_LIMIT) else { return Ok(None) };
    let watch = watch(&pidfd, &reader, timeout)?;
    match events.recv_timeout(DEATH_LIMIT) {
        Ok(Event::Ended(status, cpu)) => Ok(Some(End { status, cpu, watch, buffer })),
        Ok(Event::Started(_)) | Err(_) => Ok(None),
    }
}

fn failed(kind: FailureKind, message: String) -> ExecError {
    ExecError::new(kind, message)
}

/// The failure of a process without a result, from its exit status.
fn absent(status: i32, watch: &Watch) -> ExecError {
    if libc::WIFEXITED(status) {
        let code = libc::WEXITSTATUS(status);
        let message = format!("the process ended itself without a result (exit status {code})");
        return failed(FailureKind::Crash, message);
    }
    let said = clean_line(watch.tail().trim(), 200);
    match libc::WTERMSIG(status) {
        libc::SIGXCPU => failed(FailureKind::Timeout, "the CPU time limit was exceeded".into()),
        libc::SIGKILL => {
            failed(FailureKind::Memory, "the process was killed, most likely for its memory".into())
        }
        libc::SIGSYS => {
            failed(FailureKind::Crash, "the script made a system call of another architecture".into())
        }
        signal => failed(FailureKind::Crash, format!("the process died by signal {signal}: {said}")),
    }
}

/// Output and deadline of a run.
struct Watch {
    /// The time limit, if it was exceeded.
    timed_out: Option<Duration>,
    tail: Vec<u8>,
}

impl Watch {
    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    /// Reads output and keeps its end; `false` once the pipe is closed. Returns after [`ROUNDS`]
    /// reads, so that a script that writes as fast as we read cannot delay the deadline.
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

/// Waits for the end of a process, kills it at the deadline, and reads its output.
fn watch(pidfd: &OwnedFd, reader: &OwnedFd, timeout: Duration) -> Result<Watch, RenderError> {
    let mut watch = Watch { timed_out: None, tail: Vec::new() };
    let mut chunk = vec![0; 1 << 16];
    let (mut deadline, mut open) = (Instant::now() + timeout, true);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if watch.timed_out.is_some() {
                let source = std::io::ErrorKind::TimedOut.into();
                return Err(RenderError::Io { what: "end a process that does not die", source });
            }
            watch.timed_out = Some(timeout);
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
