//! What slides inherit from: layouts, masters, themes and the defaults of the presentation.

use super::color::{Palette, hex, system};
use super::deck::Placeholder;
use super::fault::{FaultKind, Faults};
use super::package::Package;
use super::relations::Relations;
use super::xml::{self, Node, child, children, int, named, path};
use roxmltree::Document;
use std::collections::BTreeMap;

/// Placeholders of one layout or master that are looked at.
const MAX_PLACEHOLDERS: usize = 256;

/// The parsed parts that slides inherit from, by name, with their relationships.
pub(super) struct Documents<'a> {
    by_name: BTreeMap<String, (Document<'a>, Relations)>,
}

impl<'a> Documents<'a> {
    /// Parses the presentation, its masters, their layouts and themes. Faults of their XML are
    /// found when the package is checked.
    pub fn parse(package: &'a Package, presentation: &str) -> Self {
        let mut by_name = BTreeMap::new();
        let mut open = vec![presentation.to_owned()];
        open.extend(package.names().filter(|n| is_template(package, n)).map(str::to_owned));
        for name in open {
            let parsed = package.text(&name).and_then(|text| xml::parse(text).ok());
            if let Some(document) = parsed {
                by_name.insert(name.clone(), (document, package.relations(&name)));
            }
        }
        Self { by_name }
    }

    /// The root of a part and its relationships.
    pub fn get<'b>(&'b self, name: &str) -> Option<(Node<'b>, &'b Relations)> {
        let (document, relations) = self.by_name.get(name)?;
        Some((document.root_element(), relations))
    }
}

/// Whether slides may inherit from a part: by its type, or by its folder where types are missing.
fn is_template(package: &Package, name: &str) -> bool {
    let kind = package.content_type(name).unwrap_or_default();
    let typed = ["slideLayout+xml", "slideMaster+xml", "theme+xml"].iter().any(|end| kind.ends_with(end));
    let name = name.to_ascii_lowercase();
    let folders = ["ppt/slidelayouts/", "ppt/slidemasters/", "ppt/theme/"];
    typed || (name.ends_with(".xml") && folders.iter().any(|folder| name.starts_with(folder)))
}

/// What one slide inherits.
pub(super) struct Context<'a> {
    pub layout: Option<Node<'a>>,
    pub master: Option<Node<'a>>,
    pub palette: Palette,
    pub theme: Theme<'a>,
    /// `defaultTextStyle` of the presentation.
    pub defaults: Option<Node<'a>>,
    layout_places: Vec<(Placeholder, Node<'a>)>,
    master_places: Vec<(Placeholder, Node<'a>)>,
}

/// The styles of a theme by their numbers.
#[derive(Clone, Default)]
pub(super) struct Theme<'a> {
    pub fills: Vec<Node<'a>>,
    pub lines: Vec<Node<'a>>,
    pub backgrounds: Vec<Node<'a>>,
    /// Latin fonts of titles and of text.
    pub major: &'a str,
    pub minor: &'a str,
}

impl<'a> Context<'a> {
    /// The context of the slide `part`. A layout or master that is missing is a fault of the slide.
    pub fn of(
        documents: &'a Documents<'_>,
        (part, slide, relations): (&str, Node<'_>, &Relations),
        presentation: &str,
        faults: &mut Faults,
    ) -> Self {
        let layout = relations.of_kind("slideLayout");
        if layout.is_none() {
            faults.add(part, FaultKind::NoElement("a slide layout".into()));
        }
        let layout = layout.and_then(|name| documents.get(name));
        let master = layout.and_then(|(_, r)| r.of_kind("slideMaster")).and_then(|name| documents.get(name));
        let theme = master.and_then(|(_, r)| r.of_kind("theme")).and_then(|name| documents.get(name));
        let (layout, master) = (layout.map(|l| l.0), master.map(|m| m.0));
        let elements = theme.and_then(|(root, _)| child(root, "themeElements"));
        let map = overriding_map(slide)
            .or_else(|| layout.and_then(overriding_map))
            .or_else(|| master.and_then(|m| child(m, "clrMap")).map(color_map))
            .unwrap_or_default();
        let theme_colors = elements.and_then(|e| child(e, "clrScheme")).map(scheme).unwrap_or_default();
        Self {
            layout,
            master,
            palette: Palette { theme: theme_colors, map, placeholder: None },
            theme: elements.map(styles).unwrap_or_default(),
            defaults: documents.get(presentation).and_then(|(root, _)| child(root, "defaultTextStyle")),
            layout_places: layout.map(placeholders).unwrap_or_default(),
            master_places: master.map(placeholders).unwrap_or_default(),
        }
    }

    /// The placeholders of layout and master that a slide's placeholder inherits from.
    pub fn inherited(&self, own: &Placeholder) -> [Option<Node<'a>>; 2] {
        fn kind(place: &Placeholder) -> &str {
            base_kind(&place.kind)
        }
        let layout = self
            .layout_places
            .iter()
            .find(|(p, _)| p.index == own.index && kind(p) == kind(own))
            .or_else(|| self.layout_places.iter().find(|(p, _)| own.index != 0 && p.index == own.index))
            .or_else(|| self.layout_places.iter().find(|(p, _)| kind(p) == kind(own)));
        let wanted = layout.map_or_else(|| kind(own), |(p, _)| kind(p));
        let master = self.master_places.iter().find(|(p, _)| kind(p) == wanted);
        [layout.map(|l| l.1), master.map(|m| m.1)]
    }

    /// The master's style of text for a placeholder.
    pub fn text_style(&self, placeholder: Option<&Placeholder>) -> Option<Node<'a>> {
        let style = match base_kind(&placeholder?.kind) {
            "title" => "titleStyle",
            "body" => "bodyStyle",
            _ => "otherStyle",
        };
        path(self.master?, &["txStyles", style])
    }
}

/// The kind that a kind of placeholder takes its look from.
fn base_kind(kind: &str) -> &str {
    match kind {
        "ctrTitle" => "title",
        "subTitle" | "obj" | "chart" | "tbl" | "clipArt" | "dgm" | "media" | "pic" => "body",
        other => other,
    }
}

/// The placeholder that a shape of any kind says to be.
pub(super) fn placeholder_of(shape: Node<'_>) -> Option<Placeholder> {
    let properties = shape.children().find(|n| n.tag_name().name().starts_with("nv"))?;
    let ph = path(properties, &["nvPr", "ph"])?;
    let index = int(ph, "idx").and_then(|i| u32::try_from(i).ok()).unwrap_or(0);
    Some(Placeholder { kind: ph.attribute("type").unwrap_or("obj").to_owned(), index })
}

fn placeholders<'a>(root: Node<'a>) -> Vec<(Placeholder, Node<'a>)> {
    let Some(tree) = path(root, &["cSld", "spTree"]) else { return Vec::new() };
    let shapes = xml::contents(tree).into_iter();
    shapes.filter_map(|shape| Some((placeholder_of(shape)?, shape))).take(MAX_PLACEHOLDERS).collect()
}

/// The colour map of a slide or layout that has one of its own.
fn overriding_map(root: Node<'_>) -> Option<BTreeMap<String, String>> {
    path(root, &["clrMapOvr", "overrideClrMapping"]).map(color_map)
}

fn color_map(node: Node<'_>) -> BTreeMap<String, String> {
    node.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())).collect()
}

fn scheme(node: Node<'_>) -> BTreeMap<String, [u8; 3]> {
    let color = |entry: Node<'_>| {
        let color = entry.children().find(Node::is_element)?;
        let val = color.attribute("val");
        if named(color, "sysClr") {
            return color.attribute("lastClr").and_then(hex).or_else(|| system(val?));
        }
        hex(val?)
    };
    node.children()
        .filter(Node::is_element)
        .filter_map(|entry| Some((entry.tag_name().name().to_owned(), color(entry)?)))
        .collect()
}

fn styles<'a>(elements: Node<'a>) -> Theme<'a> {
    let list = |name: &str| {
        let list = path(elements, &["fmtScheme", name]);
        list.map(|l| l.children().filter(Node::is_element).collect()).unwrap_or_default()
    };
    let font = |name: &str| {
        let latin = path(elements, &["fontScheme", name, "latin"]);
        latin.and_then(|l| l.attribute("typeface")).unwrap_or_default()
    };
    Theme {
        fills: list("fillStyleLst"),
        lines: list("lnStyleLst"),
        backgrounds: list("bgFillStyleLst"),
        major: font("majorFont"),
        minor: font("minorFont"),
    }
}

/// The element for a level of a list style: `lvl1pPr` to `lvl9pPr`.
pub(super) fn level<'a>(style: Node<'a>, level: u8) -> Option<Node<'a>> {
    const NAMES: [&str; 9] =
        ["lvl1pPr", "lvl2pPr", "lvl3pPr", "lvl4pPr", "lvl5pPr", "lvl6pPr", "lvl7pPr", "lvl8pPr", "lvl9pPr"];
    children(style, NAMES[usize::from(level.min(8))]).next()
}
