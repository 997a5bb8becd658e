//! Mini slides as python-pptx scripts: writes them, optionally with a mistake, and reads their
//! layout.

use super::content::Facts;
use super::layout::{Layout, NOTE_SIZES, SIZES, TITLE_SIZES, WIDTHS};
use super::words::ACCENTS;
use crate::mini;
use crate::mini::Side;
use crate::mini::between;
use crate::mini::colors::INKS;
use rand::Rng;

/// A mistake in a slide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// Nothing is rendered: the page lacks a quotation mark, or the script the closing bracket of
    /// the `n`-th statement that has one at its end, modulo their number.
    Broken(usize),
    /// The text of the `n`-th point is missing, modulo their number.
    Point(usize),
}

impl mini::Slip for Slip {
    fn random(rng: &mut impl Rng) -> Slip {
        let at = rng.random_range(0..12);
        if rng.random_range(0..3) == 0 { Slip::Broken(at) } else { Slip::Point(at) }
    }

    fn renders_nothing(self) -> bool {
        matches!(self, Slip::Broken(_))
    }
}

impl Slip {
    /// The point that is left out of so many.
    pub(super) fn left_out(slip: Option<Slip>, of: usize) -> Option<usize> {
        match slip {
            Some(Slip::Point(n)) => Some(n % of.max(1)),
            Some(Slip::Broken(_)) | None => None,
        }
    }
}

/// What is the same in every script. Lengths are in pixels, 9525 EMU each.
const HEAD: &str = "\
from io import BytesIO
from PIL import Image, ImageColor
from pptx import Presentation
from pptx.dml.color import RGBColor
px = 9525
deck = Presentation()
deck.slide_width, deck.slide_height = 1280 * px, 720 * px
slide = deck.slides.add_slide(deck.slide_layouts[6])
def paint(fill, color):
    fill.solid()
    fill.fore_color.rgb = RGBColor(*ImageColor.getrgb(color))
def put(text, x, y, width, fill, color, size, align=1):
    box = slide.shapes.add_textbox(x * px, y * px, width * px, 72 * px)
    box.text_frame.word_wrap = True
    line = box.text_frame.paragraphs[0]
    line.text, line.alignment, line.font.name, line.font.size = text, align, 'Arial', size * px
    paint(line.font.fill, color)
    if fill:
        paint(box.fill, fill)
";

/// Left edge and alignment of the points: on the right if one reads from the right and they come
/// first, or from the left and they come second.
const POINTS_SIDE: &str =
    "x, align = (192, 3) if ('right' in order) == ('points first' in order) else (48, 1)";

/// The script of a content with a layout.
pub(super) fn script(c: &Facts, l: &Layout, slip: Option<Slip>) -> String {
    let mut lines = statements(c, l, slip);
    if let Some(Slip::Broken(n)) = slip {
        let closed: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].ends_with(')')).collect();
        lines[closed[n % closed.len()]].pop();
    }
    format!("{HEAD}{}\n", lines.join("\n"))
}

/// Each choice of the layout follows the facts that it depends on: the ink of the tag its colour,
/// the size of the title tag and colour, the picture's side the side and order of the points, its
/// width its shape.
fn statements(c: &Facts, l: &Layout, slip: Option<Slip>) -> Vec<String> {
    let left_out = Slip::left_out(slip, c.points.len());
    let point =
        |(i, p): (usize, &&'static str)| if left_out == Some(i) { "''".into() } else { format!("'{p}'") };
    let points: Vec<String> = c.points.iter().enumerate().map(point).collect();
    let (across, down) = c.body.shape.ratio();
    let at = match l.side {
        Side::Left => "48",
        Side::Right => "(1232 - w)",
    };
    let (tag, ink) = (c.tag_width(), c.text_color_name());
    let mut lines = vec![format!("paint(slide.background.fill, '{}')", c.ground_name())];
    let fill = c.fill_name().map_or("None".to_owned(), |fill| format!("'{fill}'"));
    lines.push(format!("put('{}', {}, 32, {tag}, {fill}, '{}', 36)", c.tag, 1232 - tag, INKS[l.ink]));
    lines.push(format!("put('{}', 48, 32, 1184, None, '{ink}', {})", c.title, TITLE_SIZES[l.title_size]));
    lines.push(format!("points = [{}]", points.join(", ")));
    // The prompt's own words, from which the script works out the points' side: a policy of this
    // size wrote the side, and also the two words out of their sentence, at chance.
    lines.push(format!("order = 'read from the {}, {} first'", c.start.name(), c.first()));
    lines.push(POINTS_SIDE.to_owned());
    lines.push("file = BytesIO()".to_owned());
    lines.push(format!("Image.new('RGB', ({across}, {down}), '{}').save(file, 'PNG')", ACCENTS[l.accent]));
    lines.push(format!("w = {}", WIDTHS[l.width]));
    lines.push(format!("slide.shapes.add_picture(file, {at} * px, 134 * px, w * px)"));
    lines.push("for i, text in enumerate(points):".to_owned());
    lines.push(format!("    put(text, x, 134 + 76 * i, 1040, None, '{ink}', {}, align)", SIZES[l.size]));
    lines.push(format!(
        "put('{}', 48, 684, 1184, None, '{}', {})",
        c.note,
        c.plain_ink(),
        NOTE_SIZES[l.note_size]
    ));
    lines.push("deck.save('slide.pptx')".to_owned());
    lines
}

/// Reads the layout of a script; `None` if any choice is missing.
pub(super) fn read_layout(text: &str) -> Option<Layout> {
    let number = |of: &[u32], number: &str| {
        let number: u32 = number.parse().ok()?;
        of.iter().position(|&x| x == number)
    };
    let last = |line: &str| line.rsplit(", ").next().map(str::to_owned);
    // The tag is the first thing that is put: after its fill come ink and size.
    let tag = between(text, "\nput('", ", 36)\n")?;
    let ink = tag.rsplit_once(", '")?.1.strip_suffix('\'')?;
    let accent = between(text, "Image.new('RGB', (", ")\n")?;
    let accent = between(accent, "), '", "'")?;
    Some(Layout {
        ink: INKS.iter().position(|&name| name == ink)?,
        title_size: number(&TITLE_SIZES, &last(between(text, ", 48, 32, 1184, ", ")\n")?)?)?,
        side: match between(text, "add_picture(file, ", " * px")? {
            "48" => Side::Left,
            "(1232 - w)" => Side::Right,
            _ => return None,
        },
        width: number(&WIDTHS, between(text, "\nw = ", "\n")?)?,
        size: number(&SIZES, &last(between(text, "put(text, x, 134 + 76 * i, 1040, ", ", align)")?)?)?,
        note_size: number(&NOTE_SIZES, &last(between(text, ", 48, 684, 1184, ", ")\n")?)?)?,
        accent: ACCENTS.iter().position(|&name| name == accent)?,
    })
}
