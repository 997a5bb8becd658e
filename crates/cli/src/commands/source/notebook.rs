//! Notebooks (.ipynb) as scripts, and the lines of notebooks that are no Python.
//!
//! Every byte keeps its place: a line that is no Python becomes a comment of the same length, so
//! that spans, lines and columns stay those of the file or of the cell.

use serde::Deserialize;
use vsdpo_report::Cell;

/// Cells at most; a longer notebook is cut, which is an error.
const MAX_CELLS: usize = 5_000;
/// Cell magics whose cell is Python all the same.
const PYTHON_CELLS: &[&str] =
    &["time", "timeit", "capture", "prun", "matplotlib", "python", "python3", "pypy"];

/// A notebook as a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// The code cells, one after the other.
    pub text: String,
    /// Where each begins.
    pub cells: Vec<Cell>,
    /// Lines that were skipped because they are no Python.
    pub skipped: usize,
}

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<NotebookCell>,
    /// In the format's version 3, cells lie in sheets.
    #[serde(default)]
    worksheets: Vec<Worksheet>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<NotebookCell>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    kernelspec: Option<Kernel>,
}

#[derive(Deserialize)]
struct Kernel {
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct NotebookCell {
    cell_type: String,
    #[serde(default, alias = "input")]
    source: Text,
}

/// The text of a cell: one string, or a list of lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Lines(Vec<String>),
}

impl Default for Text {
    fn default() -> Self {
        Text::Whole(String::new())
    }
}

/// The code cells of a notebook, or why there are none.
pub fn script(json: &str) -> Result<Script, String> {
    let notebook: Notebook = serde_json::from_str(json).map_err(|e| format!("is no notebook: {e}"))?;
    if let Some(kernel) = notebook.metadata.kernelspec {
        let language = kernel.language.or(kernel.name).unwrap_or_default().to_ascii_lowercase();
        if !language.is_empty()
            && !["python", "conda", "pypy", "xpython", "sage", "venv", ".venv"]
                .iter()
                .any(|p| language.starts_with(p))
            && known(&language)
        {
            return Err(format!("is a notebook in {language}"));
        }
    }
    let sheets = notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells);
    let codes: Vec<NotebookCell> =
        notebook.cells.into_iter().chain(sheets).filter(|cell| cell.cell_type == "code").collect();
    if codes.len() > MAX_CELLS {
        return Err(format!("has {} code cells, more than {MAX_CELLS}", codes.len()));
    }
    let mut script = Script { text: String::new(), cells: Vec::new(), skipped: 0 };
    for (i, cell) in codes.into_iter().enumerate() {
        let source = match cell.source {
            Text::Whole(text) => text,
            Text::Lines(lines) => lines.concat(),
        };
        let (mut text, skipped) = masked(&source, true);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        script.cells.push(Cell { number: i + 1, start: script.text.len() });
        script.skipped += skipped;
        script.text.push_str(&text);
    }
    Ok(script)
}

/// Languages of kernels that are not Python.
fn known(language: &str) -> bool {
    const OTHERS: &[&str] =
        &["r", "ir", "julia", "javascript", "typescript", "rust", "c++", "scala", "bash", "matlab", "octave"];
    OTHERS.iter().any(|other| language == *other || language.starts_with(&format!("{other}-")))
}

/// The text with every line that is no Python made a comment of the same length, and their number:
/// `%magic`, `!command`, `name?`, and with `cell` the whole of a cell in another language.
pub fn masked(source: &str, cell: bool) -> (String, usize) {
    if cell && let Some(skipped) = other_language(source) {
        let text = source.split_inclusive('\n').map(commented).collect();
        return (text, skipped);
    }
    let (mut text, mut skipped) = (String::with_capacity(source.len()), 0);
    let mut state = State::default();
    let mut continues = false;
    for line in source.split_inclusive('\n') {
        let fresh = state.fresh();
        if continues || (fresh && is_command(line)) {
            text.push_str(&if continues { commented(line) } else { quiet(line) });
            continues = line.trim_end().ends_with('\\');
            skipped += 1;
        } else {
            let masked = match command_value(line).filter(|_| fresh) {
                Some(at) => {
                    skipped += 1;
                    format!("{}0{}", &line[..at], blank_after(&line[at + 1..]))
                }
                None => line.to_owned(),
            };
            state.read(&masked);
            text.push_str(&masked);
        }
    }
    (text, skipped)
}

/// The number of lines with content of a cell whose first line names another language.
fn other_language(source: &str) -> Option<usize> {
    let first = source.trim_start().strip_prefix("%%")?;
    let name: String = first.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!PYTHON_CELLS.contains(&name.as_str())).then(|| source.lines().filter(|l| !l.trim().is_empty()).count())
}

/// Whether a line at the beginning of a statement is a command of the notebook.
fn is_command(line: &str) -> bool {
    let text = line.trim();
    if text.starts_with('%') || text.starts_with('!') {
        return true;
    }
    // Help: `?name`, `name?`, `name??`.
    let name = text.trim_matches('?');
    name.len() < text.len()
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || "._*%".contains(c))
}

/// Where in `name = !command` or `name = %magic` the command begins.
fn command_value(line: &str) -> Option<usize> {
    let at = line.find('=')?;
    let target = line[..at].trim();
    let named = |c: char| c.is_alphanumeric() || matches!(c, '_' | ',' | ' ' | '.');
    let value = line[at + 1..].trim_start_matches(' ');
    let begins = value.starts_with('!') && !value.starts_with("!=") || value.starts_with('%');
    (!target.is_empty() && target.chars().all(named) && begins).then(|| line.len() - value.len())
}

/// The rest of a line as a comment of the same length.
fn blank_after(rest: &str) -> String {
    let first = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r'));
    first.map_or_else(
        || rest.to_owned(),
        |c| format!("#{}{}", " ".repeat(c.len_utf8() - 1), &rest[c.len_utf8()..]),
    )
}

/// A command as a statement that does nothing and is as long; what `%time` runs is kept.
fn quiet(line: &str) -> String {
    let body = line.trim_start();
    let indent = &line[..line.len() - body.len()];
    for magic in ["%time ", "%timeit "] {
        if let Some(rest) = body.strip_prefix(magic).filter(|rest| !rest.trim_start().starts_with('-')) {
            return format!("{indent}if 1:{}{rest}", " ".repeat(magic.len() - 5));
        }
    }
    match indent.is_empty() {
        true => commented(line),
        // A block may have no other statement.
        false => {
            let mut chars = body.chars();
            let first = chars.next().map_or(0, char::len_utf8);
            format!("{indent}0{}{}", " ".repeat(first.saturating_sub(1)), blank_after(chars.as_str()))
        }
    }
}

/// The line with its first character made the sign of a comment.
fn commented(line: &str) -> String {
    match line.chars().next().filter(|c| !matches!(c, '\n' | '\r')) {
        Some(first) => format!("#{}{}", " ".repeat(first.len_utf8() - 1), &line[first.len_utf8()..]),
        None => line.to_owned(),
    }
}

/// Where in Python's grammar a line begins.
#[derive(Default)]
struct State {
    /// Open brackets.
    depth: usize,
    /// The quotes of an open string in triple quotes.
    quotes: Option<&'static str>,
    /// Whether the last line ended with a backslash.
    joined: bool,
}

impl State {
    /// Whether the next line begins a statement.
    fn fresh(&self) -> bool {
        self.depth == 0 && self.quotes.is_none() && !self.joined
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        self.joined = false;
        while let Some(c) = rest.chars().next() {
            if let Some(quotes) = self.quotes {
                match rest.find(quotes) {
                    Some(end) if !escaped(&rest[..end]) => {
                        rest = &rest[end + 3..];
                        self.quotes = None;
                    }
                    Some(end) => rest = &rest[end + 1..],
                    None => return,
                }
                continue;
            }
            match c {
                '#' => return,
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                '\\' if rest[1..].trim().is_empty() => self.joined = true,
                '"' | '\'' => {
                    let triple = if c == '"' { "\"\"\"" } else { "'''" };
                    if rest.starts_with(triple) {
                        self.quotes = Some(triple);
                        rest = &rest[3..];
                    } else {
                        rest = &rest[string_end(rest, c)..];
                    }
                    continue;
                }
                _ => (),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
}

/// Whether the text ends in an odd number of backslashes.
fn escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// Where a string in single quotes ends that begins a text.
fn string_end(text: &str, quote: char) -> usize {
    let mut skip = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if skip => skip = false,
            '\\' => skip = true,
            '\n' => return at,
            c if c == quote => return at + 1,
            _ => (),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(source: &str) -> (String, usize) {
        let (text, skipped) = masked(source, true);
        assert_eq!(text.len(), source.len(), "{text}");
        assert_eq!(text.matches('\n').count(), source.matches('\n').count());
        (text, skipped)
    }

    #[test]
    fn commands_become_comments_of_the_same_length() {
        assert_eq!(mask("%matplotlib inline\nx = 1\n"), ("#matplotlib inline\nx = 1\n".into(), 1));
        assert_eq!(mask("!pip install a \\\n  b\nx"), ("#pip install a \\\n# b\nx".into(), 2));
        assert_eq!(mask("if a:\n    !ls\n"), ("if a:\n    0#s\n".into(), 1));
        assert_eq!(mask("files = !ls *.csv\n"), ("files = 0#s *.csv\n".into(), 1));
        assert_eq!(mask("%time df = load()\n"), ("if 1: df = load()\n".into(), 1));
        assert_eq!(mask("df.head?\n?df\ndf??\n").1, 3);
        assert_eq!(mask("%%bash\nls\n\nrm x\n"), ("#%bash\n#s\n\n#m x\n".into(), 3));
        assert_eq!(mask("%%time\nplot()\n"), ("#%time\nplot()\n".into(), 1));
    }

    #[test]
    fn python_that_looks_like_commands_stays() {
        for same in [
            "text = '''\n%magic\n!x\n'''\n",
            "y = (a\n  % b)\n",
            "s = \"a\" \\\n  % b\n",
            "x = a != b\nprint('?')\n",
            "if a != b: pass\n",
            "d = {'a': '%d' % 3}\n# what?\n",
            "x = 'it\\'s'\n",
        ] {
            assert_eq!(mask(same), (same.to_owned(), 0));
        }
        let after = "x = \"\"\"a\\\"\"\"\" \n!ls\n";
        assert_eq!(mask(after).1, 1);
    }

    #[test]
    fn the_code_cells_are_joined_and_counted() {
        let json = r##"{"cells": [
            {"cell_type": "markdown", "source": "# Title"},
            {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1"]},
            {"cell_type": "code", "source": "y = 2\n"}]}"##;
        let found = script(json).unwrap();
        assert_eq!(found.text, "#matplotlib inline\nx = 1\ny = 2\n");
        assert_eq!(found.cells, [Cell { number: 1, start: 0 }, Cell { number: 2, start: 25 }]);
        assert_eq!(found.skipped, 1);
        let julia = r#"{"cells": [], "metadata": {"kernelspec": {"language": "julia"}}}"#;
        assert_eq!(script(julia).unwrap_err(), "is a notebook in julia");
        assert!(script("{").unwrap_err().starts_with("is no notebook"));
    }
}
