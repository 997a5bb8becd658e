//! Corpora with a few rows that the tests write: order, resumption, malformed rows, archives,
//! missing files.

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use tempfile::TempDir;
use vsdpo_data::mini::References;
use vsdpo_data::{Corpus, DataConfig, DataSet, Picture, Skipped, TaskStream, decode_picture, jsonl_line};

fn config(dataset: DataSet, path: &Path) -> DataConfig {
    DataConfig { dataset, path: path.to_owned(), ..DataConfig::default() }
}

/// A uniformly grey picture of 3 x 2 pixels.
fn png(grey: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let pixels = image::RgbaImage::from_pixel(3, 2, image::Rgba([grey, grey, grey, 255]));
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A row of Chart2Code.
fn row(i: usize) -> Value {
    json!({"id": format!("c{i}"), "image": format!("images/{i}.png"), "conversations": [
        {"from": "human", "value": format!("<image>\nRedraw chart {i}.")},
        {"from": "gpt", "value": format!("Here:\n```python\nplt.plot([{i}])\n```\nDone.")},
    ]})
}

fn chart2code(rows: &str, pictures: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("chart2code.json"), rows).unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    for i in 0..pictures {
        fs::write(dir.path().join(format!("images/{i}.png")), png(i as u8)).unwrap();
    }
    dir
}

fn rows(n: usize) -> String {
    json!((0..n).map(row).collect::<Vec<_>>()).to_string()
}

fn ids(source: &TaskStream, seed: u64, step: u64, n: usize) -> Vec<String> {
    source.batch(seed, step, n).unwrap().into_iter().map(|t| t.id).collect()
}

fn skips(config: &DataConfig) -> (Corpus, Vec<(u64, &'static str, String)>) {
    let mut skipped = Vec::new();
    let corpus = Corpus::open(config, &mut |s: &Skipped| {
        skipped.push((s.row, s.reason.name(), s.message.clone()));
    });
    (corpus.unwrap(), skipped)
}

#[test]
fn a_row_becomes_a_task() {
    let dir = chart2code(&rows(3), 3);
    let (corpus, skipped) = skips(&config(DataSet::Chart2Code, dir.path()));
    assert!(skipped.is_empty() && corpus.len() == 3);
    let task = corpus.task(2).unwrap();
    assert_eq!((task.id.as_str(), task.prompt.as_str()), ("c2", "Redraw chart 2."));
    assert_eq!(task.reference.as_deref(), Some("plt.plot([2])\n"));
    let image = &task.images[0];
    assert_eq!((image.width, image.height, image.pixel(2, 1)), (3, 2, [2, 2, 2, 255]));
}

#[test]
fn the_order_depends_on_the_seed_and_a_run_resumes_at_any_step() {
    let dir = chart2code(&rows(10), 10);
    let config = config(DataSet::Chart2Code, dir.path());
    let source = TaskStream::open(&config).unwrap();
    let straight: Vec<String> = (0..4).flat_map(|step| ids(&source, 7, step, 5)).collect();
    for epoch in straight.chunks(10) {
        let mut all = epoch.to_vec();
        all.sort();
        assert_eq!(all, (0..10).map(|i| format!("c{i}")).collect::<Vec<_>>(), "each row once per pass");
    }
    assert_ne!(straight[..10], straight[10..], "every pass has its own order");
    let again = TaskStream::open(&config).unwrap();
    assert_eq!(ids(&again, 7, 3, 5), straight[15..], "resumed at step 3");
    assert_ne!(ids(&again, 8, 0, 5), straight[..5], "another seed");
    // A batch may be larger than the data set.
    assert_eq!(ids(&again, 7, 0, 25)[..20], straight[..]);
}

#[test]
fn the_limit_selects_the_first_rows_of_the_file() {
    let dir = chart2code(&rows(10), 10);
    let source =
        TaskStream::open(&DataConfig { limit: 3, ..config(DataSet::Chart2Code, dir.path()) }).unwrap();
    let mut drawn = ids(&source, 1, 0, 3);
    drawn.sort();
    assert_eq!(drawn, ["c0", "c1", "c2"]);
}

#[test]
fn rows_that_are_set_apart_are_the_last_ones_and_never_drawn() {
    let folder = chart2code(&rows(12), 12);
    let config = config(DataSet::Chart2Code, folder.path());
    let all = TaskStream::open(&config).unwrap();
    let source = all.clone().set_apart(3).unwrap();
    let apart: Vec<String> = source.apart(9).unwrap().into_iter().map(|task| task.id).collect();
    let corpus = Corpus::open(&config, &mut |_| {}).unwrap();
    let last: Vec<String> = (9..12).map(|i| corpus.record(i).unwrap().id).collect();
    assert_eq!(apart, last);
    assert_eq!(source.apart(2).unwrap().len(), 2);
    // Two epochs of the other nine, each row twice.
    let mut drawn = ids(&source, 1, 0, 18);
    drawn.sort();
    assert!(drawn.chunks(2).all(|pair| pair[0] == pair[1]) && !drawn.iter().any(|id| last.contains(id)));
    assert_eq!(ids(&all.clone().set_apart(0).unwrap(), 1, 0, 12), ids(&all, 1, 0, 12));
    assert_eq!(source.held_out()["set_apart"], 3);
    let none = all.set_apart(12).unwrap_err().to_string();
    assert!(none.contains("12 rows cannot be set apart from 12"), "{none}");
    let mini = TaskStream::open(&DataConfig::default()).unwrap().set_apart(1).unwrap_err().to_string();
    assert!(mini.contains("eval.rows = 0"), "{mini}");
}

#[test]
fn malformed_rows_are_skipped_with_a_reason() {
    let text = |human: &str, gpt: &str| {
        json!({"image": "images/0.png", "conversations": [
            {"from": "human", "value": human}, {"from": "gpt", "value": gpt}]})
        .to_string()
    };
    let gone = json!({"image": "images/9.png", "conversations": row(0)["conversations"]}).to_string();
    let outside = json!({"image": "../0.png", "conversations": row(0)["conversations"]}).to_string();
    let list = [
        row(0).to_string(),
        "{\"id\": 1 \"image\"}".into(),
        "17".into(),
        text("no mark", "```python\nx\n```"),
        text("<image>", "no fence"),
        text("<image>", "```python\n\n```"),
        gone,
        outside,
        json!({"image": "images/0.png", "conversations": []}).to_string(),
        text("<image>", "```\nok\n```"),
    ];
    let mut bytes = format!("[{}, ", list.join(",\n")).into_bytes();
    bytes.extend(b"{\"image\": \"\xff\"}]");
    let dir = chart2code("", 1);
    fs::write(dir.path().join("chart2code.json"), bytes).unwrap();
    let (corpus, skipped) = skips(&config(DataSet::Chart2Code, dir.path()));
    assert_eq!((corpus.len(), corpus.number(1)), (2, 10));
    let got: Vec<(u64, &str)> = skipped.iter().map(|s| (s.0, s.1)).collect();
    let want = [
        (2, "not-json"),
        (3, "form"),
        (4, "form"),
        (5, "no-code"),
        (6, "no-code"),
        (7, "missing-image"),
        (8, "form"),
        (9, "form"),
        (11, "not-utf8"),
    ];
    assert_eq!(got, want, "{skipped:?}");
    assert!(skipped[2].2.contains("<image> 0 times"), "{:?}", skipped[2]);
    assert_eq!(corpus.record(1).unwrap().id, "row-10", "a row without an id");
}

#[test]
fn opening_errors_are_one_line_with_help() {
    let check = |config: &DataConfig, words: &[&str]| {
        let error = TaskStream::open(config).unwrap_err().to_string();
        assert!(!error.contains('\n') && words.iter().all(|w| error.contains(w)), "{error}");
    };
    let dir = tempfile::tempdir().unwrap();
    check(&config(DataSet::Jsonl, Path::new("")), &["data.path", "give its file"]);
    check(&config(DataSet::Chart2Code, &dir.path().join("no")), &["is not a folder", "images.tar.gz"]);
    check(&config(DataSet::Chart2Code, dir.path()), &["contains no chart2code.json"]);
    check(&config(DataSet::ChartMimic, dir.path()), &["contains no scripts", "direct_600"]);
    check(&config(DataSet::Jsonl, &dir.path().join("no.jsonl")), &["no.jsonl", "give an existing file"]);
    let cut = chart2code("[{\"id\": \"a\"", 0);
    check(&config(DataSet::Chart2Code, cut.path()), &["ends inside its list", "download it again"]);
    let empty = chart2code("[1, 2]", 0);
    check(&config(DataSet::Chart2Code, empty.path()), &["no usable row (skipped: 2 form)"]);
    let split = DataConfig { split: "test".into(), ..config(DataSet::Chart2Code, empty.path()) };
    check(&split, &["data.split", "\"test\""]);
    let references = References::Realistic;
    let generated = DataConfig { references, ..config(DataSet::Jsonl, Path::new("x")) };
    check(&generated, &["data.references: is given, but \"jsonl\" has", "only \"mini\""]);
}

#[test]
fn a_picture_damaged_after_opening_is_an_error_that_names_the_row() {
    let dir = chart2code(&rows(1), 1);
    fs::write(dir.path().join("images/0.png"), b"no picture").unwrap();
    let source = TaskStream::open(&config(DataSet::Chart2Code, dir.path())).unwrap();
    let error = source.batch(1, 0, 1).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("0.png") && error.contains("data filter"), "{error}");
}

/// A `.tar.gz` of these files.
fn pack(path: &Path, files: &[(&str, Vec<u8>)]) {
    let mut tar = tar::Builder::new(GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

#[test]
fn published_archives_give_the_same_tasks_and_are_unpacked_once() {
    let plain = chart2code(&rows(4), 4);
    let packed = tempfile::tempdir().unwrap();
    pack(&packed.path().join("json.tar.gz"), &[("data/chart2code.json", rows(4).into_bytes())]);
    let long = format!("images/{}.png", "x".repeat(150));
    let mut pictures = vec![(long.as_str(), png(200))];
    let names: Vec<String> = (0..4).map(|i| format!("images/{i}.png")).collect();
    pictures.extend(names.iter().enumerate().map(|(i, n)| (n.as_str(), png(i as u8))));
    pack(&packed.path().join("images.tar.gz"), &pictures);

    let mut notes = Vec::new();
    let config_of = |dir: &TempDir| config(DataSet::Chart2Code, dir.path());
    vsdpo_data::prepare(&config_of(&packed), &mut |n| notes.push(n.to_owned())).unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("images.tar.gz") && notes[1].contains(".visual-sdpo"), "{notes:?}");
    let (a, b) =
        (TaskStream::open(&config_of(&plain)).unwrap(), TaskStream::open(&config_of(&packed)).unwrap());
    assert_eq!(a.batch(3, 0, 8).unwrap(), b.batch(3, 0, 8).unwrap());
    vsdpo_data::prepare(&config_of(&packed), &mut |n| panic!("unpacked again: {n}")).unwrap();

    let (corpus, _) = skips(&config_of(&packed));
    let record = corpus.record(1).unwrap();
    assert!(matches!(&record.pictures[0], Picture::Member { name, .. } if name == "images/1.png"));
    let bytes = corpus.picture(&record.pictures[0]).unwrap();
    assert_eq!(decode_picture(&bytes).unwrap().pixel(0, 0), [1, 1, 1, 255]);
}

#[test]
fn an_incomplete_archive_is_an_error_and_leaves_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("json.tar.gz");
    pack(&path, &[("chart2code.json", rows(500).into_bytes())]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = TaskStream::open(&config(DataSet::Chart2Code, dir.path())).unwrap_err().to_string();
    assert!(error.contains("json.tar.gz") && error.contains("download it again"), "{error}");
    assert_eq!(fs::read_dir(dir.path().join(".visual-sdpo")).unwrap().count(), 0);
}

#[test]
fn jsonl_reads_all_formats_of_trl_and_its_own_output() {
    let dir = chart2code(&rows(1), 2);
    let (corpus, _) = skips(&config(DataSet::Chart2Code, dir.path()));
    let own = jsonl_line(&corpus.record(0).unwrap(), &["images/0.png".into()]);
    let messages = json!({"id": 5, "images": ["images/1.png"], "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Draw."}, {"type": "image"}]},
        {"role": "assistant", "content": "Sure.\n```python\nb()\n```"}]});
    let lines = [
        own,
        messages.to_string(),
        String::new(),
        json!({"prompt": "A line.", "completion": "c()"}).to_string(),
        json!({"prompt": [{"role": "user", "content": "No answer."}]}).to_string(),
        json!({"prompt": [{"role": "user", "content": [{"type": "image"}]}], "images": []}).to_string(),
        "{\"prompt\": ".into(),
        json!({"text": "x"}).to_string(),
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}).to_string(),
        json!({"prompt": "a", "images": ["gone.png"]}).to_string(),
    ];
    fs::write(dir.path().join("train.jsonl"), lines.join("\r\n")).unwrap();
    let (corpus, skipped) = skips(&config(DataSet::Jsonl, dir.path()));
    let tasks: Vec<_> = (0..corpus.len()).map(|i| corpus.task(i).unwrap()).collect();
    let got: Vec<(&str, &str, Option<&str>, usize)> = tasks
        .iter()
        .map(|t| (t.id.as_str(), t.prompt.as_str(), t.reference.as_deref(), t.images.len()))
        .collect();
    let want = [
        ("c0", "Redraw chart 0.", Some("plt.plot([0])\n"), 1),
        ("5", "Be brief.\n\nDraw.", Some("b()\n"), 1),
        ("row-4", "A line.", Some("c()"), 0),
        ("row-5", "No answer.", None, 0),
    ];
    assert_eq!(got, want);
    let reasons: Vec<(u64, &str)> = skipped.iter().map(|s| (s.0, s.1)).collect();
    assert_eq!(reasons, [(6, "form"), (7, "not-json"), (8, "form"), (9, "form"), (10, "missing-image")]);
}

#[test]
fn chartmimic_reads_the_published_folders() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("dataset/ori_500");
    fs::create_dir_all(&folder).unwrap();
    for stem in ["line_2", "bar_1", "pie_3"] {
        fs::write(folder.join(format!("{stem}.py")), format!("# {stem}\n")).unwrap();
        fs::write(folder.join(format!("{stem}.pdf")), b"%PDF").unwrap();
    }
    fs::write(folder.join("line_2.png"), png(2)).unwrap();
    fs::write(folder.join("bar_1.png"), png(1)).unwrap();
    let sizes = "{\"idx\": \"bar_1\", \"width\": 8, \"height\": 5.5, \"file\": \"x\"}\n";
    fs::write(dir.path().join("dimentions_info.jsonl"), sizes).unwrap();
    let config = DataConfig { split: "ori_500".into(), ..config(DataSet::ChartMimic, dir.path()) };
    let (corpus, skipped) = skips(&config);
    assert_eq!((corpus.len(), skipped.len(), skipped[0].1), (2, 1, "missing-image"));
    let (bar, line) = (corpus.task(0).unwrap(), corpus.task(1).unwrap());
    assert_eq!((bar.id.as_str(), line.id.as_str()), ("bar_1", "line_2"));
    assert!(bar.prompt.contains("figsize=(8.0, 5.5)") && !line.prompt.contains("figsize"));
    assert_eq!(bar.reference.as_deref(), Some("# bar_1\n"));
    assert_eq!(line.images[0].pixel(0, 0), [2, 2, 2, 255]);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_refuses_parquet_files() {
    let dir = tempfile::tempdir().unwrap();
    let web = DataConfig { domain: vsdpo_artifact::Domain::Web, ..config(DataSet::WebSight, dir.path()) };
    let error = TaskStream::open(&web).unwrap_err().to_string();
    assert!(error.starts_with("data.type: \"websight\" is stored in Parquet files"), "{error}");
}

#[test]
fn a_generated_data_set_is_not_a_corpus() {
    let error = Corpus::open(&DataConfig::default(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("data.type: \"mini\" is generated") && error.contains("; help: "), "{error}");
}
