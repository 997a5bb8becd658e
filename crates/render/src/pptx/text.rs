//! The text of shapes and cells, every property resolved.

use super::color::Palette;
use super::deck::{Anchor, Autofit, LineSpacing, Paint, Paragraph, Run, TextBody};
use super::paint::fill_in;
use super::templates::{Theme, level};
use super::xml::{Node, child, flag, int, named, number, path, share};

/// Points where no one says a size.
const POINTS: f64 = 18.0;
/// Distance of text from left and right edges where no one says one, in EMU.
const INSET_X: f64 = 91_440.0;
/// The same for upper and lower edges.
const INSET_Y: f64 = 45_720.0;

/// Where the properties of a text come from, the nearest first.
pub(super) struct Chain<'a, 'b> {
    /// `bodyPr` of the shape, the layout's and the master's placeholder.
    pub bodies: Vec<Node<'a>>,
    /// The shape's own list style.
    pub own_list: Option<Node<'a>>,
    /// List styles of the layout, master, the master's texts, the presentation.
    pub lists: Vec<Node<'a>>,
    /// `fontRef` of the shape's style, which comes after the shape's own list style.
    pub font: Option<Node<'a>>,
    /// Whether colours that nobody says come from a style that is not read here.
    pub styled_elsewhere: bool,
    pub palette: &'b Palette,
    pub theme: &'b Theme<'a>,
}

impl<'a> Chain<'a, '_> {
    /// The text in a `txBody`.
    pub fn body(&self, body: Node<'a>) -> TextBody {
        let said = |name: &str| self.bodies.iter().find_map(|b| b.attribute(name));
        let length =
            |name: &str, usual: f64| self.bodies.iter().find_map(|b| number(*b, name)).unwrap_or(usual);
        TextBody {
            paragraphs: paragraphs(body).map(|p| self.paragraph(p)).collect(),
            insets: [
                length("lIns", INSET_X),
                length("tIns", INSET_Y),
                length("rIns", INSET_X),
                length("bIns", INSET_Y),
            ],
            anchor: match said("anchor") {
                Some("ctr") => Anchor::Middle,
                Some("b") => Anchor::Bottom,
                _ => Anchor::Top,
            },
            wrap: said("wrap") != Some("none"),
            autofit: self.bodies.iter().find_map(|b| autofit(*b)).unwrap_or_default(),
            vertical: said("vert").is_some_and(|vert| vert != "horz"),
        }
    }

    fn paragraph(&self, node: Node<'a>) -> Paragraph {
        let place = self.place(node);
        let bullet = self.paragraph_properties(&place).find_map(|p| {
            let mark = p.children().find(|n| n.tag_name().name().starts_with("bu") && is_mark(*n))?;
            Some(!named(mark, "buNone"))
        });
        let align = self.paragraph_properties(&place).find_map(|p| p.attribute("algn"));
        let runs = node.children().filter_map(|n| self.run(n, &place)).collect();
        Paragraph {
            level: place.level,
            align: align.unwrap_or("l").to_owned(),
            bullet: bullet.unwrap_or(false),
            line_spacing: self.line_spacing(&place),
            runs,
        }
    }

    /// Where a paragraph stands in the lists.
    pub fn place(&self, paragraph: Node<'a>) -> Place<'a> {
        let own = child(paragraph, "pPr");
        let level = own.and_then(|p| int(p, "lvl")).unwrap_or(0).clamp(0, 8) as u8;
        Place { own, level }
    }

    /// Properties of a paragraph that it and its shape have.
    fn near(&self, place: &Place<'a>) -> impl Iterator<Item = Node<'a>> {
        let at = place.level;
        place.own.into_iter().chain(self.own_list.and_then(|list| level(list, at)))
    }

    /// Properties of a paragraph that it inherits.
    fn far(&self, place: &Place<'a>) -> impl Iterator<Item = Node<'a>> {
        let at = place.level;
        self.lists.iter().filter_map(move |list| level(*list, at))
    }

    /// Properties of the paragraph from its own to the presentation's.
    fn paragraph_properties(&self, place: &Place<'a>) -> impl Iterator<Item = Node<'a>> {
        self.near(place).chain(self.far(place))
    }

    /// The distance of the lines of a paragraph.
    pub fn line_spacing(&self, place: &Place<'a>) -> LineSpacing {
        let said = |p: Node<'a>| {
            let spacing = child(p, "lnSpc")?;
            let share_of = child(spacing, "spcPct").and_then(|n| share(n, "val")).map(LineSpacing::Share);
            let points = || number(child(spacing, "spcPts")?, "val").map(|v| LineSpacing::Points(v / 100.0));
            share_of.or_else(points)
        };
        self.paragraph_properties(place).find_map(said).unwrap_or_default()
    }

    /// Properties of letters: the run's own, then those of its paragraph, then the lists'.
    fn letters(&self, own: Option<Node<'a>>, place: &Place<'a>) -> impl Iterator<Item = Node<'a>> {
        own.into_iter().chain(self.paragraph_properties(place).filter_map(|p| child(p, "defRPr")))
    }

    /// The font size, in points, of letters with the properties `own`.
    pub fn points(&self, own: Option<Node<'a>>, place: &Place<'a>) -> f64 {
        let size = |p: Node<'a>| number(p, "sz").filter(|v| *v > 0.0).map(|v| v / 100.0);
        self.letters(own, place).find_map(size).unwrap_or(POINTS)
    }

    fn run(&self, node: Node<'a>, place: &Place<'a>) -> Option<Run> {
        let text = match node.tag_name().name() {
            "r" | "fld" => child(node, "t").and_then(|t| t.text()).unwrap_or_default(),
            "br" => "\n",
            _ => return None,
        };
        let own = child(node, "rPr");
        let switch = |name: &str| self.letters(own, place).find_map(|p| flag(p, name)).unwrap_or(false);
        let font = self.letters(own, place).find_map(|p| child(p, "latin")?.attribute("typeface"));
        let font = match font.or_else(|| self.font?.attribute("idx")) {
            Some("+mj-lt" | "major") => self.theme.major,
            Some("+mn-lt" | "minor") => self.theme.minor,
            other => other.unwrap_or_default(),
        };
        Some(Run {
            // A vertical tab is how some programs write a line break inside a text.
            text: text.replace('\u{b}', "\n"),
            points: self.points(own, place),
            color: self.color(own, place),
            bold: switch("b"),
            italic: switch("i"),
            font: font.to_owned(),
        })
    }

    /// The colour of letters. `fontRef` stands between the shape's own list style and the rest.
    fn color(&self, own: Option<Node<'a>>, place: &Place<'a>) -> Option<[u8; 4]> {
        let linked = own.is_some_and(|p| child(p, "hlinkClick").is_some());
        let said = |p: Node<'a>| fill_in(p, self.palette, &Paint::None);
        let of = |p: Node<'a>| said(child(p, "defRPr")?);
        let near = own.and_then(said).or_else(|| self.near(place).find_map(of));
        if linked && near.is_none() {
            return self.palette.theme.get("hlink").map(|&[r, g, b]| [r, g, b, 255]);
        }
        let font = || self.font.and_then(|f| self.palette.inside(f)).map(Paint::Solid);
        match near.or_else(font) {
            Some(paint) => paint.color(),
            None if self.styled_elsewhere => None,
            None => self.far(place).find_map(of).map_or_else(
                || self.palette.theme.get("dk1").map(|&[r, g, b]| [r, g, b, 255]),
                |paint| paint.color(),
            ),
        }
    }
}

/// A paragraph's own properties and its level.
pub(super) struct Place<'a> {
    pub own: Option<Node<'a>>,
    pub level: u8,
}

/// The paragraphs of a `txBody`.
pub(super) fn paragraphs<'a>(body: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    body.children().filter(|n| named(*n, "p"))
}

/// Whether a `bu...` element is the mark itself, not its colour, size or font.
fn is_mark(node: Node<'_>) -> bool {
    matches!(node.tag_name().name(), "buNone" | "buChar" | "buAutoNum" | "buBlip")
}

/// What `bodyPr` says of text that does not fit.
fn autofit(body: Node<'_>) -> Option<Autofit> {
    body.children().find_map(|n| match n.tag_name().name() {
        "noAutofit" => Some(Autofit::None),
        "spAutoFit" => Some(Autofit::Grow),
        "normAutofit" => Some(Autofit::Shrink {
            scale: share(n, "fontScale").unwrap_or(1.0).clamp(0.01, 1.0) as f32,
            line_reduction: share(n, "lnSpcReduction").unwrap_or(0.0).clamp(0.0, 0.9) as f32,
        }),
        _ => None,
    })
}

/// `bodyPr` and `lstStyle` of the shapes that a text inherits from.
pub(super) fn inherited_nodes<'a>(shapes: &[Option<Node<'a>>], name: &str) -> Vec<Node<'a>> {
    shapes.iter().flatten().filter_map(|shape| path(*shape, &["txBody", name])).collect()
}
