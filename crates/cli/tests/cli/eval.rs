//! `eval --benchmark chartmimic` from a folder of pairs to the row of the table, with a local
//! server as its judge.

use crate::common::{assert_one_line, binary};
use crate::stub::Stub;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SAVE: &str = "plt.savefig('x.pdf')\n";
const PLOT: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')\n";

fn fixture(id: &str, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/chartmimic");
    fs::read_to_string(folder.join(id).join(file)).unwrap()
}

/// A benchmark's folder, the responses, and the folders of results.
struct World(tempfile::TempDir);

impl World {
    fn new(truths: &[(&str, &str)], responses: &[Value]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        for (stem, code) in truths {
            fs::write(dir.path().join(format!("data/{stem}.py")), code).unwrap();
        }
        let world = Self(dir);
        world.answer(responses);
        world
    }

    fn answer(&self, responses: &[Value]) {
        let lines: String = responses.iter().map(|r| r.to_string() + "\n").collect();
        fs::write(self.path("answers.json"), lines).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn eval(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = binary();
        command.args(["eval", "--benchmark", "chartmimic", "--timeout", "300"]);
        for (flag, name) in
            [("--data", "data"), ("--responses", "answers.json"), ("--out", "out"), ("--cache", "cache")]
        {
            command.arg(flag).arg(self.path(name));
        }
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command.args(more);
        command
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

fn fenced(code: &str) -> String {
    format!("Here is the code.\n```python\n{code}\n```\nDone.")
}

fn summary(output: &Output) -> Value {
    let err = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {err}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn near(got: &Value, want: f64) {
    assert!((got.as_f64().unwrap() - want).abs() < 1e-9, "{got} is not {want}");
}

/// Five fixtures and a chart without response; the sums are by hand from `expected.json`:
///
/// | pair | exec | text | layout | type | colour |
/// |---|---|---|---|---|---|
/// | 01 bar_1 | 1 | 1 | 1 | 1 | 1 |
/// | 10 box_1 | 1 | 1 | 1 | 1/2 | 1/2 |
/// | 40 scatter_3 | 1 | 1 | 1 | 1 | 2/3 |
/// | 44 line_10 | 0 | | | | |
/// | 14 heatmap_2 | 1 | the colour evaluator raises: the example is lost | | | |
/// | bar_9 | | no response | | | |
#[test]
fn the_row_is_the_one_computed_by_hand_and_a_run_resumes() {
    let pairs =
        [("01", "bar_1"), ("10", "box_1"), ("40", "scatter_3"), ("44", "line_10"), ("14", "heatmap_2")];
    let truths: Vec<(&str, String)> = pairs.iter().map(|(id, stem)| (*stem, fixture(id, "gt.py"))).collect();
    let mut truths: Vec<(&str, &str)> = truths.iter().map(|(s, c)| (*s, c.as_str())).collect();
    truths.push(("bar_9", truths[0].1));
    let answer = |(id, stem): &(&str, &str)| json!({"file": format!("x/ori_500/{stem}.pdf"), "response": fenced(&fixture(id, "pred.py"))});
    let world = World::new(&truths, &pairs.iter().map(answer).collect::<Vec<_>>());
    let output = world.eval(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = summary(&output);
    let row = &first["row"];
    for (column, sum) in [
        ("exec", 4.0),
        ("text", 3.0),
        ("layout", 3.0),
        ("chart_type", 2.5),
        ("color", 1.0 + 0.5 + 2.0 / 3.0),
        ("low", (3.0 + 3.0 + 2.5 + 1.0 + 0.5 + 2.0 / 3.0) / 4.0),
    ] {
        near(&row[column]["mean"], 100.0 * sum / 6.0);
        let [low, mean, high] = ["low", "mean", "high"].map(|k| row[column][k].as_f64().unwrap());
        assert!(low < mean && mean < high, "{column}");
    }
    assert!(row["high"].is_null() && row["overall"].is_null());
    assert!(first["high_reason"].as_str().unwrap().contains("--judge-url"));
    assert_eq!((&first["total"], &first["answered"], &first["executed"]), (&json!(6), &json!(5), &json!(4)));
    let failed: Vec<&str> =
        first["failed"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(failed, ["bar_9", "heatmap_2", "line_10"]);
    official_files(&world);

    // Keep two and a half lines of the first run; ground truths come from the cache.
    let kept = fs::read_to_string(world.path("out/examples.jsonl")).unwrap();
    let cut: usize = kept.split_inclusive('\n').take(2).map(str::len).sum();
    fs::write(world.path("out/examples.jsonl"), &kept[..cut + 30]).unwrap();
    let output = world.eval(&["--total", "12"]);
    assert!(stderr(&output).contains("4 examples scored now, 2 known from before"), "{}", stderr(&output));
    let again = fs::read_to_string(world.path("out/summary.json")).unwrap();
    let again: Value = serde_json::from_str(&again).unwrap();
    near(&again["row"]["text"]["mean"], 25.0);
    near(&again["row"]["low"]["mean"], row["low"]["mean"].as_f64().unwrap() / 2.0);
    assert_eq!(again["failed"], first["failed"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("D = 12") && table.contains(" 25.00 ") && table.contains("bar_9: there is no"),
        "{table}"
    );
    let output = world.eval(&["--json"]);
    assert!(stderr(&output).contains("0 examples scored now, 6 known"), "{}", stderr(&output));
    assert_eq!(summary(&output)["row"], first["row"]);
}

/// A killed run has saved every finished example, and the resumed run has the row of an
/// uninterrupted one.
#[test]
fn a_killed_run_resumes() {
    let names: Vec<String> = (0..12).map(|i| format!("line_{i}")).collect();
    let code = |i: usize| format!("{PLOT}plt.xlabel('{i}')\n{SAVE}");
    let truths: Vec<String> = (0..12).map(code).collect();
    let truths: Vec<(&str, &str)> =
        names.iter().zip(&truths).map(|(n, c)| (n.as_str(), c.as_str())).collect();
    let answer = |(i, name): (usize, &String)| {
        let wrong = code(if i % 3 == 0 { i + 1 } else { i });
        json!({"file": format!("x/ori_500/{name}.pdf"), "response": fenced(&wrong)})
    };
    let world = World::new(&truths, &names.iter().enumerate().map(answer).collect::<Vec<_>>());
    let done = || fs::read_to_string(world.path("out/examples.jsonl")).unwrap_or_default().lines().count();
    let mut running = world.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while done() < 2 {
        assert!(running.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let kept = done();
    assert!(kept < 12, "the run ended before it was killed");
    let output = world.eval(&["--json"]);
    let (now, known) = (12 - kept, kept);
    assert!(
        stderr(&output).contains(&format!("{now} examples scored now, {known} known")),
        "{}",
        stderr(&output)
    );
    fs::remove_dir_all(world.path("out")).unwrap();
    let whole = world.eval(&["--json"]);
    assert_eq!(summary(&output)["row"], summary(&whole)["row"]);
    near(&summary(&whole)["row"]["exec"]["mean"], 100.0);
    let text = summary(&whole)["row"]["text"]["mean"].as_f64().unwrap();
    assert!(text > 80.0 && text < 100.0, "right and wrong answers have the same score: {text}");
}

fn official_files(world: &World) {
    let lines = world.lines("out/answers_code4evaluation.json");
    let stems: Vec<&str> =
        lines.iter().map(|l| l["orginial"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(stems, ["bar_1.py", "box_1.py", "line_10.py", "scatter_3.py"]);
    near(&lines[3]["color_metrics"]["f1"], 0.6666666667);
    assert!(lines[0]["generated"].as_str().unwrap().ends_with("answers/direct/bar_1.py"));
    let counts = fs::read_to_string(world.path("out/answers/direct_checker/count.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&counts).unwrap(), json!({"py_files": 5, "pdf_files": 4}));
}

#[test]
fn input_errors_name_the_place_and_the_help() {
    let world = World::new(&[("bar_1", PLOT)], &[]);
    let answers = |text: &str| fs::write(world.path("answers.json"), text).unwrap();
    let good = json!({"name": "bar_1", "response": "x"}).to_string();
    answers(&format!("{good}\n\n{{\"name\": 3}}\n"));
    assert_one_line(&world.eval(&[]), &["answers.json", "line 3", "write {\"name\""]);
    answers(&format!("{good}\n{}\n", json!({"name": "pie_7", "response": "x"})));
    assert_one_line(&world.eval(&[]), &["pie_7 (line 2)", "take these lines out"]);
    answers("");
    assert_one_line(&world.eval(&[]), &["holds no response"]);
    answers(&good);
    assert_one_line(&world.eval(&["--total", "0"]), &["--total 0", "1 examples"]);
    assert_one_line(&world.eval(&["--model", "m"]), &["--model", "exclude"]);
    let judge = ["--judge-url", "ftp://x", "--judge-model", "m"];
    assert_one_line(&world.eval(&judge), &["no address", "https://"]);
    let judge = ["--judge-url", "http://x", "--judge-model", "m", "--judge-key-env", "VSDPO_NO_SUCH_KEY"];
    assert_one_line(&world.eval(&judge), &["VSDPO_NO_SUCH_KEY", "set it"]);
    fs::write(world.path("data/bar_1.py"), b"\xff").unwrap();
    assert_one_line(&world.eval(&[]), &["bar_1.py", "UTF-8"]);
    assert!(!world.path("out/summary.json").exists());
}

/// Two charts to judge, a blank one and one whose code fails.
fn judged_world() -> World {
    let truth = format!("{PLOT}{SAVE}");
    let stems = ["bar_1", "bar_2", "line_3", "line_4"];
    let world = World::new(
        &stems.map(|s| (s, truth.as_str())),
        &[
            json!({"name": "bar_1", "response": fenced(PLOT)}),
            json!({"name": "bar_2", "response": fenced(&format!("{PLOT}plt.xlabel('x')\n"))}),
            json!({"name": "line_3", "response": fenced("import matplotlib.pyplot as plt\nplt.figure()\n")}),
            json!({"name": "line_4", "response": fenced(&format!("{PLOT}1 / 0\n"))}),
        ],
    );
    fs::write(world.path("data/bar_1.png"), b"the benchmark's own picture").unwrap();
    world
}

#[test]
fn two_judges_are_compared_and_their_replies_cached() {
    let world = judged_world();
    let server = Stub::start(|model, n| match (model, n) {
        // The first call fails once, and one reply contains no score.
        ("a", 0) => (503, "busy".into()),
        ("a", 1) => (200, "Comments: fine\n**Score: 90/100**".into()),
        ("a", 2) => (200, "Let me see.".into()),
        ("a", _) => (200, "Score: 60/100".into()),
        (_, 0) => (200, "Score: 80".into()),
        _ => (200, "Score: 70".into()),
    });
    let args = ["--judge-url", &server.url, "--judge-model", "a", "--judge-model", "b", "--json"];
    let args = [&args[..], &["--judge-wait", "0", "--judge-parallel", "1"]].concat();
    let output = world.eval(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = summary(&output);
    near(&first["row"]["high"]["mean"], (90.0 + 60.0) / 4.0);
    let low = first["row"]["low"]["mean"].as_f64().unwrap();
    near(&first["row"]["overall"]["mean"], (low + 37.5) / 2.0);
    assert_eq!(first["judge"]["calls"], 6);
    assert_eq!(first["judge"]["judges"][0]["without_call"], 1, "{}", first["judge"]);
    let agreement = &first["judge"]["agreement"][0];
    assert_eq!((&agreement["count"], &agreement["models"]), (&json!(2), &json!(["a", "b"])));
    near(&agreement["spearman"], 1.0);
    near(&agreement["mean_abs_diff"], 10.0);
    let scores = world.lines("out/answers_gpt4v.json");
    assert_eq!(scores.iter().map(|l| l["gpt4v_score"].as_u64().unwrap()).collect::<Vec<_>>(), [90, 60, 0]);

    let asked = server.asked();
    let (text, reference, prediction) = asked[0].parts();
    assert!(text.contains("Layout (10)") && text.contains("Score: <sum"), "{text}");
    assert_eq!(reference, b"the benchmark's own picture");
    // 6.4 by 4.8 inches at 350 dpi.
    assert_eq!(prediction[16..24], [0, 0, 8, 192, 0, 0, 6, 144]);
    assert_eq!((&asked[0].body["temperature"], &asked[0].body["top_p"]), (&json!(0.1), &json!(0.95)));

    let again = summary(&world.eval(&args));
    assert_eq!(again["judge"]["calls"], 0);
    assert_eq!(again["row"], first["row"]);
    let table = String::from_utf8(
        world.eval(&args.iter().filter(|a| **a != "--json").copied().collect::<Vec<_>>()).stdout,
    )
    .unwrap();
    assert!(
        table.contains("37.50") && table.contains("Spearman 1.000, mean absolute difference 10.000 over 2"),
        "{table}"
    );
}

#[test]
fn failed_calls_of_a_judge_are_missing_scores_and_not_zeros() {
    let world = judged_world();
    let server =
        Stub::start(|_, n| if n < 3 { (500, "overloaded".into()) } else { (200, "Score: 50/100".into()) });
    let with = |more: &[&str]| {
        let args =
            ["--judge-url", &server.url, "--judge-model", "a", "--judge-wait", "0", "--judge-parallel", "1"];
        world.eval(&[&args[..], more, &["--json"]].concat())
    };
    // Two calls for the first chart and one for the second use up the budget.
    let output = with(&["--judge-tries", "2", "--judge-budget", "3"]);
    assert_eq!(output.status.code(), Some(2));
    let (err, json) = (stderr(&output), summary(&output));
    assert!(err.contains("2 judgements are missing") && err.contains("bar_1 by a: HTTP 500"), "{err}");
    assert!(err.contains("bar_2 by a: HTTP 500"), "{err}");
    assert!(
        json["row"]["high"].is_null() && json["high_reason"].as_str().unwrap().contains("2 of 3"),
        "{json}"
    );
    let rows = world.lines("out/judged.jsonl");
    assert_eq!(rows.iter().filter(|r| r["score"].is_null() && r["error"].is_string()).count(), 2);
    // One more call gives one score; the other chart has none.
    let output = with(&["--judge-budget", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("bar_2 by a: the budget of calls is spent"), "{}", stderr(&output));
    let output = with(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json = summary(&output);
    assert_eq!(json["judge"]["calls"], 1);
    near(&json["row"]["high"]["mean"], 25.0);
}

#[test]
fn a_refused_key_stops_all_calls() {
    let world = judged_world();
    let server = Stub::start(|_, _| (401, "who are you?".into()));
    let output = world.eval(&["--judge-url", &server.url, "--judge-model", "a", "--judge-parallel", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let err = stderr(&output);
    assert!(err.contains("HTTP 401: who are you?") && err.contains("refuses all calls"), "{err}");
    assert_eq!(server.asked().len(), 1);
}
