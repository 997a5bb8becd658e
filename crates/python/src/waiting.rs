//! Waiting for work of another thread: without the interpreter's lock, and never without a limit.

use crate::errors::{bug, caught, machine, runtime};
use pyo3::prelude::*;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a waiting call looks whether work goes on and whether somebody pressed Ctrl-C.
const LOOK: Duration = Duration::from_millis(100);

/// How long to wait.
pub struct Limit<'a> {
    /// The longest time without progress.
    pub patience: Duration,
    /// A counter that grows whenever something is finished.
    pub progress: &'a (dyn Fn() -> u64 + Sync),
}

/// The result of `job`, which runs on a thread of its own while this one waits without the
/// interpreter's lock.
///
/// # Errors
/// What the job returns, what a panic in it said, an interrupt, or that nothing was finished for
/// the limit's time: the job then goes on by itself and its result is lost.
pub fn attend<T: Send + 'static>(
    py: Python<'_>,
    limit: &Limit<'_>,
    job: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> PyResult<T> {
    let (sender, results) = sync_channel(1);
    let work = move || {
        // The receiver is gone if the call has given up.
        let _ = sender.send(caught(job));
    };
    let started = std::thread::Builder::new().name("visual-sdpo".into()).spawn(work);
    started.map_err(|e| runtime(&format!("cannot start a thread: {e}"), "raise the limit of threads"))?;
    // A receiver may not be shared with the closure that waits; behind a lock it may.
    let results = Mutex::new(results);
    let (mut seen, mut since) = ((limit.progress)(), Instant::now());
    loop {
        match py.detach(|| wait(&results)) {
            Ok(Ok(result)) => return result.map_err(|e| machine(&e)),
            Ok(Err(message)) => return Err(bug(&message)),
            Err(RecvTimeoutError::Disconnected) => return Err(bug("a thread ended without a result")),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
        }
        let now = (limit.progress)();
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > limit.patience {
            let seconds = limit.patience.as_secs_f64();
            let what = format!("nothing was finished for {seconds} s, so this call has given up");
            return Err(runtime(
                &what,
                "close the pool and open a new one; `visual-sdpo doctor` checks the parts",
            ));
        }
    }
}

fn wait<T>(results: &Mutex<Receiver<T>>) -> Result<T, RecvTimeoutError> {
    results.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK)
}
