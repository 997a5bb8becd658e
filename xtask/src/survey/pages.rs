//! Pages that come with npm packages: start pages, dashboards, blogs, documentation.

use super::{Labels, Tally};
use crate::{assets, say};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// What the survey is called.
pub const NAME: &str = "pages";
/// Seconds that a page may take: some have scripts of 10 MB.
const TIMEOUT: &str = "60";

/// Gets the packages that `fixtures/survey/pages.json` names and lints their pages, each with the
/// folder of its package as root, or the folder in it that its site is served from.
pub fn survey(root: &Path) -> Result<()> {
    let path = root.join("fixtures/survey/pages.json");
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: Value = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
    let work = root.join("target/survey").join(NAME);
    super::build(root)?;
    let mut tally = Tally::default();
    for package in list.as_array().with_context(|| format!("{}: no packages", path.display()))? {
        let said = |key: &str| package[key].as_str().with_context(|| format!("{package} has no `{key}`"));
        let (name, version) = (said("name")?, said("version")?);
        let folder = work.join(name);
        if !folder.is_dir() {
            say(&format!("getting {name} {version}"));
            let unpacked =
                assets::unpack(&work.join(".new"), &format!("{name}@{version}"), said("integrity")?)?;
            std::fs::create_dir_all(folder.parent().unwrap_or(&work))?;
            std::fs::rename(unpacked, &folder)?;
        }
        let pages = package["pages"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut lint = super::lint(root);
        let served = folder.join(package["root"].as_str().unwrap_or_default());
        lint.args(["--timeout", TIMEOUT, "--root"]).arg(served).args(pages.map(|page| folder.join(page)));
        tally.add(&mut lint, &work)?;
    }
    Labels::read(root, NAME)?.compare(NAME, &tally)
}
