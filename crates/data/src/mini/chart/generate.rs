//! The world of mini charts: how contents and layouts are drawn, and prompts and code written.

use super::content::{Content, Kind, Mark, Shape};
use super::layout::{Align, Layout, Location, ROTATIONS};
use super::script::{Slip, read_layout, script};
use super::words::{HUES, LABELS, NOTES, PAIRS, SHORT_FAMILIES, TITLES};
use crate::mini::colors::{GROUNDS, INKS};
use crate::mini::split::pick;
use crate::mini::{self, Split};
use rand::Rng;
use vsdpo_artifact::{Domain, Requirements};

impl mini::Content for Content {
    const DOMAIN: Domain = Domain::Chart;
    const SLIPS: f64 = 0.08;
    type Layout = Layout;
    type Slip = Slip;

    fn draw_any(rng: &mut impl Rng) -> Content {
        let shapes = [pick(&Shape::ALL, rng), pick(&Shape::ALL, rng)];
        let values = shapes.map(|s| s.levels().map(|v| (v + rng.random_range(-1..=1)).clamp(1, 9)));
        let labels = rng.random_range(0..LABELS.len());
        // Long labels need a wide bottom margin and dense y ticks need height. A picture of this
        // size has no space for both.
        let dense = labels < SHORT_FAMILIES && rng.random_bool(0.6);
        Content {
            kind: pick(&[Kind::Lines, Kind::Bars], rng),
            shapes,
            values,
            names: pick(&PAIRS, rng),
            labels,
            dense,
            ground: rng.random_range(0..GROUNDS.len()),
            title: pick(&TITLES, rng),
            note: pick(&NOTES, rng),
            mark: pick(&Mark::ALL, rng),
        }
    }

    fn split(&self) -> Option<Split> {
        let first = ((self.kind as usize * 6 + self.shapes[0] as usize) * 6 + self.shapes[1] as usize) * 4
            + self.mark as usize;
        Split::of(first, self.ground * LABELS.len() + self.labels)
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
        format!(
            "Draw '{}' with matplotlib: {how}, on a {} plot area.\n{}; {}\n{noun}: {}\nLabel the y axis every {}. \
             Above the {} point write '{}'.",
            self.title,
            GROUNDS[self.ground].0,
            series(0),
            series(1),
            labels.join(","),
            self.y_step(),
            self.mark.word(),
            self.note,
        )
    }

    fn requirements(&self) -> Requirements {
        let labels = LABELS[self.labels].1;
        let mut texts = vec![self.title.to_string(), self.note.to_string()];
        texts.extend(self.names.iter().map(|s| s.to_string()));
        texts.extend(labels.iter().map(|s| s.to_string()));
        texts.extend((0..=12).step_by(self.y_step()).map(|y| y.to_string()));
        let series = self.values.iter().map(|v| v.iter().map(|&x| x as f64).collect()).collect();
        let strings = |words: &[&str]| words.iter().map(|s| s.to_string()).collect();
        Requirements {
            texts,
            series,
            background: Some(GROUNDS[self.ground].1),
            legend: strings(&self.names),
            ticks: strings(&labels),
        }
    }

    fn good(&self, layout: &Layout) -> bool {
        self.suits(layout)
    }

    fn repair(&self, layout: &Layout, rng: &mut impl Rng) -> Layout {
        self.repaired(layout, rng).unwrap_or_else(|| layout.clone())
    }

    fn code(&self, layout: &Layout, slip: Option<Slip>) -> String {
        script(self, layout, slip)
    }

    fn held_out() -> serde_json::Value {
        serde_json::json!({
            "combinations": ["kind x first shape x second shape x marked point", "plot colour x tick labels"],
            "heldout": "both combinations are held out: neither occurs in feedback pairs or in training prompts",
            "feedback_and_train": "differ in the first combination",
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

    fn every() -> Vec<Layout> {
        let cells = Location::ALL.into_iter().flat_map(|l| Align::ALL.into_iter().map(move |a| (l, a)));
        let cells = cells.flat_map(|(l, a)| ROTATIONS.into_iter().map(move |r| (l, a, r)));
        let cells = cells.flat_map(|c| [false, true].into_iter().map(move |m| (c, m)));
        let layouts = cells.flat_map(|((location, align, rotation), wide_margin)| {
            (0..INKS.len()).map(move |ink| Layout {
                location,
                wide_margin,
                rotation,
                align,
                ink,
                hues: [0, 1],
                grid: false,
            })
        });
        layouts.collect()
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
            ("rotation", self.rotation as usize),
            ("align", self.align as usize),
            ("ink", self.ink),
            ("grid (neutral)", self.grid as usize),
        ]
    }
}
