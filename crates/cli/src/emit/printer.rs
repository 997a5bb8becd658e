//! The results of `lint`, printed file by file: of a file nothing is kept but what its format needs
//! at the end, so that memory does not grow with the pictures of all files.

use super::{github, human, json, sarif};
use crate::terminal;
use clap::ValueEnum;
use serde_json::Value;
use vsdpo_report::Checked;

/// The output formats.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
    Jsonl,
    Sarif,
    Github,
}

/// What was printed, and what is printed at the end.
pub struct Printer {
    format: Format,
    style: human::Style,
    /// Results of formats that are one JSON value for all files.
    kept: Vec<Value>,
    files: usize,
    bad: usize,
    findings: usize,
}

impl Printer {
    /// Nothing yet.
    pub fn new(format: Format, verbose: bool) -> Self {
        let style = human::Style { colour: terminal::colour(), verbose };
        Printer { format, style, kept: Vec::new(), files: 0, bad: 0, findings: 0 }
    }

    /// Takes the next file, and returns the text that can be printed now.
    pub fn add(&mut self, checked: &Checked) -> String {
        self.files += 1;
        self.bad += usize::from(checked.has_findings());
        self.findings += checked.findings();
        match self.format {
            Format::Human => return human::lint(checked, self.style),
            Format::Github => return github::lint(checked),
            Format::Jsonl => return terminal::json_line(&json::lint(checked)),
            Format::Json => self.kept.push(json::lint(checked)),
            Format::Sarif => self.kept.extend(sarif::results(checked)),
        }
        String::new()
    }

    /// Whether a file failed or has more than notes.
    pub fn has_findings(&self) -> bool {
        self.bad > 0
    }

    /// The text after the last file.
    pub fn end(&mut self) -> serde_json::Result<String> {
        let kept = std::mem::take(&mut self.kept);
        match self.format {
            Format::Human if self.files > 1 => Ok(human::total(self.files, self.bad, self.findings)),
            Format::Json => match kept.as_slice() {
                [one] => terminal::json_pretty(one),
                all => terminal::json_pretty(&all),
            },
            Format::Sarif => terminal::json_pretty(&sarif::log(kept)),
            Format::Human | Format::Github | Format::Jsonl => Ok(String::new()),
        }
    }
}
