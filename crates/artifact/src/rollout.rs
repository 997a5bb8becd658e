//! What the policy answered.

use crate::{Language, Span};

/// One sampled completion. Token ids are carried from the sampler and never made again from the
/// text.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// The task that it answers: a position among the tasks of its step.
    pub task: usize,
    /// The completion as text (the decoded tokens, end token excluded).
    pub text: String,
    /// y: the sampled token ids, end token included when it was sampled.
    pub tokens: Vec<u32>,
    /// log pi(y_t | x, y_<t) of the sampler, after temperature; same length as `tokens`.
    pub logprobs: Vec<f32>,
    /// The bytes of `text` that each token wrote; same length as `tokens`, empty for the end token.
    /// A token may hold only a part of a character.
    pub token_spans: Vec<Span>,
    /// Whether the end token was sampled before the length limit.
    pub finished: bool,
    /// The bytes of `text` that are the code, as found by [`extract_code`].
    pub code: Span,
}

impl Rollout {
    /// The code that is rendered.
    pub fn source(&self) -> &str {
        self.code.text(&self.text).unwrap_or("")
    }
}

/// Finds the code in a completion: the first fenced block in this language, else the first fenced
/// block without a language, else the whole text. An unclosed fence reaches to the end.
pub fn extract_code(text: &str, language: Language) -> Span {
    let blocks = fenced_blocks(text);
    let named =
        blocks.iter().find(|(lang, _)| language.fences().contains(&lang.to_ascii_lowercase().as_str()));
    let bare = || blocks.iter().find(|(lang, _)| lang.is_empty());
    named.or_else(bare).map_or(Span::new(0, text.len()), |(_, span)| *span)
}

/// Every fenced block as (language, span of its body).
fn fenced_blocks(text: &str) -> Vec<(&str, Span)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.trim_start().strip_prefix("```") {
            open = match open {
                Some((lang, start)) => {
                    blocks.push((lang, Span::new(start, at)));
                    None
                }
                None => Some((rest.trim(), at + line.len())),
            };
        }
        at += line.len();
    }
    if let Some((lang, start)) = open {
        blocks.push((lang, Span::new(start, text.len())));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_as_the_benchmarks_find_it() {
        let check = |text: &str, want: &str| {
            let span = extract_code(text, Language::Python);
            assert_eq!(span.text(text), Some(want), "in {text:?}");
        };
        check("plot()", "plot()");
        check("Here é:\n```python\na = 1\n```\ndone", "a = 1\n");
        check("```\nx\n```\n```py\ny\n```", "y\n");
        check("```text\nno\n```\n```\nyes\n```", "yes\n");
        check("```python\ncut of", "cut of");
        check("```json\n{}\n```", "```json\n{}\n```");
        check("", "");
    }
}
