//! `lint` in SARIF 2.1.0, the format that code hosts and editors import: one run with all rules,
//! and one result per finding with its place in the text and its boxes in the picture.

use super::line_column;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vsdpo_artifact::Span;
use vsdpo_diagnose::all_rules;
use vsdpo_report::{Checked, Remark};

/// The results of one file.
pub fn results(checked: &Checked) -> Vec<Value> {
    checked.remarks().iter().map(|remark| result(checked, remark)).collect()
}

/// The results of all files as one log.
pub fn log(results: Vec<Value>) -> Value {
    let rules: Vec<Value> = all_rules()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": {"text": rule.summary},
                "help": {"text": rule.page, "markdown": rule.page},
            })
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "visual-sdpo", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(checked: &Checked, remark: &Remark) -> Value {
    let mut location = json!({"artifactLocation": {"uri": uri(&checked.file)}});
    if let Some(span) = remark.span {
        location["region"] = region(&checked.source, span);
    }
    let mut value = json!({
        "ruleId": remark.rule,
        "level": remark.level.name(),
        "message": {"text": remark.message},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"statement/v1": fingerprint(checked, remark)},
    });
    if let Some(index) = all_rules().position(|r| r.id == remark.rule) {
        value["ruleIndex"] = index.into();
    }
    if !remark.boxes.is_empty() {
        // `attachments` would need a picture on disk; the boxes alone still give the place.
        value["properties"] = json!({"page": remark.page, "pictureBoxes": remark.boxes});
    }
    value
}

fn region(source: &str, span: Span) -> Value {
    let (line, column) = line_column(source, span.start);
    let (end_line, end_column) = line_column(source, span.end);
    json!({
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
        "byteOffset": span.start,
        "byteLength": span.len(),
    })
}

/// A hash of the rule and the statement's text, which does not change if lines are added above.
fn fingerprint(checked: &Checked, remark: &Remark) -> String {
    let statement = remark.span.and_then(|s| s.text(&checked.source)).unwrap_or_default();
    let digest = Sha256::digest(format!("{}\0{statement}", remark.rule));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The path as a relative URI reference: forward slashes, reserved bytes percent-encoded.
fn uri(file: &str) -> String {
    let mut text = String::new();
    for byte in file.replace('\\', "/").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(byte as char)
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("./a b/c.py"), "a%20b/c.py");
        assert_eq!(uri("é.py"), "%C3%A9.py");
    }
}
