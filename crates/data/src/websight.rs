//! WebSight (`HuggingFaceM4/WebSight`, CC-BY-4.0): two million synthetic pages with screenshots, in
//! Parquet.
//!
//! Two versions have the same name: v0.1 (folder `data`, 0.8 million rows, CSS in a `style`
//! element) and v0.2 (folder `v0.2`, 1.9 million rows, Tailwind loaded from another host).
//! `data.path` is one of the folders, or a file. The columns `image` and `text` (HTML) are read;
//! `llm_generated_idea` (v0.2) is not.
//!
//! The data set has no instructions; [`PROMPT`] is ours.

/// The instruction of every task of WebSight and WebCode2M.
pub(crate) const PROMPT: &str = "Write one HTML file, with its styles inside it, that shows the web page in the \
    screenshot again, as closely as you can: its texts, its colours and its layout.";
