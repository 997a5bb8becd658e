//! Selects a world at run time.

use super::design::{Content, Layout, best_constant, task};
use super::split::{Split, stream};
use super::{chart, web};
use vsdpo_artifact::{Domain, Task};

/// Number of contents from which the best constant layout is computed.
const CONSTANT_CONTENTS: u64 = 500;

/// An embedded world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Mini charts.
    Chart,
    /// Mini pages.
    Web,
}

impl World {
    /// The world of a domain, if it has one.
    pub fn of(domain: Domain) -> Option<World> {
        match domain {
            Domain::Chart => Some(World::Chart),
            Domain::Web => Some(World::Web),
            Domain::Slide => None,
        }
    }

    /// The domain of its tasks.
    pub fn domain(self) -> Domain {
        match self {
            World::Chart => Domain::Chart,
            World::Web => Domain::Web,
        }
    }

    /// The name of the benchmark on its held-out tasks.
    pub fn benchmark(self) -> &'static str {
        match self {
            World::Chart => "mini-chart",
            World::Web => "mini-web",
        }
    }

    /// Task `index` of a split.
    pub fn task(self, split: Split, seed: u64, index: u64) -> Task {
        match self {
            World::Chart => task::<chart::Content>(split, seed, index),
            World::Web => task::<web::Content>(split, seed, index),
        }
    }

    /// The answers of the best constant policy to the first `n` tasks of a split. Its layout is
    /// chosen on contents of the training split.
    pub fn constant_answers(self, split: Split, seed: u64, n: u64) -> Vec<String> {
        match self {
            World::Chart => constant_answers::<chart::Content>(split, seed, n),
            World::Web => constant_answers::<web::Content>(split, seed, n),
        }
    }

    /// The layout choices in code as names and numbers; `None` if any cannot be read.
    pub fn choices(self, code: &str) -> Option<Vec<(&'static str, usize)>> {
        match self {
            World::Chart => chart::Layout::read(code).map(|l| l.choices()),
            World::Web => web::Layout::read(code).map(|l| l.choices()),
        }
    }

    /// A description of the held-out combinations for a run's manifest.
    pub fn held_out(self) -> serde_json::Value {
        match self {
            World::Chart => chart::Content::held_out(),
            World::Web => web::Content::held_out(),
        }
    }
}

fn constant_answers<C: Content>(split: Split, seed: u64, n: u64) -> Vec<String> {
    let (layout, _) = best_constant::<C>(Split::Train, seed, CONSTANT_CONTENTS);
    (0..n).map(|i| C::draw(split, &mut stream(split, seed, i)).code(&layout, None)).collect()
}
