//! Selects a world at run time.

use super::baselines::best_constant;
use super::design::{Content, Good, Layout, References, task};
use super::split::{Split, stream};
use super::{chart, slide, web};
use vsdpo_artifact::{Domain, Language, Task};

/// Number of contents from which the best constant layout is computed.
const CONSTANT_CONTENTS: u64 = 500;

/// An embedded world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Mini charts.
    Chart,
    /// Mini pages.
    Web,
    /// Mini slides in HTML.
    Slide,
    /// Mini slides as python-pptx scripts.
    Deck,
}

type Choices = Vec<(&'static str, usize)>;

/// The functions of one world, without its types.
struct Table {
    domain: Domain,
    language: Language,
    benchmark: &'static str,
    answer_tokens: usize,
    task: fn(References, Split, u64, u64) -> Task,
    constant_answers: fn(Split, u64, u64) -> Vec<String>,
    choices: fn(&str) -> Option<Choices>,
    good: fn(Split, u64, u64, &str) -> Option<Good>,
    held_out: fn() -> serde_json::Value,
}

impl Table {
    const fn of<C: Content>(benchmark: &'static str, answer_tokens: usize) -> Table {
        Table {
            domain: C::DOMAIN,
            language: C::LANGUAGE,
            benchmark,
            answer_tokens,
            task: task::<C>,
            constant_answers: constant_answers::<C>,
            choices: |code| C::Layout::read(code).map(|l| l.choices()),
            good: |split, seed, index, code| C::draw(split, &mut stream(split, seed, index)).evaluate(code),
            held_out: C::held_out,
        }
    }
}

impl World {
    /// The one place that maps a world to its types.
    const fn table(self) -> &'static Table {
        const CHART: Table = Table::of::<chart::Content>("mini-chart", 256);
        const WEB: Table = Table::of::<web::Content>("mini-web", 256);
        const SLIDE: Table = Table::of::<slide::Content<slide::Html>>("mini-slide", 512);
        const DECK: Table = Table::of::<slide::Content<slide::Python>>("mini-slide", 640);
        match self {
            World::Chart => &CHART,
            World::Web => &WEB,
            World::Slide => &SLIDE,
            World::Deck => &DECK,
        }
    }

    /// Every world.
    pub const ALL: [World; 4] = [World::Chart, World::Web, World::Slide, World::Deck];

    /// The world of a domain and language, if there is one.
    pub fn of(domain: Domain, language: Language) -> Option<World> {
        World::ALL.into_iter().find(|world| (world.domain(), world.language()) == (domain, language))
    }

    /// The domain of its tasks.
    pub fn domain(self) -> Domain {
        self.table().domain
    }

    /// The language of its answers.
    pub fn language(self) -> Language {
        self.table().language
    }

    /// The name of the benchmark on its dev and test tasks.
    pub fn benchmark(self) -> &'static str {
        self.table().benchmark
    }

    /// Tokens of the embedded tokenizer that are enough for an answer. A limit that cuts answers is
    /// not seen where what is left still draws something.
    pub fn answer_tokens(self) -> usize {
        self.table().answer_tokens
    }

    /// Task `index` of a split; its reference has a good layout.
    pub fn task(self, split: Split, seed: u64, index: u64) -> Task {
        self.task_with(References::Gold, split, seed, index)
    }

    /// Task `index` of a split with a reference of the given kind.
    pub fn task_with(self, references: References, split: Split, seed: u64, index: u64) -> Task {
        (self.table().task)(references, split, seed, index)
    }

    /// The answers of the best constant policy to the first `n` tasks of a split. Its layout is
    /// chosen on contents of the training split.
    pub fn constant_answers(self, split: Split, seed: u64, n: u64) -> Vec<String> {
        (self.table().constant_answers)(split, seed, n)
    }

    /// The layout choices in code as names and numbers; `None` if any cannot be read.
    pub fn choices(self, code: &str) -> Option<Vec<(&'static str, usize)>> {
        (self.table().choices)(code)
    }

    /// Whether an answer to task `index` of a split is good by geometry: a score that is
    /// independent of renderer, rules and reward. `None` if the layout cannot be read.
    pub fn good(self, split: Split, seed: u64, index: u64, code: &str) -> Option<Good> {
        (self.table().good)(split, seed, index, code)
    }

    /// A description of the held-out combinations for a run's manifest.
    pub fn held_out(self) -> serde_json::Value {
        (self.table().held_out)()
    }
}

fn constant_answers<C: Content>(split: Split, seed: u64, n: u64) -> Vec<String> {
    let (layout, _) = best_constant::<C>(Split::Train, seed, CONSTANT_CONTENTS);
    (0..n).map(|i| C::draw(split, &mut stream(split, seed, i)).code(&layout, None)).collect()
}
