//! Errors of Rust as exceptions of Python: one line each, with `help:`.

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A `ValueError`.
pub fn value(what: &str, help: &str) -> PyErr {
    PyValueError::new_err(line(what, help))
}

/// A `TypeError`.
pub fn of_type(what: &str, help: &str) -> PyErr {
    PyTypeError::new_err(line(what, help))
}

/// A `RuntimeError`.
pub fn runtime(what: &str, help: &str) -> PyErr {
    PyRuntimeError::new_err(line(what, help))
}

/// What a renderer or scorer says when it fails itself, which is never the fault of the code.
pub fn machine(error: &anyhow::Error) -> PyErr {
    let text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    match text.contains("help:") {
        true => PyRuntimeError::new_err(text),
        false => runtime(&text, "run `visual-sdpo doctor`, which shows what is missing"),
    }
}

fn line(what: &str, help: &str) -> String {
    format!("{what}; help: {help}")
}

/// Keeps panics off standard error: [`guarded`] raises what they say.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or(String::new(), |l| format!(" at {}:{}", l.file(), l.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        LAST.with(|last| *last.borrow_mut() = format!("a bug in visual-sdpo{place}: {message}"));
    }));
}

/// What `f` returns, or after a panic what it said.
pub fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| LAST.with(|last| last.borrow().clone()))
}

/// The error for a panic that [`caught`] has caught.
pub fn bug(message: &str) -> PyErr {
    runtime(message, "report it together with the arguments of the call; the process can go on")
}

/// Runs the body of a function of this module; a panic in it is a `RuntimeError`.
pub fn guarded<T>(f: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    caught(f).unwrap_or_else(|message| Err(bug(&message)))
}

/// Panics on purpose, so that a test can see what becomes of a panic.
#[pyfunction]
pub fn _panic(message: String) -> PyResult<()> {
    guarded(|| panic!("{message}"))
}
