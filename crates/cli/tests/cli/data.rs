//! `data filter` over a corpus of four rows.

use crate::common::{assert_one_line, run};
use serde_json::{Value, json};
use std::fs;

#[test]
fn rows_that_run_are_kept_and_an_interrupted_filter_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let row = |code: &str| json!({"prompt": "Draw.", "completion": code}).to_string();
    let good = "import matplotlib.pyplot as plt\nplt.plot([1, 2])";
    let rows = [row(good), row("1/0"), "{".into(), row(good)];
    fs::write(path("train.jsonl"), rows.join("\n")).unwrap();
    let out = path("kept.jsonl");
    let filter = || {
        run(&[
            "data",
            "filter",
            "--type",
            "jsonl",
            "--path",
            &path("train.jsonl"),
            "--out",
            &out,
            "--rejected",
            &path("why.jsonl"),
            "--workers",
            "1",
            "--json",
        ])
    };
    let output = filter();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let want = json!({"kept": 2, "rejected": 2, "reasons": {"exception": 1, "not-json": 1}});
    assert_eq!(summary, want);
    let kept = fs::read_to_string(&out).unwrap();
    let ids: Vec<Value> =
        kept.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].clone()).collect();
    assert_eq!(ids, ["row-1", "row-4"]);
    let why = fs::read_to_string(path("why.jsonl")).unwrap();
    assert!(why.contains("ZeroDivisionError") && why.contains("\"row\":3"), "{why}");
    assert_one_line(&filter(), &["kept.jsonl", "exists already"]);

    // The state after the first row, with outputs that contain more rows than the state.
    let first = kept.find('\n').unwrap() + 1;
    let (path_in, domain) = (path("train.jsonl"), "chart");
    let job = json!({"type": "jsonl", "path": path_in, "domain": domain, "split": "train", "limit": 0});
    let malformed = why.find('\n').unwrap() + 1;
    let state = json!({"job": job, "opened": true, "done": 1, "kept": 1, "reasons": {"not-json": 1},
        "out_bytes": first, "rejected_bytes": malformed});
    fs::write(path("kept.jsonl.state"), state.to_string()).unwrap();
    let output = filter();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), want);
    assert_eq!(
        (fs::read_to_string(&out).unwrap(), fs::read_to_string(path("why.jsonl")).unwrap()),
        (kept, why)
    );
    assert!(!dir.path().join("kept.jsonl.state").exists());
}

#[test]
fn pages_with_a_readable_picture_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("pages")).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(3, 2).write_to(&mut png, image::ImageFormat::Png).unwrap();
    for (name, picture) in [("1", png.get_ref().as_slice()), ("2", b"no picture"), ("g3", png.get_ref())] {
        fs::write(path(&format!("pages/{name}.html")), format!("<h1>Page {name}</h1>")).unwrap();
        fs::write(path(&format!("pages/{name}.png")), picture).unwrap();
    }
    let out = path("kept.jsonl");
    let filter = |more: &[&str]| {
        let args = ["data", "filter", "--type", "design2code", "--path", &path("pages"), "--out", &out];
        run(&[&args, more].concat())
    };
    assert_one_line(&filter(&["--min-score", "3"]), &["data.min_score", "webcode2m"]);
    let output = filter(&["--workers", "1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary, json!({"kept": 2, "rejected": 1, "reasons": {"bad-image": 1}}));
    let kept = fs::read_to_string(&out).unwrap();
    assert!(kept.contains("pages/g3.png") && kept.contains("<h1>Page g3</h1>"), "{kept}");
}

#[test]
fn unknown_corpora_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("kept.jsonl").to_str().unwrap().to_owned();
    let filter =
        |kind: &str, path: &str| run(&["data", "filter", "--type", kind, "--path", path, "--out", &out]);
    let unknown = filter("nothing", "x");
    assert_eq!(unknown.status.code(), Some(2));
    let error = String::from_utf8_lossy(&unknown.stderr);
    assert!(
        error.contains("'--type <TYPE>': no data set is called \"nothing\"; help: use \"mini\""),
        "{error}"
    );
    assert_one_line(&filter("mini", "x"), &["data.type", "\"mini\" is generated"]);
    assert_one_line(&filter("chart2code", "no-such-folder"), &["no-such-folder", "is not a folder"]);
}
