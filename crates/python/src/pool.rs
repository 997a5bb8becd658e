//! `RenderPool`: code in, outcomes out.

use crate::convert::{argument, items, text, wrong_type};
use crate::errors::{guarded, runtime, value};
use crate::outcome::Outcome;
use crate::task::kind;
use crate::waiting::{Limit, attend};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vsdpo_artifact::{Domain, Language, Source};
use vsdpo_render::{RenderConfig, Renderer, open, render_with_retries};

/// The limits within the renderer, of starting and ending its processes, add up to less than this
/// many seconds beside the time of the code itself.
const PATIENCE: f64 = 600.0;

/// Renders code in sandboxed processes that stay warm. One per process is enough: threads share it,
/// and it releases the interpreter's lock while it works.
///
/// After os.fork() a child cannot use its parent's pool: every call raises RuntimeError, and
/// dropping it there does not touch the parent's processes. Open another one in the child.
///
/// Parameters
/// ----------
/// domain, language
///     As in Task.
/// workers : int, optional
///     Sources that are rendered at the same time; by default one per processor.
/// timeout_s : float
///     Limit of one source in seconds, wall clock.
/// window : (int, int), optional
///     Width and height of the browser's window in pixels, (1280, 720) by default. Pages only.
/// home : str or path, optional
///     The folder in which `cargo xtask setup` was run. By default the environment's VSDPO_HOME,
///     or a folder above the working folder.
/// deadline_s : float, optional
///     A call that waits raises RuntimeError once this pool has finished nothing for so long. By
///     default ten minutes and twice the limit of a source, which the pool's own limits keep it
///     from reaching.
///
/// Raises
/// ------
/// TypeError, ValueError
///     For an argument that cannot be used.
/// RuntimeError
///     If a part of the installation or of the sandbox is missing.
#[pyclass(frozen, module = "visual_sdpo")]
pub struct RenderPool {
    /// Absent once closed. Held for moments, by threads with the interpreter's lock.
    open: Mutex<Option<Arc<dyn Renderer>>>,
    kind: (Domain, Language),
    patience: Duration,
    /// The process whose children the renderer's processes are.
    owner: u32,
}

#[pymethods]
impl RenderPool {
    #[new]
    #[pyo3(signature = (domain, language=None, *, workers=None, timeout_s=None, window=None, home=None, deadline_s=None))]
    #[expect(clippy::too_many_arguments, reason = "the keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        domain: &Bound<'_, PyAny>,
        language: Option<&Bound<'_, PyAny>>,
        workers: Option<&Bound<'_, PyAny>>,
        timeout_s: Option<&Bound<'_, PyAny>>,
        window: Option<&Bound<'_, PyAny>>,
        home: Option<&Bound<'_, PyAny>>,
        deadline_s: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        guarded(|| {
            let kind = kind(domain, language)?;
            let home = home.map(|home| argument(home, "home", "a str or a path")).transpose()?;
            let mut config = RenderConfig { home, ..RenderConfig::default() };
            if let Some(workers) = workers {
                config.workers = read_workers(workers)?;
            }
            config.timeout = timeout_s.map_or(Ok(config.timeout), |s| seconds(s, "timeout_s"))?;
            config.window = window.map_or(Ok(config.window), read_window)?;
            let usual = Duration::from_secs_f64(PATIENCE) + 2 * config.timeout;
            let patience = deadline_s.map_or(Ok(usual), |s| seconds(s, "deadline_s"))?;
            let limit = Limit { patience: usual, progress: &|| 0 };
            let renderer = attend(py, &limit, move || Ok(open(kind.0, kind.1, config)?))?;
            let open = Mutex::new(Some(Arc::from(renderer)));
            Ok(Self { open, kind, patience, owner: std::process::id() })
        })
    }

    /// The outcome of one piece of code. A time-out, a lack of memory or a crash is rendered a
    /// second time, and the second outcome counts. Code that was rendered before is recalled.
    ///
    /// Raises TypeError for something that is no str (bytes if the language is pptx), and
    /// RuntimeError if the pool is closed, belongs to another process, or fails itself.
    fn render(&self, py: Python<'_>, code: &Bound<'_, PyAny>) -> PyResult<Outcome> {
        guarded(|| {
            let source = self.source(code, "code")?;
            let mut outcomes = self.run(py, vec![source])?;
            outcomes.pop().ok_or_else(|| crate::errors::bug("a source has no outcome"))
        })
    }

    /// The outcomes of many pieces of code over all workers, in their order. Failures that may come
    /// from load are rendered again after all others, one by one, as the trainer does. Raises as
    /// render.
    fn render_all(&self, py: Python<'_>, codes: &Bound<'_, PyAny>) -> PyResult<Vec<Outcome>> {
        guarded(|| {
            let codes = items(codes, "codes", "a list of str")?;
            let source = |(i, code)| self.source(code, &format!("codes[{i}]"));
            self.run(py, codes.iter().enumerate().map(source).collect::<PyResult<_>>()?)
        })
    }

    /// A digest of everything beside the code that decides its picture: versions, fonts, our own
    /// files. Two pools with the same identity give the same outcomes.
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        guarded(|| {
            let renderer = self.renderer()?;
            self.attend(py, move || Ok(vsdpo_score::files::hash(&[&renderer.identity()?])))
        })
    }

    /// Counters since the start: jobs (sources that really ran), cache_hits, failures (jobs without
    /// a picture), restarts (of processes that died) and cpu_seconds of the sources' processes.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        guarded(|| {
            let stats = self.renderer()?.stats();
            let dict = PyDict::new(py);
            dict.set_item("jobs", stats.jobs)?;
            dict.set_item("cache_hits", stats.cache_hits)?;
            dict.set_item("failures", stats.failures)?;
            dict.set_item("restarts", stats.restarts)?;
            dict.set_item("cpu_seconds", stats.cpu_seconds)?;
            Ok(dict)
        })
    }

    /// Sources that are rendered at the same time.
    #[getter]
    fn workers(&self) -> PyResult<usize> {
        Ok(self.renderer()?.workers())
    }

    /// Ends the pool's processes. Calls that are under way are finished first. A closed pool may be
    /// closed again.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            self.owned()?;
            let renderer = self.slot().take();
            py.detach(|| drop(renderer));
            Ok(())
        })
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        format!("RenderPool({:?}, {:?})", self.kind.0.name(), self.kind.1.name())
    }
}

impl RenderPool {
    /// Fails in a process that is not the one which opened the pool.
    fn owned(&self) -> PyResult<()> {
        if self.owner == std::process::id() {
            return Ok(());
        }
        let what = "this pool belongs to the process that opened it, and os.fork() has made another one";
        Err(runtime(what, "open a RenderPool in this process, or start processes with the method `spawn`"))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<dyn Renderer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renderer(&self) -> PyResult<Arc<dyn Renderer>> {
        self.owned()?;
        self.slot().clone().ok_or_else(|| runtime("the pool is closed", "open a new RenderPool"))
    }

    fn source(&self, code: &Bound<'_, PyAny>, name: &str) -> PyResult<Source> {
        match self.kind.1 {
            Language::Python | Language::Html => Ok(Source::new(text(code, name)?, self.kind.1)),
            Language::Pptx => {
                let bytes = code.cast::<PyBytes>();
                let bytes = bytes.map_err(|_| wrong_type(code, name, "the bytes of a .pptx file"))?;
                Ok(Source::pptx(bytes.as_bytes()))
            }
        }
    }

    /// Waits for a job as long as the pool finishes something.
    fn attend<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let renderer = self.renderer()?;
        let progress = move || {
            let stats = renderer.stats();
            stats.jobs + stats.cache_hits
        };
        attend(py, &Limit { patience: self.patience, progress: &progress }, job)
    }

    fn run(&self, py: Python<'_>, sources: Vec<Source>) -> PyResult<Vec<Outcome>> {
        let renderer = self.renderer()?;
        let (outcomes, sources) =
            self.attend(py, move || Ok((render_with_retries(&*renderer, &sources)?, sources)))?;
        let made = outcomes.into_iter().zip(sources);
        Ok(made.map(|(outcome, source)| Outcome::new(outcome, source, self.kind.0)).collect())
    }
}

impl Drop for RenderPool {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            // The parent's processes and folders are not ours to end.
            let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(open.take());
        }
    }
}

fn read_workers(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    let workers: i64 = argument(object, "workers", "a whole number")?;
    let usable = usize::try_from(workers).ok().filter(|n| (1..=1024).contains(n));
    usable.ok_or_else(|| value(&format!("`workers` is {workers}"), "pass 1 to 1024"))
}

/// A time in seconds.
fn seconds(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Duration> {
    let seconds: f64 = argument(object, name, "a number of seconds")?;
    match (0.1..=86_400.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(value(&format!("`{name}` is {seconds}"), "pass 0.1 to 86400 seconds")),
    }
}

fn read_window(object: &Bound<'_, PyAny>) -> PyResult<(u32, u32)> {
    let (width, height): (i64, i64) = argument(object, "window", "a pair of whole numbers")?;
    let side = |side: i64| u32::try_from(side).ok().filter(|side| (16..=8192).contains(side));
    side(width)
        .zip(side(height))
        .ok_or_else(|| value(&format!("`window` is {width} x {height}"), "pass sides of 16 to 8192 pixels"))
}
