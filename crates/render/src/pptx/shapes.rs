//! The shapes of one slide, in the order in which they are drawn.

use super::content;
use super::deck::{Paint, Shape, ShapeKind, TextBody};
use super::fault::{FaultKind, Faults};
use super::frame::{Frame, Space};
use super::package::Package;
use super::paint::Look;
use super::relations::Relations;
use super::templates::{Context, placeholder_of};
use super::text::{Chain, inherited_nodes};
use super::xml::{Node, child, contents, flag, int, named, number, path};
use std::collections::HashSet;

/// Groups inside groups at most.
const MAX_DEPTH: usize = 64;
/// Shapes of one slide at most.
const MAX_SHAPES: usize = 20_000;

/// Reads the tree of one slide.
pub(super) struct Reader<'a, 'b> {
    pub part: &'b str,
    pub package: &'b Package,
    pub relations: &'b Relations,
    pub context: &'b Context<'a>,
    pub faults: &'b mut Faults,
    pub shapes: Vec<Shape>,
    pub ids: HashSet<u32>,
}

/// What surrounds the shapes that are read: groups from the inside out.
#[derive(Clone, Default)]
struct Around {
    spaces: Vec<Space>,
    parent: Option<usize>,
    fill: Paint,
    hidden: bool,
}

impl<'a> Reader<'a, '_> {
    /// Reads all shapes below `spTree`. Groups wait in a list of our own: a file decides how deep
    /// they are, and a thread's stack is small.
    pub fn tree(&mut self, tree: Node<'a>) {
        let mut open = vec![(contents(tree).into_iter(), Around::default())];
        while let Some((members, around)) = open.last_mut() {
            let Some(node) = members.next() else {
                open.pop();
                continue;
            };
            if self.shapes.len() >= MAX_SHAPES {
                let what = format!("shapes after the first {MAX_SHAPES} are left out");
                return self.fault(FaultKind::Limit(what));
            }
            let Some(group) = self.shape(node, around) else { continue };
            if open.len() <= MAX_DEPTH {
                open.push((contents(node).into_iter(), group));
            } else {
                let what = format!("groups in more than {MAX_DEPTH} groups are left out");
                self.fault(FaultKind::Limit(what));
            }
        }
    }

    fn fault(&mut self, kind: FaultKind) {
        self.faults.add(self.part, kind);
    }

    /// Reads one shape. Of a group, returns what surrounds its members.
    fn shape(&mut self, node: Node<'a>, around: &Around) -> Option<Around> {
        let tag = node.tag_name().name();
        if !matches!(tag, "sp" | "pic" | "graphicFrame" | "grpSp" | "cxnSp" | "contentPart") {
            return None;
        }
        let Some(names) = node.children().find(|n| n.tag_name().name().starts_with("nv")) else {
            self.fault(FaultKind::NoElement(format!("the names of a {tag}")));
            return None;
        };
        let about = child(names, "cNvPr");
        let id = about.and_then(|a| int(a, "id")).and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
        if !self.ids.insert(id) {
            self.fault(FaultKind::DuplicateShapeId(id));
        }
        let placeholder = placeholder_of(node);
        let inherited = placeholder.as_ref().map_or([None, None], |own| self.context.inherited(own));
        let look = Look { shape: node, inherited, context: self.context, group: &around.fill };
        let own_frame = std::iter::once(node).chain(inherited.into_iter().flatten()).find_map(frame_of);
        let frame = own_frame.map(|own| around.spaces.iter().fold(own, |frame, space| space.place(frame)));
        let said = |name: &str| about.and_then(|a| a.attribute(name)).map(str::to_owned);
        let mut shape = Shape {
            id,
            name: said("name").unwrap_or_default(),
            description: said("descr").filter(|d| !d.trim().is_empty()),
            kind: ShapeKind::Shape,
            parent: around.parent,
            frame,
            hidden: around.hidden || about.and_then(|a| flag(a, "hidden")).unwrap_or(false),
            placeholder,
            geometry: geometry(node, inherited),
            fill: look.fill(),
            outline: look.outline(),
            text: None,
            picture: None,
            cells: Vec::new(),
        };
        if tag == "sp" {
            shape.text = self.text(node, inherited, &shape);
        }
        self.fill_in_contents(node, tag, &mut shape);
        let group = (tag == "grpSp").then(|| Around {
            spaces: space_of(node, own_frame).into_iter().chain(around.spaces.iter().copied()).collect(),
            parent: Some(self.shapes.len()),
            fill: shape.fill.clone(),
            hidden: shape.hidden,
        });
        self.shapes.push(shape);
        group
    }

    /// Finds out the kind, and reads pictures, tables and what frames hold.
    fn fill_in_contents(&mut self, node: Node<'a>, tag: &str, shape: &mut Shape) {
        let mut contents = content::Reader {
            part: self.part,
            package: self.package,
            relations: self.relations,
            context: self.context,
            faults: self.faults,
        };
        match tag {
            "pic" => contents.picture(node, shape),
            "graphicFrame" => contents.frame(node, shape),
            "grpSp" => shape.kind = ShapeKind::Group,
            "cxnSp" => shape.kind = ShapeKind::Connector,
            "contentPart" => shape.kind = ShapeKind::Frame,
            _ => {
                if let Some(fill) = child(node, "spPr").and_then(|p| child(p, "blipFill")) {
                    contents.blip(fill, shape);
                }
                let text_box = path(node, &["nvSpPr", "cNvSpPr"]).and_then(|p| flag(p, "txBox"));
                if text_box == Some(true) || shape.placeholder.is_some() {
                    shape.kind = ShapeKind::Text;
                }
                // A line that was drawn as a shape is a line all the same.
                if shape.geometry.as_deref() == Some("line") {
                    shape.kind = ShapeKind::Connector;
                }
            }
        }
    }

    fn text(&mut self, node: Node<'a>, inherited: [Option<Node<'a>>; 2], shape: &Shape) -> Option<TextBody> {
        let body = child(node, "txBody")?;
        if child(body, "p").is_none() || child(body, "bodyPr").is_none() {
            let name = shape.name.clone();
            self.fault(FaultKind::NoElement(format!(
                "a paragraph or body properties in the text of {name:?}"
            )));
        }
        Some(chain(node, body, inherited, self.context).body(body))
    }
}

/// The sources of the properties of a shape's text.
pub(super) fn chain<'a, 'b>(
    shape: Node<'a>,
    body: Node<'a>,
    inherited: [Option<Node<'a>>; 2],
    context: &'b Context<'a>,
) -> Chain<'a, 'b> {
    let mut bodies: Vec<Node<'a>> = child(body, "bodyPr").into_iter().collect();
    bodies.extend(inherited_nodes(&inherited, "bodyPr"));
    let mut lists = inherited_nodes(&inherited, "lstStyle");
    lists.extend(context.text_style(placeholder_of(shape).as_ref()));
    lists.extend(context.defaults);
    Chain {
        bodies,
        own_list: child(body, "lstStyle"),
        lists,
        font: path(shape, &["style", "fontRef"]),
        styled_elsewhere: false,
        palette: &context.palette,
        theme: &context.theme,
    }
}

/// The transform of a shape, if it has one of its own.
fn transform<'a>(shape: Node<'a>) -> Option<Node<'a>> {
    child(shape, "xfrm")
        .or_else(|| path(shape, &["spPr", "xfrm"]))
        .or_else(|| path(shape, &["grpSpPr", "xfrm"]))
}

fn frame_of(shape: Node<'_>) -> Option<Frame> {
    let xfrm = transform(shape)?;
    let (off, ext) = (child(xfrm, "off")?, child(xfrm, "ext")?);
    Some(Frame {
        x: number(off, "x")?,
        y: number(off, "y")?,
        width: number(ext, "cx")?.max(0.0),
        height: number(ext, "cy")?.max(0.0),
        rotation: (number(xfrm, "rot").unwrap_or(0.0) / 60_000.0).rem_euclid(360.0),
        flip_h: flag(xfrm, "flipH").unwrap_or(false),
        flip_v: flag(xfrm, "flipV").unwrap_or(false),
    })
}

/// The coordinates inside a group. One without its own keeps those around.
fn space_of(group: Node<'_>, frame: Option<Frame>) -> Option<Space> {
    let frame = frame?;
    let xfrm = transform(group)?;
    let own = || {
        let (off, ext) = (child(xfrm, "chOff")?, child(xfrm, "chExt")?);
        Some([number(off, "x")?, number(off, "y")?, number(ext, "cx")?, number(ext, "cy")?])
    };
    let child = own().unwrap_or([frame.x, frame.y, frame.width, frame.height]);
    Some(Space { frame, child })
}

fn geometry(shape: Node<'_>, inherited: [Option<Node<'_>>; 2]) -> Option<String> {
    let said = |node: Node<'_>| {
        let properties = child(node, "spPr")?;
        let preset = child(properties, "prstGeom").and_then(|g| g.attribute("prst")).map(str::to_owned);
        preset.or_else(|| properties.children().any(|n| named(n, "custGeom")).then(|| "custom".to_owned()))
    };
    std::iter::once(shape).chain(inherited.into_iter().flatten()).find_map(said)
}
