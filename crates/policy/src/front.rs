//! Everything between a conversation and the model's inputs: chat template, tokenizer, image
//! processor.
//!
//! [`Front::encode`] turns messages into token ids (with one placeholder per image feature) and
//! patches. Positions (M-RoPE) are the model's business. Nothing is ever truncated here: a prompt
//! that is too long must be rejected whole, because a cut inside an image leaves more features than
//! placeholders.

use crate::{ChatTemplate, Content, ImageProcessor, Message, PatchGrid, TextTokenizer};
use std::path::{Path, PathBuf};

/// Why a folder's tokenizer, template or processor, or a conversation, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// A file that is not there or cannot be read.
    #[error("cannot read {path}: {source}; see that it is there and may be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file whose JSON is malformed or lacks what is needed.
    #[error("{path}: {message}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        message: String,
    },
    /// A file that should be a picture.
    #[error("{path} is no picture that can be read ({message}); give a PNG or JPEG file")]
    Image {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        message: String,
    },
    /// A folder without a chat template.
    #[error(
        "{path} has no chat template; copy chat_template.jinja (or chat_template.json) from the model's own folder"
    )]
    NoTemplate {
        /// The folder.
        path: PathBuf,
    },
    /// A template that does not compile or refuses the conversation.
    #[error("chat template {path}: {message}")]
    Template {
        /// The file.
        path: PathBuf,
        /// The engine's message, or the template's own `raise_exception`.
        message: String,
    },
    /// A tokenizer that cannot be loaded, trained or applied.
    #[error("tokenizer {path}: {message}")]
    Tokenizer {
        /// The file, or the folder while it is made.
        path: PathBuf,
        /// The reason.
        message: String,
    },
    /// An image that the processor refuses.
    #[error("an image of {width}x{height} pixels cannot be shown to the model: {message}")]
    ImageSize {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The reason.
        message: String,
    },
    /// Placeholders in the prompt and images of the conversation differ in number.
    #[error(
        "the chat template wrote {placeholders} image placeholders for {images} images; it is no template of this model"
    )]
    Placeholders {
        /// `<|image_pad|>` tokens found.
        placeholders: usize,
        /// Images given.
        images: usize,
    },
}

impl FrontError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        FrontError::Read { path: path.into(), source }
    }
}

/// Chat template, tokenizer and image processor of one Hugging Face folder.
#[derive(Clone, Debug)]
pub struct Front {
    template: ChatTemplate,
    tokenizer: TextTokenizer,
    processor: ImageProcessor,
}

impl Front {
    /// Reads the three from a folder.
    ///
    /// # Errors
    /// A missing or unusable file, by name.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        Ok(Self {
            template: ChatTemplate::load(dir)?,
            tokenizer: TextTokenizer::load(dir)?,
            processor: ImageProcessor::load(dir)?,
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The image processor.
    pub fn processor(&self) -> &ImageProcessor {
        &self.processor
    }

    /// The chat template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The token ids of a conversation up to the policy's turn, with as many placeholders as each
    /// image has features, and the images' patches in order.
    ///
    /// A text that spells a special token (`<|im_end|>`) is written `< |im_end|>`: code and error
    /// texts come from an untrusted process and must not open turns or images of their own.
    ///
    /// # Errors
    /// A template that refuses the conversation or belongs to another model, an image of an extreme
    /// shape.
    pub fn encode(&self, messages: &[Message]) -> Result<(Vec<u32>, Vec<PatchGrid>), FrontError> {
        let grids = messages
            .iter()
            .flat_map(Message::images)
            .map(|image| self.processor.patches(image))
            .collect::<Result<Vec<_>, _>>()?;
        let harmless: Vec<Message> = messages.iter().map(|m| self.without_special(m)).collect();
        let ids = self.tokenizer.encode(&self.template.render(&harmless)?)?;
        let counts: Vec<usize> = grids.iter().map(|g| self.processor.placeholders(g)).collect();
        Ok((expand_placeholders(&ids, self.tokenizer.image_pad(), &counts)?, grids))
    }

    fn without_special(&self, message: &Message) -> Message {
        let content = message.content.iter().map(|piece| match piece {
            Content::Text(text) => Content::Text(self.tokenizer.defuse(text)),
            image => image.clone(),
        });
        Message::new(message.role, content.collect())
    }
}

/// Repeats the i-th `image_pad` of `ids` `counts[i]` times.
///
/// # Errors
/// As many placeholders as counts must be there.
pub fn expand_placeholders(
    ids: &[u32],
    image_pad: Option<u32>,
    counts: &[usize],
) -> Result<Vec<u32>, FrontError> {
    let placeholders = ids.iter().filter(|&&id| Some(id) == image_pad).count();
    if placeholders != counts.len() {
        return Err(FrontError::Placeholders { placeholders, images: counts.len() });
    }
    let mut next = counts.iter();
    let mut out = Vec::with_capacity(ids.len() + counts.iter().sum::<usize>());
    for &id in ids {
        let times = if Some(id) == image_pad { next.next().copied().unwrap_or(0) } else { 1 };
        out.extend(std::iter::repeat_n(id, times));
    }
    Ok(out)
}
