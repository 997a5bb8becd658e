//! The run folder: made once, never overwritten, with the resolved recipe and the facts of the run
//! in it.

use crate::error::TrainError;
use crate::recipe::{EvalSection, Recipe, RenderSection, TeacherKind};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes the folder of a new run, or checks that of a run to resume.
///
/// # Errors
/// A run is there and `resume` is not asked for; there is none and it is; its recipe is another
/// one.
pub fn prepare(recipe: &Recipe, held_out: Value, resume: bool) -> Result<(), TrainError> {
    let folder = &recipe.output_dir;
    let saved = folder.join("recipe.toml");
    match (saved.exists(), resume) {
        (true, true) => same_recipe(recipe, &saved),
        (true, false) => Err(TrainError::folder(
            folder,
            "there is a run already",
            "give --resume to go on with it, or another output_dir",
        )),
        (false, true) => Err(TrainError::folder(folder, "there is no run to resume", "leave out --resume")),
        (false, false) => {
            std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
            let manifest = folder.join("manifest.json");
            let facts = format!("{:#}\n", manifest_of(recipe, held_out));
            std::fs::write(&manifest, facts).map_err(TrainError::io(&manifest))?;
            // Renamed, so that a run that is killed here has a whole recipe or none.
            let beside = folder.join("recipe.toml.partial");
            std::fs::write(&beside, recipe.to_toml()).map_err(TrainError::io(&beside))?;
            std::fs::rename(&beside, &saved).map_err(TrainError::io(&saved))
        }
    }
}

/// A resumed run may save, evaluate and stop at other times and render with other limits; it may be
/// longer if nothing depends on its length. Nothing else may differ.
fn same_recipe(recipe: &Recipe, saved: &Path) -> Result<(), TrainError> {
    let mut before = Recipe::load(saved, &[])?;
    let paced = scheduled_over_steps(&before);
    if paced.is_none() {
        before.steps = recipe.steps;
    }
    before.output_dir = recipe.output_dir.clone();
    before.checkpoint = recipe.checkpoint.clone();
    before.eval = EvalSection { rows: before.eval.rows, ..recipe.eval.clone() };
    before.stop = recipe.stop.clone();
    before.render = RenderSection { window: before.render.window, ..recipe.render.clone() };
    if before == *recipe {
        return Ok(());
    }
    let table = |recipe: &Recipe| recipe.to_toml().parse::<toml::Table>().unwrap_or_default();
    let Some(Difference { key, was, is }) = difference(&table(&before), &table(recipe)) else {
        return Ok(());
    };
    let why = match paced.filter(|_| key == "steps") {
        Some(by) => format!(" ({by} depends on it)"),
        None => String::new(),
    };
    let problem = format!("the run was begun with {key} = {was}, now {is}{why}");
    Err(TrainError::folder(saved, problem, "resume with the same recipe, or choose another output_dir"))
}

/// The key of a setting that is a function of the number of steps, if there is one.
fn scheduled_over_steps(recipe: &Recipe) -> Option<&'static str> {
    let (d, steps) = (&recipe.distill, recipe.steps);
    let moves = match d.teacher {
        TeacherKind::TrustRegion => d.trust_rate_at(0, steps) != d.trust_rate_at(steps, steps),
        TeacherKind::Live | TeacherKind::Base | TeacherKind::Ema => false,
    };
    match (recipe.optim.decay_steps > 0, moves) {
        (true, _) => Some("optim.decay_steps"),
        (false, true) => Some("distill.trust_rate_end"),
        (false, false) => None,
    }
}

/// A key with two values.
struct Difference {
    key: String,
    was: String,
    is: String,
}

/// The first key, as `section.key`, that differs.
fn difference(old: &toml::Table, new: &toml::Table) -> Option<Difference> {
    let said = |value: Option<&toml::Value>| value.map_or("nothing".to_owned(), ToString::to_string);
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.into_iter().find_map(|key| match (old.get(key), new.get(key)) {
        (was, is) if was == is => None,
        (Some(toml::Value::Table(was)), Some(toml::Value::Table(is))) => {
            difference(was, is).map(|found| Difference { key: format!("{key}.{}", found.key), ..found })
        }
        (was, is) => Some(Difference { key: key.clone(), was: said(was), is: said(is) }),
    })
}

/// What one has to know to repeat the run.
fn manifest_of(recipe: &Recipe, held_out: Value) -> Value {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
    json!({
        "name": recipe.name,
        "seed": recipe.seed,
        "git_revision": git_revision(),
        "versions": {"visual-sdpo": env!("CARGO_PKG_VERSION")},
        "started_unix": started,
        "host": {
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "cpu": proc_field("/proc/cpuinfo", "model name"),
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
            "memory": proc_field("/proc/meminfo", "MemTotal"),
        },
        "held_out": held_out,
    })
}

/// `key : value` of a file of that form, where there is one.
fn proc_field(file: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The commit of the repository around the working directory, read from its files: no process is
/// started.
fn git_revision() -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let git = here.ancestors().map(|dir| dir.join(".git")).find(|git| git.is_dir())?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    if let Ok(commit) = std::fs::read_to_string(git.join(name)) {
        return Some(commit.trim().to_owned());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(name))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// Bytes of a line of /proc/self/status.
fn status_bytes(key: &str) -> Option<usize> {
    let kib: usize = proc_field("/proc/self/status", key)?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Bytes of resident memory that this process has had at most.
pub fn peak_bytes() -> Option<usize> {
    status_bytes("VmHWM")
}

/// Bytes of memory that this process can have: what it has, and what the system and its control
/// groups leave.
pub fn available_bytes() -> Option<usize> {
    Some(status_bytes("VmRSS")? + usize::try_from(vsdpo_policy::free_memory()?).ok()?)
}

/// Resident memory of this process in GiB, where the system reports it.
pub fn resident_gb() -> Option<f64> {
    status_bytes("VmRSS").map(|bytes| bytes as f64 / f64::from(1 << 30))
}
