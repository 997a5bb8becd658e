//! What pictures and frames hold: images, tables, charts, diagrams, objects, media.

use super::deck::{Cell, Paint, Picture, Shape, ShapeKind};
use super::fault::{FaultKind, Faults};
use super::package::Package;
use super::paint::{crop, fill_in};
use super::relations::{Relations, Target};
use super::templates::Context;
use super::text::Chain;
use super::xml::{Node, child, children, contents, path, relation};

/// Cells of one table at most.
const MAX_CELLS: usize = 20_000;

/// Reads into a shape.
pub(super) struct Reader<'a, 'b> {
    pub part: &'b str,
    pub package: &'b Package,
    pub relations: &'b Relations,
    pub context: &'b Context<'a>,
    pub faults: &'b mut Faults,
}

impl<'a> Reader<'a, '_> {
    /// A `pic`: a picture, or a video or sound with the picture that stands for it.
    pub fn picture(&mut self, node: Node<'a>, shape: &mut Shape) {
        let properties = path(node, &["nvPicPr", "nvPr"]);
        let is_media = |n: Node<'_>| {
            let name = n.tag_name().name();
            matches!(name, "videoFile" | "audioFile" | "wavAudioFile" | "quickTimeFile" | "audioCd")
        };
        let media = properties.is_some_and(|p| p.children().any(is_media));
        shape.kind = if media { ShapeKind::Media } else { ShapeKind::Picture };
        match child(node, "blipFill") {
            Some(fill) => self.blip(fill, shape),
            None => self.faults.add(self.part, FaultKind::NoElement("blipFill of a picture".into())),
        }
    }

    /// The picture of a `blipFill`.
    pub fn blip(&mut self, fill: Node<'a>, shape: &mut Shape) {
        let id = child(fill, "blip").and_then(|blip| relation(blip, "embed"));
        let part = id.and_then(|id| self.target(id));
        let natural = part.as_deref().and_then(|name| self.package.picture(name));
        shape.picture = Some(Picture { part, natural, crop: crop(fill) });
    }

    /// The part that an id leads to, by its name in the archive. An id that leads nowhere is a
    /// fault; a part that is missing becomes one when the package is checked.
    fn target(&mut self, id: &str) -> Option<String> {
        match self.relations.get(id) {
            Some(relation) => match &relation.target {
                Target::Part(name) => self.package.has(name).then(|| self.package.name(name).to_owned()),
                Target::External(_) => None,
            },
            None if id.is_empty() => None,
            None => {
                self.faults.add(self.part, FaultKind::NoRelationship { id: id.to_owned() });
                None
            }
        }
    }

    /// A `graphicFrame`.
    pub fn frame(&mut self, node: Node<'a>, shape: &mut Shape) {
        let data = path(node, &["graphic", "graphicData"]);
        let uri = data.and_then(|d| d.attribute("uri")).unwrap_or_default();
        shape.kind = match uri.rsplit('/').next().unwrap_or_default() {
            "table" => ShapeKind::Table,
            "chart" | "chartex" => ShapeKind::Chart,
            "diagram" => ShapeKind::Diagram,
            "ole" => ShapeKind::Ole,
            _ => ShapeKind::Frame,
        };
        let Some(data) = data else {
            return self.faults.add(self.part, FaultKind::NoElement("graphicData of a frame".into()));
        };
        for inner in contents(data) {
            match inner.tag_name().name() {
                "tbl" => self.table(inner, shape),
                "chart" | "oleObj" => {
                    if let Some(id) = relation(inner, "id") {
                        let _ = self.target(id);
                    }
                }
                "relIds" => {
                    let ids = ["dm", "lo", "qs", "cs"].map(|name| relation(inner, name));
                    ids.into_iter().flatten().for_each(|id| drop(self.target(id)));
                }
                _ => (),
            }
        }
    }

    fn table(&mut self, table: Node<'a>, shape: &mut Shape) {
        for (row, cells) in children(table, "tr").enumerate() {
            for (column, cell) in children(cells, "tc").enumerate() {
                if shape.cells.len() >= MAX_CELLS {
                    let what = format!("cells after the first {MAX_CELLS} of a table are left out");
                    return self.faults.add(self.part, FaultKind::Limit(what));
                }
                let covered =
                    ["hMerge", "vMerge"].iter().any(|m| cell.attribute(*m).is_some_and(|v| v == "1"));
                if !covered {
                    shape.cells.extend(self.cell(cell, row, column));
                }
            }
        }
    }

    fn cell(&self, cell: Node<'a>, row: usize, column: usize) -> Option<Cell> {
        let body = child(cell, "txBody")?;
        let properties = child(cell, "tcPr");
        let palette = &self.context.palette;
        let chain = Chain {
            bodies: child(body, "bodyPr").into_iter().collect(),
            own_list: child(body, "lstStyle"),
            lists: self.context.defaults.into_iter().collect(),
            font: None,
            styled_elsewhere: true,
            palette,
            theme: &self.context.theme,
        };
        let mut text = chain.body(body);
        for (place, name) in ["marL", "marT", "marR", "marB"].into_iter().enumerate() {
            if let Some(margin) = properties.and_then(|p| super::xml::number(p, name)) {
                text.insets[place] = margin;
            }
        }
        let fill = properties.and_then(|p| fill_in(p, palette, &Paint::None)).unwrap_or_default();
        Some(Cell { row, column, fill, text })
    }
}
