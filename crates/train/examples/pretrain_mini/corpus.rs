//! What the embedded policy reads before it meets the trainer: plain pairs, feedback pairs, reference pairs.
//!
//! Feedback comes from really rendering a first attempt y0; the layout to learn is y0's with the choices that do
//! not fit put right, and nothing else changed. An attempt that failed to run is answered without the slip: nothing
//! was seen of its layout, so nothing is said about it.
//!
//! **The prompt of a feedback pair asks for another content than the one whose render is fed back.** So the
//! base learns to act on feedback, and nothing about which layout suits which content: that is left to the
//! method. When prompt and feedback belonged together, the base knew the answers from the prompt alone, and
//! training on the feedback of *other* rollouts raised the defect-free rate as much as a rollout's own.

use anyhow::Result;
use rand::Rng;
use rayon::prelude::*;
use std::io::Cursor;
use vsdpo_artifact::{Domain, ExecError, Image, Outcome, Task};
use vsdpo_data::mini::chart::{Content, Layout, Slip, Split, script, stream, task_of};
use vsdpo_diagnose::{diagnose, rubric_json};
use vsdpo_policy::Message;
use vsdpo_render::ChartRenderer;
use vsdpo_train::context::{Channels, Feedback, student_prompt, teacher_prompt};

/// Shares of the kinds of pairs; what is left to 1 are reference pairs.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Pairs that only copy words.
    pub copy: f64,
    /// Plain pairs; their layouts ignore the content.
    pub plain: f64,
    /// Feedback pairs.
    pub feedback: f64,
}

/// Share of first attempts and plain answers that carry a slip.
const SLIPS: f64 = 0.08;

/// What a pair shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words in no order, as a reference solution, and the same again.
    Copy,
    /// A task and an answer whose layout ignores the content.
    Plain,
    /// A task with feedback, and the answer that acts on it.
    Feedback,
    /// A task with a reference solution, and the same again.
    Reference,
}

/// A prompt and the answer to learn.
pub struct Pair {
    /// The conversation up to the policy's turn.
    pub messages: Vec<Message>,
    /// The script that should follow.
    pub answer: String,
}

/// A first attempt with what rendering it showed. The picture is kept as PNG: thousands of them fit in memory.
struct Attempt {
    content: Content,
    seen: Result<Seen, ExecError>,
    repaired: Layout,
}

struct Seen {
    png: Vec<u8>,
    rubric_json: String,
    clean: bool,
}

/// The corpus: an endless stream of pairs over a fixed set of rendered attempts.
pub struct Corpus {
    attempts: Vec<Attempt>,
    seed: u64,
}

impl Corpus {
    /// Renders `renders` first attempts on feedback contents.
    pub fn make(renderer: &ChartRenderer, renders: u64, seed: u64) -> Result<Self> {
        let drafts: Vec<Draft> = (0..renders).map(|i| Draft::draw(seed, i)).collect();
        let mut attempts = Vec::new();
        for chunk in drafts.chunks(500) {
            let sources: Vec<&str> = chunk.iter().map(|d| d.source.as_str()).collect();
            let outcomes = renderer.render_all(&sources);
            let judged = chunk.par_iter().zip(outcomes).map(|(draft, outcome)| draft.judge(outcome?));
            attempts.extend(judged.collect::<Result<Vec<_>>>()?);
            println!("rendered {} of {renders} first attempts", attempts.len());
        }
        let clean = attempts.iter().filter(|a| a.seen.as_ref().is_ok_and(|s| s.clean)).count();
        let failed = attempts.iter().filter(|a| a.seen.is_err()).count();
        println!("of {renders} first attempts {clean} are free of defects, {failed} failed to run");
        Ok(Self { attempts, seed })
    }

    /// Pair number `index` of a mix: depends on the corpus and these two only.
    pub fn pair(&self, mix: Mix, index: u64) -> Result<Pair> {
        let mut rng = stream(Split::Feedback, self.seed ^ 0x5eed, index);
        let x: f64 = rng.random();
        let kind = match () {
            () if x < mix.copy => Kind::Copy,
            () if x < mix.copy + mix.plain => Kind::Plain,
            () if x < mix.copy + mix.plain + mix.feedback => Kind::Feedback,
            () => Kind::Reference,
        };
        self.pair_of(kind, &mut rng)
    }

    /// Pair number `index` of a kind, none of those that [`Corpus::pair`] gives.
    pub fn probe(&self, kind: Kind, index: u64) -> Result<Pair> {
        self.pair_of(kind, &mut stream(Split::Feedback, self.seed ^ 0xb0b, index))
    }

    fn pair_of(&self, kind: Kind, rng: &mut impl Rng) -> Result<Pair> {
        if kind == Kind::Copy {
            return Ok(copied(rng));
        }
        if kind == Kind::Plain {
            let content = Content::draw_seen(rng);
            let layout = Layout::random(rng);
            let slip = rng.random_bool(SLIPS).then(|| Slip::random(rng));
            let task = task_of(&content, String::new(), &layout);
            return Ok(Pair { messages: student_prompt(&task), answer: script(&content, &layout, slip) });
        }
        if kind == Kind::Feedback {
            let attempt = &self.attempts[rng.random_range(0..self.attempts.len())];
            return attempt.pair(rng);
        }
        let content = Content::draw(Split::Feedback, rng);
        let layout = Layout::random(rng);
        let task = task_of(&content, String::new(), &layout);
        let answer = script(&content, &layout, None);
        let messages = teacher_prompt(&task, &Feedback::Reference { code: &answer }, channels(rng));
        Ok(Pair { messages, answer })
    }
}

/// Nothing but the prompt helps to guess such an answer, so every token of it teaches to look words up.
fn copied(rng: &mut impl Rng) -> Pair {
    const JOINTS: [&str; 8] = [" ", ", ", "='", "', '", "(", ") ", "\n", ": "];
    let text = |rng: &mut _| script(&Content::draw_seen(rng), &Layout::random(rng), None);
    let source = text(rng);
    let words: Vec<&str> = source.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut answer = String::new();
    for _ in 0..rng.random_range(20..40) {
        answer.push_str(words[rng.random_range(0..words.len())]);
        answer.push_str(JOINTS[rng.random_range(0..JOINTS.len())]);
    }
    let answer = answer.trim_end().to_owned();
    let task = Task {
        id: String::new(),
        domain: Domain::Chart,
        prompt: String::new(),
        images: Vec::new(),
        reference: None,
        requirements: None,
    };
    let channels = Channels { image: false, rubric: false };
    Pair { messages: teacher_prompt(&task, &Feedback::Reference { code: &answer }, channels), answer }
}

/// Mostly both channels; sometimes one alone, so that the channel ablation has a teacher that can read it.
fn channels(rng: &mut impl Rng) -> Channels {
    let x: f64 = rng.random();
    Channels { image: x > 0.15, rubric: x < 0.85 }
}

/// A first attempt before it is rendered.
struct Draft {
    content: Content,
    source: String,
    repaired: Layout,
}

impl Draft {
    /// From quite wrong to already right, because a policy in training passes through all of it.
    fn draw(seed: u64, index: u64) -> Draft {
        let mut rng = stream(Split::Feedback, seed, index);
        let content = Content::draw(Split::Feedback, &mut rng);
        let random = Layout::random(&mut rng);
        let good = content.good_layout(&mut rng);
        let x: f64 = rng.random();
        let layout = if x < 0.5 {
            random
        } else if x < 0.9 {
            mixed(&good, &random, &mut rng)
        } else {
            good
        };
        let slip = rng.random_bool(SLIPS).then(|| Slip::random(&mut rng));
        let source = script(&content, &layout, slip);
        let repaired = match slip {
            Some(_) => layout,
            None => content.repair(&layout, &mut rng).unwrap_or(layout),
        };
        Draft { content, source, repaired }
    }

    fn judge(&self, outcome: Outcome) -> Result<Attempt> {
        let task = task_of(&self.content, String::new(), &self.repaired);
        let seen = match outcome {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(ref r) => {
                let diagnosis = diagnose(task.domain, task.requirements.as_ref(), &outcome);
                let rubric_json = rubric_json(&diagnosis.rubric);
                Ok(Seen { png: to_png(&r.image)?, rubric_json, clean: diagnosis.defect_free() })
            }
        };
        Ok(Attempt { content: self.content.clone(), seen, repaired: self.repaired.clone() })
    }
}

/// Each choice from `random` with probability one third, else from `good`.
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

impl Attempt {
    fn pair(&self, rng: &mut impl Rng) -> Result<Pair> {
        // The words that the feedback quotes stay; all that decides about layouts is drawn anew.
        let asked = Content::draw(Split::Feedback, rng);
        let asked = Content {
            title: self.content.title,
            names: self.content.names,
            note: self.content.note,
            ..asked
        };
        let task = task_of(&asked, String::new(), &self.repaired);
        let channels = channels(rng);
        let messages = match &self.seen {
            Ok(seen) => {
                let image = from_png(&seen.png)?;
                let feedback = Feedback::Render { image: &image, rubric_json: &seen.rubric_json };
                teacher_prompt(&task, &feedback, channels)
            }
            Err(error) => teacher_prompt(&task, &Feedback::Failure { error }, channels),
        };
        Ok(Pair { messages, answer: script(&asked, &self.repaired, None) })
    }
}

fn to_png(image: &Image) -> Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    let (w, h) = (image.width, image.height);
    image::write_buffer_with_format(
        &mut out,
        &image.rgba,
        w,
        h,
        image::ColorType::Rgba8,
        image::ImageFormat::Png,
    )?;
    Ok(out.into_inner())
}

fn from_png(png: &[u8]) -> Result<Image> {
    let decoded = image::load_from_memory(png)?.into_rgba8();
    Ok(Image { width: decoded.width(), height: decoded.height(), rgba: decoded.into_raw().into() })
}
