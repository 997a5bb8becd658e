//! A run, said completely: one TOML file that mirrors the crates.
//!
//! Every key is typed and has a default, unknown keys are errors, and `--set a.b=c` is the only
//! override. Methods have no names here. [`Recipe::loss_weights`] says how much each of the three
//! loss components weighs at a step, and that is all that the trainer knows of SFT, OPSD, GRPO and
//! Visual-SDPO.
//!
//! ```
//! use vsdpo_train::recipe::Recipe;
//! let text = "name = \"grpo\"\ndomain = \"chart\"\n[distill]\nweight = 0.0\n";
//! let recipe = Recipe::parse(text, &["optim.lr=3e-4".to_owned()]).unwrap();
//! assert_eq!((recipe.optim.lr, recipe.loss_weights(0).grpo), (3e-4, 1.0));
//! ```

mod check;
mod distill;
mod lora;
mod measure;
mod sections;

pub use distill::*;
pub use lora::*;
pub use measure::*;
pub use sections::*;

use crate::loss::Weights;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;
use vsdpo_data::mini::World;
use vsdpo_diagnose::AxisWeights;

/// Why a recipe cannot be used; always one line with the key or the file, and the help.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{path}: cannot read the recipe ({source}); help: name an existing TOML file", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in the file.
    #[error("{path}: {error}", path = path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<RecipeError>,
    },
    /// The text is not TOML.
    #[error("line {line}: not TOML: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A key is unknown or of the wrong type.
    #[error("{key}: {message}")]
    Key {
        /// The path of the key.
        key: String,
        /// What was expected.
        message: String,
    },
    /// An override is not of the form `a.b=c`.
    #[error("--set {text}: {problem}; help: write --set section.key=value")]
    Override {
        /// The override as given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value lies outside its range, or two values contradict each other.
    #[error("{key}: {problem}; help: {help}")]
    Value {
        /// The path of the key.
        key: &'static str,
        /// What is wrong, with the value.
        problem: String,
        /// What to write instead.
        help: &'static str,
    },
}

impl RecipeError {
    /// Whether an override, not the file, is to blame.
    fn by_override(&self, overrides: &[String]) -> bool {
        let sets = |key: &str| overrides.iter().any(|o| o.split('=').next().is_some_and(|k| k.trim() == key));
        match self {
            RecipeError::Override { .. } => true,
            RecipeError::Key { key, .. } => sets(key),
            RecipeError::Value { key, .. } => sets(key),
            _ => false,
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Names the run and, without `output_dir`, its folder.
    pub name: String,
    /// Decides renderer, rules and axes.
    pub domain: Domain,
    /// Seed of sampling and of the order of tasks.
    #[serde(default = "one")]
    pub seed: u64,
    /// Optimizer steps.
    #[serde(default = "default_steps")]
    pub steps: usize,
    /// The run folder; `runs/<name>` if not given.
    #[serde(default)]
    pub output_dir: PathBuf,
    /// The model that is trained.
    #[serde(default)]
    pub policy: PolicySection,
    /// Where the tasks come from.
    #[serde(default)]
    pub data: vsdpo_data::DataConfig,
    /// How completions are sampled.
    #[serde(default)]
    pub rollout: RolloutSection,
    /// How code is rendered.
    #[serde(default)]
    pub render: RenderSection,
    /// What the reward rests on.
    #[serde(default)]
    pub reward: RewardSection,
    /// How defects become statement weights.
    #[serde(default)]
    pub credit: CreditSection,
    /// The KL to the teacher.
    #[serde(default)]
    pub distill: DistillSection,
    /// The policy gradient.
    #[serde(default)]
    pub grpo: GrpoSection,
    /// The cross-entropy.
    #[serde(default)]
    pub sft: SftSection,
    /// The optimizer.
    #[serde(default)]
    pub optim: OptimSection,
    /// When a collapsed run ends.
    #[serde(default)]
    pub stop: StopSection,
    /// What is watched besides the values of every step.
    #[serde(default)]
    pub monitor: MonitorSection,
    /// Evaluation during training.
    #[serde(default)]
    pub eval: EvalSection,
    /// Checkpoints.
    #[serde(default)]
    pub checkpoint: CheckpointSection,
}

fn one() -> u64 {
    1
}

fn default_steps() -> usize {
    120
}

impl Recipe {
    /// Reads a file, applies the overrides in order, and checks every value.
    ///
    /// # Errors
    /// The first problem, as one line that begins with the file.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RecipeError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, overrides).map_err(|error| match error.by_override(overrides) {
            true => error,
            false => RecipeError::In { path: path.to_owned(), error: Box::new(error) },
        })
    }

    /// The same for a text.
    ///
    /// # Errors
    /// The first problem, as one line.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self, RecipeError> {
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let at = e.span().map_or(0, |s| s.start.min(text.len()));
            let line = 1 + text.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count();
            RecipeError::Syntax { line, message: e.message().replace('\n', " ") }
        })?;
        for text in overrides {
            apply(&mut table, text)?;
        }
        let given = table.get("data").is_some_and(|data| data.get("domain").is_some());
        let mut recipe: Recipe = serde_path_to_error::deserialize(table).map_err(|e| RecipeError::Key {
            key: e.path().to_string(),
            message: e.inner().message().trim().replace('\n', " "),
        })?;
        if recipe.output_dir.as_os_str().is_empty() {
            recipe.output_dir = Path::new("runs").join(&recipe.name);
        }
        // Tasks are of the recipe's domain; `[data]` need not say it again.
        if !given {
            recipe.data.domain = recipe.domain;
        }
        check::check(&recipe)?;
        Ok(recipe)
    }

    /// The recipe with every default filled in, as TOML that [`Recipe::parse`] reads back
    /// unchanged.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|e| format!("# cannot be written as TOML: {e}\n"))
    }

    /// The embedded world of its domain and language; `None` if there is none.
    pub fn world(&self) -> Option<World> {
        World::of(self.domain, self.data.language())
    }

    /// The embedded world that it is evaluated on; `None` for rows of its own corpus.
    pub fn evaluated(&self) -> Option<World> {
        self.eval.benchmark.world(self.data.language())
    }

    /// Whether something besides the teacher reads the weights that distillation began with.
    pub fn reads_base(&self) -> bool {
        let samples = self.distill.weight > 0.0 || self.grpo.weight > 0.0;
        samples && (self.monitor.drift || self.grpo.kl_ref > 0.0)
    }

    /// Whether a warm start is over after so many steps; false without one.
    pub fn warmed_up(&self, steps: usize) -> bool {
        (1..=steps).contains(&self.sft.warm_start_steps)
    }

    /// The weights of the axes in equation 8; equal ones if the recipe gives none, or ones that
    /// cannot be used, which [`Recipe::parse`] refuses.
    pub fn axis_weights(&self) -> AxisWeights {
        let equal = || AxisWeights::equal(self.domain);
        match self.reward.weights.is_empty() {
            true => equal(),
            false => AxisWeights::named(self.domain, &self.reward.weights).unwrap_or_else(|_| equal()),
        }
    }

    /// The factors of the loss terms at a step (from 0), as in equation 7.
    pub fn loss_weights(&self, step: usize) -> Weights {
        if step < self.sft.warm_start_steps {
            return Weights { ce: 1.0, distill: 0.0, grpo: 0.0 };
        }
        let [ce, distill, grpo] = [self.sft.weight, self.distill.weight, self.grpo.weight].map(f64::from);
        Weights { ce, distill, grpo }
    }
}

/// Sets `a.b=c` in the table: `c` is a TOML value, or a string where it is not.
fn apply(table: &mut toml::Table, text: &str) -> Result<(), RecipeError> {
    let wrong = |problem| RecipeError::Override { text: text.to_owned(), problem };
    let (key, value) = text.split_once('=').ok_or_else(|| wrong("no '='"))?;
    let (key, value) = (key.trim(), value.trim());
    let value = match format!("v = {value}").parse::<toml::Table>() {
        Ok(mut parsed) if parsed.len() == 1 => parsed.remove("v").ok_or_else(|| wrong("no value"))?,
        _ => toml::Value::String(value.to_owned()),
    };
    let mut path: Vec<&str> = key.split('.').collect();
    let last = path.pop().filter(|k| !k.is_empty()).ok_or_else(|| wrong("no key"))?;
    let mut inner = table;
    for section in path {
        let entry = inner.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| wrong("not a section"))?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests;
