//! Checks what a script's process wrote about its deck. The file and the records are claims of
//! untrusted code: the file is read as any stranger's, the records have caps.

use crate::pptx::sources::{Origin, Sources};
use crate::python::buffer::{FRAME_AT, Refused, broken, open};
use crate::python::failure;
use crate::python::job::Trial;
use crate::text::{clean, clean_line};
use serde::Deserialize;
use std::fs::File;
use std::os::unix::fs::FileExt;
use vsdpo_artifact::{ExecError, ShapeEdit, Span};

const MAX_SLIDES: usize = 5_000;
const MAX_SHAPES: usize = 20_000;
const MAX_EDITS: usize = 64;
const MAX_STACKS: usize = 200_000;
const MAX_DEPTH: usize = 64;
const MAX_NAMES: usize = 64;
/// Characters of the name of a change, or of a file.
const MAX_NAME: usize = 100;

/// The options of the recorder.
pub(super) fn options() -> serde_json::Value {
    serde_json::json!({"instrument": true})
}

/// A run under the recorder that shows whether the sandbox is closed.
pub(super) fn trial() -> Trial {
    Trial {
        options: options(),
        error: |buffer, source| Ok(read(buffer, source)?.err().map(|error| error.message)),
    }
}

/// A deck that a script has saved.
#[derive(Debug)]
pub(super) struct Saved {
    pub file: Vec<u8>,
    claim: Claim,
}

/// The records of a process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    slides: Vec<SlideClaim>,
    /// Changes of the presentation itself.
    edits: Vec<(String, usize)>,
    stacks: Vec<Vec<Span>>,
    /// Names of all files that the script saved, in their order.
    names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlideClaim {
    part: String,
    made: Option<usize>,
    edits: Vec<(String, usize)>,
    shapes: Vec<ShapeClaim>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeClaim {
    id: u32,
    made: Option<usize>,
    edits: Vec<(String, usize)>,
}

/// Reads and checks the buffer of a dead process.
pub(super) fn read(buffer: &File, source: &str) -> Result<Result<Saved, ExecError>, Refused> {
    let (head, json) = open(buffer)?;
    head.of_deck()?;
    if head.failed {
        return failure::read(&json, source).map(Err);
    }
    let claim = serde_json::from_slice(&json).or_else(|e| broken(format!("malformed records: {e}")))?;
    check(&claim, source).or_else(broken)?;
    let mut file = vec![0; head.pixels as usize];
    buffer.read_exact_at(&mut file, FRAME_AT).or_else(|e| broken(e.to_string()))?;
    Ok(Ok(Saved { file, claim }))
}

/// Refuses records that the recorder cannot have made.
fn check(claim: &Claim, source: &str) -> Result<(), &'static str> {
    let shapes: usize = claim.slides.iter().map(|slide| slide.shapes.len()).sum();
    if claim.slides.len() > MAX_SLIDES || shapes > MAX_SHAPES * 10 || claim.names.len() > MAX_NAMES + 1 {
        return Err("too many slides, shapes or files");
    }
    if claim.stacks.len() > MAX_STACKS || claim.stacks.iter().any(|stack| stack.len() > MAX_DEPTH) {
        return Err("too many stacks");
    }
    if claim.stacks.iter().flatten().any(|&span| !failure::inside(span, source)) {
        return Err("a span outside the source");
    }
    let of_shapes = claim.slides.iter().flat_map(|slide| &slide.shapes).map(|s| (s.made, &s.edits));
    let of_slides = claim.slides.iter().map(|s| (s.made, &s.edits));
    for (made, edits) in of_shapes.chain(of_slides).chain([(None, &claim.edits)]) {
        // A chart's edits come from two parts.
        let known = |&stack: &usize| stack < claim.stacks.len();
        if edits.len() > 2 * MAX_EDITS || !made.iter().all(known) || !edits.iter().all(|(_, s)| known(s)) {
            return Err("too many edits, or a stack that is none");
        }
    }
    Ok(())
}

impl Saved {
    /// That of several files one is judged.
    pub fn remark(&self) -> Option<String> {
        let [others @ .., last] = self.claim.names.as_slice() else { return None };
        let several = others.iter().any(|name| name != last);
        let count = self.claim.names.len();
        let last = clean_line(last, MAX_NAME);
        several.then(|| format!("of {count} saved decks the last one, {last:?}, is judged"))
    }

    /// Who answers for the parts of the deck.
    pub fn sources(&self) -> Sources {
        let claim = &self.claim;
        let origin = |made: Option<usize>, edits: &mut dyn Iterator<Item = &(String, usize)>| Origin {
            made: made.map(|stack| claim.stacks[stack].clone()).unwrap_or_default(),
            edits: edits
                .map(|(what, stack)| ShapeEdit {
                    what: clean(what, MAX_NAME),
                    stack: claim.stacks[*stack].clone(),
                })
                .collect(),
        };
        let mut sources = Sources::default();
        for slide in &claim.slides {
            let whole = origin(slide.made, &mut claim.edits.iter().chain(&slide.edits));
            sources.slides.insert(slide.part.clone(), whole);
            for shape in &slide.shapes {
                let place = sources.shapes.entry((slide.part.clone(), shape.id)).or_default();
                place.push(origin(shape.made, &mut shape.edits.iter()));
            }
        }
        sources
    }
}
