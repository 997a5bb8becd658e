//! All output to the terminal: text of models, scripts and files is stripped of control characters,
//! a closed pipe is no error, and colour is used only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use vsdpo_score::report::{Reporter, harmless};

pub use vsdpo_score::report::{clean, clean_line};

/// JSON with control characters escaped as `\u`: safe on a terminal, and the same value.
/// `serde_json` does not escape those above U+007E; they occur inside strings only.
fn escaped(json: &str) -> Cow<'_, str> {
    if json.chars().all(harmless) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match harmless(c) {
            true => text.push(c),
            false => text.push_str(&format!("\\u{:04x}", c as u32)),
        }
    }
    Cow::Owned(text)
}

/// The value as one line of JSON that is safe on a terminal.
pub fn json_line(value: &Value) -> String {
    escaped(&value.to_string()).into_owned() + "\n"
}

/// The value as indented JSON that is safe on a terminal.
pub fn json_pretty(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?).into_owned() + "\n")
}

/// Writes a result to standard output: as indented JSON if `json` is set, otherwise as `text`.
pub fn out_json_or(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    Ok(out(&if json { json_pretty(value)? } else { text() })?)
}

/// Writes to standard output. Returns a closed pipe as an `io::Error`, which `main` treats as
/// success.
pub fn out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a remark to standard error. A failure is ignored, because there is no other place to
/// report it.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{}", clean(text));
}

/// Whether standard output shows colour.
pub fn colour() -> bool {
    io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
}

/// A progress bar on standard error if that is a terminal. A `total` of 0 means unknown, and gives
/// a spinner.
pub fn progress(what: &str, total: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
    let template = match total {
        0 => "{spinner} {msg}",
        _ => "{msg} {bar:28} {pos}/{len} {eta}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Notes and progress on standard error.
#[derive(Default)]
pub struct Terminal {
    bar: Mutex<Option<ProgressBar>>,
}

impl Terminal {
    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Terminal {
    fn note(&self, text: &str) {
        remark(text);
    }

    fn begin(&self, what: &str, total: u64) {
        *self.bar() = Some(progress(what, total));
    }

    fn advance(&self) {
        if let Some(bar) = &*self.bar() {
            bar.inc(1);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(clean("a\x1b[31mb\u{9b}2Jc\r\nd\te"), "a\u{fffd}[31mb\u{fffd}2Jc\nd\te");
        assert_eq!(clean("if a\u{202e}b"), "if a\u{fffd}b");
        assert!(matches!(clean("é ✓ 好"), Cow::Borrowed(_)));
        assert_eq!(clean_line(" a\nb\t"), "a b");
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({"text": "a\u{9b}\u{7f}\u{202e}\u{1b}"});
        let text = serde_json::to_string(&value).unwrap();
        let safe = escaped(&text);
        assert!(safe.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
