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

/// The benchmark's folder, the predictions, and the folders of results.
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

    /// The summary and the standard error of a run that must succeed.
    fn summary(&self) -> (Value, String) {
        let output = self.eval(&["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        (serde_json::from_slice(&output.stdout).unwrap(), stderr(&output))
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out/examples.jsonl")).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn near(got: &Value, want: f64, tolerance: f64) {
    assert!((got.as_f64().unwrap() - want).abs() < tolerance, "{got} is not {want}");
}

/// Three pairs of the fixtures with names of both sets, a page without a prediction and three that
/// cannot be scored. Another build of Chromium may differ by 0.02 from a score of the fixtures.
#[test]
fn the_row_is_the_mean_of_the_fixtures_and_a_run_resumes() {
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

    // Keep two and a half lines of the first run; references come from the cache.
    let kept = fs::read_to_string(world.path("out/examples.jsonl")).unwrap();
    let scored = kept.split_inclusive('\n').filter(|l| l.contains("\"scored\"")).collect::<Vec<_>>();
    world.write("out/examples.jsonl", scored[..2].concat() + &scored[2][..50]);
    let (again, err) = world.summary();
    assert!(
        err.contains("5 examples scored now, 2 known from before; 1 references were in the cache"),
        "{err}"
    );
    assert_eq!(again, first);
    let table = String::from_utf8(world.eval(&[]).stdout).unwrap();
    for words in
        ["3 of 7 examples scored", "CLIP: no weights", "over all examples", "g4 (missing): there is no"]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
}

/// A killed run has saved every finished example, and the resumed run has the summary of an
/// uninterrupted one.
#[test]
fn a_killed_run_resumes() {
    let world = World::new();
    for i in 0..10 {
        world.write(&format!("data/{i}.html"), page(&i.to_string()));
        world.write(&format!("pages/{i}.html"), page(&(i + i % 3).to_string()));
    }
    let mut running = world.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while world.lines().len() < 2 {
        assert!(running.try_wait().unwrap().is_none(), "the run ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let kept = world.lines().len();
    assert!(kept < 10, "the run ended before it was killed");
    let (first, err) = world.summary();
    let now = 10 - kept;
    assert!(err.contains(&format!("{now} examples scored now, {kept} known from before")), "{err}");
    for folder in ["out", "cache"] {
        fs::remove_dir_all(world.path(folder)).unwrap();
    }
    let (whole, err) = world.summary();
    assert!(err.contains("10 examples scored now, 0 known from before; 0 references"), "{err}");
    assert_eq!(first, whole);
    let text = whole["row"]["text"]["mean"].as_f64().unwrap();
    assert!(text > 80.0 && text < 100.0, "right and wrong predictions have the same score: {text}");
}

/// The files beside a page decide its picture, so a line depends on them.
#[test]
fn an_example_is_scored_again_if_a_picture_of_its_page_changes() {
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
    let (first, err) = world.summary();
    assert!(err.contains("holds no rick.jpg"), "{err}");
    assert_eq!(first["unmet"], json!({"rick.jpg": 1}));
    assert!(first["row"]["position"]["mean"].as_f64().unwrap() < 99.0, "{first}");
    picture("pages/rick.jpg", 300);
    let (second, err) = world.summary();
    assert!(err.contains("1 examples scored now, 1 known from before; 1 references"), "{err}");
    near(&second["row"]["position"]["mean"], 100.0, 1e-9);
    assert_eq!(second["unmet"], json!({}));
    picture("data/rick.jpg", 200);
    let (third, err) = world.summary();
    assert!(err.contains("1 examples scored now, 1 known from before; 0 references"), "{err}");
    assert!(third["row"]["position"]["mean"].as_f64().unwrap() < 100.0);
}

/// The rows of a Parquet file are the examples 1, 2, ...; the pictures of their pages lie beside
/// the file.
#[cfg(feature = "train")]
#[test]
fn rows_of_a_parquet_file_are_scored_like_a_folder() {
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
    let (_, err) = world.summary();
    assert!(err.contains("0 examples scored now, 2 known from before"), "{err}");
}

/// An example with a failed screenshot has no scores. The command ends with an error that says so,
/// and the next run retries this example only.
#[test]
fn an_example_with_a_failed_screenshot_has_no_scores() {
    let world = World::new();
    for name in ["1", "2", "3"] {
        world.write(&format!("data/{name}.html"), page(name));
        world.write(&format!("pages/{name}.html"), page(name));
    }
    world.write("pages/2.html", "<p>x</p><script>while (true) {}</script>");
    let output = world.eval(&["--json", "--timeout", "8"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the screenshots of 1 of 3 examples failed"), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["scored"], &summary["failed"]), (&json!(2), &json!(1)));
    near(&summary["row"]["text"]["mean"], 100.0, 1e-9);
    near(&summary["row_over_all"]["text"]["mean"], 200.0 / 3.0, 1e-9);
    let why = summary["unscored"][0]["why"].as_str().unwrap();
    assert!(why.contains("candidate") && why.contains("longer than 8 s"), "{why}");
    let line = world.lines().into_iter().find(|l| l["name"] == "2").unwrap();
    assert!(line["block_match"].is_null() && line["status"] == "failed", "{line}");
    let output = world.eval(&["--timeout", "4"]);
    assert!(stderr(&output).contains("1 examples scored now, 2 known"), "{}", stderr(&output));
    world.write("pages/2.html", page("2"));
    let (summary, _) = world.summary();
    assert_eq!(summary["scored"], 3);
}

#[test]
fn input_errors_name_the_place_and_the_help() {
    let world = World::new();
    let no_browser = |output: &Output| !stderr(output).contains("browser");
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
