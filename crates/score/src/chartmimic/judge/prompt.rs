//! The prompt of a judge (docs/specs/chartmimic.md, 9): the benchmark's six criteria with their
//! points, in our words.

use crate::endpoint::picture;
use serde_json::{Value, json};

/// The instruction before the two pictures.
pub const PROMPT: &str = "You judge how faithfully a chart was reproduced. Two pictures follow: the first is the \
reference, the second was drawn by code that a model wrote to reproduce it. Judge only what you see, as an expert \
of charts would, and give points for each of these criteria, 100 in all:

1. Chart types (20): every type of chart in the reference is there, and no other.
2. Layout (10): subplots stand in the same arrangement.
3. Text (20): titles, axis labels, legend entries, annotations say the same. Do not count tick labels.
4. Data (20): the trends are alike, and as many groups or series are shown.
5. Style (20): colours, markers, line styles, legends, grids and other details agree.
6. Clarity (10): the second picture is clean, and nothing in it overlaps or is cut off.

Answer in this form, and write nothing after the last line:

Comments:
- Chart types: <your comment> (<points>/20)
- Layout: <your comment> (<points>/10)
- Text: <your comment> (<points>/20)
- Data: <your comment> (<points>/20)
- Style: <your comment> (<points>/20)
- Clarity: <your comment> (<points>/10)

Score: <sum of the points>/100";

/// Sampling settings of the benchmark's judge.
pub const TEMPERATURE: f64 = 0.1;
const TOP_P: f64 = 0.95;
const MAX_TOKENS: u32 = 4096;

/// The request for one pair: reference first, then the prediction, in one user message.
pub fn request(model: &str, reference: &[u8], prediction: &[u8]) -> Value {
    let content = json!([{"type": "text", "text": PROMPT}, picture(reference), picture(prediction)]);
    json!({
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "temperature": TEMPERATURE,
        "top_p": TOP_P,
        "max_tokens": MAX_TOKENS,
    })
}

/// Identifies everything besides the pictures and the model that decides a reply.
pub fn identity() -> String {
    format!("{PROMPT}\n{TEMPERATURE} {TOP_P} {MAX_TOKENS}")
}
