//! What `figures.py` needs to check a figure of its own process.

use crate::convert::{json, text};
use crate::errors::{guarded, machine};
use crate::outcome::Outcome;
use pyo3::prelude::*;
use std::path::Path;
use vsdpo_artifact::{Domain, Language, Source};

/// Puts the probe's files into a folder, where `figure.py` is the one to import, and returns what
/// that wants to know.
#[pyfunction]
pub fn _figure_probe<'py>(py: Python<'py>, folder: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    guarded(|| {
        let folder = text(folder, "folder")?;
        json(py, &vsdpo_render::figure_probe(Path::new(&folder)).map_err(|e| machine(&e.into()))?)
    })
}

/// The outcome that `figure.py` has written into a file; without code.
#[pyfunction]
pub fn _figure_outcome(path: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    guarded(|| {
        let path = text(path, "path")?;
        let outcome = vsdpo_render::figure_outcome(Path::new(&path)).map_err(|e| machine(&e.into()))?;
        Ok(Outcome::new(outcome, Source::new("", Language::Python), Domain::Chart))
    })
}
