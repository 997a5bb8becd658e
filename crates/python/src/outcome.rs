//! `Outcome`: R(y), and the diagnosis that was made of it.

use crate::convert::{argument, json};
use crate::errors::{bug, guarded, machine, runtime, value};
use crate::picture;
use crate::task::Task;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex, PoisonError};
use vsdpo_artifact::{Domain, Image, Rendered, Source};

/// The result of running a piece of code: pages with the elements on them, or an error. Immutable;
/// made by RenderPool.
#[pyclass(frozen, module = "visual_sdpo")]
pub struct Outcome {
    pub outcome: vsdpo_artifact::Outcome,
    pub source: Source,
    pub domain: Domain,
    /// The diagnosis for the task with this serial number. The lock is held only while the
    /// interpreter's is, so that a fork finds it free.
    judged: Mutex<Option<(u64, Arc<vsdpo_artifact::Diagnosis>)>>,
}

impl Outcome {
    /// The outcome of a source of a domain.
    pub fn new(outcome: vsdpo_artifact::Outcome, source: Source, domain: Domain) -> Self {
        Self { outcome, source, domain, judged: Mutex::default() }
    }

    /// D and v for a task: made at the first call, and known afterwards.
    ///
    /// # Errors
    /// A task of another domain or language.
    pub fn diagnosis(&self, py: Python<'_>, task: &Task) -> PyResult<Arc<vsdpo_artifact::Diagnosis>> {
        let asked = (task.task.domain, task.task.language);
        if asked != (self.domain, self.source.language) {
            let (domain, language) = (self.domain.name(), self.source.language.name());
            let what = format!("the outcome is a {domain} in {language}, and the task asks for another kind");
            return Err(value(&what, "pass the task that the code answers"));
        }
        let known =
            self.judged().as_ref().filter(|(serial, _)| *serial == task.serial).map(|(_, d)| d.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let made = py.detach(|| vsdpo_diagnose::diagnose(&task.task, &self.outcome, None));
        let made = Arc::new(made);
        *self.judged() = Some((task.serial, Arc::clone(&made)));
        Ok(made)
    }

    fn judged(&self) -> std::sync::MutexGuard<'_, Option<(u64, Arc<vsdpo_artifact::Diagnosis>)>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, page: i64) -> PyResult<&Image> {
        let pages = self.outcome.rendered().map_or(&[][..], |rendered| &rendered.pages);
        let found = usize::try_from(page).ok().and_then(|page| pages.get(page));
        found.map(|page| &page.image).ok_or_else(|| match pages.len() {
            0 => runtime("the code did not run, so there is no picture", "check `executed` before"),
            n => value(&format!("there is no page {page}"), &format!("the pages are 0 to {}", n - 1)),
        })
    }

    fn rendered(&self) -> Option<&Rendered> {
        self.outcome.rendered()
    }
}

#[pymethods]
impl Outcome {
    /// Whether the code ran and drew something.
    #[getter]
    fn executed(&self) -> bool {
        self.rendered().is_some()
    }

    /// Why there is no render, in one line; None if there is one.
    #[getter]
    fn error(&self) -> Option<String> {
        let error = self.outcome.error()?;
        Some(error.message.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The class of the failure: syntax, exception, timeout, memory, crash, no-figure or limit;
    /// None without a failure.
    #[getter]
    fn error_kind(&self) -> Option<&'static str> {
        self.outcome.error().map(|error| error.kind.name())
    }

    /// The frames of the failed code in Python's form; None where there are none.
    #[getter]
    fn traceback(&self) -> Option<&str> {
        self.outcome.error().map(|error| error.traceback.as_str()).filter(|frames| !frames.is_empty())
    }

    /// False for a time-out, a lack of memory and a crash: they may come from the machine, so that
    /// the reward is None and not 0.
    #[getter]
    fn scorable(&self) -> bool {
        !self.outcome.depends_on_load()
    }

    /// The code that was rendered; empty for a .pptx file.
    #[getter]
    fn code(&self) -> &str {
        &self.source.text
    }

    /// The pictures of the pages: copies, uint8 of shape (height, width, 4), not premultiplied.
    /// Empty after a failure.
    #[getter]
    fn pages<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let pages = self.rendered().map_or(&[][..], |rendered| &rendered.pages);
        guarded(|| pages.iter().map(|page| picture::rgba(py, &page.image)).collect())
    }

    /// A page as the bytes of a PNG file; the first one by default.
    ///
    /// Raises ValueError for a page that does not exist, and RuntimeError if the code did not run.
    #[pyo3(signature = (page=None))]
    fn png<'py>(&self, py: Python<'py>, page: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyBytes>> {
        guarded(|| {
            let image = self.page(page.map_or(Ok(0), |page| argument(page, "page", "a whole number"))?)?;
            let bytes = py.detach(|| vsdpo_score::files::png(image)).map_err(|e| machine(&e))?;
            Ok(PyBytes::new(py, &bytes))
        })
    }

    /// Everything that was drawn, as dicts: id, page, kind, region [x0, y0, x1, y1] in pixels, the
    /// calls that answer for it (`stack`: bytes of the code), text, colours. Empty after a failure.
    #[getter]
    fn elements<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let elements = self.rendered().map_or(&[][..], |rendered| &rendered.elements);
        let dict = |element| json(py, &serde_json::to_value(element).map_err(|e| bug(&e.to_string()))?);
        guarded(|| elements.iter().map(dict).collect())
    }

    /// Remarks of the renderer: figures that were left out, addresses without an answer.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.rendered().map_or_else(Vec::new, |rendered| rendered.notes.clone())
    }

    fn __repr__(&self) -> String {
        match self.outcome.error() {
            Some(error) => {
                let said = self.error().unwrap_or_default();
                format!("Outcome(error_kind={:?}, error={said:?})", error.kind.name())
            }
            None => format!(
                "Outcome(executed=True, pages={}, elements={})",
                self.rendered().map_or(0, |r| r.pages.len()),
                self.rendered().map_or(0, |r| r.elements.len())
            ),
        }
    }
}
