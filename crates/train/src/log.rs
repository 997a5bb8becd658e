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

/// Pages of one render that are kept.
const PAGES: usize = 8;

/// A finished step, for its log.
#[derive(Clone, Copy)]
pub struct StepRecord<'a> {
    /// The step, from 1.
    pub step: usize,
    /// What happened up to the losses.
    pub experience: &'a Experience,
    /// The factors of every token.
    pub batch: &'a Batch<'a>,
    /// What the optimizer step did.
    pub report: &'a UpdateReport,
}

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
            let images = self.pictures(&format!("eval-{step:05}-{i:03}"), &attempt.outcome)?;
            append(
                &mut self.rollouts,
                &self.folder.join("rollouts.jsonl"),
                &shown(step, i, attempt, &images),
            )?;
        }
        let student = report.student();
        let mut scores = vec![
            ("eval/exec", student.exec.mean),
            ("eval/defect_free", student.defect_free.mean),
            ("eval/reward", student.reward.mean),
        ];
        scores.extend(student.good.map(|good| ("eval/good", good.mean)));
        self.events.scalars(step as u64, scalars_of(&scores)).map_err(TrainError::io(&self.folder))
    }

    /// Writes a few rollouts of a finished step with their pictures.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn rollouts(&mut self, record: &StepRecord) -> Result<(), TrainError> {
        let StepRecord { step, experience, .. } = record;
        let tasks = experience.tasks.len();
        let shown = ROLLOUTS_PER_STEP.min(tasks);
        let first_of = |task: usize| experience.rollouts.iter().position(|y| y.task == task);
        for i in (0..shown).filter_map(|k| first_of(k * tasks / shown)) {
            let images = self.pictures(&format!("{step:05}-{i:03}"), &experience.outcomes[i])?;
            let line = rollout(record, i, &images);
            append(&mut self.rollouts, &self.folder.join("rollouts.jsonl"), &line)?;
        }
        Ok(())
    }

    /// Stores the pages of an outcome, if it has any, and returns their paths within the folder.
    fn pictures(&self, name: &str, outcome: &Outcome) -> Result<Vec<String>, TrainError> {
        let pages = outcome.rendered().map_or(&[][..], |rendered| &rendered.pages);
        let mut names = Vec::new();
        for (i, page) in pages.iter().take(PAGES).enumerate() {
            let suffix = if i == 0 { String::new() } else { format!("-{}", i + 1) };
            names.push(format!("images/{name}{suffix}.png"));
            write_png(&self.folder.join(&names[i]), &page.image)?;
        }
        Ok(names)
    }
}

/// One line of `rollouts.jsonl` for an attempt of an evaluation: no group, no teacher, no tokens.
fn shown(step: usize, i: usize, attempt: &Attempt, images: &[String]) -> Value {
    let Attempt { task, outcome, diagnosis: d, reward, finished, .. } = attempt;
    let code = attempt.source();
    json!({
        "step": step, "index": i, "task": task.id, "prompt": task.prompt, "text": code,
        "code": Span::new(0, code.len()), "finished": finished, "executed": d.executed, "reward": reward, "error": outcome.error(),
        "rubric": d.rubric, "defects": d.defects, "image": images.first(),
        "images": images,
    })
}

fn scalars_of<'a>(list: &'a [(&'a str, f64)]) -> impl Iterator<Item = (&'a str, f64)> {
    list.iter().copied()
}

/// One line of `rollouts.jsonl`. All byte offsets are offsets into `text`.
fn rollout(record: &StepRecord, i: usize, images: &[String]) -> Value {
    let StepRecord { step, experience, batch, .. } = record;
    let (y, task, d) = (&experience.rollouts[i], experience.task_of(i), &experience.diagnoses[i]);
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
        "finished": y.finished, "executed": d.executed, "reward": experience.rewards[i],
        "advantage": batch.advantages[i], "error": experience.outcomes[i].error(), "rubric": d.rubric, "defects": d.defects,
        "statements": experience.credits[i].statements.iter().map(statement).collect::<Vec<_>>(),
        "tokens": tokens(record, i), "image": images.first(), "images": images,
    })
}

/// Spans, log-probabilities and what the teacher made of every token of a rollout.
fn tokens(record: &StepRecord, i: usize) -> Vec<Value> {
    let StepRecord { experience, batch, report, .. } = record;
    let y = &experience.rollouts[i];
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
