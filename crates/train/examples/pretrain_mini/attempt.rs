//! First attempts: what they are drawn from, what their render showed, and what is asked about it.

use crate::cache::from_png;
use crate::corpus::{Corpus, Pair};
use crate::labels::{Label, cells, labels};
use anyhow::{Context, Result};
use image::{RgbaImage, imageops};
use rand::Rng;
use vsdpo_artifact::{Content as ContentPart, ExecError, Image, Message, Outcome, Page, Role, Rubric};
use vsdpo_context::{Channels, Feedback, teacher_prompt};
use vsdpo_data::mini::{Content, Layout, Slip, Split, stream};
use vsdpo_diagnose::{AxisWeights, RubricDetail, diagnose, rubric_json};
use vsdpo_score::files;

/// The size of a slide, and that in which the policy sees it, in pixels.
const SLIDE: (u32, u32) = (1280, 720);
const SHOWN: (u32, u32) = (352, 192);

/// A first attempt with what rendering it showed. The picture is kept as PNG: thousands of them fit
/// in memory.
pub struct Attempt<C: Content> {
    content: C,
    /// What its render showed, or the error.
    pub seen: Result<Seen, ExecError>,
    layout: C::Layout,
    repaired: C::Layout,
}

/// What a render showed.
pub struct Seen {
    png: Vec<u8>,
    rubric: Rubric,
    /// Whether it is free of defects.
    pub clean: bool,
    /// What the picture shows.
    pub labels: Vec<Label>,
}

/// A picture with what the vision tower is trained to predict of it.
pub struct Picture<'a> {
    seen: &'a Seen,
    /// The values of the choices, as indices into [`Corpus::choices`].
    pub choices: Vec<usize>,
    /// Every value of every choice that decides, as an index of its repaired value, and whether it
    /// is good where the others are repaired.
    pub fits: Vec<(usize, bool)>,
}

impl Picture<'_> {
    pub fn image(&self) -> Result<Image> {
        from_png(&self.seen.png)
    }

    /// The cells of a grid of so many columns and rows with the labels that they show, as indices
    /// into [`Corpus::labels`].
    pub fn labels(&self, names: &Corpus, grid: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
        let known = self.seen.labels.iter().filter_map(|(r, name)| Some((*r, *names.labels.get(name)?)));
        known.flat_map(move |(region, label)| cells(region, grid).map(move |cell| (cell, label)))
    }
}

/// A first attempt before it is rendered.
pub struct Draft<C: Content> {
    content: C,
    /// Its code.
    pub source: String,
    layout: C::Layout,
    repaired: C::Layout,
}

impl<C: Content> Draft<C> {
    /// From quite wrong to already right, because a policy in training passes through all of it.
    pub fn draw(seed: u64, index: u64) -> Self {
        let mut rng = stream(Split::Feedback, seed, index);
        let content = C::draw(Split::Feedback, &mut rng);
        let random = C::Layout::random(&mut rng);
        let good = content.good_layout(&mut rng);
        let x: f64 = rng.random();
        let layout = if x < 0.5 {
            random
        } else if x < 0.9 {
            C::Layout::mixed(&good, &random, &mut rng)
        } else {
            good
        };
        let slip = rng.random_bool(C::SLIPS).then(|| C::Slip::random(&mut rng));
        let source = content.code(&layout, slip);
        let repaired = match slip {
            Some(slip) if slip.renders_nothing() => layout.clone(),
            _ => content.repair_surely(&layout, &mut rng),
        };
        Draft { content, source, layout, repaired }
    }

    /// The attempt with this outcome.
    pub fn attempt(&self, outcome: Outcome) -> Result<Attempt<C>> {
        let seen = match outcome {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(ref r) => {
                let diagnosis = diagnose(&self.content.task(String::new(), &self.repaired), &outcome, None);
                let (png, clean) = (shown_png(&r.pages[0].image)?, diagnosis.defect_free());
                let labels = labels(r, &diagnosis.defects, self.content.good_places(&self.repaired));
                Ok(Seen { png, rubric: diagnosis.rubric, clean, labels })
            }
        };
        let (layout, repaired) = (self.layout.clone(), self.repaired.clone());
        Ok(Attempt { content: self.content.clone(), seen, layout, repaired })
    }
}

/// The PNG of a picture in the size to which the policy's processor brings it, so that slides are
/// not brought there again for every pair.
fn shown_png(image: &Image) -> Result<Vec<u8>> {
    if (image.width, image.height) != SLIDE {
        return files::png(image);
    }
    let whole = RgbaImage::from_raw(image.width, image.height, image.rgba.to_vec()).context("a picture")?;
    let (width, height) = SHOWN;
    let small = imageops::resize(&whole, width, height, imageops::FilterType::CatmullRom);
    files::png(&Image { width, height, rgba: small.into_raw().into() })
}

impl<C: Content> Attempt<C> {
    /// The choices of both layouts by name.
    pub fn choices(&self) -> impl Iterator<Item = (String, usize)> {
        let named = |layout: &C::Layout, when: &'static str| {
            let name = move |(name, value)| (format!("{} {name} {when}", C::DOMAIN.name()), value);
            layout.choices().into_iter().map(name)
        };
        named(&self.layout, "read").chain(named(&self.repaired, "repaired"))
    }

    /// Every value of every choice that decides, and whether it is good where the others are
    /// repaired.
    fn fits(&self) -> impl Iterator<Item = ((String, usize), bool)> {
        let values: Vec<usize> = self.repaired.choices().into_iter().map(|c| c.1).collect();
        let values = values[..C::Layout::CHOICES.len()].to_vec();
        let every = |(i, &(name, count)): (usize, &(&str, usize))| {
            let name = format!("{} {name} repaired", C::DOMAIN.name());
            (0..count).map(move |value| (i, name.clone(), value)).collect::<Vec<_>>()
        };
        C::Layout::CHOICES.iter().enumerate().flat_map(every).map(move |(i, name, value)| {
            let mut values = values.clone();
            values[i] = value;
            ((name, value), self.content.good(&self.repaired.with(&values)))
        })
    }

    /// Its picture, if it has one.
    pub fn picture(&self, names: &Corpus) -> Option<Picture<'_>> {
        let seen = self.seen.as_ref().ok()?;
        let place = |choice| names.choices.binary_search(&choice).ok();
        Some(Picture {
            seen,
            choices: self.choices().filter_map(place).collect(),
            fits: self.fits().filter_map(|(choice, fits)| Some((place(choice)?, fits))).collect(),
        })
    }

    /// The feedback on this attempt, and the repaired code of another content.
    pub fn pair(&self, rng: &mut impl Rng) -> Result<Pair> {
        // The words that the feedback quotes stay as far as no layout depends on them; the rest is
        // drawn anew.
        let asked = self.content.copy_words_to(C::draw(Split::Feedback, rng));
        let task = asked.task(String::new(), &self.repaired);
        let (channels, detail) = shown(rng);
        let messages = match &self.seen {
            Ok(seen) => {
                let pages = [Page::from(from_png(&seen.png)?)];
                let rubric_json = rubric_json(&seen.rubric, detail, &AxisWeights::equal(C::DOMAIN));
                teacher_prompt(
                    &task,
                    &Feedback::Render { pages: &pages, rubric_json: &rubric_json },
                    channels,
                )
            }
            Err(error) => teacher_prompt(&task, &Feedback::Failure { error }, channels),
        };
        Ok(Pair { messages, answer: asked.code(&self.repaired, None) })
    }

    /// The picture alone, and both layouts as `name before after`, after the rubric if asked for.
    pub fn report(&self, seen: &Seen, rubric: bool) -> Result<Pair> {
        let mut answer = String::new();
        if rubric {
            answer = rubric_json(&seen.rubric, RubricDetail::Full, &AxisWeights::equal(C::DOMAIN));
        }
        for ((name, before), (_, after)) in self.layout.choices().into_iter().zip(self.repaired.choices()) {
            answer.push_str(&format!("\n{name} {before} {after}"));
        }
        let what = if rubric { "Report on" } else { "Name the layout of" };
        let question = format!("{what} this {}.", C::DOMAIN.name());
        let content = vec![ContentPart::Image(from_png(&seen.png)?), ContentPart::Text(question)];
        Ok(Pair { messages: vec![Message { role: Role::User, content }], answer })
    }
}

/// What of the feedback a pair shows: mostly the picture, alone or with verdicts.
fn shown(rng: &mut impl Rng) -> (Channels, RubricDetail) {
    let x: f64 = rng.random();
    let detail = match x {
        ..0.75 => RubricDetail::Binary,
        ..0.85 => RubricDetail::Observed,
        _ => RubricDetail::Full,
    };
    (Channels { image: !(0.70..0.75).contains(&x) && x < 0.95, rubric: x >= 0.30 }, detail)
}
