//! Why a page, or a pair of pages, has no scores.

use super::html::PageError;
use vsdpo_artifact::ExecError;

/// Why a page, or a pair of pages, has no scores. Failures of this program are other errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unscored {
    /// What kept the page from being scored.
    pub cause: Cause,
    /// The reason, in one line.
    pub why: String,
}

/// What kept a page from being scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The benchmark's programs raise on the page. They will raise again.
    Page,
    /// A screenshot failed twice. Another run may succeed.
    Screenshot,
}

impl Unscored {
    /// A screenshot that failed with `error`.
    pub(super) fn screenshot(error: &ExecError) -> Self {
        Self { cause: Cause::Screenshot, why: format!("its screenshot failed: {}", error.message) }
    }

    /// The same for a pair; `side` is `candidate` or `reference`.
    pub(super) fn on_side(&self, side: &str) -> Self {
        Self { cause: self.cause, why: format!("the {side} cannot be scored: {}", self.why) }
    }
}

impl From<PageError> for Unscored {
    fn from(error: PageError) -> Self {
        Self { cause: Cause::Page, why: error.to_string() }
    }
}
