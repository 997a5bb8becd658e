//! `compare` on files of JSON lines, on folders of results, and with a local server as its judge.

use crate::common::{assert_one_line, binary};
use crate::stub::Stub;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/compare/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn compare(args: &[&str]) -> Output {
    let mut command = binary();
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.arg("compare").args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(output)))
}

fn near(got: &Value, want: f64) {
    assert!(got.as_f64().is_some_and(|got| (got - want).abs() < 1e-9), "{got} is not {want}");
}

/// Inputs of a test.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lines(&self, name: &str, lines: &[Value]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, lines.iter().map(|l| l.to_string() + "\n").collect::<String>()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A folder as `eval` writes it.
    fn scored(&self, name: &str, summary: &Value, examples: &[Value]) -> String {
        self.lines(&format!("{name}/examples.jsonl"), examples);
        self.lines(&format!("{name}/summary.json"), std::slice::from_ref(summary));
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// By hand, over bar, box, line, pie, heat:
///
/// | metric | differences | mean | flips at least as extreme | p | Holm |
/// |---|---|---|---|---|---|
/// | score | .25, 0, -.5, (missing), 1 | .1875 | 6 of 8: the sums are .25, .75, 1.25, 1.75, and .75 was observed | .75 | 1 |
/// | passed | 1, 0, 1, 1, 0 | .6 | 2 of 8 | .25 | .75 |
/// | axes.legend | 0, -1, (missing), 0, 1 | 0 | all | 1 | 1 |
#[test]
fn differences_are_those_computed_by_hand() {
    let (base, trained) = (fixture("base"), fixture("trained"));
    let output = compare(&[&base, &trained, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = parsed(&output);
    let found = &report["comparisons"][0];
    assert_eq!(
        (&found["shared"], &found["only_a"], &found["only_b"]),
        (&json!(5), &json!(["only"]), &json!([]))
    );
    assert_eq!(found["other_metrics"], json!(["tokens"]));
    let metrics = found["metrics"].as_array().unwrap();
    let names: Vec<&Value> = metrics.iter().map(|m| &m["metric"]).collect();
    assert_eq!(names, ["score", "passed", "axes.legend"]);
    let counts = |m: &Value| ["pairs", "wins", "ties", "losses"].map(|k| m[k].as_u64().unwrap());
    assert_eq!(counts(&metrics[0]), [4, 2, 1, 1]);
    assert_eq!(counts(&metrics[1]), [5, 3, 2, 0]);
    assert_eq!(counts(&metrics[2]), [4, 1, 2, 1]);
    for (m, (mean_a, difference, p, holm)) in
        metrics.iter().zip([(0.4375, 0.1875, 0.75, 1.0), (0.4, 0.6, 0.25, 0.75), (0.75, 0.0, 1.0, 1.0)])
    {
        near(&m["mean_a"], mean_a);
        near(&m["mean_b"], mean_a + difference);
        near(&m["difference"]["mean"], difference);
        near(&m["p"], p);
        near(&m["p_holm"], holm);
        let [low, high] = ["low", "high"].map(|k| m["difference"][k].as_f64().unwrap());
        assert!(low < difference && difference < high, "{m}");
    }
    assert_eq!(metrics[0]["left_out"], json!({"timed out": 1}));
    assert_eq!(metrics[2]["left_out"], json!({"there is no value": 1}));

    let output = compare(&[&base, &trained, &base, "--metric", "passed"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("passed   0.400   1.000  +0.600"), "{table}");
    assert!(table.contains("corrected for 1 metrics") && !table.contains("score"), "{table}");
    assert!(
        table.contains("A and C: 6 shared items") && table.contains("1 items are in A only: only"),
        "{table}"
    );
}

#[test]
fn input_errors_name_the_place_and_the_help() {
    let world = World::new();
    let base = fixture("base");
    let lines = |text: &str| {
        let path = world.path("x.jsonl");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let check = |text: &str, words: &[&str]| assert_one_line(&compare(&[&base, &lines(text)]), words);
    check("{\"id\": \"bar\"}\n\n{\"score\": 1}\n", &["x.jsonl` line 3", "there is no `id`", "help: write"]);
    check("{\"id\": 1, \"score\": 1}\n{\"id\": \"1\"}\n", &["line 2", "the id `1` occurs again"]);
    check("[1]", &["line 1", "help: write"]);
    check("", &["holds no results"]);
    check("{\"id\": \"x\", \"score\": 1}", &["share no item", "bar", "and x", "same examples"]);
    check(
        "{\"id\": \"bar\", \"score\": \"high\"}\n{\"id\": \"box\", \"score\": 1}",
        &["`score`", "booleans"],
    );
    check("{\"id\": \"bar\", \"f1\": 1}", &["no metric in common"]);
    check("{\"id\": \"bar\", \"domain\": \"films\"}", &["line 1", "no domain `films`", "chart or web"]);
    assert_one_line(&compare(&[&base, "no-such"]), &["`no-such` does not exist"]);
    assert_one_line(&compare(&[&base, &base, "--metric", "f1"]), &["`f1`", "score, passed"]);
    let folder = world.path("empty");
    fs::create_dir(&folder).unwrap();
    assert_one_line(&compare(&[&base, folder.to_str().unwrap()]), &["holds no summary.json", "--out"]);
    let judge = ["--judge-url", "http://127.0.0.1:9", "--judge-model", "m"];
    assert_one_line(&compare(&[&[&*base, &base], &judge[..]].concat()), &["base.jsonl", "`picture`"]);
}

fn chart(name: &str, exec: bool, f1: f64, color: Option<f64>) -> Value {
    let metric = |f1: f64| json!({"precision": f1, "recall": f1, "f1": f1});
    json!({"key": "k", "name": name, "answered": true, "code": true, "exec": exec, "text": metric(f1),
        "layout": metric(f1), "chart_type": metric(f1), "color": color.map(metric)})
}

/// The means are those of the benchmark's row: what did not run, or has no colour, adds 0.
#[test]
fn chartmimic_folders_are_compared_in_percent() {
    let world = World::new();
    let summary = |mode: &str, judge: Value| json!({"benchmark": "chartmimic", "mode": mode, "data": "d", "responses": "r", "examples": 3, "judge": judge});
    let judges = json!({"judges": [{"model": "j"}]});
    let a =
        [chart("x", true, 1.0, Some(0.5)), chart("y", false, 1.0, Some(1.0)), chart("z", true, 1.0, None)];
    let b = [chart("x", true, 0.5, Some(0.5)), chart("y", true, 1.0, Some(1.0)), chart("z", true, 1.0, None)];
    let a = world.scored("a", &summary("official", judges.clone()), &a);
    let b = world.scored("b", &summary("official", judges), &b);
    let judged = |name: &str, score: Value, model: &str| json!({"name": name, "model": model, "score": score, "error": "HTTP 500"});
    world.lines(
        "a/judged.jsonl",
        &[judged("x", json!(90), "j"), judged("z", json!(50), "j"), judged("x", json!(1), "k")],
    );
    world.lines(
        "b/judged.jsonl",
        &[judged("x", json!(80), "j"), judged("y", json!(70), "j"), judged("z", Value::Null, "j")],
    );
    let report = parsed(&compare(&[&a, &b, "--json"]));
    let metrics = report["comparisons"][0]["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|m| m["metric"] == name).unwrap();
    for (name, mean_a, mean_b) in [
        ("exec", 200.0 / 3.0, 100.0),
        ("text", 100.0 / 3.0, 50.0),
        ("color", 50.0 / 3.0, 50.0),
        ("low", 87.5 / 3.0, 50.0),
        // z has no score of B; y did not run for A.
        ("high", 45.0, 75.0),
    ] {
        near(&of(name)["mean_a"], mean_a);
        near(&of(name)["mean_b"], mean_b);
    }
    assert_eq!(of("high")["left_out"], json!({"HTTP 500": 1}));

    let fixed = world.scored("fixed", &summary("fixed", Value::Null), &[chart("x", true, 1.0, None)]);
    assert_one_line(&compare(&[&a, &fixed]), &["holds 1 examples", "run its evaluation again"]);
    let lines: Vec<Value> = ["x", "y", "z"].map(|name| chart(name, true, 1.0, None)).into();
    let fixed = world.scored("fixed", &summary("fixed", Value::Null), &lines);
    assert_one_line(&compare(&[&a, &fixed]), &["(official rules)", "(fixed rules)", "of one benchmark"]);
    assert_one_line(&compare(&[&a, &fixture("base")]), &["ChartMimic", "JSON lines"]);
}

#[test]
fn design2code_pages_without_scores_are_left_out_and_counted() {
    let world = World::new();
    let summary = json!({"benchmark": "design2code", "data": "d", "predictions": "p", "examples": 2});
    let scored = |name: &str, text: f64| {
        json!({"key": "k", "name": name, "status": "scored", "block_match": 1.0, "text": text, "position": 1.0,
            "color": 1.0, "clip": null, "overall": null, "overall_without_clip": 0.6 + 0.2 * text})
    };
    let missing = json!({"key": "k", "name": "2", "status": "missing", "error": "there is no prediction"});
    let a = world.scored("a", &summary, &[scored("1", 0.5), scored("2", 0.5)]);
    let b = world.scored("b", &summary, &[scored("1", 0.75), missing]);
    let report = parsed(&compare(&[&a, &b, "--json"]));
    let metrics = report["comparisons"][0]["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|m| m["metric"] == name).unwrap();
    near(&of("scored")["difference"]["mean"], -50.0);
    near(&of("text")["difference"]["mean"], 25.0);
    assert_eq!(
        (&of("text")["pairs"], &of("text")["left_out"]),
        (&json!(1), &json!({"there is no prediction": 1}))
    );
    let why = of("clip")["left_out"].as_object().unwrap();
    assert!(why.keys().any(|why| why.contains("--clip")) && of("clip")["p"].is_null(), "{why:?}");
}

/// A file that begins as a PNG does.
fn png(text: &str) -> Vec<u8> {
    [b"\x89PNG", text.as_bytes()].concat()
}

/// Three inputs with a picture for each of three items, which name their input.
fn pictured(world: &World) -> Vec<String> {
    let input = |name: &str| {
        let line = |id: &str| {
            let file = format!("{name}-{id}.png");
            fs::write(world.path(&file), png(&file)).unwrap();
            json!({"id": id, "picture": file, "prompt": format!("Draw {id}."), "score": 1})
        };
        world.lines(&format!("{name}.jsonl"), &["1", "2", "3"].map(line))
    };
    ["x", "y", "z"].map(input).into()
}

/// The texts of the pictures of a request.
fn shown(body: &Value) -> Vec<String> {
    let asked = crate::stub::Asked { body: body.clone() };
    let parts = body["messages"][0]["content"].as_array().unwrap();
    let pictures = (0..parts.len()).filter(|i| parts[*i]["type"] == "image_url");
    pictures.map(|i| String::from_utf8_lossy(&asked.picture(i)[4..]).into_owned()).collect()
}

#[test]
fn a_judge_is_asked_in_both_positions_and_its_replies_cached() {
    let world = World::new();
    let [x, y, _] = <[String; 3]>::try_from(pictured(&world)).unwrap();
    // The second item's pictures are equal.
    fs::copy(world.path("x-2.png"), world.path("y-2.png")).unwrap();
    let server = Stub::start(|_, n| (200, ["One.\n**B**", "Two.\nA", "B", "B"][n % 4].into()));
    let cache = world.path("cache").to_str().unwrap().to_owned();
    let args = ["--cache", &cache, "--judge-url", &server.url, "--judge-model", "m", "--judge-parallel", "1"];
    let args = [&[&*x, &y], &args[..], &["--json"]].concat();
    let output = compare(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let first = parsed(&output);
    let asked = server.asked();
    let pictures: Vec<Vec<String>> = asked.iter().map(|a| shown(&a.body)).collect();
    assert_eq!(pictures[..2], [["x-1.png", "y-1.png"], ["y-1.png", "x-1.png"]]);
    assert_eq!(pictures[2..], [["x-3.png", "y-3.png"], ["y-3.png", "x-3.png"]]);
    assert_eq!(asked[0].body["messages"][0]["content"][1]["text"], "Task: Draw 1.");
    assert_eq!(asked[0].body["temperature"], 0.0);
    let judge = &first["judges"]["models"][0];
    let pair = &judge["pairs"][0];
    let counts = ["judged", "wins", "ties", "losses", "equal_pictures"].map(|k| pair[k].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 2, 0, 1], "{pair}");
    near(&pair["win_rate"]["mean"], 2.0 / 3.0);
    near(&pair["position_changed"], 0.5);
    near(&pair["first_preferred"], 0.25);
    // Two wins of y against one of x, ties as halves, with 0.1 virtual wins each.
    near(&judge["abilities"][1]["ability"]["mean"], (2.1f64 / 1.1).ln());
    assert_eq!(
        judge["votes"][0],
        json!({"id": "1", "a": "A", "b": "B", "better": "b", "replies": ["second", "first"], "left_out": null})
    );
    let again = parsed(&compare(&args));
    assert_eq!(
        (&again["judges"]["calls"], &again["judges"]["models"]),
        (&json!(0), &first["judges"]["models"])
    );
    let args: Vec<&str> = args.into_iter().filter(|a| *a != "--json").collect();
    let table = String::from_utf8(compare(&args).stdout).unwrap();
    assert!(table.contains("Bradley-Terry ability (log scale, A = 0): B +0.65 ["), "{table}");
    assert!(table.contains("A and B       3     1     2       0      67 %"), "{table}");
}

#[test]
fn three_inputs_have_abilities_and_gaps_are_counted() {
    let world = World::new();
    let inputs = pictured(&world);
    let line = |id: &str, picture: &str| json!({"id": id, "picture": picture});
    let z = world.lines("z.jsonl", &[line("1", "z-1.png"), line("2", "z-2.png"), json!({"id": "3"})]);
    // Each line: both replies about A and B, A and C, B and C.
    let replies = [
        ["B", "A", "B", "A", "B", "A"],
        ["A", "B", "B", "A", "I cannot say.", "B"],
        ["TIE", "TIE", "", "", "", ""],
    ];
    let mut script: Vec<&str> = replies.concat();
    script.retain(|reply| !reply.is_empty());
    // An unreadable reply ends the item, so its second question is not asked.
    script.remove(11);
    let count = script.len();
    let script: Vec<String> = script.into_iter().map(str::to_owned).collect();
    let server = Stub::start(move |_, n| script.get(n).map_or((500, "over".into()), |r| (200, r.clone())));
    let cache = world.path("cache").to_str().unwrap().to_owned();
    let args = ["--cache", &cache, "--judge-url", &server.url, "--judge-model", "m", "--judge-parallel", "1"];
    let args = [&[&*inputs[0], &inputs[1], &z], &args[..], &["--judge-tries", "1", "--json"]].concat();
    let output = compare(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(server.asked().len(), count);
    let judge = &parsed(&output)["judges"]["models"][0];
    let pairs = judge["pairs"].as_array().unwrap();
    let counts = |i: usize| ["judged", "wins", "ties", "losses"].map(|k| pairs[i][k].as_u64().unwrap());
    assert_eq!([counts(0), counts(1), counts(2)], [[3, 1, 1, 1], [2, 2, 0, 0], [1, 1, 0, 0]]);
    assert_eq!(pairs[1]["left_out"], json!({"no picture of b": 1}));
    assert_eq!(pairs[2]["left_out"], json!({"no picture of b": 1, "unreadable reply": 1}));
    let abilities: Vec<f64> = judge["abilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["ability"]["mean"].as_f64().unwrap())
        .collect();
    assert!(abilities[0] == 0.0 && abilities[1].abs() < abilities[2] && abilities[2] > 1.0, "{abilities:?}");

    // Only the unreadable reply is asked for again, and now the server fails.
    let output = compare(&args);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("1 judgements are missing: 2 (B and C): HTTP 500"),
        "{}",
        stderr(&output)
    );
    assert_eq!(server.asked().len(), count + 1);
}

const PLOT: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n";

/// From `eval` to a judge: the pictures are rendered from the responses that the summary names.
#[test]
fn the_pictures_of_evaluations_are_rendered() {
    let world = World::new();
    fs::create_dir(world.path("data")).unwrap();
    for stem in ["bar_1", "bar_2"] {
        fs::write(world.path(&format!("data/{stem}.py")), format!("{PLOT}plt.savefig('x.pdf')\n")).unwrap();
        fs::write(world.path(&format!("data/{stem}.png")), png("the reference")).unwrap();
    }
    let answer =
        |name: &str, code: &str| json!({"name": name, "response": format!("```python\n{code}\n```")});
    let eval = |name: &str, answers: &[Value]| {
        let file = world.lines(&format!("{name}.jsonl"), answers);
        let mut command = binary();
        command
            .args(["eval", "--benchmark", "chartmimic", "--responses", &file, "--data"])
            .arg(world.path("data"));
        let output = command.arg("--cache").arg(world.path("cache")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        world.path(&format!("{name}.scored")).to_str().unwrap().to_owned()
    };
    let a = eval("a", &[answer("bar_1", PLOT), answer("bar_2", &format!("{PLOT}1 / 0"))]);
    let b = eval("b", &[answer("bar_1", &format!("{PLOT}plt.title('t')")), answer("bar_2", PLOT)]);
    let server = Stub::start(|_, n| (200, ["A", "B"][n % 2].into()));
    let cache = world.path("cache").to_str().unwrap().to_owned();
    let judge = ["--cache", &cache, "--judge-url", &server.url, "--judge-model", "m", "--json"];
    let report = parsed(&compare(&[&[&*a, &b], &judge[..]].concat()));
    let pair = &report["judges"]["models"][0]["pairs"][0];
    assert_eq!((&pair["losses"], &pair["left_out"]), (&json!(1), &json!({"no picture of a": 1})), "{pair}");
    let pictures = shown(&server.asked()[0].body);
    assert_eq!((pictures.len(), pictures[0].as_str()), (3, "the reference"));
    let exec = &report["comparisons"][0]["metrics"][0];
    assert_eq!((&exec["metric"], &exec["difference"]["mean"]), (&json!("exec"), &json!(50.0)));
}

/// Width and height of a PNG.
fn size(png: &[u8]) -> [u32; 2] {
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
}

/// The saved code of a mini world has the world's window; pages of Design2Code are screenshots
/// beside the reference.
#[test]
fn pages_are_rendered_for_a_judge() {
    let world = World::new();
    let page = |text: &str| format!("<!DOCTYPE html><html><body><p>{text}</p></body></html>");
    let line = |text: &str| json!({"id": "1", "exec": true, "domain": "web", "prompt": "A page.", "code": page(text)});
    let mini =
        ["a", "b"].map(|n| world.scored(&format!("mini-{n}"), &json!({"benchmark": "mini-web"}), &[line(n)]));
    for (file, text) in [("data/1.html", "r"), ("a/1.html", "r"), ("b/1.html", "other")] {
        fs::create_dir_all(world.path(file).parent().unwrap()).unwrap();
        fs::write(world.path(file), page(text)).unwrap();
    }
    let of_pages = |n: &str| {
        let summary = json!({"benchmark": "design2code", "data": world.path("data"), "predictions": world.path(n), "examples": 1});
        let example = json!({"key": "k", "name": "1", "status": "scored", "text": 1.0});
        world.scored(&format!("{n}.scored"), &summary, &[example])
    };
    let pages = ["a", "b"].map(of_pages);
    let server = Stub::start(|_, n| (200, ["A", "B"][n % 2].into()));
    let cache = world.path("cache").to_str().unwrap().to_owned();
    let judge = ["--cache", &cache, "--judge-url", &server.url, "--judge-model", "m", "--json"];
    for inputs in [&mini, &pages] {
        let output = compare(&[&[&*inputs[0], &inputs[1]], &judge[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(parsed(&output)["judges"]["models"][0]["pairs"][0]["losses"], 1);
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0].body["messages"][0]["content"][1]["text"], "Task: A page.");
    assert_eq!([3, 5].map(|i| size(&asked[0].picture(i))), [[320, 240]; 2]);
    let [reference, first, second] = [3, 5, 7].map(|i| asked[2].picture(i));
    assert!(reference == first && first != second);
}
