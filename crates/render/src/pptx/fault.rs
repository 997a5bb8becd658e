//! What is wrong with a package, as values.

use std::fmt;

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The part it is in, or that is missing.
    pub part: String,
    /// What is wrong.
    pub kind: FaultKind,
}

/// Kinds of fault. PowerPoint offers to repair a file that has one, except where another thing is
/// said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A part that the package must have is not there.
    Missing,
    /// The bytes of the part cannot be unpacked, or are no text where they must be.
    Unreadable(String),
    /// The XML does not parse.
    Malformed(String),
    /// A relationship leads to a part that is not there.
    Dangling {
        /// Id of the relationship.
        id: String,
        /// Name of the part that is missing.
        target: String,
    },
    /// The XML names a relationship that does not exist.
    NoRelationship {
        /// The id that it names.
        id: String,
    },
    /// Nothing says what type of contents the part has.
    NoContentType,
    /// The part has another type of contents than its use asks for.
    WrongContentType {
        /// The type that is given.
        found: String,
    },
    /// The archive holds the part twice.
    TwiceInArchive,
    /// Two shapes of a slide have one id. PowerPoint repairs most of these without a word.
    DuplicateShapeId(u32),
    /// Two slides, or two relationships, have one id.
    DuplicateId(String),
    /// The XML lacks an element that it must have.
    NoElement(String),
    /// A picture that no program can decode. PowerPoint shows a red cross in its place.
    BrokenPicture,
    /// More than the reader takes in; the rest is left out. Says nothing of PowerPoint.
    Limit(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = &self.part;
        match &self.kind {
            FaultKind::Missing => write!(f, "{part} is missing"),
            FaultKind::Unreadable(why) => write!(f, "{part} cannot be unpacked: {why}"),
            FaultKind::Malformed(why) => write!(f, "{part} does not parse: {why}"),
            FaultKind::Dangling { id, target } => {
                write!(f, "{part}: relationship {id} leads to {target}, which is missing")
            }
            FaultKind::NoRelationship { id } => {
                write!(f, "{part} names the relationship {id}, which is missing")
            }
            FaultKind::NoContentType => write!(f, "{part} has no content type"),
            FaultKind::WrongContentType { found } => write!(f, "{part} has the wrong content type {found}"),
            FaultKind::TwiceInArchive => write!(f, "{part} is in the archive twice"),
            FaultKind::DuplicateShapeId(id) => write!(f, "{part}: two shapes have the id {id}"),
            FaultKind::DuplicateId(id) => write!(f, "{part}: the id {id} is there twice"),
            FaultKind::NoElement(name) => write!(f, "{part} lacks {name}"),
            FaultKind::BrokenPicture => write!(f, "{part} is a picture that cannot be decoded"),
            FaultKind::Limit(what) => write!(f, "{part}: {what}"),
        }
    }
}

/// Why nothing at all could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no zip archive.
    #[error("the file is no .pptx package: {0}")]
    NoArchive(String),
    /// The file is of the old binary format, or encrypted, which looks alike.
    #[error("the file is an old .ppt or is encrypted; help: save it as .pptx without a password")]
    Binary,
    /// The archive has no presentation in it.
    #[error("the package holds no presentation")]
    NoPresentation,
    /// The file breaks a limit.
    #[error("the file is refused: {0}")]
    Limit(String),
}

/// Faults as they are found; past a number they are only counted.
#[derive(Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
}

/// Faults kept of one file.
const MAX_FAULTS: usize = 1000;

impl Faults {
    pub fn add(&mut self, part: &str, kind: FaultKind) {
        if self.list.len() < MAX_FAULTS {
            self.list.push(Fault { part: part.into(), kind });
        }
    }

    /// The faults sorted by part, each once.
    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.list.sort();
        self.list.dedup();
        self.list
    }
}
