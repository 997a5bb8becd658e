//! Campaigns: several arms, each trained with several seeds and evaluated on the same tasks, and
//! one table of the results.
//!
//! An [`Arm`] is a recipe with overrides. For every seed the engine trains each arm in a run
//! folder of its own (`OUT/<arm>-s<seed>`), evaluates the **last** checkpoint, not the best one on
//! dev, on the test split (a search: the dev split), and saves the scores of every task in
//! `test.json` there. Seeds are the outer loop, so that after each of them the table is whole. A
//! campaign that is killed at any moment continues with the same call: finished runs are read, an
//! unfinished one resumes bit for bit. A run that a stop rule ended counts as it is, with its
//! reason.

mod arms;
mod curve;
mod factors;
mod markdown;
mod results;
mod search;
mod trial;

pub use arms::{MAIN, reproduce};
pub use curve::{Point, Reach};
pub use factors::{FACTORS, Factor, ablate};
pub use markdown::{markdown, p_value};
pub use results::{ArmResult, Results, Score, Versus, title};
pub use search::search;
pub use trial::{Counts, Test, TestSettings, Trained, Trial};

use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::setup::Environment;
use crate::trainer::StepReport;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vsdpo_artifact::Domain;
use vsdpo_data::mini::Split;

/// What becomes of an arm's recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is trained.
    Trained,
    /// Its model is evaluated as it is, once for all seeds.
    Base,
    /// The best constant answer of the embedded world is evaluated, once for all seeds.
    Constant,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Names the row and its run folders.
    pub name: String,
    /// What a reader is told.
    pub label: String,
    /// The recipe's file is `<domain>-<recipe>.toml`.
    pub recipe: String,
    /// Overrides of the recipe, as for `--set`.
    pub set: Vec<String>,
    /// What becomes of it.
    pub kind: Kind,
    /// Whether only the embedded world has this arm; a corpus has no gold references and no best
    /// constant answer.
    pub world_only: bool,
}

/// A whole comparison.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The command, for the head of the report.
    pub command: String,
    /// Domain of every arm.
    pub domain: Domain,
    /// Folder of the recipes.
    pub recipes: PathBuf,
    /// The arms, in the order of the table.
    pub arms: Vec<Arm>,
    /// The arm that the paired tests compare with every other one.
    pub main: String,
    /// The arm whose end the main one has to reach in fewer rollouts, if it is among the arms.
    pub reached: Option<String>,
    /// Overrides of every arm.
    pub set: Vec<String>,
    /// Seeds 1 to this number.
    pub seeds: u64,
    /// Tasks of the test.
    pub tasks: usize,
    /// Split of the test: dev where a setting is chosen by it.
    pub split: Split,
    /// Folder of run folders and results.
    pub out: PathBuf,
}

/// How a caller takes part.
pub struct Hooks<'a> {
    /// Set from outside to end the campaign: the run in progress saves.
    pub stop: Arc<AtomicBool>,
    /// Opens the environment of a run.
    pub open: &'a dyn Fn(&Recipe) -> Result<Environment, TrainError>,
    /// Called when something has happened.
    pub on_event: &'a mut dyn FnMut(&Event),
}

/// What has happened.
pub enum Event<'a> {
    /// A run or an evaluation begins or continues; `number` counts from 1.
    Begun {
        /// Which one.
        trial: &'a Trial,
        /// Its number.
        number: usize,
        /// Number of all.
        of: usize,
    },
    /// A training step or an evaluation on dev tasks.
    Step(&'a StepReport<'a>),
    /// A trial is finished.
    Tested {
        /// Which one.
        trial: &'a Trial,
        /// Its scores.
        test: &'a Test,
    },
    /// The table has changed, or was read.
    Results(&'a Results),
}

impl Campaign {
    /// Everything that will be trained and evaluated, in that order, with whole recipes.
    ///
    /// # Errors
    /// An unknown main arm, an override that an arm makes itself, or a recipe that cannot be used.
    pub fn plan(&self) -> Result<Vec<Trial>, TrainError> {
        self.check()?;
        let mut plan = Vec::new();
        for seed in 1..=self.seeds {
            for arm in self.arms.iter().filter(|arm| seed == 1 || arm.kind == Kind::Trained) {
                plan.extend(self.resolve(arm, seed)?.map(|recipe| Trial { arm: arm.clone(), seed, recipe }));
            }
        }
        Ok(plan)
    }

    fn check(&self) -> Result<(), TrainError> {
        if !self.arms.iter().any(|arm| arm.name == self.main) {
            let problem = format!("the paired tests need the arm {:?}", self.main);
            return Err(wrong("--arms", problem, "add it"));
        }
        let key = |set: &str| set.split('=').next().unwrap_or_default().trim().to_owned();
        for set in &self.set {
            let key = key(set);
            let help = match key.as_str() {
                "seed" => "give --seeds",
                "output_dir" | "name" => "give --out",
                _ => {
                    let own = self
                        .arms
                        .iter()
                        .find(|arm| arm.set.iter().any(|s| s.split('=').next() == Some(&key)));
                    let Some(arm) = own else { continue };
                    let problem = format!("the arm {:?} sets it itself", arm.name);
                    let help = "leave it out, or leave out the arm with --arms";
                    return Err(wrong(&format!("--set {key}"), problem, help));
                }
            };
            return Err(wrong(&format!("--set {key}"), "differs from run to run".into(), help));
        }
        Ok(())
    }

    /// The recipe of an arm; `None` if the data set does not have this arm.
    fn resolve(&self, arm: &Arm, seed: u64) -> Result<Option<Recipe>, TrainError> {
        let path = self.recipes.join(format!("{}-{}.toml", self.domain.name(), arm.recipe));
        if !path.is_file() {
            let help = "start in a checkout of the repository, or give --recipes DIR";
            return Err(wrong(&path.display().to_string(), "there is no such recipe".into(), help));
        }
        let folder = self.out.join(match arm.kind {
            Kind::Trained => format!("{}-s{seed}", arm.name),
            Kind::Base | Kind::Constant => arm.name.clone(),
        });
        // One checkpoint is enough to resume, and a campaign has many runs.
        let mut sets = vec!["checkpoint.keep=1".to_owned()];
        sets.extend(self.set.iter().cloned());
        sets.push(format!("seed={seed}"));
        sets.push(format!("output_dir={}", toml::Value::from(folder.display().to_string())));
        let generated = Recipe::load(&path, &sets)?.data.dataset.is_generated();
        if arm.world_only && !generated {
            return Ok(None);
        }
        // The references of a corpus are what they are.
        let own = arm.set.iter().filter(|set| generated || !set.starts_with("data.references="));
        sets.extend(own.cloned());
        Ok(Some(Recipe::load(&path, &sets)?))
    }
}

fn wrong(what: &str, problem: String, help: &str) -> TrainError {
    TrainError::Campaign { what: what.to_owned(), problem, help: help.to_owned() }
}

/// Runs a campaign, or what is left of it. Returns the results so far and whether it is finished;
/// it is not if it was asked to stop.
///
/// # Errors
/// A run or an evaluation cannot continue, or the folder holds other runs.
pub fn run(campaign: &Campaign, hooks: Hooks) -> Result<(Results, bool), TrainError> {
    let plan = campaign.plan()?;
    let _lock = lock(&campaign.out)?;
    same_models(&campaign.out, &plan)?;
    let mut tests = Vec::new();
    for trial in &plan {
        tests.push(trial.read()?);
    }
    let stopped = || hooks.stop.load(Ordering::Relaxed);
    let mut results = Results::of(campaign, &plan, &tests);
    (hooks.on_event)(&Event::Results(&results));
    for (i, trial) in plan.iter().enumerate() {
        if tests[i].as_ref().is_some_and(|test| test.settings == trial.settings(campaign)) {
            continue;
        }
        if stopped() {
            return Ok((results, false));
        }
        (hooks.on_event)(&Event::Begun { trial, number: i + 1, of: plan.len() });
        let trained = match (&tests[i], trial.arm.kind) {
            (None, Kind::Trained) => {
                let on_step = &mut |report: &StepReport| (hooks.on_event)(&Event::Step(report));
                let env = (hooks.open)(&trial.recipe)?;
                match trial.train(&env, hooks.stop.clone(), on_step)? {
                    Some(trained) => (env, trained),
                    None => return Ok((results, false)),
                }
            }
            (Some(test), _) => ((hooks.open)(&trial.recipe)?, test.trained.clone()),
            (None, Kind::Base | Kind::Constant) => ((hooks.open)(&trial.recipe)?, trial.untrained()),
        };
        let (env, trained) = trained;
        let test = trial.test(campaign, &env, trained)?;
        (hooks.on_event)(&Event::Tested { trial, test: &test });
        tests[i] = Some(test);
        results = Results::of(campaign, &plan, &tests);
        (hooks.on_event)(&Event::Results(&results));
    }
    Ok((results, true))
}

/// Keeps a second process out of the folder while the file is open.
fn lock(out: &Path) -> Result<File, TrainError> {
    std::fs::create_dir_all(out).map_err(TrainError::io(out))?;
    let path = out.join(".lock");
    let file = File::create(&path).map_err(TrainError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrainError::folder(
            out,
            "another process is at work there",
            "wait for it, or give another --out",
        )),
        Err(TryLockError::Error(e)) => Err(TrainError::io(&path)(e)),
    }
}

/// Refuses to mix runs of two models: `models.json` keeps a checksum of the weights that the arms
/// begin with.
fn same_models(out: &Path, plan: &[Trial]) -> Result<(), TrainError> {
    let path = out.join("models.json");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut known: BTreeMap<String, u32> = serde_json::from_str(&text).unwrap_or_default();
    let models: BTreeSet<&PathBuf> = plan.iter().map(|trial| &trial.recipe.policy.model).collect();
    for model in models {
        let (name, sum) = (model.display().to_string(), checksum(model)?);
        if known.insert(name, sum).is_some_and(|before| before != sum) {
            let problem = format!("its runs began with other weights in {}", model.display());
            return Err(TrainError::folder(out, problem, "give another --out, or remove this folder"));
        }
    }
    write_whole(&path, &format!("{:#}\n", serde_json::json!(known)))
}

/// A checksum of the weights of a model folder.
fn checksum(model: &Path) -> Result<u32, TrainError> {
    let entries = std::fs::read_dir(model).map_err(TrainError::io(model))?.flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "safetensors")).collect();
    files.sort();
    files.iter().try_fold(0, |sum, path| {
        let mut file = File::open(path).map_err(TrainError::io(path))?;
        let mut sum = sum;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match std::io::Read::read(&mut file, &mut buffer).map_err(TrainError::io(path))? {
                0 => return Ok(sum),
                n => sum = crc32c::crc32c_append(sum, &buffer[..n]),
            }
        }
    })
}

/// Writes a file beside its place and renames it: after a kill it is whole or not there.
fn write_whole(path: &Path, text: &str) -> Result<(), TrainError> {
    let beside = path.with_extension("partial");
    std::fs::write(&beside, text).map_err(TrainError::io(&beside))?;
    std::fs::rename(&beside, path).map_err(TrainError::io(path))
}

#[cfg(test)]
mod tests;
