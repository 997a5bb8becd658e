//! The model's front end: chat template, tokenizer and image processor.
//!
//! [`Front::encode`] turns messages into token ids (with one placeholder per image feature) and
//! patches; the policy adds the M-RoPE positions. Nothing is truncated here: a prompt that is too
//! long must be rejected as a whole, because a cut inside an image would leave more features than
//! placeholders.

use crate::{ChatTemplate, ImageProcessor, PatchGrid, TextTokenizer};
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Content, Message};

/// An error of the tokenizer, chat template or image processor. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// A file is missing or cannot be read.
    #[error("cannot read {path}: {source}; help: check that the file exists and is readable")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; help: check the folder's permissions and free space")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file's JSON is malformed or has missing or unsupported values.
    #[error("{path}: {message}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column if known, and how to fix it.
        message: String,
    },
    /// A file is not an image that can be decoded.
    #[error("{path} is not a readable image ({message}); help: give a PNG or JPEG file")]
    Image {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        message: String,
    },
    /// A folder has no chat template.
    #[error(
        "{path} has no chat template; \
         help: copy chat_template.jinja (or chat_template.json) from the original model folder"
    )]
    NoTemplate {
        /// The folder.
        path: PathBuf,
    },
    /// A chat template does not compile or rejects the conversation.
    #[error("chat template {path}: {message}")]
    Template {
        /// The file.
        path: PathBuf,
        /// The template engine's error, or the message of the template's `raise_exception`.
        message: String,
    },
    /// A tokenizer cannot be loaded, trained or applied.
    #[error("tokenizer {path}: {message}")]
    Tokenizer {
        /// The file, or the target folder during training.
        path: PathBuf,
        /// What is wrong, and how to fix it.
        message: String,
    },
    /// An image has a size that the processor does not support.
    #[error("an image of {width}x{height} pixels cannot be used: {message}")]
    ImageSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What is wrong, and how to fix it.
        message: String,
    },
    /// A conversation has pictures, and the model reads texts only.
    #[error(
        "the prompt has {images} pictures, and this model reads none; \
         help: use a Qwen3-VL folder, or a task and channels without pictures (distill.channels = [\"rubric\"])"
    )]
    NoPictures {
        /// Images in the conversation.
        images: usize,
    },
    /// The numbers of placeholders in the prompt and of images in the conversation differ.
    #[error(
        "the chat template wrote {placeholders} image placeholders for {images} images; \
         help: use the chat template of this model"
    )]
    Placeholders {
        /// `<|image_pad|>` tokens in the prompt.
        placeholders: usize,
        /// Images in the conversation.
        images: usize,
    },
}

impl FrontError {
    /// A [`FrontError::Read`] at `path`.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        FrontError::Read { path: path.into(), source }
    }
}

/// Chat template, tokenizer and image processor of one Hugging Face folder.
#[derive(Clone, Debug)]
pub struct Front {
    template: ChatTemplate,
    tokenizer: TextTokenizer,
    /// `None` for a model that reads texts only.
    processor: Option<ImageProcessor>,
}

/// A conversation as model inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Token ids, with one placeholder per image feature.
    pub ids: Vec<u32>,
    /// The patches of the images, in order of appearance.
    pub images: Vec<PatchGrid>,
}

impl Front {
    /// Reads all three from a folder.
    ///
    /// # Errors
    /// A missing or invalid file; the message names it.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        Ok(Self {
            template: ChatTemplate::load(dir)?,
            tokenizer: TextTokenizer::load(dir)?,
            processor: Some(ImageProcessor::load(dir)?),
        })
    }

    /// Reads template and tokenizer of a model that reads texts only.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of_texts(dir: &Path) -> Result<Self, FrontError> {
        let (template, tokenizer) = (ChatTemplate::load(dir)?, TextTokenizer::load(dir)?);
        Ok(Self { template, tokenizer, processor: None })
    }

    /// Resizes pictures to at most `max_pixels`, if that is below the folder's limit.
    pub(crate) fn limit_pixels(&mut self, max_pixels: usize) {
        if let Some(processor) = &mut self.processor {
            processor.limit_pixels(max_pixels);
        }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The image processor; `None` for a model that reads texts only.
    pub fn processor(&self) -> Option<&ImageProcessor> {
        self.processor.as_ref()
    }

    /// Encodes a conversation up to the start of the policy's turn.
    ///
    /// Special tokens inside message texts are escaped (`<|im_end|>` becomes `< |im_end|>`): code
    /// and error texts come from an untrusted process and must not start turns or images.
    ///
    /// # Errors
    /// A template that rejects the conversation or belongs to another model, or an image of an
    /// extreme shape.
    pub fn encode(&self, messages: &[Message]) -> Result<Encoded, FrontError> {
        let pictures: Vec<_> = messages.iter().flat_map(Message::images).collect();
        let Some(processor) = &self.processor else {
            return match pictures.len() {
                0 => {
                    Ok(Encoded { ids: self.tokenizer.encode(&self.rendered(messages)?)?, images: Vec::new() })
                }
                images => Err(FrontError::NoPictures { images }),
            };
        };
        let images = pictures.into_iter().map(|image| processor.patches(image));
        let images = images.collect::<Result<Vec<_>, _>>()?;
        let ids = self.tokenizer.encode(&self.rendered(messages)?)?;
        let counts: Vec<usize> = images.iter().map(|g| processor.placeholders(g)).collect();
        let ids = expand_placeholders(&ids, self.tokenizer.image_pad(), &counts)?;
        Ok(Encoded { ids, images })
    }

    /// The prompt of a conversation, with special tokens in its texts escaped.
    fn rendered(&self, messages: &[Message]) -> Result<String, FrontError> {
        let escaped: Vec<Message> = messages.iter().map(|m| self.escaped(m)).collect();
        self.template.render(&escaped)
    }

    /// The message with special tokens in its texts escaped.
    fn escaped(&self, message: &Message) -> Message {
        let content = message.content.iter().map(|piece| match piece {
            Content::Text(text) => Content::Text(self.tokenizer.escape_special(text)),
            image => image.clone(),
        });
        Message::new(message.role, content.collect())
    }
}

/// Repeats the i-th `image_pad` of `ids` `counts[i]` times.
///
/// # Errors
/// The number of placeholders differs from the number of counts.
fn expand_placeholders(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_must_match_the_images() {
        assert_eq!(expand_placeholders(&[1, 9, 2, 9], Some(9), &[3, 1]).unwrap(), [1, 9, 9, 9, 2, 9]);
        let error = expand_placeholders(&[1, 9], Some(9), &[]).unwrap_err().to_string();
        assert!(error.contains("1 image placeholders for 0 images"), "{error}");
    }
}
