//! `lint` for workflow logs of code hosts: one annotation command per finding.

use super::{Checked, line_column};
use crate::terminal::clean_line;

/// The commands of one file.
pub fn lint(checked: &Checked) -> String {
    checked
        .remarks()
        .iter()
        .map(|remark| {
            let level = if remark.error { "error" } else { "warning" };
            let mut keys = vec![format!("file={}", property(&clean_line(&checked.file)))];
            if let Some(span) = remark.span {
                let (line, column) = line_column(&checked.source, span.start);
                let (end, end_column) = line_column(&checked.source, span.end);
                keys.push(format!("line={line},endLine={end}"));
                // Columns are only understood within one line.
                if line == end {
                    keys.push(format!("col={column},endColumn={end_column}"));
                }
            }
            keys.push(format!("title={}", property(&remark.rule)));
            format!("::{level} {}::{}\n", keys.join(","), data(&remark.message))
        })
        .collect()
}

/// The text of a command, with what would end it escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value in the head of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(data("50% of\nit"), "50%25 of%0Ait");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
