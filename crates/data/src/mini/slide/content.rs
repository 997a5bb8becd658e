//! The content of a mini slide: the part that a task fixes.

use super::layout::Layout;
use super::script::Slip;
use super::words::{GROUNDS, LIGHT_GROUNDS, TEXT_COLORS};
use super::{html, script};
use crate::mini::Side;
use crate::mini::colors::{self, DARK_INKS, INKS};
use std::fmt::Debug;
use std::marker::PhantomData;
use vsdpo_artifact::Language;

/// What determines the size of the title: the tag beside it limits it from above. The colour of the
/// slide's texts limits it, and the size of the points, from below, because WCAG 2 requires a
/// contrast of 4.5, and 3 for large text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Length of the title: 0 short, 1 medium, 2 long.
    pub length: usize,
    /// Whether the tag is wide.
    pub wide: bool,
    /// Whether the contrast of title and points is between 3 and 4.5.
    pub soft: bool,
}

impl Heading {
    /// The combinations that contents are drawn from, each with its weight.
    pub(super) const DRAWN: [(Heading, u32); 4] = {
        const fn heading(length: usize, wide: bool, soft: bool) -> Heading {
            Heading { length, wide, soft }
        }
        [
            (heading(2, true, false), 5),
            (heading(2, false, true), 5),
            (heading(1, true, true), 3),
            (heading(0, true, true), 2),
        ]
    };
}

/// The shape of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shape {
    Banner,
    Wide,
    Square,
    Tall,
}

impl Shape {
    /// Width and height, in parts.
    pub fn ratio(self) -> (u32, u32) {
        [(3, 1), (8, 5), (1, 1), (5, 9)][self as usize]
    }
}

/// What determines width of the picture and size of the points: together they must fill the slide
/// and fit beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// Length of the points: 0 short, 1 medium, 2 long.
    pub length: usize,
    /// Number of points.
    pub count: usize,
    /// Shape of the picture.
    pub shape: Shape,
}

impl Body {
    const fn new(length: usize, count: usize, shape: Shape) -> Body {
        Body { length, count, shape }
    }

    /// The combinations that contents are drawn from, each with its weight. Soft texts may not be
    /// small. Neither the shape of the picture tells its width alone, nor the length of the points
    /// their size.
    pub(super) fn drawn(soft: bool) -> &'static [(Body, u32)] {
        const SOFT: &[(Body, u32)] = &[
            (Body::new(0, 4, Shape::Tall), 5),
            (Body::new(2, 4, Shape::Tall), 5),
            (Body::new(0, 2, Shape::Banner), 6),
            (Body::new(2, 5, Shape::Banner), 3),
            (Body::new(2, 2, Shape::Wide), 3),
        ];
        const STRONG: &[(Body, u32)] = &[
            (Body::new(0, 4, Shape::Tall), 5),
            (Body::new(2, 4, Shape::Tall), 5),
            (Body::new(2, 2, Shape::Banner), 6),
            (Body::new(0, 2, Shape::Banner), 3),
            (Body::new(2, 2, Shape::Wide), 3),
        ];
        if soft { SOFT } else { STRONG }
    }
}

/// The language that a slide is written in, as a type.
pub trait Written: Clone + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// The language.
    const LANGUAGE: Language;
    /// What a prompt asks for.
    const WHAT: &'static str;

    /// The code of a slide, optionally with a mistake.
    fn code(facts: &Facts, layout: &Layout, slip: Option<Slip>) -> String;
}

/// Slides in HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Html;

impl Written for Html {
    const LANGUAGE: Language = Language::Html;
    const WHAT: &'static str = "an HTML slide";

    fn code(facts: &Facts, layout: &Layout, slip: Option<Slip>) -> String {
        html::page(facts, layout, slip)
    }
}

/// Slides as python-pptx scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Python;

impl Written for Python {
    const LANGUAGE: Language = Language::Python;
    const WHAT: &'static str = "a python-pptx script for a slide";

    fn code(facts: &Facts, layout: &Layout, slip: Option<Slip>) -> String {
        script::script(facts, layout, slip)
    }
}

/// The content of one task, to be written in the language `L`.
#[derive(Clone, Debug, PartialEq)]
pub struct Content<L: Written> {
    /// What the slide shows.
    pub facts: Facts,
    pub(super) language: PhantomData<L>,
}

/// What a slide shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Index into the background colours of slides.
    pub ground: usize,
    /// Form of title and tag.
    pub heading: Heading,
    /// The title.
    pub title: &'static str,
    /// Which of the two text colours with the contrast of `heading`: 0 or 1.
    pub shade: usize,
    /// The text of the tag.
    pub tag: &'static str,
    /// Index into the colours of tags: a dark one on a light slide, and the other way round. Drawn
    /// also where the tag has no colour.
    pub fill: usize,
    /// Whether the tag has a colour.
    pub filled: bool,
    /// Form of points and picture.
    pub body: Body,
    /// Index into the families of points.
    pub family: usize,
    /// The points.
    pub points: Vec<&'static str>,
    /// The side that reading starts from.
    pub start: Side,
    /// Whether the points come before the picture.
    pub points_first: bool,
    /// Text of the footnote.
    pub note: &'static str,
}

impl Facts {
    fn light(&self) -> bool {
        self.ground < LIGHT_GROUNDS
    }

    /// Index into the text colours. The first two are soft on light slides, the others on dark
    /// slides.
    pub(super) fn text_color(&self) -> usize {
        self.shade + 2 * usize::from(self.heading.soft != self.light())
    }

    pub(super) fn text_color_name(&self) -> &'static str {
        TEXT_COLORS[self.text_color()]
    }

    /// The colour of the footnote.
    pub(super) fn plain_ink(&self) -> &'static str {
        if self.light() { INKS[0] } else { INKS[DARK_INKS] }
    }

    /// The colour behind the tag's text, as an index into the colours of all worlds.
    pub(super) fn tag_ground(&self) -> usize {
        let of_slide = colors::GROUNDS.iter().position(|g| g.0 == self.ground_name());
        if self.filled { self.fill } else { of_slide.unwrap_or(0) }
    }

    /// The name of the tag's colour, if it has one.
    pub(super) fn fill_name(&self) -> Option<&'static str> {
        self.filled.then(|| colors::GROUNDS[self.fill].0)
    }

    /// The name of the slide's colour.
    pub(super) fn ground_name(&self) -> &'static str {
        GROUNDS[self.ground]
    }

    /// Width of the tag in pixels.
    pub(super) fn tag_width(&self) -> u32 {
        if self.heading.wide { 560 } else { 180 }
    }

    /// Which comes first, in a word.
    pub(super) fn first(&self) -> &'static str {
        if self.points_first { "points" } else { "picture" }
    }

    /// The side that the points stand on.
    pub(super) fn points_side(&self) -> Side {
        if self.points_first { self.start } else { self.start.other() }
    }
}
