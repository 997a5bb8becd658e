//! Answers of a server, which is a listener of this process: order, retries, resumption, refusals.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vsdpo_artifact::Domain;
use vsdpo_score::endpoint::{Endpoint, EndpointConfig, LimitField, Sampling};
use vsdpo_score::provenance::Tokens;
use vsdpo_score::questions::{Answered, Question, Questions};
use vsdpo_score::report::Reporter;

/// The pictures of all questions: the first bytes of a PNG file, and a number.
fn picture(i: usize) -> Vec<u8> {
    [&[0x89, b'P', b'N', b'G', 13, 10][..], &i.to_le_bytes()].concat()
}

/// A server of which `answer` gives status, further header lines and body, from the prompt and the
/// number of its earlier requests. Every connection has a thread.
struct Stub {
    url: String,
    /// All requests, with the header lines.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    /// Requests that were answered at the same time, at most.
    together: Arc<AtomicUsize>,
}

type Reply = (u16, &'static str, String);

impl Stub {
    fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, together) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (log, most, now) = (Arc::clone(&asked), Arc::clone(&together), Arc::new(AtomicUsize::new(0)));
        let counts: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let answer = Arc::new(answer);
        // The threads end with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, most, now) = (Arc::clone(&log), Arc::clone(&most), Arc::clone(&now));
                let (counts, answer) = (Arc::clone(&counts), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some((head, body)) = read(&stream) else { return };
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let prompt = prompt(&body);
                    log.lock().unwrap().push((head, body));
                    let count = {
                        let mut counts = counts.lock().unwrap();
                        let count = counts.entry(prompt.clone()).or_default();
                        *count += 1;
                        *count - 1
                    };
                    let reply = answer(&prompt, count);
                    now.fetch_sub(1, Ordering::SeqCst);
                    send(stream, &reply);
                });
            }
        });
        Self { url, asked, together }
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// The text of the request, with or without pictures.
fn prompt(body: &Value) -> String {
    let content = &body["messages"][0]["content"];
    let parts = content.as_array().into_iter().flatten();
    let text = parts.filter_map(|part| part["text"].as_str()).next_back();
    text.or(content.as_str()).unwrap_or_default().to_owned()
}

fn read(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn send(mut stream: TcpStream, (status, headers, body): &Reply) {
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all((head + body).as_bytes());
}

fn good(text: &str, finish_reason: &str) -> Reply {
    let body = json!({
        "model": "served-build-7",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3},
    });
    (200, "", body.to_string())
}

fn echo(prompt: &str, _: usize) -> Reply {
    good(&format!("answer to {prompt}"), "stop")
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Reporter for Notes {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self) {}
    fn end(&self) {}
}

impl Notes {
    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

fn config(url: &str) -> EndpointConfig {
    EndpointConfig {
        url: url.to_owned(),
        model: "served".into(),
        key_env: None,
        sampling: Sampling {
            temperature: 0.5,
            top_p: 0.9,
            max_completion_tokens: 64,
            seed: 7,
            limits: Default::default(),
        },
        limit_field: LimitField::MaxTokens,
        concurrency: 4,
        tries: 3,
        wait: 0.0,
        timeout: 20,
        allow_missing: false,
    }
}

/// Asks `count` questions, `q0`, `q1`, ..., of which even ones have a picture.
fn ask(config: EndpointConfig, count: usize, out: &Path) -> (Result<Answered, String>, Notes) {
    let notes = Notes::default();
    let get = |i: usize| {
        let pictures = if i.is_multiple_of(2) { vec![picture(i)] } else { vec![] };
        Ok(Question { name: format!("q{i}"), domain: Domain::Chart, prompt: format!("prompt {i}"), pictures })
    };
    let questions = Questions { variant: "test", count, get: &get };
    let answered = Endpoint::new(config).and_then(|server| server.answer(&questions, out, &notes));
    (answered.map_err(|why| format!("{why:#}")), notes)
}

/// The lines of the file of answers by name.
fn lines(out: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(out.join("answers.jsonl")).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        (value["name"].as_str().unwrap().to_owned(), value)
    };
    text.lines().map(line).collect()
}

#[test]
fn every_question_gets_its_own_answer_whichever_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|prompt, _| {
        // The first questions are answered last.
        let i: u64 = prompt.rsplit(' ').next().unwrap().parse().unwrap();
        std::thread::sleep(Duration::from_millis(600 / (i + 1)));
        echo(prompt, 0)
    });
    let (answered, notes) = ask(config(&server.url), 12, dir.path());
    let asking = answered.unwrap().asking;
    let lines = lines(dir.path());
    assert_eq!(lines.len(), 12);
    for i in 0..12 {
        assert_eq!(lines[&format!("q{i}")]["response"], format!("answer to prompt {i}"));
    }
    let together = server.together.load(Ordering::SeqCst);
    assert!((2..=4).contains(&together), "{together} requests at the same time");
    assert_eq!(asking.tokens, Some(Tokens { prompt: 120, completion: 36, unknown_answers: 0 }));
    assert_eq!(asking.server_models, ["served-build-7"]);
    assert!(notes.all().contains("tokens: 120 read, 36 written"), "{}", notes.all());
}

#[test]
fn a_request_has_all_settings_and_is_saved_with_the_hashes_of_its_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(echo);
    ask(config(&server.url), 2, dir.path()).0.unwrap();
    let sent: BTreeMap<String, Value> =
        server.asked.lock().unwrap().iter().map(|(_, body)| (prompt(body), body.clone())).collect();
    let (with, without) = (&sent["prompt 0"], &sent["prompt 1"]);
    let url = with["messages"][0]["content"][0]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBORw0K"), "{url}");
    assert_eq!(with["messages"][0]["content"][1], json!({"type": "text", "text": "prompt 0"}));
    let settings = json!({
        "model": "served", "messages": [{"role": "user", "content": "prompt 1"}],
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 64, "seed": 7,
    });
    assert_eq!(*without, settings, "without a picture the content is plain text");
    let lines = lines(dir.path());
    assert_eq!(lines["q1"]["request"], settings);
    // sha256sum of the bytes of `picture(0)`.
    let mut saved = with.clone();
    saved["messages"][0]["content"][0]["image_url"]["url"] =
        format!("sha256:{}", vsdpo_score::files::sha256(&picture(0))).into();
    assert_eq!(lines["q0"]["request"], saved);
}

#[test]
fn a_passing_failure_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|prompt, count| match (prompt, count) {
        ("prompt 0", 0) => (500, "", "overloaded".into()),
        ("prompt 1", 0) => (200, "", "{\"choices\": [".into()),
        _ => echo(prompt, count),
    });
    ask(config(&server.url), 3, dir.path()).0.unwrap();
    assert_eq!((lines(dir.path()).len(), server.calls()), (3, 5));
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|prompt, count| match count {
        0 => (429, "Retry-After: 1\r\n", "slow down".into()),
        _ => echo(prompt, count),
    });
    let begun = Instant::now();
    ask(config(&server.url), 1, dir.path()).0.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(server.calls(), 2);
}

#[test]
fn giving_up_names_the_question_and_the_status_and_keeps_the_other_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|prompt, count| match prompt {
        "prompt 1" => (503, "", "no worker".into()),
        "prompt 2" => (200, "", "<html>".into()),
        _ => echo(prompt, count),
    });
    let why = ask(config(&server.url), 4, dir.path()).0.unwrap_err();
    for words in [
        "2 of 4 questions have no answer",
        "q1: HTTP 503: no worker (3 tries)",
        "q2: the reply is no chat completion: <html> (3 tries)",
        "help: run the same command again",
        "--allow-missing",
    ] {
        assert!(why.contains(words), "`{words}` is not in: {why}");
    }
    assert_eq!(lines(dir.path()).into_keys().collect::<Vec<_>>(), ["q0", "q3"]);
    let some = EndpointConfig { allow_missing: true, ..config(&server.url) };
    ask(some, 4, dir.path()).0.unwrap();
    assert_eq!(server.calls(), 2 + 6 + 6, "what was answered is not asked again");
}

#[test]
fn a_key_that_is_refused_and_a_server_that_is_gone_end_the_asking() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|_, _| (401, "", "no key".into()));
    let one = EndpointConfig { concurrency: 1, ..config(&server.url) };
    let why = ask(one, 5, dir.path()).0.unwrap_err();
    assert!(
        why.contains("q0: HTTP 401: no key") && why.contains("q4: the server refuses all calls"),
        "{why}"
    );
    assert_eq!(server.calls(), 1);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = EndpointConfig { concurrency: 1, ..config(&format!("http://{nobody}")) };
    let why = ask(gone, 2, dir.path()).0.unwrap_err();
    assert!(why.contains("q0: no reply: ") && why.contains("(3 tries); q1: the server refuses"), "{why}");
}

#[test]
fn a_cut_file_is_completed_and_nothing_is_asked_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answers.jsonl");
    let server = Stub::start(echo);
    ask(config(&server.url), 4, dir.path()).0.unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let last = whole.lines().last().unwrap().len();
    for torn in [1, 20, last] {
        std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
        let calls = server.calls();
        let (answered, notes) = ask(config(&server.url), 4, dir.path());
        assert_eq!(answered.unwrap().asking.tokens.unwrap().prompt, 40);
        assert_eq!((server.calls() - calls, lines(dir.path()).len()), (1, 4), "{torn} bytes are missing");
        assert!(notes.all().contains("1 answers asked for now, 3 known from before"), "{}", notes.all());
    }
    // More questions of the same run.
    ask(config(&server.url), 6, dir.path()).0.unwrap();
    assert_eq!(lines(dir.path()).len(), 6);
    let before = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&b"nonsense\n"[..], &before].concat()).unwrap();
    let why = ask(config(&server.url), 6, dir.path()).0.unwrap_err();
    assert!(why.contains("answers.jsonl` line 1") && why.contains("help: remove the line"), "{why}");
}

#[test]
fn answers_to_other_requests_are_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(echo);
    ask(config(&server.url), 2, dir.path()).0.unwrap();
    let calls = server.calls();
    let base = config(&server.url);
    let warmer = Sampling { temperature: 1.0, seed: 8, ..base.sampling };
    for (other, words) in [
        (
            EndpointConfig { sampling: warmer, ..base.clone() },
            &["temperature was 0.5 and is now 1.0", "seed was 7 and is now 8", "--out"][..],
        ),
        (
            EndpointConfig { model: "other".into(), ..base.clone() },
            &["model was \"served\" and is now \"other\""],
        ),
        (
            EndpointConfig { limit_field: LimitField::MaxCompletionTokens, ..base.clone() },
            &["max_tokens was 64 and is now none", "max_completion_tokens was none and is now 64"][..],
        ),
    ] {
        let why = ask(other, 2, dir.path()).0.unwrap_err();
        words.iter().for_each(|word| assert!(why.contains(word), "`{word}` is not in: {why}"));
    }
    let why = ask(base, 1, dir.path()).0.unwrap_err();
    assert!(why.contains("answers `q1`, which this run does not ask"), "{why}");
    assert_eq!(server.calls(), calls, "a refused run asks nothing");
}

#[test]
fn a_cut_answer_is_kept_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|prompt, _| match prompt {
        "prompt 1" => good("half an ans", "length"),
        _ => {
            let body = json!({"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]});
            (200, "", body.to_string())
        }
    });
    let (answered, notes) = ask(config(&server.url), 3, dir.path());
    let line = &lines(dir.path())["q1"];
    assert_eq!((&line["response"], &line["finish_reason"]), (&"half an ans".into(), &"length".into()));
    let told = notes.all();
    assert!(told.contains("1 answers were cut after 64 tokens") && told.contains("--max-tokens"), "{told}");
    assert!(told.contains("of 2 answers the server does not report them"), "{told}");
    let tokens = answered.unwrap().asking.tokens;
    assert_eq!(tokens, Some(Tokens { prompt: 10, completion: 3, unknown_answers: 2 }));
}

#[test]
fn the_key_is_sent_and_never_saved() {
    // Cargo sets this variable for every test; its value stands for a key.
    let (name, key) = ("CARGO_PKG_NAME", "vsdpo-score");
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(echo);
    let with_key = EndpointConfig { key_env: Some(name.into()), ..config(&server.url) };
    ask(with_key, 1, dir.path()).0.unwrap();
    let head = server.asked.lock().unwrap()[0].0.to_ascii_lowercase();
    assert!(head.contains(&format!("authorization: bearer {key}")), "{head}");
    assert!(!std::fs::read_to_string(dir.path().join("answers.jsonl")).unwrap().contains(key));
    let none = EndpointConfig { key_env: Some("VSDPO_NO_SUCH_KEY".into()), ..config(&server.url) };
    let why = ask(none, 1, dir.path()).0.unwrap_err();
    assert!(why.contains("`VSDPO_NO_SUCH_KEY` of --endpoint-key-env is not set; help"), "{why}");
}

#[test]
fn settings_that_no_server_accepts_are_refused_with_their_option() {
    let base = || config("http://127.0.0.1:1");
    let sampling = base().sampling;
    for (bad, option) in [
        (config("127.0.0.1:8000"), "--endpoint `127.0.0.1:8000`"),
        (EndpointConfig { wait: f64::NAN, ..base() }, "--endpoint-wait"),
        (
            EndpointConfig { sampling: Sampling { temperature: -1.0, ..sampling }, ..base() },
            "--temperature -1",
        ),
        (EndpointConfig { sampling: Sampling { top_p: 0.0, ..sampling }, ..base() }, "--top-p 0"),
    ] {
        let why = Endpoint::new(bad).err().unwrap().to_string();
        assert!(why.contains(option) && why.contains("help:"), "{why}");
    }
}
