//! Relationships between parts, and the names that they lead to.

use super::xml;
use std::collections::BTreeMap;

/// The relationships of one part by their ids.
#[derive(Default)]
pub(super) struct Relations {
    by_id: BTreeMap<String, Relation>,
    /// Ids that are there more than once; the first one counts.
    pub repeated: Vec<String>,
    /// Why they could not be read.
    pub malformed: Option<String>,
}

/// One relationship.
pub(super) struct Relation {
    /// The last word of its type: `slide`, `image`, `hyperlink`.
    pub kind: String,
    /// Where it leads.
    pub target: Target,
}

/// Where a relationship leads.
pub(super) enum Target {
    /// To a part of the package, by its name.
    Part(String),
    /// Outside.
    External(String),
}

impl Relations {
    /// Reads the text of a `.rels` part whose relationships begin in `folder`.
    pub fn read(text: &str, folder: &str) -> Self {
        let mut found = Self::default();
        let document = match xml::parse(text) {
            Ok(document) => document,
            Err(why) => return Self { malformed: Some(why), ..found },
        };
        for entry in xml::children(document.root_element(), "Relationship") {
            let (Some(id), Some(target)) = (entry.attribute("Id"), entry.attribute("Target")) else {
                continue;
            };
            let kind = entry.attribute("Type").unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let target = match entry.attribute("TargetMode") {
                Some("External") => Target::External(target.to_owned()),
                _ => Target::Part(resolve(folder, target)),
            };
            if found.by_id.contains_key(id) {
                found.repeated.push(id.to_owned());
            } else {
                found.by_id.insert(id.to_owned(), Relation { kind: kind.to_owned(), target });
            }
        }
        found
    }

    pub fn get(&self, id: &str) -> Option<&Relation> {
        self.by_id.get(id)
    }

    /// The part that an id leads to.
    pub fn part(&self, id: &str) -> Option<&str> {
        match &self.by_id.get(id)?.target {
            Target::Part(name) => Some(name),
            Target::External(_) => None,
        }
    }

    /// The first part of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> Option<&'a str> {
        self.all_of_kind(kind).next()
    }

    /// All parts of a kind.
    pub fn all_of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.by_id.values().filter(move |r| r.kind == kind).filter_map(|r| match &r.target {
            Target::Part(name) => Some(name.as_str()),
            Target::External(_) => None,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Relation)> {
        self.by_id.iter().map(|(id, relation)| (id.as_str(), relation))
    }
}

/// The folder of a part, without a slash at the end.
pub(super) fn folder_of(part: &str) -> &str {
    part.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Name of the part that holds the relationships of `part`.
pub(super) fn relations_name(part: &str) -> String {
    match part.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/_rels/{name}.rels"),
        None => format!("_rels/{part}.rels"),
    }
}

/// The name that `target` means, seen from `folder`.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.split(['#', '?']).next().unwrap_or_default().replace('\\', "/");
    let target = percent_encoding::percent_decode_str(&target).decode_utf8_lossy().into_owned();
    let mut names: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        names.extend(folder.split('/').filter(|name| !name.is_empty()));
    }
    for name in target.split('/') {
        match name {
            "" | "." => (),
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_relative_to_their_part_or_begin_at_the_root() {
        assert_eq!(resolve("ppt/slides", "../media/a%20b.png"), "ppt/media/a b.png");
        assert_eq!(resolve("ppt/slides", "/ppt/x.xml"), "ppt/x.xml");
        assert_eq!(resolve("", "ppt/presentation.xml"), "ppt/presentation.xml");
        assert_eq!(resolve("ppt", "../../../y.xml#here"), "y.xml");
        assert_eq!(relations_name("ppt/slides/slide1.xml"), "ppt/slides/_rels/slide1.xml.rels");
        assert_eq!(relations_name(""), "_rels/.rels");
    }

    #[test]
    fn relationships_keep_the_first_of_an_id_and_what_lies_outside() {
        let text = r#"<Relationships xmlns="x">
            <Relationship Id="a" Type="http://x/slide" Target="slides/slide1.xml"/>
            <Relationship Id="a" Type="http://x/slide" Target="slides/slide2.xml"/>
            <Relationship Id="b" Type="http://x/image" Target="http://y/z.png" TargetMode="External"/>
        </Relationships>"#;
        let relations = Relations::read(text, "ppt");
        assert_eq!(relations.part("a"), Some("ppt/slides/slide1.xml"));
        assert_eq!(relations.repeated, ["a"]);
        assert_eq!(relations.part("b"), None);
        assert!(
            matches!(&relations.get("b").unwrap().target, Target::External(url) if url == "http://y/z.png")
        );
        assert_eq!(relations.of_kind("slide"), Some("ppt/slides/slide1.xml"));
        assert!(Relations::read("<a", "").malformed.is_some());
    }
}
