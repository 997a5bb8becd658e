//! OpenAI-compatible servers of chat completions: judges of pictures, and models that answer the
//! questions of a benchmark.
//!
//! The client is in this crate and not in `policy`, because the build without models must reach
//! servers too, and `policy` brings the tensor crates with it. The judges of this crate use the
//! same client.

pub(crate) mod client;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A picture as a part of a message: a data URL.
pub(crate) fn picture(bytes: &[u8]) -> Value {
    let (media, data) = (media_type(bytes).unwrap_or("image/png"), STANDARD.encode(bytes));
    json!({"type": "image_url", "image_url": {"url": format!("data:{media};base64,{data}")}})
}

/// The media type of a picture's file, if it is PNG or JPEG.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        _ => None,
    }
}
