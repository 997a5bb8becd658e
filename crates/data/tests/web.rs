//! Corpora of web pages: Parquet files with the published schemas, which the tests write with small
//! row groups.
#![cfg(feature = "parquet")]

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BinaryArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::WriterProperties;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use vsdpo_artifact::Domain;
use vsdpo_data::{Corpus, DataConfig, DataSet, Picture, Record, Skipped, TaskStream, jsonl_line};

fn config(dataset: DataSet, path: &Path) -> DataConfig {
    DataConfig { dataset, path: path.to_owned(), domain: Domain::Web, ..DataConfig::default() }
}

/// A uniformly grey picture of 3 x 2 pixels.
fn png(grey: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let pixels = image::RgbaImage::from_pixel(3, 2, image::Rgba([grey, grey, grey, 255]));
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn page(i: usize) -> String {
    format!("<html><style>p{{color:red}}</style><p>page {i}</p></html>")
}

/// The column of pictures as `datasets` writes it.
fn images(files: impl Iterator<Item = Option<Vec<u8>>>) -> ArrayRef {
    let files: Vec<Option<Vec<u8>>> = files.collect();
    let paths = StringArray::new_null(files.len());
    let bytes: BinaryArray = files.into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("bytes", Arc::new(bytes)), ("path", Arc::new(paths))];
    Arc::new(StructArray::try_from(columns).unwrap())
}

fn texts(texts: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

/// The columns of WebSight v0.2.
fn websight(rows: std::ops::Range<usize>) -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("image", images(rows.clone().map(|i| Some(png(i as u8))))),
        ("text", texts(rows.clone().map(|i| Some(page(i))))),
        ("llm_generated_idea", texts(rows.map(|i| Some(format!("an idea {i}"))))),
    ]
}

/// The columns of WebCode2M. Scores range from 0 to 9, every third page is Russian, page i has 10 i
/// tokens; in every 20th row all three are missing.
fn webcode2m(rows: std::ops::Range<usize>) -> Vec<(&'static str, ArrayRef)> {
    let some = |i: usize| i % 20 != 19;
    let score: Int64Array = rows.clone().map(|i| some(i).then_some(i as i64 % 10)).collect();
    let pair = |a: i64, b: i64| Some(vec![Some(a), Some(b)]);
    let tokens = rows.clone().map(|i| if some(i) { pair(4 * i as i64, 6 * i as i64) } else { None });
    let scale = rows.clone().map(|_| pair(3, 2));
    let lang = |i: usize| some(i).then(|| if i.is_multiple_of(3) { "ru" } else { "en" }.to_owned());
    vec![
        ("image", images(rows.clone().map(|i| Some(png(i as u8))))),
        ("bbox", texts(rows.clone().map(|i| Some(format!("{{\"children\": [{i}]}}"))))),
        ("text", texts(rows.clone().map(|i| Some(page(i))))),
        ("score", Arc::new(score)),
        ("scale", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(scale))),
        ("lang", texts(rows.clone().map(lang))),
        ("tokens", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(tokens))),
        ("hash", texts(rows.map(|i| Some(format!("{i:032x}"))))),
    ]
}

/// Writes a file with row groups of `group` rows.
fn write(path: &Path, columns: Vec<(&'static str, ArrayRef)>, group: usize, compression: Compression) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_compression(compression)
        .set_data_page_row_count_limit(3)
        .set_write_batch_size(3)
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A data set with rows 0 to 59 in two files, with row groups of 7 rows.
fn corpus(columns: fn(std::ops::Range<usize>) -> Vec<(&'static str, ArrayRef)>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let zstd = Compression::ZSTD(ZstdLevel::default());
    write(&dir.path().join("train-00001.parquet"), columns(40..60), 7, zstd);
    write(&dir.path().join("train-00000.parquet"), columns(0..40), 7, Compression::SNAPPY);
    fs::write(dir.path().join("README.md"), "no rows").unwrap();
    dir
}

/// The number of the page in a record.
fn number(record: &Record) -> usize {
    let page = record.reference.as_deref().unwrap();
    page.split("page ").nth(1).unwrap().split('<').next().unwrap().parse().unwrap()
}

fn open(config: &DataConfig) -> (Corpus, Vec<Skipped>) {
    let mut skipped = Vec::new();
    let corpus = Corpus::open(config, &mut |s: &Skipped| skipped.push(s.clone())).unwrap();
    (corpus, skipped)
}

#[test]
fn a_row_becomes_a_task() {
    for (dataset, dir) in [(DataSet::WebSight, corpus(websight)), (DataSet::WebCode2M, corpus(webcode2m))] {
        let (corpus, skipped) = open(&config(dataset, dir.path()));
        assert_eq!((corpus.len(), skipped.len()), (60, 0));
        let task = corpus.task(46).unwrap();
        assert_eq!((task.id.as_str(), task.domain), ("train-00001-7", Domain::Web));
        assert_eq!((corpus.number(46), task.reference), (7, Some(page(46))));
        assert_eq!((task.images.len(), task.images[0].pixel(2, 1)), (1, [46, 46, 46, 255]));
        assert!(task.prompt.starts_with("Write one HTML file") && !task.prompt.contains("rick"));
    }
    // A single file is enough.
    let dir = corpus(websight);
    let (one, _) = open(&config(DataSet::WebSight, &dir.path().join("train-00001.parquet")));
    assert_eq!((one.len(), number(&one.record(19).unwrap())), (20, 59));
}

#[test]
fn records_come_in_the_requested_order() {
    let dir = corpus(websight);
    let (corpus, _) = open(&config(DataSet::WebSight, dir.path()));
    let requested = [59, 0, 41, 0, 6, 7, 13, 39, 40, 59];
    let got: Vec<usize> = corpus.records(&requested).unwrap().iter().map(number).collect();
    assert_eq!(got, requested.map(|i| i as usize));
    let each: Vec<usize> = (0..60).map(|i| number(&corpus.record(i).unwrap())).collect();
    assert_eq!(each, (0..60).collect::<Vec<_>>());
    assert!(corpus.record(60).unwrap_err().to_string().contains("not in the index"));
}

#[test]
fn the_order_depends_on_the_seed_and_a_run_resumes_at_any_step() {
    let dir = corpus(websight);
    let config = config(DataSet::WebSight, dir.path());
    let ids = |source: &TaskStream, seed, step, n| -> Vec<String> {
        source.batch(seed, step, n).unwrap().into_iter().map(|t| t.id).collect()
    };
    let source = TaskStream::open(&config).unwrap();
    let straight: Vec<String> = (0..10).flat_map(|step| ids(&source, 7, step, 12)).collect();
    for epoch in straight.chunks(60) {
        let mut all = epoch.to_vec();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 60, "each row once per pass");
    }
    assert_ne!(straight[..60], straight[60..], "every pass has its own order");
    let again = TaskStream::open(&config).unwrap();
    assert_eq!(ids(&again, 7, 8, 12), straight[96..108], "resumed at step 8");
    assert_ne!(ids(&again, 8, 0, 12), straight[..12], "another seed");
    assert_eq!(ids(&again, 7, 0, 120), straight, "a batch of two passes");
    let limited = TaskStream::open(&DataConfig { limit: 3, ..config }).unwrap();
    let mut first = ids(&limited, 1, 0, 3);
    first.sort();
    assert_eq!(first, ["train-00000-1", "train-00000-2", "train-00000-3"]);
}

#[test]
fn filters_select_rows_by_their_columns() {
    let dir = corpus(webcode2m);
    let base = config(DataSet::WebCode2M, dir.path());
    let check = |config: &DataConfig, passes: &dyn Fn(usize) -> bool| {
        let (corpus, skipped) = open(config);
        let all: Vec<u64> = (0..corpus.len()).collect();
        let got: Vec<usize> = corpus.records(&all).unwrap().iter().map(number).collect();
        let want: Vec<usize> = (0..60).filter(|i| i % 20 != 19 && passes(*i)).collect();
        assert_eq!(got, want);
        assert_eq!(skipped.len(), 60 - want.len());
        assert!(skipped.iter().all(|s| s.reason.name() == "filtered"), "{skipped:?}");
        skipped
    };
    let skipped = check(&DataConfig { min_score: Some(6), ..base.clone() }, &|i| i % 10 >= 6);
    assert_eq!((skipped[5].row, skipped[5].message.as_str()), (6, "score 5 is below 6"));
    let none = skipped.iter().find(|s| s.row == 20).unwrap();
    assert_eq!(none.message, "has no score");
    let langs = vec!["ru".to_owned(), "de".to_owned()];
    check(&DataConfig { lang: langs.clone(), ..base.clone() }, &|i| i % 3 == 0);
    let skipped = check(&DataConfig { max_tokens: Some(300), ..base.clone() }, &|i| i <= 30);
    assert_eq!(skipped[1].message, "310 tokens are more than 300", "CSS and HTML together");
    let all = DataConfig { min_score: Some(3), lang: langs, max_tokens: Some(500), ..base.clone() };
    let passes = |i: usize| i % 10 >= 3 && i.is_multiple_of(3) && i <= 50;
    check(&all, &passes);
    // The limit counts the rows that pass, and ids do not depend on filters.
    let (corpus, _) = open(&DataConfig { limit: 4, ..all });
    let want: Vec<String> =
        (0..60).filter(|i| passes(*i)).take(4).map(|i| format!("train-00000-{}", i + 1)).collect();
    let got: Vec<String> = corpus.records(&[0, 1, 2, 3]).unwrap().into_iter().map(|r| r.id).collect();
    assert_eq!((got, corpus.len()), (want, 4));
    let none = Corpus::open(&DataConfig { min_score: Some(99), ..base }, &mut |_| {}).unwrap_err();
    assert!(none.to_string().contains("no usable row (skipped: 60 filtered)"), "{none}");
}

/// Overwrites every column chunk for which `kept` (row group, column path) is false.
fn overwrite(path: &Path, kept: &dyn Fn(usize, &str) -> bool) {
    let footer = ParquetMetaDataReader::new().parse_and_finish(&File::open(path).unwrap()).unwrap();
    let mut bytes = fs::read(path).unwrap();
    for (g, group) in footer.row_groups().iter().enumerate() {
        for column in group.columns() {
            if !kept(g, &column.column_path().string()) {
                let (at, len) = column.byte_range();
                bytes[at as usize..(at + len) as usize].fill(0xaa);
            }
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn only_the_needed_columns_of_the_needed_row_groups_are_read() {
    let dir = corpus(webcode2m);
    let path = dir.path().join("train-00000.parquet");
    // The second row group contains rows 7 to 13.
    let pages = ["text", "image.bytes"];
    overwrite(&path, &|group, column| (group == 1 && pages.contains(&column)) || column == "score");
    let filtered = DataConfig { min_score: Some(8), ..config(DataSet::WebCode2M, &path) };
    let (corpus, _) = open(&filtered);
    assert_eq!((corpus.len(), number(&corpus.record(0).unwrap())), (6, 8));
    let error = corpus.record(2).unwrap_err().to_string();
    let words = ["train-00000.parquet", "row group 3", "column `text`", "download it again"];
    assert!(words.iter().all(|s| error.contains(s)) && !error.contains('\n'), "{error}");
    // Without a filter, not even the scores are read.
    overwrite(&path, &|group, column| group == 1 && pages.contains(&column));
    let (corpus, _) = open(&config(DataSet::WebCode2M, &path));
    assert_eq!(corpus.task(7).unwrap().reference, Some(page(7)));
    let error = Corpus::open(&filtered, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("row group 1, column `score`"), "{error}");
}

#[test]
fn opening_errors_are_one_line_with_help() {
    let check = |config: &DataConfig, words: &[&str]| {
        let error = TaskStream::open(config).unwrap_err().to_string();
        assert!(!error.contains('\n') && words.iter().all(|w| error.contains(w)), "{error}");
    };
    let dir = corpus(websight);
    let at = |name: &str| config(DataSet::WebSight, &dir.path().join(name));
    check(&at("none"), &["none", "give a .parquet file"]);
    let empty = tempfile::tempdir().unwrap();
    check(&config(DataSet::WebSight, empty.path()), &["contains no .parquet file", "v0.2/"]);
    check(&at("README.md"), &["README.md", "is not a complete Parquet file", "download it again"]);
    let whole = fs::read(dir.path().join("train-00000.parquet")).unwrap();
    fs::write(dir.path().join("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    check(&at("cut.parquet"), &["cut.parquet", "is not a complete Parquet file", "download it again"]);
    let without = |name: &str| websight(0..3).into_iter().filter(|c| c.0 != name).collect::<Vec<_>>();
    write(&dir.path().join("a.parquet"), without("text"), 7, Compression::SNAPPY);
    check(&at("a.parquet"), &["a.parquet", "no column `text`, only image, llm_generated_idea"]);
    let mut typed = without("image");
    typed.push(("image", Arc::new(Int64Array::from(vec![1, 2, 3]))));
    write(&dir.path().join("a.parquet"), typed, 7, Compression::SNAPPY);
    check(&at("a.parquet"), &["column `image` has type Int64, not {bytes: binary, path: text}"]);
    let mut scored = websight(0..3);
    scored.push(("score", texts((0..3).map(|_| Some("9".into())))));
    write(&dir.path().join("a.parquet"), scored, 7, Compression::SNAPPY);
    let scores = DataConfig { dataset: DataSet::WebCode2M, min_score: Some(1), ..at("a.parquet") };
    check(&scores, &["column `score` has type Utf8, not Int64", "data.type"]);
    check(&DataConfig { max_tokens: Some(1), ..at("") }, &["data.max_tokens", "\"webcode2m\""]);
    check(&DataConfig { split: "test".into(), ..at("") }, &["data.split", "\"test\""]);
    check(&DataConfig { domain: Domain::Chart, ..at("") }, &["data.domain", "use \"web\""]);
}

#[test]
fn a_missing_or_undecodable_picture_is_an_error_that_names_the_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train.parquet");
    let files = [Some(png(0)), None, Some(b"no picture".to_vec())];
    let pages = [Some(" \n".to_owned()), None, Some(page(2))];
    let columns = vec![("image", images(files.into_iter())), ("text", texts(pages.into_iter()))];
    write(&path, columns, 2, Compression::SNAPPY);
    let (corpus, _) = open(&config(DataSet::WebSight, &path));
    assert_eq!(corpus.task(0).unwrap().reference, None, "a blank page is not a reference");
    for (i, words) in
        [(1, "row 2: row group 1, column `image`: there is no picture"), (2, "row 3: row group 2")]
    {
        let error = corpus.task(i).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("data filter"), "{error}");
        assert!(error.contains("train.parquet"), "{error}");
    }
}

/// Splitmix64, so that a failure is reproducible.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[test]
fn damaged_files_are_errors_and_do_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("train.parquet");
    write(&path, webcode2m(0..12), 5, Compression::SNAPPY);
    let whole = fs::read(&path).unwrap();
    let filters =
        DataConfig { min_score: Some(0), lang: vec!["en".into(), "ru".into()], ..DataConfig::default() };
    let filters = DataConfig { max_tokens: Some(1000), ..filters };
    let config = DataConfig { dataset: DataSet::WebCode2M, path, domain: Domain::Web, ..filters };
    let (mut state, mut refused) = (1, 0);
    for _ in 0..1000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + draw(&mut state) % 4 {
            let at = draw(&mut state) as usize % bytes.len();
            bytes[at] = draw(&mut state) as u8;
        }
        fs::write(&config.path, &bytes).unwrap();
        let read = |corpus: Corpus| {
            let rows: Vec<u64> = (0..corpus.len()).collect();
            corpus.records(&rows).map(|_| ())
        };
        if let Err(error) = Corpus::open(&config, &mut |_| {}).and_then(read) {
            refused += 1;
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
    assert!(refused > 100, "{refused} of 1000 are refused");
}

#[test]
fn design2code_is_read_in_both_published_formats() {
    let dir = tempfile::tempdir().unwrap();
    for (name, grey) in [("10", 10), ("2", 2), ("g21", 21)] {
        fs::write(dir.path().join(format!("{name}.html")), page(grey)).unwrap();
        fs::write(dir.path().join(format!("{name}.png")), png(grey as u8)).unwrap();
    }
    fs::write(dir.path().join("3.html"), page(3)).unwrap();
    fs::write(dir.path().join("rick.jpg"), b"a picture").unwrap();
    let (corpus, skipped) = open(&config(DataSet::Design2Code, dir.path()));
    let tasks: Vec<_> = (0..corpus.len()).map(|i| corpus.task(i).unwrap()).collect();
    assert_eq!(tasks.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["10", "2", "g21"]);
    assert_eq!((tasks[2].domain, tasks[2].reference.as_deref()), (Domain::Web, Some(page(21).as_str())));
    assert!(tasks[2].prompt.contains("rick.jpg") && tasks[2].images[0].pixel(0, 0)[0] == 21);
    assert_eq!((skipped.len(), skipped[0].reason.name()), (1, "missing-image"));
    // Generated pages may use the placeholder, but no other file of the folder.
    let common = config(DataSet::Design2Code, dir.path()).common().unwrap();
    assert_eq!(common, [("rick.jpg".to_owned(), b"a picture".to_vec())].into());
    assert!(config(DataSet::WebSight, dir.path()).common().unwrap().is_empty());

    let parquet = tempfile::tempdir().unwrap();
    let path = parquet.path().join("train-00000-of-00001.parquet");
    let missing = config(DataSet::Design2Code, &path).common().unwrap_err().to_string();
    assert!(missing.contains(&parquet.path().join("rick.jpg").display().to_string()), "{missing}");
    assert!(missing.contains("copy the picture of that name"), "{missing}");
    fs::write(parquet.path().join("rick.jpg"), b"another").unwrap();
    assert_eq!(config(DataSet::Design2Code, &path).common().unwrap()["rick.jpg"], b"another");
    write(&path, websight(0..9), 100, Compression::SNAPPY);
    for path in [path.as_path(), parquet.path()] {
        let (corpus, _) = open(&config(DataSet::Design2Code, path));
        let task = corpus.task(8).unwrap();
        assert_eq!((corpus.len(), task.id.as_str()), (9, "train-00000-of-00001-9"));
        assert!(task.prompt.contains("rick.jpg"), "{}", task.prompt);
    }
}

#[test]
fn pages_survive_a_round_trip_through_jsonl() {
    let dir = corpus(websight);
    let (corpus, _) = open(&config(DataSet::WebSight, dir.path()));
    let mut record = corpus.record(5).unwrap();
    let Picture::Held { bytes, .. } = &record.pictures[0] else { panic!("{:?}", record.pictures) };
    fs::write(dir.path().join("5.png"), bytes).unwrap();
    fs::write(dir.path().join("kept.jsonl"), jsonl_line(&record, &["5.png".into()])).unwrap();
    let (kept, _) = open(&config(DataSet::Jsonl, &dir.path().join("kept.jsonl")));
    assert_eq!(kept.task(0).unwrap(), corpus.task(5).unwrap());
    // The code is taken from the fence in the domain's language.
    record.reference = Some("Styles:\n```css\np{}\n```\nPage:\n```html\n<p>5</p>\n```\n".into());
    fs::write(dir.path().join("kept.jsonl"), jsonl_line(&record, &["5.png".into()])).unwrap();
    let (kept, _) = open(&config(DataSet::Jsonl, &dir.path().join("kept.jsonl")));
    assert_eq!(kept.record(0).unwrap().reference.as_deref(), Some("<p>5</p>\n"));
}
