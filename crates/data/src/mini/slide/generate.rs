//! The world of mini slides: how contents and layouts are drawn, and prompts written.

use super::content::{Body, Content, Facts, Heading, Written};
use super::layout::{Layout, NOTE_SIZES, SIZES, SMALLEST_TEXT, TITLE_SIZES, WIDTHS};
use super::script::Slip;
use super::words::{ACCENTS, FAMILIES, GROUNDS, LIGHT_GROUNDS, NOTES, POINTS, TAGS, TITLES};
use super::{html, script};
use crate::mini::colors::{self, INKS, LIGHT_GROUNDS as LIGHT_FILLS};
use crate::mini::split::{pick, pick_weighted};
use crate::mini::{self, Side, Split};
use rand::Rng;
use std::marker::PhantomData;
use vsdpo_artifact::{Domain, Language, Region, Requirements};

impl Facts {
    fn draw(rng: &mut impl Rng) -> Facts {
        let heading = pick_weighted(&Heading::DRAWN, rng);
        let body = pick_weighted(Body::drawn(heading.soft), rng);
        let ground = rng.random_range(0..GROUNDS.len());
        // The tag's colour is unlike the slide's, and one tag in three has one: so neither of the
        // two colours alone says more than twice in three times which ink is readable.
        let fill = match ground < LIGHT_GROUNDS {
            true => rng.random_range(LIGHT_FILLS..colors::GROUNDS.len()),
            false => rng.random_range(0..LIGHT_FILLS),
        };
        Facts {
            ground,
            heading,
            title: TITLES[0][0],
            shade: rng.random_range(0..2),
            tag: TAGS[0][0],
            fill,
            filled: rng.random_range(0..3) == 0,
            body,
            family: FAMILIES * body.length,
            points: Vec::new(),
            start: pick(&Side::ALL, rng),
            points_first: rng.random_bool(0.5),
            note: pick(&NOTES, rng),
        }
    }

    fn with_new_words(mut self, rng: &mut impl Rng) -> Facts {
        self.family = FAMILIES * self.body.length + rng.random_range(0..FAMILIES);
        let (first, family) = (rng.random_range(0..6), POINTS[self.family]);
        self.points = (0..self.body.count).map(|i| family[(first + i) % family.len()]).collect();
        self.title = pick(&TITLES[self.heading.length], rng);
        self.tag = pick(&TAGS[usize::from(self.heading.wide)], rng);
        self
    }

    fn prompt(&self, what: &str) -> String {
        let (across, down) = self.body.shape.ratio();
        format!(
            "Write {what} of 1280 x 720 pixels on {} ground, texts {}: the tag '{}' ({}, {} wide), the title '{}', \
             a {across}:{down} picture, {} points, read from the {}, {} first, a footnote '{}' ({}).\n{}.",
            self.ground_name(),
            self.text_color_name(),
            self.tag,
            self.fill_name().unwrap_or("plain"),
            self.tag_width(),
            self.title,
            self.points.len(),
            self.start.name(),
            self.first(),
            self.note,
            self.plain_ink(),
            self.points.join("; "),
        )
    }
}

impl<L: Written> mini::Content for Content<L> {
    const DOMAIN: Domain = Domain::Slide;
    const LANGUAGE: Language = L::LANGUAGE;
    const SLIPS: f64 = 0.12;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Self {
        Content { facts: Facts::draw(rng), language: PhantomData }.with_new_words(rng)
    }

    fn with_new_words(self, rng: &mut impl Rng) -> Self {
        Content { facts: self.facts.with_new_words(rng), ..self }
    }

    fn split(&self) -> Option<Split> {
        let c = &self.facts;
        // Without the order of points and picture: in the sum, start and order together would let
        // the footnote tell the side of the points within a split.
        let start = c.start as usize + 2 * c.shade;
        let note = NOTES.iter().position(|n| *n == c.note).unwrap_or(0);
        let form = c.heading.length + c.body.length + c.body.count + c.body.shape as usize;
        Split::of(form + start + note, 4, c.fill + 2 * (c.ground % 2) + c.shade)
    }

    fn fields(&self) -> Vec<(&'static str, usize)> {
        let c = &self.facts;
        let index = |of: &[&str], word: &str| of.iter().position(|w| *w == word).unwrap_or(of.len());
        let (title, wide) = (TITLES[c.heading.length], usize::from(c.heading.wide));
        vec![
            ("ground", c.ground),
            ("text colour", c.text_color()),
            ("title", index(&title, c.title) + 8 * c.heading.length),
            ("tag", index(&TAGS[wide], c.tag) + 8 * wide),
            ("tag colour", if c.filled { 1 + c.fill } else { 0 }),
            ("picture", c.body.shape as usize),
            ("number of points", c.body.count),
            ("points", c.family),
            ("start", c.start as usize),
            ("points first", usize::from(c.points_first)),
            ("footnote", index(&NOTES, c.note)),
        ]
    }

    fn usable(&self) -> bool {
        self.facts.unambiguous()
    }

    fn copy_words_to(&self, other: Self) -> Self {
        Content { facts: Facts { note: self.facts.note, ..other.facts }, ..other }
    }

    fn prompt(&self) -> String {
        self.facts.prompt(L::WHAT)
    }

    fn requirements(&self) -> Requirements {
        let c = &self.facts;
        let texts = [c.title, c.tag].into_iter().chain(c.points.iter().copied()).chain([c.note]);
        let ground = colors::GROUNDS.iter().find(|g| g.0 == c.ground_name());
        let (across, down) = c.body.shape.ratio();
        Requirements {
            texts: texts.map(str::to_owned).collect(),
            background: ground.map(|g| g.1),
            grounds: vec![(c.tag.to_owned(), colors::GROUNDS[c.tag_ground()].1)],
            places: c.points.iter().map(|p| ((*p).to_owned(), c.points_side().half(0.0))).collect(),
            pictures: vec![across as f32 / down as f32],
            ..Requirements::default()
        }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.facts.suits(layout)
    }

    fn held_back_ok(&self, layout: &Layout) -> bool {
        NOTE_SIZES[layout.note_size] >= SMALLEST_TEXT
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        let mut nearest = self.facts.nearest(layout);
        nearest.swap_remove(rng.random_range(0..nearest.len()))
    }

    /// The first of the nearest layouts, so that one layout has one repair.
    fn repair_surely(&self, layout: &Layout, _: &mut impl Rng) -> Layout {
        self.facts.nearest(layout).swap_remove(0)
    }

    fn good_places(&self, layout: &Layout) -> Vec<(Region, String)> {
        self.facts.good_pictures(layout)
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        L::code(&self.facts, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "first": "length of the title + length and number of the points + shape of the picture + start \
                      + 2 shade of the texts + footnote, modulo 4",
            "second": "colour of the tag + 2 colour of the slide + shade of the texts, modulo 4",
            "splits": Split::residues(4),
        })
    }
}

impl mini::Layout for Layout {
    fn random(rng: &mut impl Rng) -> Layout {
        Layout {
            ink: rng.random_range(0..INKS.len()),
            title_size: rng.random_range(0..TITLE_SIZES.len()),
            side: pick(&Side::ALL, rng),
            width: rng.random_range(0..WIDTHS.len()),
            size: rng.random_range(0..SIZES.len()),
            note_size: rng.random_range(0..NOTE_SIZES.len()),
            accent: rng.random_range(0..ACCENTS.len()),
        }
    }

    const CHOICES: &'static [(&'static str, usize)] = &[
        ("ink", INKS.len()),
        ("title size", TITLE_SIZES.len()),
        ("side", Side::ALL.len()),
        ("width", WIDTHS.len()),
        ("size", SIZES.len()),
    ];

    const FIRST: Layout =
        Layout { ink: 0, title_size: 0, side: Side::ALL[0], width: 0, size: 0, note_size: 0, accent: 0 };

    fn with(&self, values: &[usize]) -> Layout {
        Layout {
            ink: values[0],
            title_size: values[1],
            side: Side::ALL[values[2]],
            width: values[3],
            size: values[4],
            ..self.clone()
        }
    }

    fn mixed(good: &Layout, random: &Layout, rng: &mut impl Rng) -> Layout {
        let mut third = || rng.random_range(0..3) == 0;
        Layout {
            ink: if third() { random.ink } else { good.ink },
            title_size: if third() { random.title_size } else { good.title_size },
            side: if third() { random.side } else { good.side },
            width: if third() { random.width } else { good.width },
            size: if third() { random.size } else { good.size },
            note_size: good.note_size,
            accent: good.accent,
        }
    }

    fn read(code: &str) -> Option<Layout> {
        if code.starts_with('<') { html::read_layout(code) } else { script::read_layout(code) }
    }

    fn choices(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("ink", self.ink),
            ("title size", self.title_size),
            ("side", self.side as usize),
            ("width", self.width),
            ("size", self.size),
            ("note size (held back)", self.note_size),
            ("accent (neutral)", self.accent),
        ]
    }
}
