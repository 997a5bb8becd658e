//! The loop of critique and revision: its options, and what is told of its rounds.

use super::Answer;
use crate::terminal;
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};
use vsdpo_artifact::Outcome;
use vsdpo_context::Channels;
use vsdpo_diagnose::RubricDetail;
use vsdpo_train::eval::{Attempt, Way};
use vsdpo_train::reflect::{Cost, Reflection, Revisions};

/// How answers are revised.
#[derive(clap::Args)]
#[group(skip)]
pub struct Reflecting {
    /// Revise answers that have defects or fail, at most N times: show the model the render and its
    /// defects, and ask again.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    reflect: Option<u8>,
    /// With --reflect: the parts of the feedback on a render.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["image", "rubric"], requires = "reflect")]
    channels: Vec<Channel>,
    /// With --reflect: how much of the rubric is shown, `binary`, `observed` or `full`.
    #[arg(long, default_value = "binary", value_name = "DETAIL", requires = "reflect")]
    rubric: RubricDetail,
}

/// A part of the feedback on a render.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Channel {
    /// The picture.
    Image,
    /// The rubric as JSON.
    Rubric,
}

impl Reflecting {
    /// How, if --reflect is given.
    pub fn reflection(&self) -> Option<Reflection> {
        let shown = |channel| self.channels.contains(&channel);
        let channels = Channels { image: shown(Channel::Image), rubric: shown(Channel::Rubric) };
        let [way, _] = Way::of_teacher(channels, self.rubric);
        self.reflect.map(|rounds| Reflection { rounds: rounds.into(), way })
    }
}

/// The best of the attempts at one task. Its cost is told unless `json` is set.
pub(super) fn best(mut all: Vec<Revisions>, how: &Reflection, json: bool) -> Result<Answer> {
    let revisions = all.pop().context("the model gave no answer")?;
    let answer = revisions.answer(how.rounds);
    if !json {
        terminal::remark(&cost_line(&revisions, answer));
    }
    let more = json!({"reflect": rounds_json(&revisions, answer)});
    let Attempt { text, code, outcome, finished, cost, .. } =
        revisions.0.into_iter().nth(answer).context("no answer")?;
    let tokens = Some(cost.completion_tokens);
    Ok(Answer { text, code, tokens, finished, outcome: Some(outcome), more })
}

/// The axes that an attempt fails.
fn failed_axes(attempt: &Attempt) -> Vec<&str> {
    let axes = attempt.diagnosis.rubric.axes.iter();
    axes.filter(|(_, score)| score.satisfied == Some(false)).map(|(axis, _)| axis.name).collect()
}

pub(super) fn round_line(round: usize, attempt: &Attempt) -> String {
    let Cost { prompt_tokens, completion_tokens, .. } = attempt.cost;
    let verdict = match &attempt.outcome {
        _ if !attempt.finished => "cut at the token limit".to_owned(),
        Outcome::Failed { error } => format!("failed: {}", error.message),
        Outcome::Rendered(_) if attempt.defect_free() => "free of defects".to_owned(),
        Outcome::Rendered(_) => format!("defects: {}", failed_axes(attempt).join(", ")),
    };
    terminal::clean_line(&format!(
        "round {round}: {prompt_tokens} + {completion_tokens} tokens, 1 render, {:.1} s; reward {:.2}, {verdict}",
        attempt.cost.seconds(),
        attempt.reward
    ))
}

fn cost_line(revisions: &Revisions, answer: usize) -> String {
    let shown =
        |cost: Cost| format!("{} tokens, {} renders, {:.1} s", cost.tokens(), cost.renders, cost.seconds());
    let total = revisions.cost(revisions.0.len());
    let single = revisions.0[0].cost.single_pass();
    format!("answer of round {answer}; all rounds: {}; a single pass: {}", shown(total), shown(single))
}

fn rounds_json(revisions: &Revisions, answer: usize) -> Value {
    let cost = |cost: Cost| {
        json!({
            "prompt_tokens": cost.prompt_tokens, "completion_tokens": cost.completion_tokens,
            "renders": cost.renders, "seconds": cost.seconds(),
        })
    };
    let round = |attempt: &Attempt| {
        let mut value = cost(attempt.cost);
        value["executed"] = attempt.diagnosis.executed.into();
        value["defect_free"] = attempt.defect_free().into();
        value["reward"] = attempt.reward.into();
        value["defects"] = failed_axes(attempt).into();
        value
    };
    json!({
        "answer": answer,
        "rounds": revisions.0.iter().map(round).collect::<Vec<_>>(),
        "total": cost(revisions.cost(revisions.0.len())),
        "single_pass": cost(revisions.0[0].cost.single_pass()),
    })
}
