//! `score chartmimic` from the files of the fixtures to the printed scores.

use crate::common::{assert_one_line, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/chartmimic").canonicalize().unwrap()
}

fn expected() -> Vec<(PathBuf, Value)> {
    let folders = fs::read_dir(fixtures()).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_dir());
    let read = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join("expected.json")).unwrap();
        (folder, serde_json::from_str(&text).unwrap())
    };
    let mut all: Vec<(PathBuf, Value)> = folders.map(read).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn near(got: &Value, want: &Value) -> bool {
    match (got.as_f64(), want.as_f64()) {
        (Some(got), Some(want)) => (got - want).abs() < 1e-9,
        _ => false,
    }
}

fn agrees(got: &Value, want: &Value) -> bool {
    ["precision", "recall", "f1"].iter().all(|part| near(&got[part], &want[part]))
}

/// Every score of every fixture, through --pairs.
#[test]
fn fixtures_have_the_scores_of_the_official_evaluator() {
    let expected = expected();
    let list = tempfile::NamedTempFile::new().unwrap();
    let line = |(folder, e): &(PathBuf, Value)| {
        let of = |file: &str| folder.join(file).to_str().unwrap().to_owned();
        serde_json::json!({"pred": of("pred.py"), "gt": of("gt.py"), "name": e["name"]}).to_string() + "\n"
    };
    fs::write(list.path(), expected.iter().map(line).collect::<String>()).unwrap();
    let output = run(&["score", "chartmimic", "--timeout", "300", "--pairs", list.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), expected.len());
    for (got, (_, want)) in lines.iter().zip(&expected) {
        let id = &want["id"];
        assert_eq!((&got["name"], &got["exec"]), (&want["name"], &want["exec"]), "{id}");
        for metric in ["text", "layout", "chart_type"] {
            assert!(agrees(&got[metric], &want[metric]), "{id} {metric}: {}", got[metric]);
        }
        if want["color"].is_null() {
            assert!(got["color"].is_null() && got["low"].is_null(), "{id}");
            assert!(got["reasons"]["color"].as_str().unwrap().contains("ZeroDivisionError"), "{id}");
        } else if let Some(possible) = want["color_order_dependent"]["possible"].as_array() {
            assert!(possible.iter().any(|p| agrees(&got["color"], p)), "{id}: {}", got["color"]);
            let sorted = &want["color_order_dependent"]["sorted_order"];
            assert!(agrees(&got["color"], sorted), "{id}: {}", got["color"]);
        } else {
            assert!(agrees(&got["color"], &want["color"]), "{id}: {}", got["color"]);
            assert!(
                (got["low"].as_f64().unwrap() - want["low_counted"].as_f64().unwrap()).abs() < 1e-7,
                "{id}"
            );
        }
    }
}

#[test]
fn one_pair_is_printed_as_json_and_as_a_table() {
    let of = |file: &str| fixtures().join("44").join(file).to_str().unwrap().to_owned();
    let (pred, gt) = (of("pred.py"), of("gt.py"));
    let output = run(&["score", "chartmimic", &pred, &gt, "--json", "--timeout", "300"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["name"], "gt");
    assert_eq!(json["exec"], false);
    assert_eq!(json["low"], 0.0);
    assert!(json["low_if_executed"].as_f64().unwrap() > 0.0);
    assert!(json["reasons"]["pred.exec"].as_str().unwrap().contains("NameError"), "{}", json["reasons"]);
    let output = run(&["score", "chartmimic", &pred, &gt, "--mode", "fixed", "--name", "line_10"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("line_10 (fixed rules)\n") && text.contains("chart type "), "{text}");
}

/// Scripts that end badly are scored, too, and leave nothing behind.
#[test]
fn hostile_predictions_score_zero_and_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')\n";
    let bad = [
        ("exit.py", "import os\nos._exit(0)\n", "ended itself"),
        ("loop.py", "while True:\n    pass\n", "longer than 20 s"),
        ("memory.py", "x = bytearray(1 << 34)\n", "MemoryError"),
        ("loud.py", "for _ in range(1 << 11):\n    print('x' * (1 << 16))\nraise SystemExit\n", "SystemExit"),
        ("syntax.py", "def\n", "SyntaxError"),
        ("empty.py", "", "no code"),
    ];
    fs::write(dir.path().join("gt.py"), format!("{plot}plt.savefig('line_1.pdf')\n")).unwrap();
    let mut list = String::new();
    for (name, code, _) in bad {
        let code = if code.is_empty() { String::new() } else { format!("{plot}{code}") };
        fs::write(dir.path().join(name), code).unwrap();
        list += &format!("{{\"pred\": \"{name}\", \"gt\": \"gt.py\", \"name\": \"line_1\"}}\n\n");
    }
    fs::write(dir.path().join("pairs.jsonl"), list).unwrap();
    let pairs = dir.path().join("pairs.jsonl");
    let output = run(&["score", "chartmimic", "--timeout", "20", "--pairs", pairs.to_str().unwrap()]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), bad.len(), "{out}");
    for (line, (name, _, why)) in out.lines().zip(bad) {
        let json: Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["low"], 0.0, "{name}");
        assert!(json["reasons"].to_string().contains(why), "{name}: {}", json["reasons"]);
    }
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, bad.len() + 2, "a script left a file");
}

#[test]
fn input_errors_name_the_place_and_the_help() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.py", b"import matplotlib.pyplot as plt\n");
    let latin = file("latin.py", b"'\xe9'");
    assert_one_line(&run(&["score", "chartmimic", "none.py", &good]), &["`none.py` does not exist"]);
    assert_one_line(&run(&["score", "chartmimic", &good, &latin]), &["latin.py", "not UTF-8 (byte 1)"]);
    assert_one_line(&run(&["score", "chartmimic", &good, &file("empty.py", b"")]), &["empty.py", "is empty"]);
    let pairs = |text: &str, words: &[&str]| {
        let list = file("list.jsonl", text.as_bytes());
        assert_one_line(&run(&["score", "chartmimic", "--pairs", &list]), words);
    };
    let line = "{\"pred\": \"good.py\", \"gt\": \"good.py\"}\n";
    pairs(&format!("{line}nonsense\n"), &["list.jsonl` line 2", "\"pred\": PATH"]);
    pairs(&format!("{line}{{\"pred\": \"good.py\"}}\n"), &["line 2", "missing field `gt`"]);
    pairs("{\"pred\": \"good.py\", \"gt\": \"gone.py\"}\n", &["line 1", "gone.py` does not exist"]);
    pairs("\n", &["names no pairs"]);
    assert_one_line(
        &run(&["score", "chartmimic", "--pairs", "none.jsonl"]),
        &["`none.jsonl` does not exist"],
    );
}
