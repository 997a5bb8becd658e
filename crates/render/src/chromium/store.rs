//! What a page may load: itself, files that were put beside it, and what stands in for public
//! servers.

use super::assets;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Where a page believes it lives. Its requests never leave the browser.
pub const ORIGIN: &str = "http://page.test/";
/// Bytes of one file.
const MAX_FILE: u64 = 32 << 20;

/// A page and its neighbours.
pub struct Store<'a> {
    /// Its file name.
    pub name: Cow<'a, str>,
    /// Its source.
    pub html: &'a [u8],
    /// The folder whose files it may show.
    pub folder: Option<&'a Path>,
    /// Files that every page may show, by name.
    pub common: &'a BTreeMap<String, Vec<u8>>,
}

/// The folder that a page shows and its name in it: below `root`, if there is one around its own
/// folder, else in its own.
pub fn place<'a>(
    root: Option<&'a Path>,
    folder: Option<&'a Path>,
    name: &'a str,
) -> (Option<&'a Path>, Cow<'a, str>) {
    let below = |(root, folder): (&Path, &Path)| {
        let inner = folder.canonicalize().ok()?.strip_prefix(root.canonicalize().ok()?).ok()?.to_owned();
        let parts =
            inner.iter().map(|part| utf8_percent_encode(part.to_str().unwrap_or("_"), NON_ALPHANUMERIC));
        Some(parts.map(|part| format!("{part}/")).collect::<String>() + name)
    };
    match root.zip(folder).and_then(below) {
        Some(path) => (root, path.into()),
        None => (folder, name.into()),
    }
}

/// An answer to a request.
pub struct File<'a> {
    kind: &'static str,
    bytes: Cow<'a, [u8]>,
    /// Whether it is all that was asked for.
    pub whole: bool,
}

impl File<'_> {
    /// The parameters of `Fetch.fulfillRequest`. Any page may use the answer, as public servers
    /// allow: browsers take fonts and modules of other origins only then.
    pub fn fulfil(&self, request: &Value) -> Value {
        let headers = json!([
            { "name": "Content-Type", "value": self.kind },
            { "name": "Access-Control-Allow-Origin", "value": "*" }]);
        let body = STANDARD.encode(&self.bytes);
        json!({ "requestId": request, "responseCode": 200, "responseHeaders": headers, "body": body })
    }
}

impl<'a> Store<'a> {
    /// The file of an address.
    pub fn answer(&self, url: &str) -> Option<File<'a>> {
        match url.strip_prefix(ORIGIN) {
            Some(path) => self.own(path.split(['?', '#']).next()?),
            None => {
                let found = assets::find(url)?;
                Some(File { kind: kind(&found.name)?, bytes: found.bytes, whole: found.whole })
            }
        }
    }

    /// The page, a file of its folder, or one for all pages.
    fn own(&self, path: &str) -> Option<File<'a>> {
        if path == self.name {
            return Some(File { kind: "text/html; charset=utf-8", bytes: self.html.into(), whole: true });
        }
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let kind = kind(&path)?;
        let bytes = match self.folder.and_then(|folder| read(folder, &path)) {
            Some(bytes) => Cow::Owned(bytes),
            None => self.common.get(&*path)?.into(),
        };
        Some(File { kind, bytes, whole: true })
    }
}

/// A plain file of a folder; nothing outside, wherever links lead, and nothing hidden.
fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(['\\', '\0'])) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(path).canonicalize().ok()?;
    if !file.starts_with(&folder) || !file.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file).ok()?.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_FILE).then_some(bytes)
}

/// The type of a file, by its name; `None` for what no page needs.
fn kind(path: &str) -> Option<&'static str> {
    let kinds = [
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("svg", "image/svg+xml"),
        ("avif", "image/avif"),
        ("bmp", "image/bmp"),
        ("ico", "image/x-icon"),
        ("apng", "image/apng"),
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("mjs", "text/javascript; charset=utf-8"),
        ("woff2", "font/woff2"),
        ("woff", "font/woff"),
        ("ttf", "font/ttf"),
        ("otf", "font/otf"),
    ];
    let end = path.rsplit_once('.')?.1.to_ascii_lowercase();
    kinds.iter().find(|(name, _)| *name == end).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_page_lies_below_its_root() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("in side/b");
        std::fs::create_dir_all(&folder).unwrap();
        let (root, other) = (Some(dir.path()), tempfile::tempdir().unwrap());
        assert_eq!(place(root, Some(&folder), "p.html"), (root, "in%20side/b/p.html".into()));
        assert_eq!(place(root, Some(other.path()), "p.html"), (Some(other.path()), "p.html".into()));
        assert_eq!(place(None, Some(&folder), "p.html"), (Some(&*folder), "p.html".into()));
        assert_eq!(place(root, None, "p.html"), (None, "p.html".into()));
    }

    #[test]
    fn a_folder_shows_its_own_files_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("site");
        std::fs::create_dir_all(folder.join("in side")).unwrap();
        for path in ["secret.png", "site/a.png", "site/in side/b.png", "site/.hidden.png", "site/page.key"] {
            std::fs::write(root.path().join(path), path).unwrap();
        }
        symlink(root.path().join("secret.png"), folder.join("link.png")).unwrap();
        symlink(root.path(), folder.join("up")).unwrap();
        symlink("a.png", folder.join("near.png")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe.png"), 0o600.into()).unwrap();
        symlink("/dev/zero", folder.join("zero.png")).unwrap();
        let large = std::fs::File::create(folder.join("large.png")).unwrap();
        large.set_len(MAX_FILE + 1).unwrap();
        let common = ["a.png", "all.png"].map(|name| (name.to_owned(), b"for all".to_vec())).into();
        let store = Store { name: "page.html".into(), html: b"<p>", folder: Some(&folder), common: &common };
        let get = |path: &str| {
            let file = store.answer(&format!("{ORIGIN}{path}"))?;
            Some(String::from_utf8(file.bytes.into_owned()).unwrap())
        };
        for (path, text) in [
            ("page.html", "<p>"),
            ("page.html?q#f", "<p>"),
            ("a.png?v=1", "site/a.png"),
            ("in%20side/b.png", "site/in side/b.png"),
            ("near.png", "site/a.png"),
            ("all.png", "for all"),
        ] {
            assert_eq!(get(path).as_deref(), Some(text), "{path}");
        }
        for path in [
            "link.png",
            "up/secret.png",
            "../secret.png",
            "%2e%2e/secret.png",
            "in%20side/../../secret.png",
            "..%2fsecret.png",
            "%2fetc/passwd.png",
            ".hidden.png",
            "pipe.png",
            "zero.png",
            "large.png",
            "page.key",
            "a.png%00.png",
            "in%20side//b.png",
            "none.png",
            "%ff.png",
            "",
        ] {
            assert_eq!(get(path), None, "{path}");
        }
    }
}
