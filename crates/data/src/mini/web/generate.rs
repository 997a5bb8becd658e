//! The world of mini pages: how contents and layouts are drawn, and prompts and code written.

use super::content::{Card, Content, Heading, Row};
use super::layout::{CARD_WIDTHS, Corner, Items, Layout, NOTE_SIZES, SMALLEST_TEXT, TITLE_SIZES};
use super::markup::{Slip, page, read_layout};
use super::words::{ACCENTS, BUTTONS, FAMILIES, GROUNDS, LABELS, NOTES, TITLE_COLORS, TITLES};
use crate::mini::colors::{self, INKS};
use crate::mini::split::{pick, pick_weighted};
use crate::mini::{self, Side, Split};
use rand::Rng;
use vsdpo_artifact::{BoxRow, Domain, Language, Requirements};

impl mini::Content for Content {
    const DOMAIN: Domain = Domain::Web;
    const LANGUAGE: Language = Language::Html;
    const SLIPS: f64 = 0.12;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Content {
        let row = pick_weighted(&Row::DRAWN, rng);
        let family = rng.random_range(FAMILIES[row.length]..FAMILIES[row.length + 1]);
        let heading = pick_weighted(&Heading::DRAWN, rng);
        let content = Content {
            ground: rng.random_range(0..GROUNDS.len()),
            heading,
            title: TITLES[0][0],
            title_side: pick(&Side::ALL, rng),
            shade: rng.random_range(0..2),
            row,
            family,
            cards: Vec::new(),
            large: rng.random_bool(0.75).then(|| rng.random_range(0..row.count)),
            fill: rng.random_range(0..colors::GROUNDS.len()),
            filled: rng.random_bool(0.5),
            button: BUTTONS[0][0],
            button_side: pick(&Side::ALL, rng),
            note: pick(&NOTES, rng),
        };
        content.with_new_words(rng)
    }

    fn with_new_words(mut self, rng: &mut impl Rng) -> Content {
        let first = rng.random_range(0..4);
        let card = |i: usize| Card {
            label: LABELS[self.family][(first + i) % 4],
            number: rng.random_range(10..1000),
        };
        self.cards = (0..self.row.count).map(card).collect();
        self.title = pick(&TITLES[self.heading.length], rng);
        self.button = pick(&BUTTONS[usize::from(self.heading.wide_button)], rng);
        self
    }

    fn split(&self) -> Option<Split> {
        let sides = self.title_side as usize + 2 * self.button_side as usize;
        let note = NOTES.iter().position(|n| *n == self.note).unwrap_or(0);
        Split::of(self.heading.form() + sides + note, 4, self.ground + self.fill)
    }

    fn fields(&self) -> Vec<(&'static str, usize)> {
        let index = |of: &[&str], word: &str| of.iter().position(|w| *w == word).unwrap_or(of.len());
        let heading = self.heading;
        let (title, button) = (TITLES[heading.length], BUTTONS[usize::from(heading.wide_button)]);
        vec![
            ("ground", self.ground),
            ("title", index(&title, self.title) + 8 * heading.length),
            ("title letters", usize::from(heading.spaced)),
            ("title colour", self.title_color()),
            ("title side", self.title_side as usize),
            ("number of cards", self.row.count),
            ("gap", self.row.gap as usize),
            ("labels", self.family),
            ("font of cards", self.row.font as usize),
            ("card colour", if self.filled { 1 + self.fill } else { 0 }),
            ("large number", self.large.map_or(0, |k| k + 1)),
            ("button", index(&button, self.button) + 8 * usize::from(heading.wide_button)),
            ("button side", self.button_side as usize),
            ("note", index(&NOTES, self.note)),
        ]
    }

    fn usable(&self) -> bool {
        // If two cards had the same number, a page without one of them would show it all the same.
        let distinct = |i: usize| self.cards[..i].iter().all(|c| c.number != self.cards[i].number);
        (0..self.cards.len()).all(distinct) && self.unambiguous()
    }

    fn copy_words_to(&self, other: Self) -> Self {
        Content { button: self.button, note: self.note, ..other }
    }

    fn prompt(&self) -> String {
        let cards: Vec<String> = self.cards.iter().map(|c| format!("{} {}", c.label, c.number)).collect();
        let large = match self.large {
            Some(k) => format!(" The {} number is large.", ["first", "second", "third", "fourth"][k]),
            None => String::new(),
        };
        let letters = if self.heading.spaced { "spaced" } else { "plain" };
        format!(
            "Write an HTML page for a window of {} x {} pixels, on {} ground: the title '{}' ({}, {letters}, {}), \
             a button '{}' at the bottom ({}), a note '{}' ({}) in a free corner.\n{} {} cards, gap {}, font {}: \
             {}.{large}",
            super::WINDOW.0,
            super::WINDOW.1,
            self.ground_name(),
            self.title,
            TITLE_COLORS[self.title_color()],
            self.title_side.name(),
            self.button,
            self.button_side.name(),
            self.note,
            self.plain_ink(),
            self.cards.len(),
            if self.filled { self.fill_name() } else { "plain" },
            self.row.gap,
            self.row.font,
            cards.join("; "),
        )
    }

    fn requirements(&self) -> Requirements {
        let mut texts = vec![self.title.to_string()];
        texts.extend(self.cards.iter().flat_map(|c| [c.label.to_string(), c.number.to_string()]));
        texts.extend([self.button.to_string(), self.note.to_string()]);
        let ground = colors::GROUNDS.iter().find(|g| g.0 == self.ground_name());
        let background = ground.map(|g| g.1);
        let card = if self.filled { Some(colors::GROUNDS[self.fill].1) } else { background };
        let on_card = |text: String| card.map(|card| (text, card));
        let cards = self.cards.iter().flat_map(|c| [c.label.to_string(), c.number.to_string()]);
        Requirements {
            texts,
            background,
            grounds: cards.filter_map(on_card).collect(),
            places: vec![
                (self.title.to_string(), self.title_side.half(0.0)),
                (self.button.to_string(), self.button_side.half(0.5)),
            ],
            rows: vec![BoxRow {
                texts: self.cards.iter().map(|c| c.label.to_string()).collect(),
                gap: self.row.gap as f32,
            }],
            letters: self.letters(),
            ..Requirements::default()
        }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.suits(layout)
    }

    fn held_back_ok(&self, layout: &Layout) -> bool {
        NOTE_SIZES[layout.note_size] >= SMALLEST_TEXT
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.repaired(layout, rng)
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        page(self, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "first": "length of the title + 3 spaced title + title side + 2 button side + note, modulo 4",
            "second": "colour of the page + colour of the cards, modulo 4",
            "splits": Split::residues(4),
        })
    }
}

impl mini::Layout for Layout {
    fn random(rng: &mut impl Rng) -> Layout {
        Layout {
            ink: rng.random_range(0..INKS.len()),
            title_size: rng.random_range(0..TITLE_SIZES.len()),
            items: pick(&Items::ALL, rng),
            card_width: rng.random_range(0..CARD_WIDTHS.len()),
            corner: pick(&Corner::ALL, rng),
            accent: rng.random_range(0..ACCENTS.len()),
            note_size: rng.random_range(0..NOTE_SIZES.len()),
        }
    }

    const CHOICES: &'static [(&'static str, usize)] = &[
        ("ink", INKS.len()),
        ("title size", TITLE_SIZES.len()),
        ("items", Items::ALL.len()),
        ("card width", CARD_WIDTHS.len()),
        ("corner", Corner::ALL.len()),
    ];

    const FIRST: Layout = Layout {
        ink: 0,
        title_size: 0,
        items: Items::ALL[0],
        card_width: 0,
        corner: Corner::ALL[0],
        note_size: 0,
        accent: 0,
    };

    fn with(&self, values: &[usize]) -> Layout {
        Layout {
            ink: values[0],
            title_size: values[1],
            items: Items::ALL[values[2]],
            card_width: values[3],
            corner: Corner::ALL[values[4]],
            ..self.clone()
        }
    }

    fn mixed(good: &Layout, random: &Layout, rng: &mut impl Rng) -> Layout {
        let mut third = || rng.random_range(0..3) == 0;
        Layout {
            ink: if third() { random.ink } else { good.ink },
            title_size: if third() { random.title_size } else { good.title_size },
            items: if third() { random.items } else { good.items },
            card_width: if third() { random.card_width } else { good.card_width },
            corner: if third() { random.corner } else { good.corner },
            accent: good.accent,
            note_size: good.note_size,
        }
    }

    fn read(code: &str) -> Option<Layout> {
        read_layout(code)
    }

    fn choices(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("ink", self.ink),
            ("title size", self.title_size),
            ("items", self.items as usize),
            ("card width", self.card_width),
            ("corner", self.corner as usize),
            ("note size (held back)", self.note_size),
            ("accent (neutral)", self.accent),
        ]
    }
}
