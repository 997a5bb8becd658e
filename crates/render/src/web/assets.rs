//! Style sheets, scripts and fonts that pages load from public servers, inside this program.
//!
//! Model-written pages rarely stand alone: they take Tailwind, web fonts and icon fonts from
//! servers that a page here cannot reach. `assets/web/lock.json` names the npm packages whose files
//! stand in, and the addresses that each answers. Nothing else is answered.

use super::fonts;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../assets/web");

/// The packages of the lock file; without one, nothing is answered (a test reads it).
static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
    let lock = FILES.get_file("lock.json").map_or(&[][..], |file| file.contents());
    serde_json::from_slice::<Lock>(lock).map_or_else(|_| Vec::new(), |lock| lock.packages)
});

#[derive(Deserialize)]
struct Lock {
    packages: Vec<Package>,
}

/// An npm package of which some files are here.
#[derive(Deserialize)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    /// The family, for a package of a web font.
    pub family: Option<String>,
    /// Paths in the package.
    pub files: Vec<String>,
    /// Addresses without their scheme, and the file that each gets. `*` stands for a part between
    /// slashes; `**` ends a pattern, and what it stands for goes into the file's path.
    #[serde(default)]
    answers: BTreeMap<String, String>,
}

/// What an address gets.
pub struct Found {
    /// The name of the file, for its type.
    pub name: String,
    pub bytes: std::borrow::Cow<'static, [u8]>,
    /// Whether it is all that was asked for.
    pub whole: bool,
}

/// The file that stands in for this address.
pub fn find(url: &str) -> Option<Found> {
    let url = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let url = url.split('#').next()?;
    let listed = PACKAGES.iter().find_map(|package| package.answer(url));
    listed.or_else(|| fonts::answer(url, &PACKAGES))
}

/// Names and versions, for people.
pub fn list() -> Vec<String> {
    PACKAGES.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

impl Package {
    fn answer(&self, url: &str) -> Option<Found> {
        self.answers.iter().find_map(|(pattern, target)| {
            let rest = capture(pattern, url)?;
            let rest = rest.split('?').next().unwrap_or_default();
            let path = target.replace("**", rest);
            self.file(&path).or_else(|| self.file(&minified(&path)?))
        })
    }

    /// A file of the package.
    pub fn file(&self, path: &str) -> Option<Found> {
        let file = FILES.get_file(format!("{}/{path}", self.name))?;
        Some(Found { name: path.to_owned(), bytes: file.contents().into(), whole: true })
    }
}

/// What the `**` of a pattern stands for in this address; empty without one.
fn capture<'u>(pattern: &str, url: &'u str) -> Option<&'u str> {
    let Some((head, tail)) = pattern.split_once('*') else { return (pattern == url).then_some("") };
    let url = url.strip_prefix(head)?;
    if tail == "*" {
        return Some(url);
    }
    let part = url.find('/').unwrap_or(url.len());
    (0..=part).rev().filter_map(|at| url.get(at..)).find_map(|rest| capture(tail, rest))
}

/// The path of the short form of a style sheet or script.
fn minified(path: &str) -> Option<String> {
    let (stem, ending) = path.rsplit_once('.')?;
    Some(format!("{stem}.min.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(dir: &Dir) -> BTreeSet<String> {
        let files = dir.files().map(|file| file.path().display().to_string());
        files.chain(dir.dirs().flat_map(names)).collect()
    }

    #[test]
    fn the_lock_and_the_files_are_of_one_mind() {
        let lock: serde_json::Value =
            serde_json::from_slice(FILES.get_file("lock.json").unwrap().contents()).unwrap();
        assert_eq!(lock["packages"].as_array().unwrap().len(), PACKAGES.len());
        let mut listed = BTreeSet::from(["lock.json".into(), "README.md".into()]);
        for (package, entry) in PACKAGES.iter().zip(lock["packages"].as_array().unwrap()) {
            let said = |key: &str| entry[key].as_str().unwrap_or_default();
            assert!(said("integrity").starts_with("sha512-") && !said("licence").is_empty(), "{entry}");
            assert_eq!(package.family.is_some(), package.answers.is_empty(), "{entry}");
            listed.extend(package.files.iter().map(|file| format!("{}/{file}", package.name)));
        }
        assert_eq!(names(&FILES), listed);
    }

    #[test]
    fn every_pattern_leads_to_a_file() {
        for package in PACKAGES.iter() {
            for (pattern, target) in &package.answers {
                let stands = package.files.iter().filter(|file| match target.split_once("**") {
                    Some((head, tail)) => file.starts_with(head) && file.ends_with(tail),
                    None => *file == target,
                });
                assert!(stands.count() > 0, "{}: {pattern}", package.name);
            }
        }
    }

    #[test]
    fn addresses_get_their_files_and_no_others() {
        for (url, name) in [
            ("https://cdn.tailwindcss.com/", "tailwindcss.js"),
            ("https://cdn.tailwindcss.com/3.4.16", "tailwindcss.js"),
            ("https://cdn.tailwindcss.com/?plugins=forms", ""),
            ("https://cdn.tailwindcss.com/4.0.0", ""),
            (
                "https://cdn.jsdelivr.net/npm/tailwindcss@2.2.19/dist/tailwind.min.css",
                "dist/tailwind.min.css",
            ),
            ("https://unpkg.com/tailwindcss@^2/dist/tailwind.css", "dist/tailwind.min.css"),
            ("https://cdn.jsdelivr.net/npm/tailwindcss@3.0.0/dist/tailwind.min.css", ""),
            (
                "https://cdn.jsdelivr.net/npm/bootstrap@5.3.0-alpha1/dist/css/bootstrap.min.css",
                "dist/css/bootstrap.min.css",
            ),
            ("https://cdn.jsdelivr.net/npm/bootstrap@4.5.2/dist/css/bootstrap.min.css", ""),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.0.0-beta3/css/all.min.css",
                "css/all.min.css",
            ),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.0.0/webfonts/fa-solid-900.woff2",
                "webfonts/fa-solid-900.woff2",
            ),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/4.7.0/fonts/fontawesome-webfont.woff2?v=4.7.0",
                "fonts/fontawesome-webfont.woff2",
            ),
            (
                "https://cdn.jsdelivr.net/npm/bootstrap-icons@1.11.0/font/fonts/bootstrap-icons.woff2?2ab2cb",
                "font/fonts/bootstrap-icons.woff2",
            ),
            ("https://fonts.googleapis.com/icon?family=Material+Icons", "iconfont/filled.css"),
            (
                "https://fonts.googleapis.com/material-icons-outlined.woff2",
                "iconfont/material-icons-outlined.woff2",
            ),
            ("https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.0.0/../../../../lock.json", ""),
            ("https://example.org/cdn.tailwindcss.com/", ""),
            ("ftp://cdn.tailwindcss.com/", ""),
        ] {
            assert_eq!(find(url).map_or(String::new(), |found| found.name), name, "{url}");
        }
    }
}
