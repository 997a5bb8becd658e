//! A local server of chat completions; the test chooses the answers.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One received request.
#[derive(Clone)]
pub struct Asked {
    pub body: Value,
}

impl Asked {
    /// The instruction and both pictures.
    pub fn parts(&self) -> (String, Vec<u8>, Vec<u8>) {
        let text = self.body["messages"][0]["content"][0]["text"].as_str().unwrap();
        (text.to_owned(), self.picture(1), self.picture(2))
    }

    /// The picture at this place of the message.
    pub fn picture(&self, i: usize) -> Vec<u8> {
        let url = self.body["messages"][0]["content"][i]["image_url"]["url"].as_str().unwrap();
        decode(url.strip_prefix("data:image/png;base64,").unwrap())
    }
}

pub struct Stub {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Answers with the status and text that `answer` returns for a model and the number of its
    /// earlier requests.
    pub fn start(answer: impl Fn(&str, usize) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // The thread ends with the test program.
        std::thread::spawn(move || {
            let mut counts: HashMap<String, usize> = HashMap::new();
            for stream in listener.incoming().flatten() {
                let Some(body) = read(&stream) else { continue };
                let model = body["model"].as_str().unwrap().to_owned();
                log.lock().unwrap().push(Asked { body });
                let count = counts.entry(model.clone()).or_default();
                let (status, text) = answer(&model, *count);
                *count += 1;
                reply(stream, status, &text);
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn reply(mut stream: TcpStream, status: u16, text: &str) {
    let body = match status {
        200 => json!({"choices": [{"message": {"role": "assistant", "content": text}}]}).to_string(),
        _ => text.to_owned(),
    };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes());
}

fn decode(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let word = chunk.iter().enumerate().fold(0u32, |w, (i, c)| w | u32::from(value(*c)) << (18 - 6 * i));
        bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}
