//! The layout of a mini chart, and which layouts are good for a content: simple geometry of a
//! picture of 320 x 240 pixels.

use super::content::{Content, Kind};
use crate::mini::Layout as _;
use crate::mini::colors::{GROUNDS, made_readable, readable};
use rand::Rng;
use rand::seq::SliceRandom;
use vsdpo_artifact::Region;

/// Position of the legend, with matplotlib's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Location {
    UpperLeft,
    UpperCenter,
    UpperRight,
    CenterLeft,
    CenterRight,
    LowerLeft,
    LowerCenter,
    LowerRight,
}

impl Location {
    /// Every position.
    pub const ALL: [Location; 8] = [
        Location::UpperLeft,
        Location::UpperCenter,
        Location::UpperRight,
        Location::CenterLeft,
        Location::CenterRight,
        Location::LowerLeft,
        Location::LowerCenter,
        Location::LowerRight,
    ];

    /// As in `ax.legend(loc=...)`.
    pub fn name(self) -> &'static str {
        [
            "upper left",
            "upper center",
            "upper right",
            "center left",
            "center right",
            "lower left",
            "lower center",
            "lower right",
        ][self as usize]
    }

    /// The legend's position in its free space: fractions from the left and from the top.
    fn anchor(self) -> (f32, f32) {
        let x = [0.0, 0.5, 1.0, 0.0, 1.0, 0.0, 0.5, 1.0][self as usize];
        let y = [0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 1.0][self as usize];
        (x, y)
    }
}

/// Horizontal alignment of the note to its point, with matplotlib's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Align {
    Left,
    Center,
    Right,
}

impl Align {
    /// Every alignment.
    pub const ALL: [Align; 3] = [Align::Left, Align::Center, Align::Right];

    /// As in `ha=...`.
    pub fn name(self) -> &'static str {
        ["left", "center", "right"][self as usize]
    }
}

/// One layout: the choices of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Position of the legend.
    pub location: Location,
    /// Whether the bottom margin is wide (0.42 of the height instead of 0.15).
    pub wide_margin: bool,
    /// Rotation of the x tick labels in degrees: 0, 45 or 90.
    pub rotation: u32,
    /// Alignment of the note.
    pub align: Align,
    /// Index into the text colours, for the note.
    pub ink: usize,
    /// Held back: indices into the colours of the series.
    pub hues: [usize; 2],
    /// Neutral: whether a grid is drawn.
    pub grid: bool,
}

/// Pairs of series colours that `chart/unreadable-colors` calls too similar. Teal and gray are the
/// same for people who lack the cones for red.
const ALIKE: [[usize; 2]; 5] = [[0, 0], [1, 1], [2, 2], [3, 3], [0, 3]];

/// The possible rotations of the x tick labels in degrees.
pub const ROTATIONS: [u32; 3] = [0, 45, 90];

impl Layout {
    /// The bottom margin as a fraction of the figure's height.
    pub fn bottom(&self) -> f32 {
        if self.wide_margin { 0.42 } else { 0.15 }
    }
}

// matplotlib's defaults at 320 x 240 pixels: edges of the axes, and size of a legend at 8 points.
const LEFT: f32 = 40.0;
const RIGHT: f32 = 288.0;
const TOP: f32 = 28.8;
const HEIGHT: f32 = 240.0;
const LEGEND_PAD: f32 = 4.4;
const LEGEND_HEIGHT: f32 = 33.0;
const NOTE_CHAR: f32 = 5.9;
/// Extra distance in pixels that a good layout keeps, so that a pixel more or less never decides.
const MARGIN: f32 = 3.0;
/// Height of the note's base line in the axes, as a fraction.
pub(super) const NOTE_HEIGHT: f32 = 0.89;
/// The limits of the x axis, left and right of the points 0 and 4.
pub(super) const SIDE: f32 = 0.45;

impl Content {
    pub(super) fn suits(&self, layout: &Layout) -> bool {
        self.labels_fit(layout.wide_margin, layout.rotation)
            && self.align_fits(layout.align)
            && readable(layout.ink, self.note_ground())
            && self.legend_fits(layout)
    }

    /// Whether the legend tells the two series apart. Bars and a line differ in form.
    pub(super) fn hues_differ(&self, hues: [usize; 2]) -> bool {
        self.kind == Kind::Bars || !ALIKE.contains(&hues) && !ALIKE.contains(&[hues[1], hues[0]])
    }

    /// Whether a good layout exists.
    pub(super) fn feasible(&self) -> bool {
        let mut any = Layout::FIRST;
        self.margins_and_rotations().any(|(margin, _)| {
            any.wide_margin = margin;
            Align::ALL.into_iter().filter(|&a| self.align_fits(a)).any(|align| {
                any.align = align;
                Location::ALL.iter().any(|&l| self.legend_fits(&Layout { location: l, ..any.clone() }))
            })
        })
    }

    /// The nearest good layout; `None` if no position of the legend fits.
    pub(super) fn repaired(&self, layout: &Layout, rng: &mut impl Rng) -> Option<Layout> {
        let axes = self.nearest_axes(layout, rng);
        let turn = rng.random_range(1..3);
        let aligns = [0, turn, 3 - turn].map(|k| Align::ALL[(layout.align as usize + k) % 3]);
        self.first_good(layout, &axes, aligns, |places| rng.random_range(0..places.len()))
    }

    /// The good layout that follows most surely from a picture of `layout`: the note extends
    /// inwards, which fits both points of a side of the chart, so only the side has to be read; a
    /// legend that does not fit goes where it is farthest from everything else.
    pub(super) fn surely_repaired(&self, layout: &Layout, rng: &mut impl Rng) -> Option<Layout> {
        let inwards = self.note_inwards();
        let outwards = Align::ALL[2 - inwards as usize];
        let aligns = [inwards, Align::Center, outwards];
        self.first_good(layout, &self.nearest_axes(layout, rng), aligns, |places| {
            let room = |i: &usize| self.room_around_legend(&places[*i]);
            (0..places.len()).max_by(|a, b| room(a).total_cmp(&room(b)).then(b.cmp(a))).unwrap_or(0)
        })
    }

    /// The alignment with which the note extends inwards.
    fn note_inwards(&self) -> Align {
        if self.place(self.mark.x()) < 2 { Align::Left } else { Align::Right }
    }

    /// What a picture of this content shows with every layout, in words: where the note is and on
    /// what colour, how long and dense the tick labels are, and where a legend has room in axes of
    /// either height while the note extends inwards.
    pub fn facts(&self) -> String {
        let align = self.note_inwards();
        let room = |wide_margin: bool| {
            let layout = Layout { wide_margin, align, ..Layout::FIRST };
            let places: Vec<&str> = self.with_free_legend(&layout).map(|l| l.location.name()).collect();
            if places.is_empty() { "nowhere".to_owned() } else { places.join(", ") }
        };
        format!(
            "note: column {} of 5, room to the {}, on {}\nlabels: {}, at {}; y axis: {}\nlegend, high axes: {}\nlegend, low \
             axes: {}",
            self.place(self.mark.x()) + 1,
            // A note that begins at its point extends to the right.
            Align::ALL[2 - align as usize].name(),
            GROUNDS[self.note_ground()].0,
            if self.ticks.long { "long" } else { "short" },
            if self.ticks.every == 1 { "all points" } else { "half the points" },
            if self.ticks.dense() { "dense" } else { "sparse" },
            room(false),
            room(true),
        )
    }

    /// The margins and rotations that fit, the nearest first.
    fn nearest_axes(&self, layout: &Layout, rng: &mut impl Rng) -> Vec<(bool, u32)> {
        let mut axes: Vec<(bool, u32)> = self.margins_and_rotations().collect();
        axes.shuffle(rng);
        axes.sort_by_key(|&(margin, rotation)| {
            (margin != layout.wide_margin) as u8 + (rotation != layout.rotation) as u8
        });
        axes
    }

    /// The good layout with the first of `axes` and of `aligns`. If its legend does not fit, `pick`
    /// says which of the layouts where it does.
    fn first_good(
        &self,
        layout: &Layout,
        axes: &[(bool, u32)],
        aligns: [Align; 3],
        mut pick: impl FnMut(&[Layout]) -> usize,
    ) -> Option<Layout> {
        let mut good = layout.clone();
        good.ink = made_readable(good.ink, self.note_ground());
        for ((margin, rotation), align) in
            axes.iter().flat_map(|&m| aligns.map(|a| (m, a))).filter(|&(_, a)| self.align_fits(a))
        {
            (good.wide_margin, good.rotation, good.align) = (margin, rotation, align);
            if self.legend_fits(&good) {
                return Some(good);
            }
            let mut places: Vec<Layout> = self.with_free_legend(&good).collect();
            if !places.is_empty() {
                return Some(places.swap_remove(pick(&places)));
            }
        }
        None
    }

    /// Whether the tick labels of both axes have room.
    fn labels_fit(&self, wide: bool, rotation: u32) -> bool {
        let crowded = self.ticks.long && self.ticks.every == 1 && rotation == 0;
        let cut = rotation != 0 && !wide;
        let flat = self.ticks.dense() && wide;
        !(crowded || cut || flat)
    }

    fn margins_and_rotations(&self) -> impl Iterator<Item = (bool, u32)> {
        let all = [false, true].into_iter().flat_map(|wide| ROTATIONS.map(|r| (wide, r)));
        all.filter(|&(wide, rotation)| self.labels_fit(wide, rotation))
    }

    fn align_fits(&self, align: Align) -> bool {
        match self.place(self.mark.x()) {
            0 => align == Align::Left,
            1 => align != Align::Right,
            3 => align != Align::Left,
            _ => align == Align::Right,
        }
    }

    /// The x coordinate in pixels of the place `i` from the left.
    fn column(&self, i: f32) -> f32 {
        LEFT + (i + SIDE) / (4.0 + 2.0 * SIDE) * (RIGHT - LEFT)
    }

    /// The y coordinate in pixels; the axis ends at 12.
    fn row(&self, y: f32, layout: &Layout) -> f32 {
        let bottom = HEIGHT * (1.0 - layout.bottom());
        bottom - y / 12.0 * (bottom - TOP)
    }

    /// The point of the note as a fraction of the axes' width, from the left, rounded as scripts
    /// write it.
    pub(super) fn note_across(&self) -> f32 {
        let exact = (self.place(self.mark.x()) as f32 + SIDE) / (4.0 + 2.0 * SIDE);
        (100.0 * exact).round() / 100.0
    }

    fn note_box(&self, layout: &Layout) -> Region {
        let width = self.note.len() as f32 * NOTE_CHAR;
        let point = LEFT + self.note_across() * (RIGHT - LEFT);
        let x = point - [0.0, 0.5, 1.0][layout.align as usize] * width;
        let base = self.row(12.0 * NOTE_HEIGHT, layout);
        Region::new(x, base - 11.0, x + width, base + 3.0)
    }

    fn legend_box(&self, layout: &Layout) -> Region {
        let width = 36.0 + self.names.iter().map(|n| n.len()).max().unwrap_or(0) as f32 * 5.6;
        let bottom = HEIGHT * (1.0 - layout.bottom());
        let (fx, fy) = layout.location.anchor();
        let x = LEFT + LEGEND_PAD + fx * (RIGHT - LEFT - 2.0 * LEGEND_PAD - width);
        let y = TOP + LEGEND_PAD + fy * (bottom - TOP - 2.0 * LEGEND_PAD - LEGEND_HEIGHT);
        Region::new(x, y, x + width, y + LEGEND_HEIGHT)
    }

    fn legend_fits(&self, layout: &Layout) -> bool {
        self.legend_is_apart(layout, MARGIN)
    }

    /// The layout with its legend at each place where it fits.
    fn with_free_legend(&self, layout: &Layout) -> impl Iterator<Item = Layout> {
        let at = Location::ALL.map(|location| Layout { location, ..layout.clone() });
        at.into_iter().filter(|layout| self.legend_fits(layout))
    }

    /// The places where the legend of a layout fits, with its box there.
    pub(super) fn free_legend_boxes(&self, layout: &Layout) -> impl Iterator<Item = (&'static str, Region)> {
        self.with_free_legend(layout).map(|layout| (layout.location.name(), self.legend_box(&layout)))
    }

    /// How far in pixels the legend is from the note and the series, in steps of 2 up to 40.
    fn room_around_legend(&self, layout: &Layout) -> f32 {
        let rooms = (0..=20).map(|k| 2.0 * k as f32);
        rooms.take_while(|&room| self.legend_is_apart(layout, room)).last().unwrap_or(0.0)
    }

    /// Whether the legend is at least so many pixels from the note and the series.
    fn legend_is_apart(&self, layout: &Layout, room: f32) -> bool {
        let legend = self.legend_box(layout).grow(room);
        let apart = |r: Region| legend.intersect(r).is_empty();
        let value = |s: usize, i: usize| (self.values[s][self.place(i)] / self.ticks.scale) as f32;
        let point = |s: usize, i: usize| (self.column(i as f32), self.row(value(s, i), layout));
        let line_apart = |s: usize| (0..4).all(|i| !intersects(legend, point(s, i), point(s, i + 1)));
        let bars_apart = || {
            (0..5).all(|i| {
                let (x0, x1) = (self.column(i as f32 - 0.4), self.column(i as f32 + 0.4));
                apart(Region::new(x0, point(0, i).1, x1, self.row(0.0, layout)))
            })
        };
        let first_apart = if self.kind == Kind::Bars { bars_apart() } else { line_apart(0) };
        apart(self.note_box(layout)) && first_apart && line_apart(1)
    }
}

/// Whether the segment from `a` to `b` intersects the box. Sampling it at every pixel is accurate
/// enough here.
fn intersects(region: Region, a: (f32, f32), b: (f32, f32)) -> bool {
    let steps = (a.0 - b.0).abs().max((a.1 - b.1).abs()).ceil().max(1.0);
    (0..=steps as u32).any(|k| {
        let t = k as f32 / steps;
        region.contains_point(a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
    })
}
