//! Figures that a person's own process has drawn: the same probe, in a child of that process and
//! without the pool. The child runs nobody else's code, so there is no sandbox; its result has the
//! form of a script's and is checked in the same way.

use super::result;
use crate::config::{RenderError, io};
use crate::python::buffer::{FRAME_AT, MAX_TOTAL_PIXELS, RECORDS_AT, RECORDS_MAX, Refused};
use crate::python::home;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use vsdpo_artifact::{ExecError, FailureKind, Outcome};

/// Puts the probe into `folder`, where `figure.py` is what to import, and returns what that wants
/// to know: where the parts of its result lie, and the options of the probe.
///
/// # Errors
/// A folder that cannot be written.
pub fn figure_probe(folder: &Path) -> Result<Value, RenderError> {
    home::unpack(folder)?;
    Ok(json!({
        "records_at": RECORDS_AT,
        "records_max": RECORDS_MAX,
        "frame_at": FRAME_AT,
        "frame_max": MAX_TOTAL_PIXELS * 4,
        "options": result::options(),
    }))
}

/// What `figure.py` has written into this file; without statements, because the calls that drew the
/// figure were over before the probe came.
///
/// # Errors
/// A file that cannot be read. A result that is torn or breaks a rule is a failure of the drawing.
pub fn figure_outcome(buffer: &Path) -> Result<Outcome, RenderError> {
    let file = File::open(buffer).map_err(io("read the result of a figure"))?;
    Ok(result::read(&file, "").unwrap_or_else(|refused| Outcome::Failed {
        error: match refused {
            Refused::Absent => ExecError::new(FailureKind::Crash, "the drawing ended without a result"),
            Refused::Broken(why) => {
                ExecError::new(FailureKind::Limit, format!("the result was refused: {why}"))
            }
        },
    }))
}
