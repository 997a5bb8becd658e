//! Asks a model behind a server for answers to the tasks of an embedded world, and scores them.

use super::{Answer, Arm, Attempt, Cost, EvalReport, Grading, attempts, constant_attempts, rows};
use crate::endpoint::answers;
use crate::files;
use crate::provenance::Provenance;
use crate::questions::{Answered, Asked, Question, Questions};
use crate::report::Reporter;
use crate::results;
use anyhow::Result;
use std::path::Path;
use vsdpo_artifact::{Image, Task};
use vsdpo_data::mini::{Split, World};
use vsdpo_diagnose::AxisWeights;
use vsdpo_render::Renderer;

/// How the numbers of tasks become one.
pub const AGGREGATION: &str = "mean over tasks, cut answers have reward 0";

/// An evaluation.
pub struct EvalConfig<'a> {
    /// The world of the tasks.
    pub world: World,
    /// Contents that tasks are drawn from.
    pub split: Split,
    /// Number of tasks, one answer each.
    pub tasks: usize,
    /// Seed of the tasks.
    pub seed: u64,
    /// The model.
    pub asked: &'a Asked<'a>,
    /// What draws its answers; one of the world's domain and language.
    pub renderer: &'a dyn Renderer,
    /// The folder of results.
    pub out: &'a Path,
}

/// Asks, scores the answers beside the best constant layout, and writes both to the folder. A task
/// without an answer is an attempt that did not end.
///
/// # Errors
/// Returns an error if the model gives no answers, or the renderer itself fails. The answers that
/// came before it are kept.
pub fn evaluate(config: &EvalConfig, reporter: &dyn Reporter) -> Result<EvalReport> {
    let EvalConfig { world, split, seed, renderer, out, .. } = *config;
    let _lock = results::lock(out)?;
    let tasks: Vec<Task> = (0..config.tasks as u64).map(|i| world.task(split, seed, i)).collect();
    let get = |i: usize| question(&tasks[i]);
    let questions = Questions { variant: "mini", count: tasks.len(), get: &get };
    let Answered { file, asking } = (config.asked.answer)(&questions, out)?;
    let mut known = answers::read(&file)?;
    let answer = |task: &Task| {
        let (text, finished) = known.remove(&task.id).unwrap_or_default();
        Answer { text, finished, cost: Cost::default() }
    };
    let answers = tasks.iter().map(answer).collect();
    let by = Grading { world, split, seed, own: false, compared: false };
    let weights = AxisWeights::equal(world.domain());
    reporter.begin("rendering", 0);
    let student = attempts(renderer, &tasks, answers, &weights);
    let constant = constant_attempts(renderer, &tasks, &by, &weights);
    reporter.end();
    let (student, constant): (Vec<Attempt>, Vec<Attempt>) = (student?, constant?);
    let arms = vec![Arm::of("student", &student, &by), Arm::of("best-constant", &constant, &by)];
    let report = EvalReport {
        benchmark: world.benchmark().into(),
        split,
        seed,
        temperature: asking.sampling.temperature as f32,
        rows: rows(&student, &arms[0].scores),
        arms,
        provenance: Some(Provenance {
            matplotlib: renderer.matplotlib(),
            ..Provenance::new(Some(asking), AGGREGATION)
        }),
        shown: Vec::new(),
    };
    save(&report, out, reporter)?;
    Ok(report)
}

/// The task as a question; its pictures become PNG files.
fn question(task: &Task) -> Result<Question> {
    let pictures = task.images.iter().map(|image: &Image| files::png(image)).collect::<Result<_>>()?;
    Ok(Question { name: task.id.clone(), domain: task.domain, prompt: task.prompt.clone(), pictures })
}

/// Writes the student's score on each task to `examples.jsonl`, and the report to `summary.json`.
///
/// # Errors
/// Returns an error if a file cannot be written.
pub fn save(report: &EvalReport, out: &Path, reporter: &dyn Reporter) -> Result<()> {
    let lines: String = report
        .rows
        .iter()
        .map(|row| Ok(serde_json::to_string(row)? + "\n"))
        .collect::<serde_json::Result<_>>()?;
    files::replace(&out.join("examples.jsonl"), lines.as_bytes())?;
    files::replace(&out.join("summary.json"), (serde_json::to_string_pretty(report)? + "\n").as_bytes())?;
    reporter.note(&format!("{} tasks saved in `{}`", report.rows.len(), out.display()));
    Ok(())
}
