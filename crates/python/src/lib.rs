//! The Python module `visual_sdpo._core`: what a trainer in Python needs of the Rust core.
//!
//! ```text
//! Task --RenderPool--> Outcome --diagnose--> Diagnosis --reward--> float or None per rollout
//!                                                      --teacher_messages--> the teacher's prompt
//!                                                      --statement_weights--> float32 per token
//! ```
//!
//! There is no logic of the method here: every function converts its arguments, calls one function
//! of a stage crate and converts the result. Rules of the border:
//! - What a caller can get wrong raises `TypeError` or `ValueError`, what this machine lacks raises
//!   `RuntimeError`; each with one line that says after `help:` what to do.
//! - A panic becomes a `RuntimeError` (`errors.rs`).
//! - Whatever waits or computes for long runs without the interpreter's lock, and no call waits
//!   without a limit (`waiting.rs`).
//! - Spans are bytes in Rust and characters (Unicode code points) in Python, unless a name says
//!   otherwise.

mod convert;
mod credit;
mod diagnosis;
mod errors;
mod figure;
mod messages;
mod outcome;
mod picture;
mod pool;
mod score;
mod task;
mod waiting;

/// The module as Python sees it.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::credit::{extract_code, statement_weights, statements};
    #[pymodule_export]
    use crate::diagnosis::{Diagnosis, axes, diagnose, reward, rules};
    #[pymodule_export]
    use crate::errors::_panic;
    #[pymodule_export]
    use crate::figure::{_figure_outcome, _figure_probe};
    #[pymodule_export]
    use crate::messages::{reference_messages, student_messages, teacher_messages};
    #[pymodule_export]
    use crate::outcome::Outcome;
    #[pymodule_export]
    use crate::pool::RenderPool;
    #[pymodule_export]
    use crate::score::{score_aeslides, score_chartmimic, score_design2code};
    #[pymodule_export]
    use crate::task::{Task, mini_tasks};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::errors::quiet_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
