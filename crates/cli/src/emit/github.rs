//! `lint` for workflow logs of code hosts: one annotation command per finding.

use super::line_column;
use crate::terminal::clean_line;
use vsdpo_artifact::Level;
use vsdpo_report::Checked;

/// The commands of one file.
pub fn lint(checked: &Checked) -> String {
    checked
        .remarks()
        .iter()
        .map(|remark| {
            let level = match remark.level {
                Level::Note => "notice",
                Level::Warning | Level::Error => remark.level.name(),
            };
            let mut keys = vec![format!("file={}", property(&clean_line(&checked.file)))];
            if let Some(span) = remark.span {
                let (line, column) = line_column(&checked.source, span.start);
                let (end, end_column) = line_column(&checked.source, span.end);
                keys.push(format!("line={line},endLine={end}"));
                // Columns are valid only within one line.
                if line == end {
                    keys.push(format!("col={column},endColumn={end_column}"));
                }
            }
            keys.push(format!("title={}", property(&remark.rule)));
            format!("::{level} {}::{}\n", keys.join(","), data(&remark.message))
        })
        .collect()
}

/// The message of a command, with the characters escaped that would end it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_end_a_command_are_escaped() {
        assert_eq!(data("50% of\nit"), "50%25 of%0Ait");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
