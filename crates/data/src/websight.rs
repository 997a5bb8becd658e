//! WebSight (`HuggingFaceM4/WebSight`, CC-BY-4.0): two million made-up pages and their screenshots,
//! in Parquet.
//!
//! Two data sets under one name: v0.1 (folder `data`, 0.8 million rows, CSS in a `style` element)
//! and v0.2 (folder `v0.2`, 1.9 million rows, Tailwind from another host). `data.path` names one of
//! the folders, or a file. Columns that are read: `image` and `text` (HTML); `llm_generated_idea`
//! (v0.2) is not.
//!
//! The data set has no instructions; [`PROMPT`] is in our words.

/// What is asked of a screenshot: here, and of WebCode2M's.
pub(crate) const PROMPT: &str = "Write one HTML file, with its styles inside it, that shows the web page in the \
    screenshot again, as closely as you can: its texts, its colours and its layout.";
