//! Checkpoints: a Hugging Face folder, or a PEFT folder of an adapter, that any reader of the
//! format loads, with a `resume/` folder inside that only this trainer reads.
//!
//! A checkpoint is written beside its place and renamed, so a run that is killed at any moment
//! leaves whole ones only. Before that, slices of every tensor are read back and compared with the
//! ones in memory. Not covered: a machine that loses power before its disk has written what
//! it promised.

use crate::error::TrainError;
use crate::optim::AdamW;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::teacher::Teacher;
use candle_core::Device;
use std::path::{Path, PathBuf};
use vsdpo_policy::Policy;

/// The optimizer's file in a `resume/` folder.
const MOMENTS: &str = "optimizer.safetensors";
/// The folder of the merged model in a checkpoint.
const MERGED: &str = "merged";

/// The moving parts of a run.
pub struct State {
    /// The student.
    pub policy: Policy,
    /// Who re-scores.
    pub teacher: Teacher,
    /// The optimizer with its moments.
    pub optimizer: AdamW,
    /// Steps, budgets and evaluations so far.
    pub progress: Progress,
}

impl State {
    /// The end of a warm start: the teacher is copied from the student again, and Adam forgets the
    /// gradients of the cross-entropy.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn end_warm_start(&mut self) -> Result<(), TrainError> {
        self.optimizer.reset();
        self.teacher.copy_again(&self.policy)
    }
}

/// Writes `checkpoints/step-N`, checks it, and removes all but the newest few. One of the same step
/// that is there already stays: a run is the same bit for bit, so it would be replaced by its
/// equal.
///
/// # Errors
/// The disk refuses, or what was written does not read back the same.
pub fn save(state: &State, recipe: &Recipe) -> Result<PathBuf, TrainError> {
    let folder = recipe.output_dir.join("checkpoints");
    std::fs::create_dir_all(&folder).map_err(TrainError::io(&folder))?;
    let place = folder.join(format!("step-{}", state.progress.step));
    if place.exists() {
        return Ok(place);
    }
    let beside = folder.join(format!(".step-{}.partial", state.progress.step));
    remove(&beside)?;
    save_policy(&state.policy, &beside, recipe, false)?;
    let resume = beside.join("resume");
    std::fs::create_dir_all(&resume).map_err(TrainError::io(&resume))?;
    state.optimizer.save(&resume.join(MOMENTS))?;
    state.teacher.save(&resume, recipe.warmed_up(state.progress.step))?;
    let progress = serde_json::to_string_pretty(&state.progress).unwrap_or_default();
    write(&resume.join("progress.json"), &progress)?;
    write(&resume.join("recipe.toml"), &recipe.to_toml())?;
    std::fs::rename(&beside, &place).map_err(TrainError::io(&place))?;
    for (_, old) in numbered(&folder, "step-").into_iter().rev().skip(recipe.checkpoint.keep) {
        remove(&old)?;
    }
    Ok(place)
}

/// Writes the weights as `checkpoints/best-N` and points the link `checkpoints/best` there: for
/// use, not for resuming. At every moment the link leads to a whole folder.
///
/// # Errors
/// The disk refuses.
pub fn save_best(policy: &Policy, step: usize, recipe: &Recipe) -> Result<(), TrainError> {
    let folder = recipe.output_dir.join("checkpoints");
    let name = format!("best-{step}");
    let (place, beside) = (folder.join(&name), folder.join(format!(".{name}.partial")));
    let (best, link) = (folder.join("best"), folder.join(".best.link"));
    remove(&beside)?;
    save_policy(policy, &beside, recipe, true)?;
    remove(&place)?;
    remove(&link)?;
    std::fs::rename(&beside, &place).map_err(TrainError::io(&place))?;
    std::os::unix::fs::symlink(&name, &link).map_err(TrainError::io(&link))?;
    std::fs::rename(&link, &best).map_err(TrainError::io(&best))?;
    let others = numbered(&folder, "best-").into_iter().filter(|&(n, _)| n != step);
    others.into_iter().try_for_each(|(_, old)| remove(&old))
}

/// Sets a freshly begun state to the newest checkpoint of the run folder. Without one (the run was
/// killed before its first) the state stays, and the answer is false.
///
/// # Errors
/// The checkpoint cannot be read, or does not fit the recipe's model.
pub fn restore(state: &mut State, recipe: &Recipe) -> Result<bool, TrainError> {
    let folder = recipe.output_dir.join("checkpoints");
    remove_partial(&folder)?;
    let Some((_, place)) = numbered(&folder, "step-").pop() else { return Ok(false) };
    let resume = place.join("resume");
    // Into the policy of the recipe's own folder: that one stays while checkpoints come and go.
    state.policy.read_back(&place)?;
    let moments = candle_core::safetensors::load(resume.join(MOMENTS), &Device::Cpu)?;
    state.optimizer.restore(&moments)?;
    let path = resume.join("progress.json");
    let text = std::fs::read_to_string(&path).map_err(TrainError::io(&path))?;
    state.progress = serde_json::from_str(&text)
        .map_err(|e| TrainError::folder(&path, e.to_string(), "remove this checkpoint and resume again"))?;
    state.teacher.restore(&resume, recipe.warmed_up(state.progress.step))?;
    Ok(true)
}

/// Removes what a killed run was about to write.
fn remove_partial(folder: &Path) -> Result<(), TrainError> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = entries.filter(|e| e.file_name().as_encoded_bytes().starts_with(b"."));
    hidden.into_iter().try_for_each(|e| remove(&e.path()))
}

/// What is called `prefix` and a step in a folder, oldest first.
fn numbered(folder: &Path, prefix: &str) -> Vec<(usize, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let step = |name: &std::ffi::OsStr| name.to_str()?.strip_prefix(prefix)?.parse().ok();
    let mut found: Vec<(usize, PathBuf)> =
        entries.filter_map(|e| Some((step(&e.file_name())?, e.path()))).collect();
    found.sort();
    found
}

/// Writes the model, or its adapter in PEFT's form, and then if the recipe says so the model with
/// the adapter merged into it in `merged`.
fn save_policy(policy: &Policy, place: &Path, recipe: &Recipe, for_use: bool) -> Result<(), TrainError> {
    policy.save_changes(place, recipe.checkpoint.options(for_use))?;
    match recipe.policy.lora.as_ref().is_some_and(|lora| lora.merge_on_save) {
        true => Ok(policy.save_as(&place.join(MERGED), recipe.checkpoint.options(true))?),
        false => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), TrainError> {
    let removed = match path.is_symlink() {
        true => std::fs::remove_file(path),
        false => std::fs::remove_dir_all(path),
    };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io(path)(e)),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), TrainError> {
    std::fs::write(path, text).map_err(TrainError::io(path))
}
