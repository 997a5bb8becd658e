//! Slides to write, from small files in the forms that are read.

use serde_json::{Value, json};
use std::path::Path;
use vsdpo_artifact::{Domain, Language};
use vsdpo_data::{Corpus, DataConfig, DataSet, Skipped, TaskStream, jsonl_line};

fn config(path: &Path) -> DataConfig {
    let domain = DataSet::AeSlides.default_domain();
    DataConfig { dataset: DataSet::AeSlides, path: path.to_owned(), domain, ..DataConfig::default() }
}

fn write(path: &Path, rows: &[Value]) {
    std::fs::write(path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
}

#[test]
fn texts_and_conversations_become_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    write(
        &dir.path().join("train.jsonl"),
        &[
            json!({"id": "deck/1", "prompt": "A slide about tides.", "html": "<p>tides</p>", "metadata": {"page": 1}}),
            json!({"id": 7, "messages": [turn("system", "You write slides."), turn("user", "Slide 2."),
                turn("assistant", "Here:\n```html\n<p>two</p>\n```\nDone.")]}),
            json!({"instruction": [turn("user", "A deck."), turn("assistant", "<p>one</p>"), turn("tool", "a picture"),
                turn("user", "Go on.")], "reference": null}),
            json!({"prompt": [{"role": "user", "content": [{"type": "text", "text": "Slide 4."}]}],
                "completion": [turn("assistant", "<p>four</p>")]}),
        ],
    );
    // In a folder the split names the file.
    let corpus = Corpus::open(&config(dir.path()), &mut |row| panic!("{row:?}")).unwrap();
    let tasks: Vec<_> = (0..corpus.len()).map(|i| corpus.task(i).unwrap()).collect();
    let got: Vec<(&str, &str, Option<&str>)> =
        tasks.iter().map(|t| (t.id.as_str(), t.prompt.as_str(), t.reference.as_deref())).collect();
    let conversation = "user: A deck.\n\nassistant: <p>one</p>\n\ntool: a picture\n\nuser: Go on.";
    let want = [
        ("deck/1", "A slide about tides.", Some("<p>tides</p>")),
        ("7", "You write slides.\n\nSlide 2.", Some("<p>two</p>\n")),
        ("row-3", conversation, None),
        ("row-4", "Slide 4.", Some("<p>four</p>")),
    ];
    assert_eq!(got, want);
    assert!(tasks.iter().all(|t| (t.domain, t.language) == (Domain::Slide, Language::Html)));
    // What `data filter` writes is read again, as this data set and as JSONL.
    let lines: Vec<Value> = (0..corpus.len())
        .map(|i| serde_json::from_str(&jsonl_line(&corpus.record(i).unwrap(), &[])).unwrap())
        .collect();
    let kept = dir.path().join("kept.jsonl");
    write(&kept, &lines);
    for dataset in [DataSet::AeSlides, DataSet::Jsonl] {
        let again =
            Corpus::open(&DataConfig { dataset, ..config(&kept) }, &mut |row| panic!("{row:?}")).unwrap();
        let again: Vec<_> = (0..again.len()).map(|i| again.task(i).unwrap()).collect();
        assert!(
            again.iter().zip(&tasks).all(|(a, b)| (&a.prompt, &a.reference) == (&b.prompt, &b.reference))
        );
        assert_eq!(again.len(), tasks.len());
    }
}

/// Each file has a good row, a blank line, and a row with a name that is not known.
#[test]
fn other_names_are_one_error_with_file_line_and_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slides.jsonl");
    for (row, problem) in [
        (json!({"prompt": "a", "page_html": "<p>"}), "`page_html` is not a known name"),
        (json!({"prompt": "a", "b\nc": 1}), "`b\\nc` is not a known name"),
        (json!({"html": "<p>"}), "no prompt: none of `prompt`, `instruction` and `messages`"),
        (json!({"prompt": "a", "messages": []}), "both `prompt` and `messages`"),
        (
            json!({"prompt": "a", "reference": "<p>", "completion": "<p>"}),
            "both `reference` and `completion`",
        ),
    ] {
        std::fs::write(&path, format!("{}\n\n{row}\n", json!({"prompt": "good"}))).unwrap();
        let error = TaskStream::open(&config(&path)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{}: row 3: {problem}; help: write the", path.display())),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn rows_of_another_shape_are_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slides.jsonl");
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    write(
        &path,
        &[
            json!({"prompt": 3}),
            json!({"prompt": "  "}),
            json!({"prompt": "a", "html": " "}),
            json!({"prompt": "a", "images": ["x.png"]}),
            user(json!([{"type": "image"}, {"type": "text", "text": "a"}])),
            json!({"messages": [{"role": "robot", "content": "a"}]}),
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "html": "c"}),
            json!({"prompt": "a", "html": [{"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}),
            json!("a text"),
            json!({"prompt": "good"}),
        ],
    );
    let mut reasons = Vec::new();
    let corpus =
        Corpus::open(&config(&path), &mut |s: &Skipped| reasons.push((s.row, s.reason.name()))).unwrap();
    assert_eq!((corpus.len(), corpus.number(0), corpus.task(0).unwrap().prompt.as_str()), (1, 10, "good"));
    let form = |row| (row, "form");
    let want = [form(1), form(2), (3, "no-code"), form(4), form(5), form(6), form(7), form(8), form(9)];
    assert_eq!(reasons, want);
}
