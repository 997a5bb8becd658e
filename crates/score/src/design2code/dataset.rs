//! The benchmark's folder (docs/specs/design2code.md, 15): `N.html` and `N.png` per example, `gN`
//! in the hard set, and `rick.jpg`.

use super::scorer;
use super::unscored::Unscored;
use crate::questions::{Question, Questions};
use crate::report::Reporter;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Domain, Source};
use vsdpo_data::DESIGN2CODE_PROMPT;

/// An example: its name and its page.
pub struct Example {
    /// `7` of `7.html`.
    pub name: String,
    page: PathBuf,
}

impl Example {
    /// The page that is to be reproduced.
    pub fn page(&self) -> Result<Result<Source, Unscored>> {
        scorer::read(&self.page)
    }

    /// Its screenshot as published, if it is there.
    fn picture(&self) -> Option<PathBuf> {
        Some(self.page.with_extension("png")).filter(|path| path.is_file())
    }
}

/// The examples of a folder in the order of their numbers.
pub fn examples(folder: &Path) -> Result<Vec<Example>> {
    let shown = folder.display();
    let help = "give the folder with N.html and N.png, such as testset_final";
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list `{shown}`; help: {help}"))?;
    let mut examples = Vec::new();
    for entry in entries {
        let page = entry.with_context(|| format!("cannot list `{shown}`"))?.path();
        let Some(name) = page.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if page.extension().is_some_and(|e| e == "html") && page.is_file() && !is_left_over(&page, name) {
            examples.push(Example { name: name.to_owned(), page });
        }
    }
    if examples.is_empty() {
        bail!("`{shown}` holds no N.html; help: {help}");
    }
    examples.sort_by_cached_key(|example| order(&example.name));
    Ok(examples)
}

/// The benchmark's programs leave recoloured copies `N_p.html` and `N_p_1.html` when they are
/// interrupted.
fn is_left_over(page: &Path, name: &str) -> bool {
    let of = name.strip_suffix("_p").or_else(|| name.strip_suffix("_p_1"));
    name.starts_with('.') || of.is_some_and(|of| page.with_file_name(format!("{of}.html")).is_file())
}

/// `2` before `10`, and `g2` behind both.
fn order(name: &str) -> (String, u64, String) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.to_owned(), name[letters.len()..].parse().unwrap_or(0), name.to_owned())
}

/// Passes the examples with a screenshot as questions to `ask`. A note gives the number of the
/// others.
pub fn questions<T>(
    examples: &[Example],
    reporter: &dyn Reporter,
    ask: impl FnOnce(&Questions) -> Result<T>,
) -> Result<T> {
    let asked: Vec<(&Example, PathBuf)> = examples.iter().filter_map(|e| Some((e, e.picture()?))).collect();
    let left_out = examples.len() - asked.len();
    if left_out > 0 {
        reporter.note(&format!("note: {left_out} examples have no PNG and are not asked"));
    }
    let get = |i: usize| {
        let (example, picture) = &asked[i];
        let bytes = std::fs::read(picture).with_context(|| format!("cannot read `{}`", picture.display()))?;
        let name = example.name.clone();
        Ok(Question { name, domain: Domain::Web, prompt: DESIGN2CODE_PROMPT.into(), pictures: vec![bytes] })
    };
    ask(&Questions { variant: "direct, paraphrased", count: asked.len(), get: &get })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Quiet;

    impl Reporter for Quiet {
        fn note(&self, _: &str) {}
        fn begin(&self, _: &str, _: u64) {}
        fn advance(&self) {}
        fn end(&self) {}
    }

    #[test]
    fn pages_of_both_sets_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["10", "2", "g21", "g3", "2_p", "2_p_1", "odd_p", ".x"] {
            std::fs::write(dir.path().join(format!("{name}.html")), "").unwrap();
        }
        std::fs::write(dir.path().join("2.png"), "").unwrap();
        std::fs::create_dir(dir.path().join("7.html")).unwrap();
        let all = examples(dir.path()).unwrap();
        let names: Vec<&str> = all.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["2", "10", "g3", "g21", "odd_p"]);
        assert!(all[0].picture().is_some() && all[1].picture().is_none());
        let count =
            questions(&all, &Quiet, |questions| Ok((questions.count, (questions.get)(0)?.name))).unwrap();
        assert_eq!(count, (1, "2".into()));
    }
}
