//! Mini pages as HTML: writes them, optionally with a mistake, and reads their layout.

use super::content::Content;
use super::layout::{CARD_WIDTHS, Corner, Items, Layout, NOTE_SIZES, TITLE_SIZES};
use super::words::{ACCENTS, TITLE_COLORS};
use crate::mini;
use crate::mini::between;
use crate::mini::colors::INKS;
use rand::Rng;

/// A mistake in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// The style element is not closed and includes the rest of the page, so nothing is rendered.
    Style,
    /// One of the numbers that are not large is missing: the `n`-th, modulo how many there are.
    Number(usize),
}

impl mini::Slip for Slip {
    fn random(rng: &mut impl Rng) -> Slip {
        if rng.random_range(0..3) == 0 { Slip::Style } else { Slip::Number(rng.random_range(0..12)) }
    }

    fn renders_nothing(self) -> bool {
        self == Slip::Style
    }
}

/// The page of a content with a layout.
pub(super) fn page(c: &Content, l: &Layout, slip: Option<Slip>) -> String {
    let [style, body] = [rules(c, l), elements(c, l, slip)];
    let close = if slip == Some(Slip::Style) { "" } else { "</style>\n" };
    format!("<!doctype html>\n<style>\n{style}{close}{body}")
}

fn rules(c: &Content, l: &Layout) -> String {
    format!(
        "body{{margin:0;background:{};color:{};font:14px Arial}}\n\
         h1{{margin:9px;color:{};text-align:{};letter-spacing:{}px;font-size:{}px;white-space:nowrap}}\n\
         main{{display:flex;gap:{}px;margin:9px;align-items:{}}}\n\
         div{{flex:none;font-size:{}px;width:{}px;height:5em;padding:4px;background:{};color:{};border:1px solid;\
         overflow:hidden}}\n\
         button,span{{position:absolute;padding:4px;font:inherit}}\n\
         button{{border:0;background:{};color:white}}\n",
        c.ground_name(),
        c.plain_ink(),
        TITLE_COLORS[c.title_color()],
        c.title_side.name(),
        c.heading.spacing(),
        TITLE_SIZES[l.title_size],
        c.row.gap,
        l.items.name(),
        c.row.font,
        CARD_WIDTHS[l.card_width],
        c.fill_name(),
        INKS[l.ink],
        ACCENTS[l.accent],
    )
}

fn elements(c: &Content, l: &Layout, slip: Option<Slip>) -> String {
    let small: Vec<usize> = (0..c.cards.len()).filter(|&i| c.large != Some(i)).collect();
    let left_out = match slip {
        Some(Slip::Number(n)) => Some(small[n % small.len()]),
        _ => None,
    };
    let mut text = format!("<h1>{}</h1>\n<main>\n", c.title);
    for (i, card) in c.cards.iter().enumerate() {
        let size = if c.large == Some(i) { " style=\"font-size:2em\"" } else { "" };
        let number = if left_out == Some(i) { String::new() } else { card.number.to_string() };
        text += &format!("<div><b{size}>{number}</b><br>{}</div>\n", card.label);
    }
    let (edge, side) = l.corner.name();
    text += &format!(
        "</main>\n<button style=\"bottom:9px;{}:9px\">{}</button>\n<span style=\"{edge}:9px;{side}:9px;font-size:{}px\">{}</span>\n",
        c.button_side.name(),
        c.button,
        NOTE_SIZES[l.note_size],
        c.note,
    );
    text
}

/// Reads the layout of a page; `None` if any choice is missing.
pub(super) fn read_layout(text: &str) -> Option<Layout> {
    let rule = |selector: &str| between(text, &format!("\n{selector}{{"), "}");
    let value = |rule: &str, property: &str| {
        let of = |declaration: &str| declaration.strip_prefix(property)?.strip_prefix(':').map(str::to_owned);
        rule.split(';').find_map(of)
    };
    let (h1, main, div, button) = (rule("h1")?, rule("main")?, rule("div")?, rule("button")?);
    let note = between(text, "<span style=\"", "\"")?;
    let number = |of: &[u32], rule: &str, property: &str, unit: &str| {
        let number: u32 = value(rule, property)?.strip_suffix(unit)?.parse().ok()?;
        of.iter().position(|&x| x == number)
    };
    let word = |of: &[&str], rule: &str, property: &str| {
        let word = value(rule, property)?;
        of.iter().position(|&x| x == word)
    };
    let at = |c: &&Corner| value(note, c.name().0).is_some() && value(note, c.name().1).is_some();
    Some(Layout {
        ink: word(&INKS, div, "color")?,
        title_size: number(&TITLE_SIZES, h1, "font-size", "px")?,
        items: Items::ALL[word(&Items::ALL.map(Items::name), main, "align-items")?],
        card_width: number(&CARD_WIDTHS, div, "width", "px")?,
        corner: *Corner::ALL.iter().find(at)?,
        note_size: number(&NOTE_SIZES, note, "font-size", "px")?,
        accent: word(&ACCENTS, button, "background")?,
    })
}
