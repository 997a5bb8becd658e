//! What a page may load: itself, and files that were put beside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::Path;

/// Bytes of one file.
const MAX_FILE: u64 = 32 << 20;

/// A page and its neighbours.
pub struct Store<'a> {
    /// Its file name.
    pub name: &'a str,
    /// Its source.
    pub html: &'a [u8],
    /// The folder whose files it may show.
    pub folder: Option<&'a Path>,
}

/// An answer to a request.
pub struct File<'a> {
    kind: &'static str,
    bytes: Cow<'a, [u8]>,
}

impl File<'_> {
    /// The parameters of `Fetch.fulfillRequest`.
    pub fn fulfil(&self, request: &Value) -> Value {
        let headers = json!([{ "name": "Content-Type", "value": self.kind }]);
        let body = STANDARD.encode(&self.bytes);
        json!({ "requestId": request, "responseCode": 200, "responseHeaders": headers, "body": body })
    }
}

impl<'a> Store<'a> {
    /// The file of an address below the page's origin (`path`).
    pub fn answer(&self, path: Option<&str>, _url: &str) -> Option<File<'a>> {
        let path = path?.split(['?', '#']).next()?;
        if path == self.name {
            return Some(File { kind: "text/html; charset=utf-8", bytes: self.html.into() });
        }
        // Plain names only: nothing above the folder, nothing hidden, no detour.
        let plain =
            path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\\'));
        let kind = kind(path)?;
        let file = self.folder.filter(|_| plain)?.join(path);
        let small = std::fs::symlink_metadata(&file).is_ok_and(|m| m.is_file() && m.len() <= MAX_FILE);
        let bytes = std::fs::read(file).ok().filter(|_| small)?;
        Some(File { kind, bytes: bytes.into() })
    }
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
        ("css", "text/css"),
        ("js", "text/javascript"),
        ("woff2", "font/woff2"),
        ("woff", "font/woff"),
        ("ttf", "font/ttf"),
    ];
    let end = path.rsplit_once('.')?.1.to_ascii_lowercase();
    kinds.iter().find(|(name, _)| *name == end).map(|(_, kind)| *kind)
}
