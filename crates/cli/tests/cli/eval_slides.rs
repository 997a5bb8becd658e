//! `eval --benchmark aeslides` from folders of slides and from answers to the row of the table,
//! with the real browser.

use crate::common::{assert_one_line, binary, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const CASES: [&str; 3] = ["01", "10", "28"];

fn fixture(number: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aeslides");
    fixtures.join(number).join("slide.html").canonicalize().unwrap()
}

/// A folder for the input and the results of a test.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::create_dir_all(Path::new(&self.path(name)).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The summary and the standard error of a run that must succeed.
    fn summary(&self, more: &[&str]) -> (Value, String) {
        let out = self.path("out");
        let output = run(&[&["eval", "--benchmark", "aeslides", "--out", &out, "--json"], more].concat());
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
        (serde_json::from_slice(&output.stdout).unwrap(), err)
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out/examples.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What `score aeslides` says of the slides.
fn scored() -> Vec<Value> {
    let output = binary().args(["score", "aeslides"]).args(CASES.map(fixture)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn near(got: &Value, want: f64) {
    assert!((got.as_f64().unwrap() - want).abs() < 1e-9, "{got} is not {want}");
}

/// Three fixtures and a slide that is not UTF-8, which counts 0.
#[test]
fn a_folder_has_the_numbers_of_score_and_a_run_resumes() {
    let world = World::new();
    for case in CASES {
        world.write(&format!("slides/{case}.html"), fs::read(fixture(case)).unwrap());
    }
    world.write("slides/99.HTML", b"<p>\xff</p>");
    let slides = world.path("slides");
    let (summary, err) = world.summary(&["--predictions", &slides]);
    assert!(err.contains("4 examples scored now, 0 known from before"), "{err}");
    let single = scored();
    for key in ["avg", "aspect_ratio", "whitespace", "collision", "imbalance"] {
        let sum: f64 = single.iter().map(|slide| slide[key].as_f64().unwrap()).sum();
        near(&summary["row"][key]["mean"], 100.0 * sum / 4.0);
        let [low, mean, high] = ["low", "mean", "high"].map(|k| summary["row"][key][k].as_f64().unwrap());
        assert!(low < mean && mean < high, "{key}: {summary}");
    }
    for key in ["aspect_ratio", "whitespace", "collision", "imbalance", "total"] {
        let sum: f64 = single.iter().map(|slide| slide["rewards"][key].as_f64().unwrap()).sum();
        near(&summary["rewards"][key], sum / 4.0);
    }
    // Slides 01 and 10 are 720 px high, slide 28 is 64; only slide 10 cuts off a text.
    let drawn = &summary["drawn"];
    near(&drawn["height"], (720.0 + 720.0 + 64.0) / 3.0);
    near(&drawn["compliance"], 200.0 / 3.0);
    near(&drawn["hides_text"], 100.0 / 3.0);
    near(&drawn["collision_cost"], 1.0 / 3.0);
    let mut d: Vec<f64> = single.iter().map(|slide| slide["d_paper"].as_f64().unwrap()).collect();
    d.sort_by(f64::total_cmp);
    near(&drawn["d_paper"], d[1]);
    near(&summary["failure_rate"], 25.0);
    assert_eq!(
        summary["unscored"],
        json!([{"name": "99.HTML", "status": "failed", "why": "byte 3 is not UTF-8"}])
    );

    let (again, err) = world.summary(&["--predictions", &slides]);
    assert!(err.contains("0 examples scored now, 4 known from before"), "{err}");
    assert_eq!(again, summary);
    // A slide that changed is scored again, and all of them when a picture beside them did.
    world.write("slides/28.html", fs::read(fixture("01")).unwrap());
    let (changed, err) = world.summary(&["--predictions", &slides]);
    assert!(err.contains("1 examples scored now, 3 known"), "{err}");
    near(&changed["drawn"]["height"], 720.0);
    world.write("slides/pictures/a.png", "x");
    let (_, err) = world.summary(&["--predictions", &slides]);
    assert!(err.contains("4 examples scored now, 0 known"), "{err}");
    assert_eq!(world.lines().len(), 4);
    let out = world.path("out");
    let output = run(&["compare", "--json", &out, &out]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let metrics = report["comparisons"][0]["metrics"].as_array().unwrap();
    let avg = metrics.iter().find(|m| m["metric"] == "avg").unwrap_or_else(|| panic!("{report}"));
    near(&avg["mean_a"], changed["row"]["avg"]["mean"].as_f64().unwrap());
}

/// A deck, a script that makes one, a script that fails, and a file that is no deck.
#[test]
fn decks_count_once_with_the_mean_of_their_slides() {
    let world = World::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/decks");
    for name in ["autofit.pptx", "autofit.py"] {
        world.write(&format!("decks/{name}"), fs::read(fixtures.join(name)).unwrap());
    }
    world.write("decks/fails.py", "import pptx\n1 / 0\n");
    world.write("decks/none.pptx", "no archive");
    let decks = world.path("decks");
    let (summary, _) = world.summary(&["--predictions", &decks]);
    let counts = ["examples", "scored", "failed"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 2], "{summary}");
    let files = ["autofit.pptx", "autofit.py"].map(|name| world.path(&format!("decks/{name}")));
    let output = binary().args(["score", "aeslides"]).args(&files).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let single: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(single.len(), 2);
    let slides: usize = single.iter().map(|deck| deck["slides"].as_array().unwrap().len()).sum();
    assert_eq!(summary["drawn"]["slides"], slides);
    assert!(slides > 2, "{slides}");
    for key in ["avg", "aspect_ratio", "whitespace", "collision", "imbalance"] {
        let sum: f64 = single.iter().map(|deck| deck[key].as_f64().unwrap()).sum();
        near(&summary["row"][key]["mean"], 100.0 * sum / 4.0);
    }
    assert!(summary["drawn"]["d_paper_without_wrapper"].is_f64(), "{summary}");
    let (again, err) = world.summary(&["--predictions", &decks]);
    assert!(err.contains("0 examples scored now, 4 known"), "{err}");
    assert_eq!(again, summary);
}

/// An answer in a fence, one without HTML, one that never ends, a prompt without an answer.
#[test]
fn answers_of_a_model_are_scored_by_the_ids_of_the_prompts() {
    let world = World::new();
    let prompts = ["a", "b", "c", "d"].map(|id| json!({"id": id, "prompt": "A slide."}).to_string());
    let data = world.write("prompts.jsonl", prompts.join("\n"));
    let slide = fs::read_to_string(fixture("01")).unwrap();
    let answers = [
        json!({"name": "a", "response": format!("```html\n{slide}\n```")}),
        json!({"name": "b", "response": "I cannot draw."}),
        json!({"name": "c", "response": "<!DOCTYPE html><script>while (true) {}</script>"}),
    ];
    let responses = world.write("answers.jsonl", answers.map(|a| a.to_string()).join("\n"));
    let args = ["--data", &data, "--responses", &responses, "--timeout", "2"];
    let (summary, _) = world.summary(&args);
    let counts = ["examples", "scored", "missing", "failed", "lost"].map(|k| summary[k].as_u64().unwrap());
    assert_eq!(counts, [4, 1, 1, 1, 1], "{summary}");
    near(&summary["row"]["avg"]["mean"], 100.0 * scored()[0]["avg"].as_f64().unwrap() / 4.0);
    let why: Vec<&str> =
        summary["unscored"].as_array().unwrap().iter().map(|u| u["why"].as_str().unwrap()).collect();
    assert_eq!((why[0], why[2]), ("the answer holds no HTML", "there is no response"));
    assert!(why[1].contains("longer than 2 s"), "{why:?}");
    // What met a limit is tried again.
    let (again, err) = world.summary(&args);
    assert!(err.contains("1 examples scored now, 3 known"), "{err}");
    assert_eq!(again, summary);

    let eval = |more: &[&str]| run(&[&["eval", "--benchmark", "aeslides"], more].concat());
    let stranger = world.write("stranger.jsonl", json!({"name": "x", "response": "<p>"}).to_string());
    let output = eval(&["--data", &data, "--responses", &stranger, "--out", &world.path("o")]);
    assert_one_line(&output, &["stranger.jsonl", "line 1", "`x`", "help: give the prompts"]);
    let twice = world.write("twice.jsonl", [prompts[0].clone(), prompts[0].clone()].join("\n"));
    let output = eval(&["--data", &twice, "--responses", &responses, "--out", &world.path("o")]);
    assert_one_line(&output, &["twice.jsonl", "row 2", "the id `a` occurs again", "help: "]);
    assert_one_line(&eval(&[]), &["nothing to score", "--predictions DIR"]);
    assert_one_line(&eval(&["--responses", &responses]), &["prompts are not given", "--data FILE"]);
    let both = ["--responses", &responses, "--predictions", &world.path("slides")];
    assert_one_line(&eval(&both), &["exclude each other"]);
    let empty = world.write("empty/a.txt", "");
    let empty = Path::new(&empty).parent().unwrap().to_str().unwrap();
    assert_one_line(
        &eval(&["--predictions", empty, "--out", &world.path("o")]),
        &["holds no slide", "help: "],
    );
}
