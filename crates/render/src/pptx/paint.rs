//! Fills and outlines, with the styles of the theme that they name.

use super::color::Palette;
use super::deck::{Outline, Paint};
use super::templates::{Context, Theme};
use super::xml::{Node, child, children, int, named, number, path, share};

/// Width of a line that does not say its own, in EMU (0.75 points).
const LINE_WIDTH: f64 = 9525.0;
/// Stops of a gradient that are kept.
const MAX_STOPS: usize = 64;

/// The fill that a holder of properties (`spPr`, `tcPr`, `bgPr`, `ln`) names; `None` if it names
/// none. `group` is the fill of the group around.
pub(super) fn fill_in(holder: Node<'_>, palette: &Palette, group: &Paint) -> Option<Paint> {
    holder.children().filter(Node::is_element).find_map(|node| fill(node, palette, group))
}

/// The fill that an element is.
fn fill(node: Node<'_>, palette: &Palette, group: &Paint) -> Option<Paint> {
    Some(match node.tag_name().name() {
        "noFill" => Paint::None,
        "solidFill" => palette.inside(node).map_or(Paint::None, Paint::Solid),
        "gradFill" => {
            let stops = child(node, "gsLst").into_iter().flat_map(|list| children(list, "gs"));
            Paint::Gradient(stops.filter_map(|gs| palette.inside(gs)).take(MAX_STOPS).collect())
        }
        "pattFill" => {
            let color = |name: &str| child(node, name).and_then(|n| palette.inside(n));
            let (front, back) = (color("fgClr"), color("bgClr"));
            Paint::Pattern(front.unwrap_or([0, 0, 0, 255]), back.unwrap_or([255; 4]))
        }
        "blipFill" => Paint::Picture,
        "grpFill" => group.clone(),
        _ => return None,
    })
}

/// The fill that a reference to the theme means (`fillRef`, `bgRef`): from 1 a fill, from 1001 a
/// background.
fn referred(reference: Node<'_>, palette: &Palette, theme: &Theme<'_>) -> Option<Paint> {
    let number = usize::try_from(int(reference, "idx")?).ok()?;
    let style = match number {
        0 | 1000 => return Some(Paint::None),
        1..1000 => theme.fills.get(number - 1),
        _ => theme.backgrounds.get(number - 1001),
    };
    fill(*style?, &palette.with_placeholder(palette.inside(reference)), &Paint::None)
}

/// Where a shape's look can be said: its own element, then what it inherits from.
pub(super) struct Look<'a, 'b> {
    pub shape: Node<'a>,
    pub inherited: [Option<Node<'a>>; 2],
    pub context: &'b Context<'a>,
    /// The fill of the group around.
    pub group: &'b Paint,
}

impl<'a> Look<'a, '_> {
    /// The shape's elements from its own to the master's.
    fn sources(&self) -> impl Iterator<Item = Node<'a>> {
        std::iter::once(self.shape).chain(self.inherited.into_iter().flatten())
    }

    fn properties(node: Node<'a>) -> Option<Node<'a>> {
        child(node, "spPr").or_else(|| child(node, "grpSpPr"))
    }

    /// What the shape is filled with.
    pub fn fill(&self) -> Paint {
        let Context { palette, theme, .. } = self.context;
        let said = |node: Node<'a>| {
            let own = Self::properties(node).and_then(|p| fill_in(p, palette, self.group));
            own.or_else(|| referred(path(node, &["style", "fillRef"])?, palette, theme))
        };
        self.sources().find_map(said).unwrap_or_default()
    }

    /// The shape's outline.
    pub fn outline(&self) -> Option<Outline> {
        let Context { palette, theme, .. } = self.context;
        let mut width = None;
        for node in self.sources() {
            let line = Self::properties(node).and_then(|p| child(p, "ln"));
            width = width.or_else(|| line.and_then(|l| number(l, "w")));
            let style = path(node, &["style", "lnRef"]).and_then(|r| styled_line(r, palette, theme));
            let paint = line.and_then(|l| fill_in(l, palette, &Paint::None));
            let styled = style.as_ref().map(|(paint, _)| paint.clone());
            if let Some(paint) = paint.or(styled) {
                let width = width.or(style.map(|(_, width)| width)).unwrap_or(LINE_WIDTH);
                return paint.color().filter(|c| c[3] > 0).map(|color| Outline { color, width });
            }
        }
        None
    }
}

/// The line of the theme that a reference means, with its width.
fn styled_line(reference: Node<'_>, palette: &Palette, theme: &Theme<'_>) -> Option<(Paint, f64)> {
    let number_of = usize::try_from(int(reference, "idx")?).ok()?;
    if number_of == 0 {
        return Some((Paint::None, 0.0));
    }
    let line = *theme.lines.get(number_of - 1)?;
    let palette = palette.with_placeholder(palette.inside(reference));
    Some((fill_in(line, &palette, &Paint::None)?, number(line, "w").unwrap_or(LINE_WIDTH)))
}

/// The background of a slide: the first of slide, layout and master that has one.
pub(super) fn background(slide: Node<'_>, context: &Context<'_>) -> Paint {
    let roots = [Some(slide), context.layout, context.master];
    let said = |root: Node<'_>| {
        let bg = path(root, &["cSld", "bg"])?;
        let Context { palette, theme, .. } = context;
        match child(bg, "bgPr") {
            Some(properties) => fill_in(properties, palette, &Paint::None),
            None => referred(child(bg, "bgRef")?, palette, theme),
        }
    };
    roots.into_iter().flatten().find_map(said).unwrap_or_default()
}

/// Shares that the source rectangle of a picture cuts away: left, top, right, bottom.
pub(super) fn crop(fill: Node<'_>) -> [f64; 4] {
    let rect = fill.children().find(|n| named(*n, "srcRect"));
    ["l", "t", "r", "b"].map(|side| rect.and_then(|r| share(r, side)).unwrap_or(0.0))
}
