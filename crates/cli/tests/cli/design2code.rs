//! `score design2code` from files to printed scores, with the real browser.

use crate::common::{assert_one_line, binary};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code").canonicalize().unwrap()
}

/// The expected scores come from one build of Chromium; another build may differ by 0.02.
#[test]
fn fixtures_have_the_scores_of_the_official_evaluator() {
    let cases = ["01", "07", "14", "18", "25"];
    let folder = tempfile::tempdir().unwrap();
    let line = |case: &&str| {
        let page = |name| fixtures().join(case).join(name);
        json!({ "cand": page("cand.html"), "ref": page("ref.html") }).to_string() + "\n"
    };
    let list = folder.path().join("pairs.jsonl");
    fs::write(&list, cases.iter().map(line).collect::<String>()).unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), cases.len());
    for (case, line) in cases.iter().zip(lines) {
        let expected = fs::read_to_string(fixtures().join(case).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        for key in ["block_match", "text", "position", "color", "overall_without_clip"] {
            let (got, want) = (line[key].as_f64().unwrap(), expected[key].as_f64().unwrap());
            assert!((got - want).abs() < 0.02, "{case} {key}: {got}, not {want}");
        }
        assert!(line["clip"].is_null() && line["overall"].is_null());
        assert!(line["reasons"]["clip"].as_str().unwrap().contains("--clip"));
    }
}

#[test]
fn a_page_that_cannot_be_scored_is_an_error_and_not_a_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.html"), folder.path().join("bad.html"));
    fs::write(&good, "<p>text</p>").unwrap();
    fs::write(&bad, b"<p>\xff\xfe</p>").unwrap();
    let output = binary().args(["score", "design2code"]).args([&bad, &good]).output().unwrap();
    assert_one_line(&output, &["not UTF-8", "candidate"]);
    let list = folder.path().join("pairs.jsonl");
    fs::write(&list, "{\"cand\": \"bad.html\", \"ref\": \"good.html\"}\n").unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(line["block_match"].is_null() && line["error"].as_str().unwrap().contains("not UTF-8"), "{line}");
    fs::write(&list, "{\"cand\": \"good.html\"}\n").unwrap();
    let output = binary().args(["score", "design2code", "--pairs"]).arg(&list).output().unwrap();
    assert_one_line(&output, &["line 1", "\"ref\""]);
}

/// A pair that cannot be scored is a line with its error, and the other pairs keep their scores.
#[test]
fn pairs_that_cannot_be_scored_keep_their_place_in_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("a.html", b"<body><p>the first of some texts</p></body>");
    write("b.html", b"<body><p>something else</p><h1>Other</h1></body>");
    write("endless.html", b"<script>while (true) {}</script>");
    write("latin.html", b"<p>\xe9</p>");
    write("shows.html", b"<p>text</p><img src=rick.jpg><img src='https://example.org/a.png'>");
    let pairs = [
        ("endless.html", "a.html", Some("the candidate cannot be scored: its screenshot failed")),
        ("a.html", "a.html", None),
        ("gone.html", "a.html", Some("gone.html")),
        ("b.html", "b.html", None),
        ("a.html", "latin.html", Some("the reference cannot be scored: the page is not UTF-8")),
        ("shows.html", "a.html", None),
    ];
    let lines: String =
        pairs.iter().map(|(cand, r, _)| json!({ "cand": cand, "ref": r }).to_string() + "\n").collect();
    write("pairs.jsonl", lines.as_bytes());
    let list = folder.path().join("pairs.jsonl");
    let output =
        binary().args(["score", "design2code", "--timeout", "8", "--pairs"]).arg(&list).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), pairs.len());
    for (line, (cand, _, bad)) in lines.iter().zip(pairs) {
        match bad {
            Some(why) => {
                assert!(line["error"].as_str().unwrap().contains(why), "{cand}: {line}");
                assert!(line["block_match"].is_null() && line["overall_without_clip"].is_null(), "{line}");
            }
            None if cand == "shows.html" => {
                let unmet = json!(["https://example.org/a.png", "rick.jpg"]);
                assert_eq!(line["unmet"], json!({ "cand": unmet, "ref": [] }));
            }
            None => {
                assert_eq!((&line["text"], &line["retried"]), (&json!(1.0), &json!(0)), "{cand}: {line}");
                let blocks = if cand == "a.html" { 1 } else { 2 };
                assert_eq!(line["blocks"], json!({ "cand": blocks, "ref": blocks, "matched": blocks }));
            }
        }
    }
}

/// Identical pages get 0 if the metric finds no text on them, and a note explains it.
#[test]
fn a_note_explains_a_page_without_text_for_the_metric() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    fs::write(&page, "<p>text without a body").unwrap();
    let output = binary().args(["score", "design2code"]).args([&page, &page]).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("1 of the candidate, 0 of the reference, 0 matched"), "{out}");
    assert!(out.contains("finds no text on the reference") && !out.contains("on the candidate:"), "{out}");
}

/// The script of the page runs forever. The test replaces it while the first screenshot waits.
#[test]
fn a_failed_screenshot_is_retried_in_a_new_browser() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("page.html"), "<html><body><p>text</p><script src='run.js'></script></body></html>")
        .unwrap();
    fs::write(path("ref.html"), "<html><body><p>text</p></body></html>").unwrap();
    fs::write(path("run.js"), "while (true) {}").unwrap();
    let mut command = binary();
    command.args(["score", "design2code", "--json", "--timeout", "10"]);
    let mut child =
        command.arg(path("page.html")).arg(path("ref.html")).stdout(Stdio::piped()).spawn().unwrap();
    // Only the process of a page that runs forever is busy for seconds.
    while busiest(child.id()) < 3 * TICKS {
        assert!(child.try_wait().unwrap().is_none(), "the command ended before its page was busy");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::write(path("run.js"), "1").unwrap();
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["retried"], &json["text"]), (&json!(1), &json!(1.0)), "{json}");
}

/// Clock ticks per second of the kernel's process times.
const TICKS: u64 = 100;

/// The largest CPU time, in ticks, of a process and the processes that it started.
fn busiest(pid: u32) -> u64 {
    let read = |file: String| fs::read_to_string(file).unwrap_or_default();
    let stat = read(format!("/proc/{pid}/stat"));
    let mut after_name = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let own = after_name.nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
    // The kernel lists the children of each thread separately.
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let started: String =
        tasks.map(|task| read(format!("{}/children", task.path().display())) + " ").collect();
    started.split_whitespace().filter_map(|child| child.parse().ok()).map(busiest).fold(own, u64::max)
}
