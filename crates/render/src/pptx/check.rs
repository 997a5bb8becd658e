//! The whole package looked over: does every part parse, have a type, and lead somewhere.

use super::deck::{Deck, ExternalLink};
use super::fault::{FaultKind, Faults};
use super::package::{Package, ending};
use super::relations::{Relations, Target, relations_name};
use super::xml;
use std::collections::{BTreeMap, BTreeSet};

/// External links kept of one file.
const MAX_LINKS: usize = 1000;

/// Notes the faults of all parts, macros, and what lies outside.
pub(super) fn check(package: &Package, deck: &mut Deck, faults: &mut Faults) {
    for name in package.names() {
        if name != "[Content_Types].xml" && ending(name) != "rels" {
            check_part(package, name, faults);
        }
        deck.macros |= name.to_ascii_lowercase().ends_with("vbaproject.bin");
    }
    let owners = package.names().filter_map(owner).chain([String::new()]);
    let read = |part: String| (part.to_ascii_lowercase(), (package.relations(&part), part));
    let all: All = owners.map(read).collect();
    for (relations, part) in all.values() {
        check_relations(package, (part, relations), deck, faults);
    }
    for slide in &mut deck.slides {
        slide.parts = parts_of(&all, &slide.part);
    }
}

/// The relationships of every part that has any, by its name in lower case, with its name.
type All = BTreeMap<String, (Relations, String)>;

/// Relationships to parts that are not a slide's own.
const SHARED: [&str; 6] = ["slideLayout", "slideMaster", "slide", "hyperlink", "notesMaster", "theme"];

/// The parts that a slide consists of: its own, and charts, pictures, notes and what they hold.
fn parts_of(all: &All, slide: &str) -> BTreeSet<String> {
    let (mut found, mut left) = (BTreeSet::new(), vec![slide.to_owned()]);
    while let Some(part) = left.pop() {
        let relations = all.get(&part.to_ascii_lowercase()).map(|(relations, _)| relations.iter());
        for (_, relation) in relations.into_iter().flatten() {
            if let Target::Part(target) = &relation.target
                && !SHARED.contains(&relation.kind.as_str())
            {
                left.extend((!found.contains(target)).then(|| target.clone()));
            }
        }
        found.insert(part);
    }
    found
}

/// The part whose relationships a `.rels` part holds: of `ppt/slides/_rels/slide1.xml.rels` it is
/// `ppt/slides/slide1.xml`.
pub(super) fn owner(name: &str) -> Option<String> {
    let (folder, file) = name.strip_suffix(".rels")?.split_once("_rels/")?;
    Some(format!("{folder}{file}"))
}

fn check_part(package: &Package, name: &str, faults: &mut Faults) {
    if package.content_type(name).is_none() && package.has("[Content_Types].xml") {
        faults.add(name, FaultKind::NoContentType);
    }
    if let Some(Err(why)) = package.text(name).map(|text| xml::parse(text).map(drop)) {
        faults.add(name, FaultKind::Malformed(why));
    }
}

fn check_relations(
    package: &Package,
    (part, relations): (&str, &Relations),
    deck: &mut Deck,
    faults: &mut Faults,
) {
    let own = relations_name(part);
    if let Some(why) = &relations.malformed {
        faults.add(&own, FaultKind::Malformed(why.clone()));
    }
    for id in &relations.repeated {
        faults.add(&own, FaultKind::DuplicateId(id.clone()));
    }
    for (id, relation) in relations.iter() {
        match &relation.target {
            // A link to a place on a slide has no part of its own.
            Target::Part(target) if target.is_empty() || package.has(target) => (),
            Target::Part(_) if relation.kind == "hyperlink" => (),
            Target::Part(target) => {
                faults.add(&own, FaultKind::Dangling { id: id.to_owned(), target: target.clone() });
            }
            Target::External(target) if relation.kind != "hyperlink" && deck.external.len() < MAX_LINKS => {
                let (part, kind) = (part.to_owned(), relation.kind.clone());
                deck.external.push(ExternalLink { part, kind, target: target.clone() });
            }
            Target::External(_) => (),
        }
    }
}
