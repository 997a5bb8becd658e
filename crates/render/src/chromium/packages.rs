//! The npm packages whose files are built in, and the addresses that each answers.

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(super) static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../assets/web");

/// The packages of the lock file; without one, nothing is answered (a test reads it).
pub(super) static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
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
    pub answers: BTreeMap<String, String>,
}

/// What an address gets.
pub struct Found {
    /// The name of the file, for its type.
    pub name: String,
    pub bytes: std::borrow::Cow<'static, [u8]>,
    /// Whether it is all that was asked for.
    pub whole: bool,
}

impl Package {
    /// The file that this address (without its scheme) gets.
    pub fn answer(&self, url: &str) -> Option<Found> {
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
