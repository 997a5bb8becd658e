//! Scripts of the mini charts: writes them, optionally with a mistake, and reads their layout.

use super::content::{Content, Kind};
use super::layout::{Align, Layout, Location, NOTE_HEIGHT, ROTATIONS};
use super::words::{HUES, LABELS};
use crate::mini;
use crate::mini::between;
use crate::mini::colors::{GROUNDS, INKS};
use rand::Rng;

/// A mistake in one statement that makes the script fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// The closing bracket is missing in the `n`-th method call, modulo their number.
    Bracket(usize),
    /// The last letter of the method's name is missing in the `n`-th method call, modulo their
    /// number.
    Method(usize),
}

impl mini::Slip for Slip {
    fn random(rng: &mut impl Rng) -> Slip {
        let at = rng.random_range(2..12);
        if rng.random_bool(0.5) { Slip::Bracket(at) } else { Slip::Method(at) }
    }

    fn renders_nothing(self) -> bool {
        true
    }
}

/// The script of a content with a layout.
pub(super) fn script(content: &Content, layout: &Layout, slip: Option<Slip>) -> String {
    let mut lines = statements(content, layout);
    let calls: Vec<usize> =
        (0..lines.len()).filter(|&i| lines[i].starts_with("ax.") || lines[i].starts_with("fig.")).collect();
    match slip {
        Some(Slip::Bracket(n)) => {
            lines[calls[n % calls.len()]].pop();
        }
        Some(Slip::Method(n)) => {
            let line = &mut lines[calls[n % calls.len()]];
            if let Some(bracket) = line.find('(') {
                line.remove(bracket - 1);
            }
        }
        None => {}
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// Each choice of the layout follows the facts that it depends on, as in a page: a small policy
/// finds what it wrote itself sooner than what stands in the prompt. When the colour of the note
/// preceded that of its box, 4800 perfect references did not teach it.
fn statements(c: &Content, l: &Layout) -> Vec<String> {
    let quoted = |words: &[&str]| words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(",");
    let numbers = |s: usize| c.values[s].iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let first = if c.kind == Kind::Bars { "bar" } else { "plot" };
    let top = c.ticks.top();
    let hue = |s: usize| HUES[l.hues[s]];
    let mut lines = vec![
        "import matplotlib.pyplot as plt".to_string(),
        "fig, ax = plt.subplots(figsize=(4, 3), dpi=80)".to_string(),
        format!("ax.set_facecolor('{}')", GROUNDS[c.ground].0),
        format!("x = [{}]", quoted(&LABELS[c.labels].1)),
        format!("ax.{first}(x, [{}], color='{}', label='{}')", numbers(0), hue(0), c.names[0]),
        format!("ax.plot(x, [{}], color='{}', label='{}')", numbers(1), hue(1), c.names[1]),
        format!("ax.set_xticks(range(0, 5, {}))", c.ticks.every),
        format!("ax.set_ylim(0, {top})"),
        format!("ax.set_yticks(range(0, {}, {}))", top + 1, c.ticks.step),
        format!("fig.subplots_adjust(bottom={:.2})", l.bottom()),
        format!("ax.tick_params(axis='x', rotation={})", l.rotation),
        format!("ax.set_title('{}')", c.title),
    ];
    if l.grid {
        lines.push("ax.grid(True)".to_string());
    }
    lines.push(format!("ax.set_xlim({})", if c.reversed { "4.45, -0.45" } else { "-0.45, 4.45" }));
    lines.push(format!(
        "ax.text({:.2}, {:.2}, '{}', transform=ax.transAxes, backgroundcolor='{}', color='{}', ha='{}')",
        c.note_across(),
        NOTE_HEIGHT,
        c.note,
        c.patch_name(),
        INKS[l.ink],
        l.align.name(),
    ));
    lines.push(format!("ax.legend(fontsize=8, loc='{}')", l.location.name()));
    lines.push("plt.savefig('chart.png')".to_string());
    lines
}

/// Reads the layout of a script; `None` if any choice is missing.
pub(super) fn read_layout(text: &str) -> Option<Layout> {
    let (series, tail) = text.split_once("ax.set_xticks(")?;
    let mut hues = series.split("color='").skip(1).map(|rest| position(&HUES, rest));
    let note = between(tail, "ax.text(", "\n")?;
    Some(Layout {
        location: *Location::ALL.iter().find(|l| Some(l.name()) == between(tail, "loc='", "'"))?,
        wide_margin: between(tail, "bottom=", ")")? == "0.42",
        rotation: *ROTATIONS.iter().find(|r| between(tail, "rotation=", ")") == Some(&r.to_string()))?,
        align: *Align::ALL.iter().find(|a| Some(a.name()) == between(note, "ha='", "'"))?,
        ink: position(&INKS, note.split_once(" color='")?.1)?,
        hues: [hues.next()??, hues.next()??],
        grid: tail.contains("ax.grid(True)"),
    })
}

/// The index in `words` of the text before the first quote in `rest`.
fn position(words: &[&str], rest: &str) -> Option<usize> {
    let word = rest.split('\'').next()?;
    words.iter().position(|w| *w == word)
}
