//! From a response to the scripts that the benchmark runs (docs/specs/chartmimic.md, 2).

use super::Rules;
use crate::python::strip;

pub use crate::python::read_back;

/// The path of the appended `savefig`. It is never written: the recorder keeps the file in memory.
pub const TARGET: &str = "/chartmimic/prediction.pdf";

/// The scripts made of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// The script that decides whether the code runs (docs/specs/chartmimic.md, 2.1); `None`
    /// without code.
    pub bare: Option<String>,
    /// The script that the metrics record, in the benchmark's `try` (docs/specs/chartmimic.md,
    /// 2.2).
    pub wrapped: String,
}

/// The code in the first fence tagged `python`, verbatim.
pub fn fenced(response: &str) -> Option<&str> {
    let start = response.find("```python")? + "```python".len();
    let length = response[start..].find("```")?;
    Some(&response[start..start + length])
}

/// The scripts of a whole response.
pub fn of_response(response: &str, rules: Rules) -> Scripts {
    of_fence(fenced(response), rules)
}

/// The scripts of the code of a fence; empty code stands for a response without a fence.
pub fn of_code(code: &str, rules: Rules) -> Scripts {
    if code.is_empty() {
        return of_fence(None, rules);
    }
    of_response(&format!("```python\n{code}\n```"), rules)
}

/// The scripts of the content of a fence; `None` stands for a response without a fence.
pub fn of_fence(code: Option<&str>, rules: Rules) -> Scripts {
    let save = format!("plt.savefig(\"{TARGET}\")");
    let bare = code.filter(|c| !c.is_empty()).map(|c| format!("{}\n{save}", strip(&cut(c, rules))));
    let indented = code.unwrap_or("import matplotlib.pyplot as plt").replace('\n', "\n    ");
    let inner = cut(&indented, rules);
    let wrapped = format!("try:\n    {}\nexcept Exception as e:\n    pass\n{save}", strip(&inner));
    Scripts { bare, wrapped: read_back(&wrapped) }
}

fn cut(code: &str, rules: Rules) -> String {
    match rules {
        Rules::Official => official_cut(code).to_owned(),
        Rules::Fixed => fixed_cut(code),
    }
}

/// All before the first `plt.savefig(` and before the first `plt?show(`, where `?` is any
/// character. The benchmark's patterns are meant for single calls, but match to the end of the
/// text.
fn official_cut(code: &str) -> &str {
    let code = code.find("plt.savefig(").map_or(code, |at| &code[..at]);
    let shows = code.match_indices("plt").map(|(at, _)| at).find(|&at| {
        let mut rest = code[at + 3..].chars();
        rest.next().is_some() && rest.as_str().starts_with("show(")
    });
    shows.map_or(code, |at| &code[..at])
}

/// The code with `pass` in place of the calls that stand at the beginning of a line, up to the
/// bracket that closes them.
fn fixed_cut(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((call, bracket)) = next_call(rest) {
        let end = call_end(&rest[bracket..]);
        out.push_str(&rest[..call]);
        out.push_str(if end.is_some() { "pass" } else { &rest[call..bracket] });
        rest = &rest[bracket + end.unwrap_or(0)..];
    }
    out.push_str(rest);
    out
}

/// Where the next such call begins that has only space before it on its line, and where its bracket
/// opens.
fn next_call(code: &str) -> Option<(usize, usize)> {
    let calls = ["plt.savefig(", "plt.show("];
    let found = calls.iter().flat_map(|call| code.match_indices(call).map(|(at, c)| (at, at + c.len() - 1)));
    let alone = |at: &usize| {
        let line = code[..*at].rfind('\n').map_or(0, |n| n + 1);
        code[line..*at].chars().all(|c| matches!(c, ' ' | '\t'))
    };
    found.filter(|(at, _)| alone(at)).min()
}

/// Bytes from an opening bracket to behind the one that closes it, strings and comments respected.
fn call_end(code: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0usize, None::<&str>);
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let first = rest.chars().next()?;
        at += first.len_utf8();
        match (quote, first) {
            (Some(_), '\\') => at += code.get(at..)?.chars().next().map_or(0, char::len_utf8),
            (Some(mark), _) if rest.starts_with(mark) => {
                at += mark.len() - 1;
                quote = None;
            }
            (Some(_), _) => (),
            (None, '"' | '\'') => {
                let mark = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|m| rest.starts_with(m))?;
                at += mark.len() - 1;
                quote = Some(mark);
            }
            (None, '#') => at += rest.find('\n').unwrap_or(rest.len()).saturating_sub(1),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => (),
        }
    }
    None
}
