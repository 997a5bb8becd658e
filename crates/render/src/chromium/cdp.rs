//! The browser's remote control: JSON messages with a NUL behind each, over two pipes.
//!
//! A pipe needs no port, so the browser can live in a network namespace of its own that is empty.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

/// Bytes of one message; a picture of 16 Mi pixels fits, whatever it shows.
const MAX_MESSAGE: u64 = 128 << 20;
/// Messages that may wait. A page that floods its browser with events then waits itself.
const QUEUE: usize = 32;

/// Why a command has no answer.
#[derive(Debug, PartialEq)]
pub enum CdpError {
    /// The browser has ended, or closed its side.
    Gone,
    /// The deadline came first.
    Late,
    /// The browser refused, in its own words.
    Refused(String),
}

/// What the browser says without being asked.
#[derive(Debug)]
pub struct Event {
    /// The page that it is about, if any.
    pub session: Option<String>,
    pub method: String,
    pub params: Value,
}

/// Our end of the two pipes.
pub struct Pipe {
    to: ChildStdin,
    from: Receiver<Value>,
    last: u64,
}

impl Pipe {
    /// Reads on a thread of its own, which ends with the browser.
    pub fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        std::thread::spawn(move || read(from, &sender));
        Self { to, from: receiver, last: 0 }
    }

    /// Sends a command without waiting; the number of its answer.
    pub fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64, CdpError> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).map_err(|_| CdpError::Gone)?;
        Ok(self.last)
    }

    /// Sends a command that no page has a part in, and waits for its answer. Events are dropped.
    pub fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
        deadline: Instant,
    ) -> Result<Value, CdpError> {
        let id = self.send(session, method, params)?;
        loop {
            if let Ok(answer) = self.answer_or_event(id, deadline)? {
                return Ok(answer);
            }
        }
    }

    /// Waits until all of these commands are answered, in whatever order; an error if one is
    /// refused.
    pub fn answers(&mut self, mut ids: Vec<u64>, deadline: Instant) -> Result<(), CdpError> {
        while !ids.is_empty() {
            let message = self.receive(deadline)?;
            if let Some(at) = message["id"].as_u64().and_then(|id| ids.iter().position(|asked| *asked == id))
            {
                ids.swap_remove(at);
                result(message)?;
            }
        }
        Ok(())
    }

    /// The next message that is the answer of this number, or an event; answers that nobody waits
    /// for are dropped. No command has the number 0.
    pub fn answer_or_event(&mut self, id: u64, deadline: Instant) -> Result<Result<Value, Event>, CdpError> {
        loop {
            let mut message = self.receive(deadline)?;
            if message["id"].as_u64() == Some(id) {
                return result(message).map(Ok);
            }
            if let Some(method) = message["method"].as_str() {
                let session = message["sessionId"].as_str().map(str::to_owned);
                let event = Event { session, method: method.to_owned(), params: message["params"].take() };
                return Ok(Err(event));
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> Result<Value, CdpError> {
        // Also with messages at hand: a flood of them must not stop the clock.
        let left = deadline.checked_duration_since(Instant::now()).ok_or(CdpError::Late)?;
        self.from.recv_timeout(left).map_err(|e| match e {
            RecvTimeoutError::Timeout => CdpError::Late,
            RecvTimeoutError::Disconnected => CdpError::Gone,
        })
    }
}

fn result(mut message: Value) -> Result<Value, CdpError> {
    match message.get("error") {
        Some(error) => {
            Err(CdpError::Refused(error["message"].as_str().unwrap_or("no reason given").to_owned()))
        }
        None => Ok(message["result"].take()),
    }
}

/// Cuts the stream into messages; ends at the first that is none, or too long.
fn read(from: impl Read, to: &SyncSender<Value>) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match from.by_ref().take(MAX_MESSAGE).read_until(0, &mut bytes) {
            Ok(_) if bytes.pop() == Some(0) => (),
            _ => return,
        }
        let Ok(message) = serde_json::from_slice(&bytes) else { return };
        if to.send(message).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_cut_at_every_nul() {
        let (sender, receiver) = sync_channel(8);
        read(&b"{\"id\":1,\"result\":{\"a\":2}}\0{\"method\":\"m\"}\0{\"id\":2,\"error\":{\"message\":\"no\"}}\0{\"cut"[..], &sender);
        drop(sender);
        let all: Vec<Value> = receiver.iter().collect();
        assert_eq!(all.len(), 3);
        assert_eq!(result(all[0].clone()), Ok(json!({"a": 2})));
        assert_eq!(result(all[2].clone()), Err(CdpError::Refused("no".into())));
    }
}
