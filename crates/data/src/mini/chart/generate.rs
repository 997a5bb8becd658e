//! The world of mini charts: how contents and layouts are drawn, and prompts and code written.

use super::content::{Content, Kind, Mark, Shape, Ticks};
use super::layout::{Align, Layout, Location, ROTATIONS};
use super::script::{Slip, read_layout, script};
use super::words::{HUES, LABELS, NOTES, PAIRS, SHORT_FAMILIES, TITLES};
use crate::mini::colors::{GROUNDS, INKS};
use crate::mini::split::{pick, pick_weighted};
use crate::mini::{self, Split};
use rand::Rng;
use vsdpo_artifact::{Domain, Language, Region, Requirements};

impl mini::Content for Content {
    const DOMAIN: Domain = Domain::Chart;
    const LANGUAGE: Language = Language::Python;
    const SLIPS: f64 = 0.08;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Content {
        let shapes = [pick(&Shape::ALL, rng), pick(&Shape::ALL, rng)];
        let ticks = pick_weighted(&Ticks::DRAWN, rng);
        let labels = Content::first_family(ticks.long) + rng.random_range(0..SHORT_FAMILIES);
        let content = Content {
            kind: pick(&[Kind::Lines, Kind::Bars], rng),
            shapes,
            values: [[0; 5]; 2],
            names: PAIRS[0],
            reversed: rng.random_bool(0.5),
            labels,
            ticks,
            ground: rng.random_range(0..GROUNDS.len()),
            patch: rng.random_range(0..GROUNDS.len()),
            boxed: rng.random_bool(0.5),
            title: TITLES[0],
            note: NOTES[0],
            mark: pick_weighted(&Mark::DRAWN, rng),
        };
        content.with_new_words(rng)
    }

    fn with_new_words(mut self, rng: &mut impl Rng) -> Content {
        let value =
            |v: i32, rng: &mut _| (v + Rng::random_range(rng, -1..=1)).clamp(1, 10) * self.ticks.scale;
        self.values = self.shapes.map(|s| s.levels(self.ticks.dense()).map(|v| value(v, rng)));
        (self.names, self.title, self.note) = (pick(&PAIRS, rng), pick(&TITLES, rng), pick(&NOTES, rng));
        self
    }

    fn split(&self) -> Option<Split> {
        let legend = self.shapes[0] as usize + self.shapes[1] as usize + self.mark as usize;
        Split::of(
            legend + 2 * self.kind as usize + 3 * usize::from(self.reversed),
            6,
            self.ground + self.patch,
        )
    }

    fn fields(&self) -> Vec<(&'static str, usize)> {
        let index = |of: &[&str], word: &str| of.iter().position(|w| *w == word).unwrap_or(of.len());
        vec![
            ("kind", self.kind as usize),
            ("first shape", self.shapes[0] as usize),
            ("second shape", self.shapes[1] as usize),
            ("marked point", self.mark as usize),
            ("direction", usize::from(self.reversed)),
            ("ground", self.ground),
            ("box", if self.boxed { 1 + self.patch } else { 0 }),
            ("labels", self.labels),
            ("labelled points", self.ticks.every),
            ("end of y", self.ticks.scale as usize),
            ("y step", self.ticks.step),
            ("names", PAIRS.iter().position(|p| *p == self.names).unwrap_or(PAIRS.len())),
            ("title", index(&TITLES, self.title)),
            ("note", index(&NOTES, self.note)),
        ]
    }

    fn usable(&self) -> bool {
        self.feasible()
    }

    fn copy_words_to(&self, other: Self) -> Self {
        Content { title: self.title, names: self.names, note: self.note, ..other }
    }

    fn prompt(&self) -> String {
        let (noun, labels) = LABELS[self.labels];
        let [a, b] = self.names;
        let series = |i: usize| {
            let values: Vec<String> = self.values[i].iter().map(i32::to_string).collect();
            format!("{} ({}): {}", self.names[i], self.shapes[i].word(), values.join(","))
        };
        let how = match self.kind {
            Kind::Lines => format!("{a} and {b} as lines"),
            Kind::Bars => format!("{a} as bars and {b} as a line"),
        };
        let order = if self.reversed { "right to left" } else { "left to right" };
        let every = if self.ticks.every == 1 { "every point" } else { "every second point" };
        format!(
            "Draw '{}' with matplotlib: {how}, on a {} plot area.\n{}; {}\n{noun} from {order}: {}\nLabel {every}, and the \
             y axis every {} up to {}. Above the {} point write '{}' (box: {}).",
            self.title,
            GROUNDS[self.ground].0,
            series(0),
            series(1),
            labels.join(","),
            self.ticks.step,
            self.ticks.top(),
            self.mark.word(),
            self.note,
            self.patch_name(),
        )
    }

    fn requirements(&self) -> Requirements {
        let series = self.values.iter().map(|v| v.iter().map(|&x| x as f64).collect()).collect();
        let mut texts = vec![self.title.to_string(), self.note.to_string()];
        texts.extend(self.names.iter().map(|s| s.to_string()));
        texts.extend(self.shown_labels().map(str::to_string));
        texts.extend((0..=self.ticks.top()).step_by(self.ticks.step).map(|y| y.to_string()));
        Requirements {
            texts,
            series,
            background: Some(GROUNDS[self.ground].1),
            legend: self.names.iter().map(|s| s.to_string()).collect(),
            ticks: self.shown_labels().map(str::to_string).collect(),
            // Without a box the note may stand on bars.
            grounds: self.boxed.then(|| (self.note.to_string(), GROUNDS[self.patch].1)).into_iter().collect(),
            ..Requirements::default()
        }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.suits(layout)
    }

    fn held_back_ok(&self, layout: &Layout) -> bool {
        self.hues_differ(layout.hues)
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.repaired(layout, rng).unwrap_or_else(|| layout.clone())
    }

    fn repair_surely(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.surely_repaired(layout, rng).unwrap_or_else(|| layout.clone())
    }

    fn good_places(&self, layout: &Layout) -> Vec<(Region, String)> {
        self.free_legend_boxes(layout)
            .map(|(place, region)| (region, format!("legend fits {place}")))
            .collect()
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        script(self, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "first": "first shape + second shape + marked point + 2 kind + 3 direction, modulo 6",
            "second": "colour of the plot area + colour of the note's box, modulo 4",
            "splits": Split::residues(6),
        })
    }
}

impl mini::Layout for Layout {
    fn random(rng: &mut impl Rng) -> Layout {
        Layout {
            location: Location::ALL[rng.random_range(0..8)],
            wide_margin: rng.random_bool(0.5),
            rotation: ROTATIONS[rng.random_range(0..3)],
            align: Align::ALL[rng.random_range(0..3)],
            ink: rng.random_range(0..INKS.len()),
            hues: [rng.random_range(0..HUES.len()), rng.random_range(0..HUES.len())],
            grid: rng.random_bool(0.5),
        }
    }

    const CHOICES: &'static [(&'static str, usize)] =
        &[("legend", 8), ("margin", 2), ("rotation", 3), ("align", 3), ("ink", INKS.len())];

    const FIRST: Layout = Layout {
        location: Location::UpperLeft,
        wide_margin: false,
        rotation: ROTATIONS[0],
        align: Align::Left,
        ink: 0,
        hues: [0, 1],
        grid: false,
    };

    fn with(&self, values: &[usize]) -> Layout {
        Layout {
            location: Location::ALL[values[0]],
            wide_margin: values[1] == 1,
            rotation: ROTATIONS[values[2]],
            align: Align::ALL[values[3]],
            ink: values[4],
            ..self.clone()
        }
    }

    fn mixed(good: &Layout, random: &Layout, rng: &mut impl Rng) -> Layout {
        let mut layout = good.clone();
        let mut third = || rng.random_range(0..3) == 0;
        if third() {
            layout.location = random.location;
        }
        if third() {
            (layout.wide_margin, layout.rotation) = (random.wide_margin, random.rotation);
        }
        if third() {
            layout.align = random.align;
        }
        if third() {
            layout.ink = random.ink;
        }
        layout
    }

    fn read(code: &str) -> Option<Layout> {
        read_layout(code)
    }

    fn choices(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("legend", self.location as usize),
            ("margin", self.wide_margin as usize),
            ("rotation", ROTATIONS.iter().position(|r| *r == self.rotation).unwrap_or(0)),
            ("align", self.align as usize),
            ("ink", self.ink),
            ("first colour (held back)", self.hues[0]),
            ("second colour (held back)", self.hues[1]),
            ("grid (neutral)", self.grid as usize),
        ]
    }
}
