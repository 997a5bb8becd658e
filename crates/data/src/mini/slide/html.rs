//! Mini slides as HTML pages: writes them, optionally with a mistake, and reads their layout.

use super::content::Facts;
use super::layout::{Layout, NOTE_SIZES, SIZES, TITLE_SIZES, WIDTHS};
use super::script::Slip;
use super::words::ACCENTS;
use crate::mini::Side;
use crate::mini::between;
use crate::mini::colors::INKS;

/// The page of a content with a layout. The style follows the elements, so that all facts stand
/// before the choices that depend on them.
pub(super) fn page(c: &Facts, l: &Layout, slip: Option<Slip>) -> String {
    let quote = if matches!(slip, Some(Slip::Broken(_))) { "" } else { "\"" };
    let mut text = format!(
        "<!doctype html>\n<body style=\"background:{};color:{}{quote}>\n<b>{}</b>\n<h1>{}</h1>\n",
        c.ground_name(),
        c.text_color_name(),
        c.tag,
        c.title,
    );
    let left_out = Slip::left_out(slip, c.points.len());
    for (i, point) in c.points.iter().enumerate() {
        text += &format!("<p>{}</p>\n", if left_out == Some(i) { "" } else { point });
    }
    text += &format!("<svg></svg>\n<small>{}</small>\n<style>\n{}</style>\n", c.note, rules(c, l));
    text
}

fn rules(c: &Facts, l: &Layout) -> String {
    let margin = match c.points_side() {
        Side::Left => "0 auto 4px 48px",
        Side::Right => "0 48px 4px auto",
    };
    let (across, down) = c.body.shape.ratio();
    format!(
        "body{{margin:0;height:586px;padding-top:134px;display:flex;flex-direction:column}}\n\
         b,h1,p{{box-sizing:border-box;height:72px;padding:5px 10px;white-space:nowrap;font:36px Arial}}\n\
         b,h1,svg,small{{position:absolute;margin:0;top:32px}}\n\
         b{{right:48px;width:{}px;background:{};color:{}}}\n\
         h1{{left:48px;font-size:{}px}}\n\
         p{{margin:{margin}}}\n\
         svg{{z-index:-1;top:134px;background:{};{}:48px;aspect-ratio:{across}/{down};width:{}px}}\n\
         p{{font-size:{}px}}\n\
         small{{left:58px;top:689px;color:{};font:{}px Arial}}\n",
        c.tag_width(),
        c.fill_name().unwrap_or("none"),
        INKS[l.ink],
        TITLE_SIZES[l.title_size],
        ACCENTS[l.accent],
        l.side.name(),
        WIDTHS[l.width],
        SIZES[l.size],
        c.plain_ink(),
        NOTE_SIZES[l.note_size],
    )
}

/// Reads the layout of a page; `None` if any choice is missing.
pub(super) fn read_layout(text: &str) -> Option<Layout> {
    let rule = |selector: &str| between(text, &format!("\n{selector}{{"), "}");
    let number = |of: &[u32], rule: &str, open: &str, close: &str| {
        let number: u32 = between(rule, open, close)?.parse().ok()?;
        of.iter().position(|&x| x == number)
    };
    let (b, h1, svg, small) = (rule("b")?, rule("h1")?, rule("svg")?, rule("small")?);
    let ink = b.split_once(";color:")?.1;
    let accent = between(svg, "background:", ";")?;
    let at = |side: &&Side| svg.contains(&format!(";{}:48px", side.name()));
    Some(Layout {
        ink: INKS.iter().position(|&name| name == ink)?,
        title_size: number(&TITLE_SIZES, h1, "font-size:", "px")?,
        side: *Side::ALL.iter().find(at)?,
        width: number(&WIDTHS, svg, ";width:", "px")?,
        size: number(&SIZES, text, "\np{font-size:", "px}")?,
        note_size: number(&NOTE_SIZES, small, "font:", "px")?,
        accent: ACCENTS.iter().position(|&name| name == accent)?,
    })
}
