//! From the package to its slides.

use super::check::check;
use super::deck::{Deck, Slide};
use super::fault::{FaultKind, Faults, Unreadable};
use super::package::Package;
use super::paint::background;
use super::relations::Relations;
use super::shapes::Reader;
use super::templates::{Context, Documents};
use super::xml::{self, child, children, flag, int, number, path, relation};
use std::collections::HashSet;

/// Slides of a file at most.
const MAX_SLIDES: usize = 5_000;
/// Shapes of a file at most, over all slides.
const MAX_SHAPES: usize = 200_000;
/// Sides that a slide may have, in EMU: an inch to 56 inches.
const SIDES: std::ops::RangeInclusive<f64> = 914_400.0..=51_206_400.0;
/// The default size, in EMU: 10 by 7.5 inches.
const SIZE: (f64, f64) = (9_144_000.0, 6_858_000.0);

/// Reads a .pptx file.
///
/// # Errors
/// Returns an error if nothing can be read: the bytes are no archive, are encrypted, hold no
/// presentation, or break a limit (512 MiB packed, 65,536 entries). Everything else is a fault in
/// the deck.
pub fn read(bytes: &[u8]) -> Result<Deck, Unreadable> {
    let mut faults = Faults::default();
    let package = Package::open(bytes, &mut faults)?;
    let presentation = presentation_of(&package, &mut faults)?;
    let documents = Documents::parse(&package, &presentation);
    let mut deck = Deck::default();
    (deck.width, deck.height) = size(&documents, &presentation, &mut faults);
    let mut shapes = 0;
    for part in slide_parts(&package, &documents, &presentation, &mut faults) {
        if shapes > MAX_SHAPES {
            let what = format!("slides after the first {MAX_SHAPES} shapes are read without theirs");
            faults.add(&part, FaultKind::Limit(what));
            deck.slides.push(Slide { part, ..Slide::default() });
            continue;
        }
        let slide = read_slide(&package, &documents, (&part, &presentation), &mut faults);
        shapes += slide.shapes.len();
        deck.slides.push(slide);
    }
    check(&package, &mut deck, &mut faults);
    deck.faults = faults.into_sorted();
    Ok(deck)
}

/// Name of the presentation's part.
pub(super) fn presentation_of(package: &Package, faults: &mut Faults) -> Result<String, Unreadable> {
    const USUAL: &str = "ppt/presentation.xml";
    if !package.has("_rels/.rels") {
        faults.add("_rels/.rels", FaultKind::Missing);
    }
    let relations = package.relations("");
    let named = relations.of_kind("officeDocument").filter(|name| package.has(name));
    let name = named.map(str::to_owned).or_else(|| package.has(USUAL).then(|| USUAL.to_owned()));
    let name = name.map(|name| package.name(&name).to_owned());
    let name = name.ok_or(Unreadable::NoPresentation)?;
    let kind = package.content_type(&name).unwrap_or_default();
    if !kind.is_empty() && !kind.contains("presentation") && !kind.contains("powerpoint") {
        return Err(Unreadable::NoPresentation);
    }
    Ok(name)
}

fn size(documents: &Documents<'_>, presentation: &str, faults: &mut Faults) -> (f64, f64) {
    let size = documents.get(presentation).and_then(|(root, _)| child(root, "sldSz"));
    let sides = size.and_then(|s| Some((number(s, "cx")?, number(s, "cy")?)));
    match sides {
        Some((width, height)) if SIDES.contains(&width) && SIDES.contains(&height) => (width, height),
        Some(_) => {
            faults.add(
                presentation,
                FaultKind::Limit("slides of impossible size; read as 10 by 7.5 inches".into()),
            );
            SIZE
        }
        None => {
            faults.add(presentation, FaultKind::NoElement("sldSz".into()));
            SIZE
        }
    }
}

/// Names of the slides' parts in the order of the presentation; those of a presentation that does
/// not parse in the order of their numbers.
pub(super) fn slide_parts(
    package: &Package,
    documents: &Documents<'_>,
    presentation: &str,
    faults: &mut Faults,
) -> Vec<String> {
    let Some((root, relations)) = documents.get(presentation) else {
        let relations = package.relations(presentation);
        let mut names: Vec<String> =
            relations.all_of_kind("slide").filter(|n| package.has(n)).map(str::to_owned).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names.truncate(MAX_SLIDES);
        return names;
    };
    let mut names = Vec::new();
    let mut ids = HashSet::new();
    for entry in child(root, "sldIdLst").into_iter().flat_map(|list| children(list, "sldId")) {
        if names.len() >= MAX_SLIDES {
            let what = format!("slides after the first {MAX_SLIDES} are left out");
            faults.add(presentation, FaultKind::Limit(what));
            break;
        }
        if let Some(id) = int(entry, "id").filter(|id| !ids.insert(*id)) {
            faults.add(presentation, FaultKind::DuplicateId(format!("{id} of a slide")));
        }
        let id = relation(entry, "id").unwrap_or_default();
        match relations.part(id) {
            Some(name) if package.has(name) => names.push(package.name(name).to_owned()),
            // Found again, with its target, when the package is checked.
            Some(_) => (),
            None => faults.add(presentation, FaultKind::NoRelationship { id: id.to_owned() }),
        }
    }
    names
}

fn read_slide(
    package: &Package,
    documents: &Documents<'_>,
    (part, presentation): (&str, &str),
    faults: &mut Faults,
) -> Slide {
    let mut slide = Slide { part: part.to_owned(), ..Slide::default() };
    if let Some(found) = package.content_type(part).filter(|kind| !kind.contains("slide")) {
        faults.add(part, FaultKind::WrongContentType { found: found.to_owned() });
    }
    let relations: Relations = package.relations(part);
    // A slide that does not parse is found when the package is checked.
    let Some(document) = package.text(part).and_then(|text| xml::parse(text).ok()) else { return slide };
    let root = document.root_element();
    let context = Context::of(documents, (part, root, &relations), presentation, faults);
    slide.hidden = flag(root, "show") == Some(false);
    slide.background = background(root, &context);
    let Some(tree) = path(root, &["cSld", "spTree"]) else {
        faults.add(part, FaultKind::NoElement("spTree".into()));
        return slide;
    };
    let mut reader = Reader {
        part,
        package,
        relations: &relations,
        context: &context,
        faults,
        shapes: Vec::new(),
        ids: HashSet::new(),
    };
    reader.tree(tree);
    slide.shapes = reader.shapes;
    slide
}
