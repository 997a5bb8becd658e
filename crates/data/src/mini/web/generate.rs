//! The world of mini pages: how contents and layouts are drawn, and prompts and code written.

use super::content::{Card, Content, Side};
use super::layout::{CARD_WIDTHS, Corner, Items, Layout, RADII, TITLE_SIZES};
use super::markup::{Slip, page, read_layout};
use super::words::{ACCENTS, BUTTONS, FAMILIES, LABELS, NOTES, TITLES};
use crate::mini::colors::{GROUNDS, INKS};
use crate::mini::split::pick;
use crate::mini::{self, Split};
use rand::Rng;
use vsdpo_artifact::{Domain, Requirements};

impl mini::Content for Content {
    const DOMAIN: Domain = Domain::Web;
    const SLIPS: f64 = 0.12;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Content {
        let count = rng.random_range(2..=4);
        // Fewer cards have longer labels, except for a quarter of the contents, where space is
        // left.
        let labels = (4 - count) - usize::from(count < 4 && rng.random_bool(0.25));
        let family = rng.random_range(FAMILIES[labels]..FAMILIES[labels + 1]);
        let first = rng.random_range(0..4);
        let card =
            |i: usize| Card { label: LABELS[family][(first + i) % 4], number: rng.random_range(10..1000) };
        let cards: Vec<Card> = (0..count).map(card).collect();
        let length = pick(&[0, 0, 1, 2], rng);
        Content {
            ground: rng.random_range(0..GROUNDS.len()),
            length,
            title: pick(&TITLES[length], rng),
            title_side: pick(&[Side::Left, Side::Left, Side::Center, Side::Right, Side::Right], rng),
            family,
            cards,
            large: rng.random_bool(0.75).then(|| rng.random_range(0..count)),
            button: pick(&BUTTONS, rng),
            button_side: pick(&[Side::Left, Side::Right], rng),
            note: pick(&NOTES, rng),
        }
    }

    fn split(&self) -> Option<Split> {
        let sides =
            (self.title_side as usize * 3 + self.length) * 2 + (self.button_side == Side::Right) as usize;
        let first = (sides * 3 + self.cards.len() - 2) * 5 + self.large.map_or(0, |k| k + 1);
        // With these offsets every value of every single field occurs in all splits.
        Split::of(first + 2815, self.ground * LABELS.len() + self.family + 3690)
    }

    fn usable(&self) -> bool {
        self.unambiguous()
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
        format!(
            "Write an HTML page for a window of {} x {} pixels, on {} ground: the title '{}' ({}), a button '{}' at \
             the bottom ({}), a note '{}' in a free corner.\n{} cards: {}.{large}",
            super::WINDOW.0,
            super::WINDOW.1,
            GROUNDS[self.ground].0,
            self.title,
            self.title_side.name(),
            self.button,
            self.button_side.name(),
            self.note,
            self.cards.len(),
            cards.join("; "),
        )
    }

    fn requirements(&self) -> Requirements {
        let mut texts = vec![self.title.to_string()];
        texts.extend(self.cards.iter().flat_map(|c| [c.label.to_string(), c.number.to_string()]));
        texts.extend([self.button.to_string(), self.note.to_string()]);
        Requirements { texts, background: Some(GROUNDS[self.ground].1), ..Requirements::default() }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.suits(layout)
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.repaired(layout, rng)
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        page(self, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "combinations": [
                "title side x title length x button side x number of cards x large number",
                "page colour x labels",
            ],
            "heldout": "both combinations are held out: neither occurs in feedback pairs or in training prompts",
            "feedback_and_train": "differ in the first combination",
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
            radius: rng.random_range(0..RADII.len()),
            accent: rng.random_range(0..ACCENTS.len()),
        }
    }

    fn every() -> Vec<Layout> {
        let cells = (0..INKS.len()).flat_map(|ink| (0..TITLE_SIZES.len()).map(move |size| (ink, size)));
        let cells = cells.flat_map(|c| Items::ALL.into_iter().map(move |items| (c, items)));
        let cells = cells.flat_map(|c| (0..CARD_WIDTHS.len()).map(move |width| (c, width)));
        let layouts = cells.flat_map(|(((ink, title_size), items), card_width)| {
            let corners = Corner::ALL.into_iter();
            corners.map(move |corner| Layout {
                ink,
                title_size,
                items,
                card_width,
                corner,
                radius: 0,
                accent: 0,
            })
        });
        layouts.collect()
    }

    fn mixed(good: &Layout, random: &Layout, rng: &mut impl Rng) -> Layout {
        let mut third = || rng.random_range(0..3) == 0;
        Layout {
            ink: if third() { random.ink } else { good.ink },
            title_size: if third() { random.title_size } else { good.title_size },
            items: if third() { random.items } else { good.items },
            card_width: if third() { random.card_width } else { good.card_width },
            corner: if third() { random.corner } else { good.corner },
            radius: good.radius,
            accent: good.accent,
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
            ("radius (neutral)", self.radius),
            ("accent (neutral)", self.accent),
        ]
    }
}
