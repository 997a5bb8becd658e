//! What the embedded policy reads before it meets the trainer: copies, reports on pictures, plain
//! pairs, feedback pairs, reference pairs.
//!
//! Feedback comes from really rendering a first attempt y0; the layout to learn is y0's with the
//! choices that do not fit put right, and nothing else changed. An attempt that failed to run is
//! answered without the slip: nothing was seen of its layout, so nothing is said about it.
//!
//! Most feedback is a picture without a rubric, or with one that gives verdicts only, as in the
//! paper. Reports teach the vision tower what to look for: a picture, and the rubric in full with
//! the layout of the attempt and its repair. They are a third as long as a feedback pair.
//!
//! **The prompt of a feedback pair asks for another content than the one whose render is fed
//! back.** So the base learns to act on feedback, and nothing about which layout suits which
//! content: that is left to the method. When prompt and feedback belonged together, the base knew
//! the answers from the prompt alone, and training on the feedback of *other* rollouts raised the
//! defect-free rate as much as a rollout's own.

use crate::attempt::{Attempt, Draft, Picture};
use crate::cache::render_all;
use anyhow::Result;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use vsdpo_artifact::{Content as Part, Message, Source, Task};
use vsdpo_context::{Channels, Feedback, student_prompt, teacher_prompt};
use vsdpo_data::mini::{Content, Layout, Slip, Split, chart, slide, stream, web};
use vsdpo_render::Renderer;

/// Shares of the kinds of pairs; what is left to 1 are reference pairs.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Pairs that only copy words.
    pub copy: f64,
    /// Reports on pictures.
    pub report: f64,
    /// Plain pairs; their layouts ignore the content.
    pub plain: f64,
    /// Feedback pairs.
    pub feedback: f64,
    /// Layouts of pictures.
    pub layout: f64,
    /// Facts about the picture of a prompt.
    pub facts: f64,
    /// Shares of the worlds, in the order of [`Corpus::make`].
    pub worlds: [f64; 4],
}

/// What is shown less often than this is left out.
const OFTEN: usize = 500;

/// What a pair shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words in no order, as a reference solution, and the same again.
    Copy,
    /// The picture of an attempt, and what the rules say of it, its layout and the repaired one.
    Report,
    /// The picture of an attempt, and its layout with the repaired one.
    Layout,
    /// A task and an answer whose layout ignores the content.
    Plain,
    /// The task of a chart, and what its picture will show with every layout.
    Facts,
    /// A task with feedback, and the answer that acts on it.
    Feedback,
    /// A task with a reference solution, and the same again.
    Reference,
}

impl Kind {
    /// Every kind, in the order of the report on a training.
    pub const ALL: [Kind; 7] =
        [Kind::Copy, Kind::Report, Kind::Layout, Kind::Plain, Kind::Facts, Kind::Feedback, Kind::Reference];
}

/// A prompt and the answer to learn.
pub struct Pair {
    /// The conversation up to the policy's turn.
    pub messages: Vec<Message>,
    /// The script that should follow.
    pub answer: String,
}

/// What is trained on, and new attempts to measure by.
pub struct Corpora {
    /// What is trained on.
    pub corpus: Corpus,
    /// New attempts.
    pub new: Corpus,
}

/// The corpus: an endless stream of pairs over a fixed set of rendered attempts.
pub struct Corpus {
    worlds: [Box<dyn Attempted>; 4],
    seed: u64,
    /// What a cell can show.
    pub labels: HashMap<String, usize>,
    /// Every value of every choice; those of one choice are neighbours.
    pub choices: Vec<(String, usize)>,
}

/// The renderers of all worlds: charts, pages, slides in HTML, slides as scripts.
pub type Renderers = [Box<dyn Renderer>; 4];

impl Corpus {
    /// Renders `renders` first attempts of each world on feedback contents: of charts, of pages, of
    /// slides in HTML, of slides as scripts. What is rendered is kept in `folder`.
    pub fn make(renderers: &Renderers, renders: u64, seed: u64, folder: &Path) -> Result<Self> {
        let [chart, page, slide, script] = renderers.each_ref().map(|r| &**r);
        let worlds: [Box<dyn Attempted>; 4] = [
            Box::new(Attempts::<chart::Content>::make(chart, renders, seed, folder)?),
            Box::new(Attempts::<web::Content>::make(page, renders, seed, folder)?),
            Box::new(Attempts::<slide::Content<slide::Html>>::make(slide, renders, seed, folder)?),
            Box::new(Attempts::<slide::Content<slide::Python>>::make(script, renders, seed, folder)?),
        ];
        let (mut labels, mut choices) = (BTreeMap::new(), BTreeMap::new());
        worlds.iter().for_each(|world| world.count(&mut labels, &mut choices));
        let often = labels.into_iter().filter(|(_, count)| *count >= OFTEN);
        let labels = often.zip(0..).map(|((name, _), i)| (name.to_owned(), i)).collect();
        let choices = choices.into_iter().flat_map(|(name, n)| (0..=n).map(move |v| (name.clone(), v)));
        let choices = choices.collect();
        Ok(Self { worlds, seed, labels, choices })
    }

    /// `count` pictures of step `step`, from the worlds in these shares.
    pub fn pictures(&self, count: usize, step: u64, shares: [f64; 4]) -> Vec<Picture<'_>> {
        let mut rng = stream(Split::Feedback, self.seed ^ 0x7011, step);
        let draw = |_| self.world(shares, &mut rng).picture(self, &mut rng);
        (0..count).map(draw).collect()
    }

    /// All pictures, with the labels and choices of another corpus.
    pub fn every_picture<'a>(&'a self, names: &Corpus) -> Vec<Picture<'a>> {
        self.worlds.iter().flat_map(|world| world.every_picture(names)).collect()
    }

    /// A world drawn with these probabilities.
    fn world(&self, shares: [f64; 4], rng: &mut impl Rng) -> &dyn Attempted {
        let (x, mut end) = (rng.random::<f64>(), 0.0);
        let drawn = shares.iter().position(|share| {
            end += share;
            x < end
        });
        &*self.worlds[drawn.unwrap_or(0)]
    }

    /// Whether an axis depends on the choice that value `class` belongs to: the names of the others
    /// end in a remark in parentheses.
    pub fn decides(&self, class: usize) -> bool {
        !self.choices[class].0.contains('(')
    }

    /// All values of the choice that value `class` belongs to.
    pub fn group(&self, class: usize) -> Range<usize> {
        let start = class - self.choices[class].1;
        let count = self.choices[start..].iter().take_while(|c| c.0 == self.choices[class].0).count();
        start..start + count
    }

    /// Pair number `index` of a mix: depends on the corpus and these two only.
    pub fn pair(&self, mix: Mix, index: u64) -> Result<Pair> {
        let mut rng = stream(Split::Feedback, self.seed ^ 0x5eed, index);
        let x: f64 = rng.random();
        let shares = [
            (Kind::Copy, mix.copy),
            (Kind::Report, mix.report),
            (Kind::Plain, mix.plain),
            (Kind::Feedback, mix.feedback),
            (Kind::Layout, mix.layout),
            (Kind::Facts, mix.facts),
        ];
        let mut end = 0.0;
        let kind = shares.into_iter().find_map(|(kind, share)| {
            end += share;
            (x < end).then_some(kind)
        });
        self.world(mix.worlds, &mut rng).pair(kind.unwrap_or(Kind::Reference), &mut rng)
    }

    /// Pair number `index` of a kind, none of those that [`Corpus::pair`] gives; the worlds take
    /// turns.
    pub fn probe(&self, kind: Kind, index: u64) -> Result<Pair> {
        let mut rng = stream(Split::Feedback, self.seed ^ 0xb0b, index);
        self.worlds[index as usize % self.worlds.len()].pair(kind, &mut rng)
    }
}

/// The attempts of one world, without its types.
trait Attempted: Sync {
    /// Counts each label, and finds the highest value of each choice.
    fn count<'a>(&'a self, labels: &mut BTreeMap<&'a str, usize>, choices: &mut BTreeMap<String, usize>);

    /// The picture of some attempt.
    fn picture(&self, names: &Corpus, rng: &mut ChaCha8Rng) -> Picture<'_>;

    /// All pictures.
    fn every_picture(&self, names: &Corpus) -> Vec<Picture<'_>>;

    /// A pair of this kind.
    fn pair(&self, kind: Kind, rng: &mut ChaCha8Rng) -> Result<Pair>;
}

/// The first attempts of one world.
struct Attempts<C: Content>(Vec<Attempt<C>>);

impl<C: Content> Attempts<C> {
    fn make(renderer: &dyn Renderer, renders: u64, seed: u64, folder: &Path) -> Result<Self> {
        let drafts: Vec<Draft<C>> = (0..renders).map(|i| Draft::draw(seed, i)).collect();
        let mut attempts = Vec::new();
        for chunk in drafts.chunks(500) {
            let sources: Vec<Source> = chunk.iter().map(|d| Source::new(&d.source, C::LANGUAGE)).collect();
            let outcomes = render_all(renderer, &sources, folder)?;
            let made = chunk.par_iter().zip(outcomes).map(|(draft, outcome)| draft.attempt(outcome));
            attempts.extend(made.collect::<Result<Vec<_>>>()?);
            println!("{}: rendered {} of {renders} first attempts", C::DOMAIN.name(), attempts.len());
        }
        let clean = attempts.iter().filter(|a| a.seen.as_ref().is_ok_and(|s| s.clean)).count();
        let failed = attempts.iter().filter(|a| a.seen.is_err()).count();
        println!("of {renders} first attempts {clean} are free of defects, {failed} failed to run");
        Ok(Self(attempts))
    }
}

impl<C: Content> Attempted for Attempts<C> {
    fn count<'a>(&'a self, labels: &mut BTreeMap<&'a str, usize>, choices: &mut BTreeMap<String, usize>) {
        for attempt in &self.0 {
            let seen = attempt.seen.iter().flat_map(|s| &s.labels);
            seen.for_each(|(_, label)| *labels.entry(label).or_default() += 1);
            for (name, value) in attempt.choices() {
                let highest = choices.entry(name).or_default();
                *highest = value.max(*highest);
            }
        }
    }

    fn picture(&self, names: &Corpus, rng: &mut ChaCha8Rng) -> Picture<'_> {
        loop {
            if let Some(picture) = self.0[rng.random_range(0..self.0.len())].picture(names) {
                return picture;
            }
        }
    }

    fn every_picture(&self, names: &Corpus) -> Vec<Picture<'_>> {
        self.0.iter().filter_map(|attempt| attempt.picture(names)).collect()
    }

    fn pair(&self, kind: Kind, rng: &mut ChaCha8Rng) -> Result<Pair> {
        let attempts = &self.0;
        match kind {
            Kind::Copy => Ok(copied::<C>(rng)),
            Kind::Plain => {
                let (content, layout) = (C::draw_not_held_out(rng), C::Layout::random(rng));
                let slip = rng.random_bool(C::SLIPS).then(|| C::Slip::random(rng));
                let messages = student_prompt(&content.task(String::new(), &layout));
                Ok(Pair { messages, answer: content.code(&layout, slip) })
            }
            Kind::Report | Kind::Layout => loop {
                let attempt = &attempts[rng.random_range(0..attempts.len())];
                if let Ok(seen) = &attempt.seen {
                    return attempt.report(seen, kind == Kind::Report);
                }
            },
            Kind::Facts => Ok(facts(rng)),
            Kind::Feedback => attempts[rng.random_range(0..attempts.len())].pair(rng),
            Kind::Reference => {
                let (content, layout) = (C::draw(Split::Feedback, rng), C::Layout::random(rng));
                let (task, answer) = (content.task(String::new(), &layout), content.code(&layout, None));
                let both = Channels { image: true, rubric: true };
                let messages = teacher_prompt(&task, &Feedback::Reference { code: &answer }, both);
                Ok(Pair { messages, answer })
            }
        }
    }
}

/// What a picture of a chart will show. A large model knows such things before any training of
/// ours; without them the base learned from 4800 perfect references what fits on a third of the
/// charts only. Pages were learned without.
fn facts(rng: &mut impl Rng) -> Pair {
    let content = chart::Content::draw_not_held_out(rng);
    let mut messages = student_prompt(&content.task(String::new(), &chart::Layout::random(rng)));
    let question = "What will the picture show with every layout?".to_owned();
    if let Some(last) = messages.last_mut() {
        last.content.push(Part::Text(question));
    }
    Pair { messages, answer: content.facts() }
}

/// Nothing but the prompt helps to guess such an answer, so every token of it teaches to look words
/// up.
fn copied<C: Content>(rng: &mut impl Rng) -> Pair {
    const JOINTS: [&str; 12] = [" ", ", ", "='", "', '", "(", ") ", "\n", ": ", ":", ";", "{", ">"];
    let source = C::draw_not_held_out(rng).code(&C::Layout::random(rng), None);
    let words: Vec<&str> = source.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut answer = String::new();
    for _ in 0..rng.random_range(20..40) {
        answer.push_str(words[rng.random_range(0..words.len())]);
        answer.push_str(JOINTS[rng.random_range(0..JOINTS.len())]);
    }
    let answer = answer.trim_end().to_owned();
    let task = Task::unspecified(C::DOMAIN, C::LANGUAGE);
    let channels = Channels { image: false, rubric: false };
    Pair { messages: teacher_prompt(&task, &Feedback::Reference { code: &answer }, channels), answer }
}
