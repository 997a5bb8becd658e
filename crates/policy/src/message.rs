//! The reader of TRL's conversational JSON, and of the pictures that it names.
//!
//! A conversation file is either a list of messages or an object with such a list under `messages`
//! or `prompt` (TRL's two names). `content` is a string or a list of `{"type": "text", "text":
//! "..."}` and `{"type": "image", "image": "path.png"}`; image paths are relative to the file.
//! Not supported: images in a separate column, data URLs, video, tool calls; each is an error.

use crate::FrontError;
use serde::Deserialize;
use std::path::Path;
use vsdpo_artifact::{Content, Image, Message, Role};

/// Reads a conversation in TRL's JSON form and the images that it names.
///
/// # Errors
/// A file that cannot be read or parsed (with line and column), or an image that is not PNG or
/// JPEG.
pub fn read_messages(file: &Path) -> Result<Vec<Message>, FrontError> {
    let text = std::fs::read_to_string(file).map_err(|e| FrontError::read(file, e))?;
    let raw: RawFile = serde_json::from_str(&text).map_err(|e| FrontError::Json {
        path: file.into(),
        message: format!("{e}; help: write a conversation as [{{\"role\": \"user\", \"content\": \"...\"}}]"),
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let (RawFile::List(messages)
    | RawFile::Object(RawObject::Messages { messages })
    | RawFile::Object(RawObject::Prompt { prompt: messages })) = raw;
    messages.into_iter().map(|m| m.load(folder)).collect()
}

/// Reads an image file. Transparency is dropped, not composited: transformers' loader converts to
/// RGB, which keeps the colours that lie under transparent pixels.
///
/// # Errors
/// A file that cannot be read or is not PNG or JPEG.
pub fn read_image(file: &Path) -> Result<Image, FrontError> {
    let bytes = std::fs::read(file).map_err(|e| FrontError::read(file, e))?;
    let decoded = image::load_from_memory(&bytes)
        .map_err(|e| FrontError::Image { path: file.into(), message: e.to_string() })?
        .to_rgb8();
    let (width, height) = decoded.dimensions();
    let rgba: Vec<u8> = decoded.pixels().flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    Ok(Image { width, height, rgba: rgba.into() })
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "neither a list of messages nor an object with `messages` or `prompt`")]
enum RawFile {
    List(Vec<RawMessage>),
    Object(RawObject),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawObject {
    Messages { messages: Vec<RawMessage> },
    Prompt { prompt: Vec<RawMessage> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMessage {
    role: Role,
    content: RawContent,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawContent {
    Text(String),
    Pieces(Vec<RawPiece>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum RawPiece {
    Text { text: String },
    Image { image: String },
}

impl RawMessage {
    fn load(self, folder: &Path) -> Result<Message, FrontError> {
        let content = match self.content {
            RawContent::Text(text) => vec![Content::Text(text)],
            RawContent::Pieces(pieces) => {
                pieces.into_iter().map(|p| p.load(folder)).collect::<Result<_, _>>()?
            }
        };
        Ok(Message::new(self.role, content))
    }
}

impl RawPiece {
    fn load(self, folder: &Path) -> Result<Content, FrontError> {
        Ok(match self {
            RawPiece::Text { text } => Content::Text(text),
            RawPiece::Image { image } => Content::Image(read_image(&folder.join(image))?),
        })
    }
}
