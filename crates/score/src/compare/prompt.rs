//! The prompt of a judge that compares two pictures (docs/compare.md), and its reply.

use crate::endpoint::picture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The instruction before the pictures.
pub const PROMPT: &str = "You compare two answers to the same task. Each answer is shown as a picture, A and B. If \
there is a reference picture, the better answer is the one that agrees more with it. Otherwise the better answer is \
the one that does what the task asks; if both do, the one that is easier to read: nothing overlaps, is cut off, or has \
too little contrast. Judge only what the pictures show. Which of them is called A says nothing about its quality.

Give your reasons in at most three sentences. Then write on the last line only one word: A, B or TIE.";

/// Sampling settings: the most likely reply, so that asking again gives the same one.
const TEMPERATURE: f64 = 0.0;
const MAX_TOKENS: u32 = 1024;

/// What a judge is asked.
pub struct Question<'a> {
    /// The instruction of the task.
    pub task: Option<&'a str>,
    /// A picture of what the answers should look like.
    pub reference: Option<&'a [u8]>,
    /// The picture that is called A.
    pub first: &'a [u8],
    /// The picture that is called B.
    pub second: &'a [u8],
}

/// The request: one user message.
pub fn request(model: &str, question: &Question) -> Value {
    let text = |text: &str| json!({"type": "text", "text": text});
    let mut content = vec![text(PROMPT)];
    content.extend(question.task.map(|task| text(&format!("Task: {task}"))));
    for (name, bytes) in [
        ("Reference picture:", question.reference),
        ("A:", Some(question.first)),
        ("B:", Some(question.second)),
    ] {
        content.extend(bytes.into_iter().flat_map(|bytes| [text(name), picture(bytes)]));
    }
    json!({
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "temperature": TEMPERATURE,
        "max_tokens": MAX_TOKENS,
    })
}

/// Identifies everything besides the question and the model that decides a reply.
pub fn identity() -> String {
    format!("{PROMPT}\n{TEMPERATURE} {MAX_TOKENS}")
}

/// What a reply prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// The picture that was called A.
    First,
    /// The picture that was called B.
    Second,
    /// Neither.
    Tie,
}

/// The preference on the last line of a reply: A, B or TIE, with marks of emphasis and a name such
/// as `Answer:` before it.
pub fn pick(reply: &str) -> Option<Pick> {
    let last = reply.lines().rev().find(|line| line.chars().any(char::is_alphanumeric))?;
    let word = last.rsplit(':').next().unwrap_or(last);
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_uppercase();
    match word.as_str() {
        "A" => Some(Pick::First),
        "B" => Some(Pick::Second),
        "TIE" => Some(Pick::Tie),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_many_judges() {
        for (reply, want) in [
            ("Both run.\nB", Some(Pick::Second)),
            ("The legend of B covers a bar.\n\n**A**\n", Some(Pick::First)),
            ("Answer: tie.", Some(Pick::Tie)),
            ("A is better.\nB is worse.", None),
            ("**Verdict:** `B`\n```", Some(Pick::Second)),
            ("TIE", Some(Pick::Tie)),
            ("A or B", None),
            ("I cannot see pictures.", None),
            ("", None),
        ] {
            assert_eq!(pick(reply), want, "{reply}");
        }
    }

    #[test]
    fn the_request_names_each_picture() {
        let png = |end: u8| [0x89, b'P', b'N', b'G', end];
        let (first, second) = (png(1), png(2));
        let question = Question {
            task: Some("Draw"),
            reference: Some(&[0xff, 0xd8, 0xff]),
            first: &first,
            second: &second,
        };
        let content = request("m", &question)["messages"][0]["content"].clone();
        let shown =
            |part: &Value| part["text"].as_str().or(part["image_url"]["url"].as_str()).map(str::to_owned);
        let parts: Vec<String> = content.as_array().unwrap().iter().filter_map(shown).collect();
        assert_eq!(parts[1..4], ["Task: Draw", "Reference picture:", "data:image/jpeg;base64,/9j/"]);
        assert_eq!(
            parts[4..],
            ["A:", "data:image/png;base64,iVBORwE=", "B:", "data:image/png;base64,iVBORwI="]
        );
        let bare = request("m", &Question { task: None, reference: None, ..question });
        assert_eq!(bare["messages"][0]["content"].as_array().unwrap().len(), 5);
    }
}
