//! Writes a model's answers as a folder of pages, as the benchmark's own scripts do.

use crate::files;
use crate::report::Reporter;
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use vsdpo_data::DESIGN2CODE_PLACEHOLDER as PLACEHOLDER;

#[derive(Deserialize)]
struct Line {
    name: String,
    response: String,
}

/// Writes the pages of `responses`, lines of `{"name", "response"}`, into a folder in `out`, with
/// the placeholder picture, and returns that folder.
pub fn write_pages(responses: &Path, data: &Path, out: &Path, reporter: &dyn Reporter) -> Result<PathBuf> {
    let folder = out.join("pages");
    let cannot = || format!("cannot write the folder `{}`", folder.display());
    if folder.exists() {
        // Pages of earlier answers.
        std::fs::remove_dir_all(&folder).with_context(cannot)?;
    }
    files::make_folder(&folder)?;
    let text = std::fs::read_to_string(responses)
        .with_context(|| format!("cannot read `{}`", responses.display()))?;
    for line in text.lines() {
        let line: Line = serde_json::from_str(line)
            .map_err(|e| anyhow!("`{}`: {e}; help: remove the file to ask again", responses.display()))?;
        std::fs::write(folder.join(format!("{}.html", line.name)), page(&line.response))
            .with_context(cannot)?;
    }
    if std::fs::copy(data.join(PLACEHOLDER), folder.join(PLACEHOLDER)).is_err() {
        reporter.note(&format!(
            "note: `{}` holds no {PLACEHOLDER}, which pages show for pictures: copy it there",
            data.display()
        ));
    }
    Ok(folder)
}

/// The page in a reply, extracted as by the benchmark's scripts: without a fence at the very ends
/// and its tag `html`, from the first `<!DOCTYPE` on, up to the first `</html>`.
pub(crate) fn page(reply: &str) -> String {
    let mut page = reply.strip_prefix("```").map_or(reply, str::trim);
    page = page.strip_suffix("```").map_or(page, str::trim);
    page = page.strip_prefix("html").map_or(page, str::trim);
    page = page.find("<!DOCTYPE").map_or(page, |at| &page[at..]);
    page.find("</html>").map_or(page, |at| &page[..at + "</html>".len()]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_reply() {
        for (reply, want) in [
            ("```html\n<!DOCTYPE html><html>a</html>\n```", "<!DOCTYPE html><html>a</html>"),
            ("Here it is:\n<!DOCTYPE html>a</html> done </html>", "<!DOCTYPE html>a</html>"),
            ("<p>a</p>", "<p>a</p>"),
            ("Here:\n```html\n<p>a</p>\n```", "Here:\n```html\n<p>a</p>"),
            ("```\n<p>cut", "<p>cut"),
            ("", ""),
        ] {
            assert_eq!(page(reply), want);
        }
    }
}
