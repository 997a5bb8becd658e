//! `eval --benchmark design2code` from folders of pages to the row of the table, with the real
//! browser.

use crate::common::{assert_one_line, binary};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn fixture(case: &str, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code");
    fs::read_to_string(folder.join(case).join(file)).unwrap()
}

fn page(text: &str) -> String {
    format!("<html><body><h1>Page {text}</h1><p>The text of page {text}.</p></body></html>")
}

/// The benchmark's folder, the predictions, and where results go.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for folder in ["data", "pages"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = binary();
        command.args(["eval", "--benchmark", "design2code"]);
        for (flag, name) in
            [("--data", "data"), ("--predictions", "pages"), ("--out", "out"), ("--cache", "cache")]
        {
            command.arg(flag).arg(self.path(name));
        }
        command.args(more);
        command
    }

    fn eval(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// Runs to a good end; the summary and what was said.
    fn summary(&self) -> (Value, String) {
        let output = self.eval(&["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        (serde_json::from_slice(&output.stdout).unwrap(), said(&output))
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out/examples.jsonl")).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn near(got: &Value, want: f64, tolerance: f64) {
    assert!((got.as_f64().unwrap() - want).abs() < tolerance, "{got} is not {want}");
}

/// Three pairs of the fixtures under names of both sets, a page without a prediction and three that
/// cannot be scored. Another build of Chromium than the fixtures' may differ by 0.02 in a score.
#[test]
fn the_row_by_hand_and_an_interrupted_run() {
    let world = World::new();
    let cases = [("01", "2"), ("14", "10"), ("25", "g3")];
    for (case, name) in cases {
        world.write(&format!("data/{name}.html"), fixture(case, "ref.html"));
        world.write(&format!("pages/{name}.html"), fixture(case, "cand.html"));
    }
    for name in ["g4", "g5", "g6", "g7"] {
        world.write(&format!("data/{name}.html"), page(name));
    }
    world.write("pages/g5.html", b"<p>\xff</p>");
    world.write(
        "pages/g6.html",
        "<p>x</p>".repeat(49) + &(0..4100).map(|i| format!("<p>{i}")).collect::<String>(),
    );
    world.write("data/g7.html", "<body style='border-color'><p>x</p></body>");
    world.write("pages/g7.html", page("g7"));
    world.write("pages/stranger.html", page("stranger"));
    let (first, _) = world.summary();
    for (key, want) in [("examples", 7), ("scored", 3), ("missing", 1), ("raised", 3), ("failed", 0)] {
        assert_eq!(first[key], want, "{key}: {first}");
    }
    let expected: Vec<Value> = cases
        .iter()
        .map(|(case, _)| serde_json::from_str(&fixture(case, "expected.json")).unwrap())
        .collect();
    for key in ["block_match", "text", "position", "color", "overall_without_clip"] {
        let sum: f64 = expected.iter().map(|e| e[key].as_f64().unwrap()).sum();
        near(&first["row"][key]["mean"], 100.0 * sum / 3.0, 2.0);
        near(
            &first["row_over_all"][key]["mean"],
            3.0 / 7.0 * first["row"][key]["mean"].as_f64().unwrap(),
            1e-9,
        );
        let [low, mean, high] = ["low", "mean", "high"].map(|k| first["row"][key][k].as_f64().unwrap());
        assert!(low <= mean && mean <= high, "{key}");
    }
    assert!(first["row"]["clip"].is_null() && first["row"]["overall"].is_null());
    assert!(first["clip_reason"].as_str().unwrap().contains("--clip"));
    let why: Vec<(&str, &str, &str)> = first["unscored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| ["name", "status", "why"].map(|k| u[k].as_str().unwrap()).into())
        .collect();
    for ((name, status, why), (n, s, w)) in why.iter().zip([
        ("g4", "missing", "no prediction"),
        ("g5", "raised", "the candidate cannot be scored: the page is not UTF-8"),
        ("g6", "raised", "more than 4096 elements"),
        ("g7", "raised", "the reference cannot be scored: the style `border-color"),
    ]) {
        assert!((*name, *status) == (n, s) && why.contains(w), "{name} {status} {why}");
    }

    // Two lines and half a third are left; references come from the cache.
    let kept = fs::read_to_string(world.path("out/examples.jsonl")).unwrap();
    let scored = kept.split_inclusive('\n').filter(|l| l.contains("\"scored\"")).collect::<Vec<_>>();
    world.write("out/examples.jsonl", scored[..2].concat() + &scored[2][..50]);
    let (again, said) = world.summary();
    assert!(
        said.contains("5 examples scored now, 2 known from before; 1 references were in the cache"),
        "{said}"
    );
    assert_eq!(again, first);
    let table = String::from_utf8(world.eval(&[]).stdout).unwrap();
    for words in
        ["3 of 7 examples scored", "CLIP: no weights", "over all examples", "g4 (missing): there is no"]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
}

/// A run that is killed in the middle has kept every example it was done with, and the next one
/// ends where an undisturbed one does.
#[test]
fn a_killed_run_goes_on() {
    let world = World::new();
    for i in 0..10 {
        world.write(&format!("data/{i}.html"), page(&i.to_string()));
        world.write(&format!("pages/{i}.html"), page(&(i + i % 3).to_string()));
    }
    let mut running = world.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while world.lines().len() < 2 {
        assert!(running.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let kept = world.lines().len();
    assert!(kept < 10, "it was over before it could be killed");
    let (first, said) = world.summary();
    let now = 10 - kept;
    assert!(said.contains(&format!("{now} examples scored now, {kept} known from before")), "{said}");
    for folder in ["out", "cache"] {
        fs::remove_dir_all(world.path(folder)).unwrap();
    }
    let (whole, said) = world.summary();
    assert!(said.contains("10 examples scored now, 0 known from before; 0 references"), "{said}");
    assert_eq!(first, whole);
    let text = whole["row"]["text"]["mean"].as_f64().unwrap();
    assert!(text > 80.0 && text < 100.0, "the predictions are not told apart: {text}");
}

/// What a page shows from beside it decides its picture, and so its line.
#[test]
fn a_changed_picture_is_looked_at_again_and_a_missing_one_is_told() {
    let world = World::new();
    let shows = |text: &str| page(text).replace("</h1>", "</h1><img src='rick.jpg'>");
    let picture = |name: &str, side: u32| {
        image::RgbImage::from_pixel(side, side, image::Rgb([9, 90, 200])).save(world.path(name)).unwrap();
    };
    for name in ["1", "2"] {
        let html = if name == "1" { shows(name) } else { page(name) };
        world.write(&format!("data/{name}.html"), &html);
        world.write(&format!("pages/{name}.html"), &html);
    }
    picture("data/rick.jpg", 300);
    let (first, said) = world.summary();
    assert!(said.contains("holds no rick.jpg"), "{said}");
    assert_eq!(first["unmet"], json!({"rick.jpg": 1}));
    assert!(first["row"]["position"]["mean"].as_f64().unwrap() < 99.0, "{first}");
    picture("pages/rick.jpg", 300);
    let (second, said) = world.summary();
    assert!(said.contains("1 examples scored now, 1 known from before; 1 references"), "{said}");
    near(&second["row"]["position"]["mean"], 100.0, 1e-9);
    assert_eq!(second["unmet"], json!({}));
    picture("data/rick.jpg", 200);
    let (third, said) = world.summary();
    assert!(said.contains("1 examples scored now, 1 known from before; 0 references"), "{said}");
    assert!(third["row"]["position"]["mean"].as_f64().unwrap() < 100.0);
}

/// Rows of a Parquet file are the examples 1, 2, ... of a folder; what their pages show lies beside
/// the file.
#[cfg(feature = "train")]
#[test]
fn the_benchmark_in_parquet() {
    use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;
    let world = World::new();
    let shows = |name: &str| page(name).replace("</h1>", "</h1><img src='rick.jpg'>");
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 6).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let bytes: BinaryArray = [png.get_ref().as_slice(); 2].into_iter().map(Some).collect();
    let files: Vec<(&str, ArrayRef)> =
        vec![("bytes", Arc::new(bytes)), ("path", Arc::new(StringArray::new_null(2)))];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("image", Arc::new(StructArray::try_from(files).unwrap())),
        ("text", Arc::new(StringArray::from(vec![shows("one"), page("two")]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(world.path("data/train-00000-of-00001.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    for folder in ["data", "pages"] {
        image::RgbImage::new(300, 300).save(world.path(folder).join("rick.jpg")).unwrap();
    }
    world.write("pages/1.html", shows("one"));
    world.write("pages/2.html", page("three"));
    let (summary, _) = world.summary();
    assert_eq!(["examples", "scored"].map(|key| summary[key].as_u64()), [Some(2); 2], "{summary}");
    let lines = world.lines();
    let text = |name: &str| lines.iter().find(|l| l["name"] == name).unwrap()["text"].as_f64().unwrap();
    assert!(text("1") > 0.999 && text("2") < 0.99, "{lines:?}");
    assert_eq!(summary["unmet"], json!({}));
    assert_eq!(fs::read(world.path("out/testset/2.png")).unwrap(), png.into_inner());
    let (_, said) = world.summary();
    assert!(said.contains("0 examples scored now, 2 known from before"), "{said}");
}

/// A screenshot that fails is no blank page: the example has no scores, the command says so at its
/// end, and the next run tries it alone.
#[test]
fn a_page_that_never_loads_is_an_error_among_scores() {
    let world = World::new();
    for name in ["1", "2", "3"] {
        world.write(&format!("data/{name}.html"), page(name));
        world.write(&format!("pages/{name}.html"), page(name));
    }
    world.write("pages/2.html", "<p>x</p><script>while (true) {}</script>");
    let output = world.eval(&["--json", "--timeout", "8"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the screenshots of 1 of 3 examples failed"), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["scored"], &summary["failed"]), (&json!(2), &json!(1)));
    near(&summary["row"]["text"]["mean"], 100.0, 1e-9);
    near(&summary["row_over_all"]["text"]["mean"], 200.0 / 3.0, 1e-9);
    let why = summary["unscored"][0]["why"].as_str().unwrap();
    assert!(why.contains("candidate") && why.contains("longer than 8 s"), "{why}");
    let line = world.lines().into_iter().find(|l| l["name"] == "2").unwrap();
    assert!(line["block_match"].is_null() && line["status"] == "failed", "{line}");
    let output = world.eval(&["--timeout", "4"]);
    assert!(said(&output).contains("1 examples scored now, 2 known"), "{}", said(&output));
    world.write("pages/2.html", page("2"));
    let (summary, _) = world.summary();
    assert_eq!(summary["scored"], 3);
}

#[test]
fn bad_input_is_reported_with_its_help() {
    let world = World::new();
    let no_browser = |output: &Output| !said(output).contains("browser");
    let output = world.eval(&[]);
    assert_one_line(&output, &["data", "holds no N.html", "testset_final"]);
    world.write("data/7.html", page("7"));
    let output = world.eval(&[]);
    assert_one_line(&output, &["pages", "holds no page of", "7.html"]);
    assert!(no_browser(&output));
    world.write("pages/7.html", page("7"));
    assert_one_line(&world.eval(&["--model", "m"]), &["--model", "exclude"]);
    assert_one_line(&world.eval(&["--clip", "no-such-folder"]), &["no-such-folder"]);
    let output = binary().args(["eval", "--benchmark", "design2code"]).output().unwrap();
    assert_one_line(&output, &["--data PATH"]);
    let output =
        binary().args(["eval", "--benchmark", "design2code", "--data"]).arg(world.path("data")).output();
    assert_one_line(&output.unwrap(), &["--predictions DIR", "--model DIR"]);
}
