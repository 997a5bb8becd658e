//! Style sheets, scripts and fonts that pages load from public servers, inside this program.
//!
//! Model-written pages rarely stand alone: they take Tailwind, web fonts and icon fonts from
//! servers that a page here cannot reach. `assets/web/lock.json` names the npm packages whose files
//! stand in, and the addresses that each answers. Nothing else is answered.

use super::fonts;
use super::packages::{Found, PACKAGES};

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

#[cfg(test)]
mod tests {
    use super::super::packages::FILES;
    use super::*;
    use include_dir::Dir;
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
