//! What a run leaves behind while it runs: `metrics.jsonl`, `evals.jsonl`, `rollouts.jsonl` (of
//! steps and of evaluations) with pictures, and the same scalars for TensorBoard. Every line is one
//! flushed JSON object with its `step`; a resumed run first drops the lines of steps that it is
//! going to repeat.
//!
//! Texts of rollouts are the model's own words, written as JSON strings: escaping them for a
//! terminal or a page is up to whoever shows them.

mod tensorboard;

use crate::batch::Batch;
use crate::error::TrainError;
use crate::eval::{Attempt, EvalReport};
use crate::metrics::Metrics;
use crate::stages::Experience;
use crate::update::UpdateReport;
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tensorboard::EventFile;
use vsdpo_artifact::{Image, Outcome, Span};

/// Rollouts of a step that are kept with everything known about them, spread evenly over its
/// prompts.
const ROLLOUTS_PER_STEP: usize = 4;

/// The open files of a run.
pub struct RunLog {
    folder: PathBuf,
    metrics: File,
    evals: File,
    rollouts: File,
    events: EventFile,
}

impl RunLog {
    /// Opens the logs of a run folder; lines of steps after `done` are dropped, all lines without
    /// it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(folder: &Path, done: Option<usize>) -> Result<Self, TrainError> {
        let open = |name: &str| {
            let path = folder.join(name);
            keep_until(&path, done)?;
            OpenOptions::new().create(true).append(true).open(&path).map_err(TrainError::io(&path))
        };
        let images = folder.join("images");
        std::fs::create_dir_all(&images).map_err(TrainError::io(&images))?;
        Ok(Self {
            metrics: open("metrics.jsonl")?,
            evals: open("evals.jsonl")?,
            rollouts: open("rollouts.jsonl")?,
            events: EventFile::create(folder).map_err(TrainError::io(folder))?,
            folder: folder.to_owned(),
        })
    }

    /// Writes the metrics of a finished step (from 1).
    ///
    /// # Errors
    /// The disk refuses.
    pub fn step(&mut self, step: usize, metrics: &Metrics) -> Result<(), TrainError> {
        let mut line = Map::from_iter([("step".to_owned(), json!(step))]);
        line.extend(metrics.iter().map(|(name, value)| (name.clone(), json!(value))));
        append(&mut self.metrics, &self.folder.join("metrics.jsonl"), &Value::Object(line))?;
        let scalars = metrics.iter().map(|(name, &value)| (name.as_str(), value));
        self.events.scalars(step as u64, scalars).map_err(TrainError::io(&self.folder))
    }

    /// Writes one line per arm of an evaluation after `step` steps.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn eval(&mut self, step: usize, report: &EvalReport) -> Result<(), TrainError> {
        for arm in &report.arms {
            let mut line = json!({
                "step": step, "benchmark": report.benchmark, "split": report.split,
                "temperature": report.temperature, "seed": report.seed,
            });
            if let (Value::Object(line), Ok(Value::Object(arm))) = (&mut line, serde_json::to_value(arm)) {
                line.extend(arm);
            }
            append(&mut self.evals, &self.folder.join("evals.jsonl"), &line)?;
        }
        for (i, attempt) in report.shown.iter().enumerate() {
            let image = self.picture(&format!("eval-{step:05}-{i:03}"), &attempt.outcome)?;
            append(&mut self.rollouts, &self.folder.join("rollouts.jsonl"), &shown(step, i, attempt, image))?;
        }
        let student = report.student();
        let scores = [
            ("eval/exec", student.exec.mean),
            ("eval/defect_free", student.defect_free.mean),
            ("eval/reward", student.reward.mean),
        ];
        self.events.scalars(step as u64, scalars_of(&scores)).map_err(TrainError::io(&self.folder))
    }

    /// Writes a few rollouts of a finished step with their pictures.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn rollouts(
        &mut self,
        step: usize,
        seen: &Experience,
        batch: &Batch,
        report: &UpdateReport,
    ) -> Result<(), TrainError> {
        let (n, groups) = (seen.rollouts.len(), seen.tasks.len().max(1));
        let shown = ROLLOUTS_PER_STEP.min(groups);
        for i in (0..shown).map(|k| k * groups / shown * (n / groups)).filter(|&i| i < n) {
            let image = self.picture(&format!("{step:05}-{i:03}"), &seen.outcomes[i])?;
            let line = rollout(step, i, seen, (batch, report), image);
            append(&mut self.rollouts, &self.folder.join("rollouts.jsonl"), &line)?;
        }
        Ok(())
    }

    /// Stores the picture of an outcome, if it has one, and returns its path within the folder.
    fn picture(&self, name: &str, outcome: &Outcome) -> Result<Option<String>, TrainError> {
        let Some(rendered) = outcome.rendered() else { return Ok(None) };
        let name = format!("images/{name}.png");
        write_png(&self.folder.join(&name), &rendered.image)?;
        Ok(Some(name))
    }
}

/// One line of `rollouts.jsonl` for an attempt of an evaluation: no group, no teacher, no tokens.
fn shown(step: usize, i: usize, attempt: &Attempt, image: Option<String>) -> Value {
    let Attempt { task, code, outcome, diagnosis: d } = attempt;
    json!({
        "step": step, "index": i, "task": task.id, "prompt": task.prompt, "text": code,
        "code": Span::new(0, code.len()), "executed": d.executed, "reward": d.reward, "error": outcome.error(),
        "rubric": d.rubric, "defects": d.defects, "image": image,
    })
}

fn scalars_of<'a>(list: &'a [(&'a str, f64)]) -> impl Iterator<Item = (&'a str, f64)> {
    list.iter().copied()
}

/// One line of `rollouts.jsonl`. All byte offsets are offsets into `text`.
fn rollout(
    step: usize,
    i: usize,
    seen: &Experience,
    (batch, report): (&Batch, &UpdateReport),
    image: Option<String>,
) -> Value {
    let (y, task, d) = (&seen.rollouts[i], &seen.tasks[seen.task_of(i)], &seen.diagnoses[i]);
    let at = |span: Span| (y.code.start + span.start, y.code.start + span.end);
    let statement = |c: &vsdpo_artifact::CreditedStatement| {
        let (start, end) = at(c.statement.span);
        json!({
            "start": start, "end": end, "line": c.statement.line, "end_line": c.statement.end_line,
            "resp": c.resp, "weight": c.weight, "elements": c.elements,
        })
    };
    json!({
        "step": step, "index": i, "task": task.id, "prompt": task.prompt, "text": y.text, "code": y.code,
        "finished": y.finished, "executed": d.executed, "reward": batch.rewards[i],
        "advantage": batch.advantages[i], "error": seen.outcomes[i].error(), "rubric": d.rubric, "defects": d.defects,
        "statements": seen.credits[i].statements.iter().map(statement).collect::<Vec<_>>(),
        "tokens": tokens(i, seen, batch, report), "image": image,
    })
}

/// Spans, log-probabilities and what the teacher made of every token of a rollout.
fn tokens(i: usize, seen: &Experience, batch: &Batch, report: &UpdateReport) -> Vec<Value> {
    let y = &seen.rollouts[i];
    let known = batch.items.iter().zip(&report.scores).find(|(item, _)| item.rollout == Some(i));
    let token = |(t, span): (usize, &Span)| {
        let mut line = json!({"start": span.start, "end": span.end, "logp": y.logprobs.get(t)});
        if let Some((item, scores)) = known.filter(|(item, _)| item.teacher.is_some()) {
            line["kl"] = json!(scores.kl.get(t));
            line["weight"] = json!(item.weights.get(t));
            line["logp_teacher"] = json!(scores.logp_teacher.get(t));
        }
        line
    };
    y.token_spans.iter().enumerate().map(token).collect()
}

fn append(file: &mut File, path: &Path, line: &Value) -> Result<(), TrainError> {
    // One write per line, so that a killed run leaves whole lines but for the last.
    file.write_all(format!("{line}\n").as_bytes()).map_err(TrainError::io(path))
}

fn write_png(path: &Path, image: &Image) -> Result<(), TrainError> {
    let (width, height) = (image.width, image.height);
    image::save_buffer(path, &image.rgba, width, height, image::ExtendedColorType::Rgba8)
        .map_err(|e| TrainError::Io { path: path.to_owned(), source: std::io::Error::other(e) })
}

/// Drops the lines of later steps, and a last line that a kill cut short.
fn keep_until(path: &Path, done: Option<usize>) -> Result<(), TrainError> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
    let early = |line: &&str| {
        let value: Result<Value, _> = serde_json::from_str(line);
        value.is_ok_and(|v| {
            v["step"].as_u64().is_some_and(|step| done.is_some_and(|done| step <= done as u64))
        })
    };
    let kept: String = text.lines().filter(early).flat_map(|line| [line, "\n"]).collect();
    if kept == text {
        return Ok(());
    }
    let beside = path.with_extension("jsonl.partial");
    std::fs::write(&beside, kept).map_err(TrainError::io(&beside))?;
    std::fs::rename(&beside, path).map_err(TrainError::io(path))
}
