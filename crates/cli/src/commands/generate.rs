//! `generate`: samples one answer of a model, as it is used after training; or several, as the loop
//! of critique and revision uses it.

use super::input::{File, Rendering};
use super::render::write_pages;
use crate::{Exit, terminal};
use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use vsdpo_artifact::{Domain, Outcome, Source, Span, Task, extract_code};
use vsdpo_context::{Channels, student_prompt};
use vsdpo_diagnose::{AxisWeights, RubricDetail};
use vsdpo_policy::{Policy, SampleConfig, read_image};
use vsdpo_train::eval::{Attempt, Attempter, Way};
use vsdpo_train::reflect::{Cost, Reflection, Revisions, reflect};

/// Ask a model for the code of a chart or a page. Neither a renderer nor a teacher is used.
///
/// Prints the code. With --render, the code is then run in the sandbox and its picture is written.
///
/// With --reflect N the model revises its answer: the code is rendered, and while it has defects or
/// fails, the model is asked again at most N times with the render and the rubric, or the error
/// text, as a teacher is in training. The answer is the last of the best attempts by (runs,
/// reward). Standard error, or --json, has the tokens, renders and seconds of every round.
///
/// Examples: visual-sdpo generate --model assets/mini "A line chart of 1, 3, 2." --render out.png;
/// visual-sdpo generate --model assets/mini --domain chart --reflect 3 "A line chart of 1, 3, 2."
#[derive(Parser)]
pub struct Args {
    /// A Hugging Face folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The instruction: what to draw.
    prompt: String,
    /// A picture that belongs to the prompt (PNG or JPEG); may be given several times.
    #[arg(long, value_name = "PNG")]
    image: Vec<PathBuf>,
    /// Also run the code and write its picture.
    #[arg(long, value_name = "PNG")]
    render: Option<PathBuf>,
    /// Softmax temperature; 0 takes the most likely token.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Seed of the sampler.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Maximum number of tokens of the answer.
    #[arg(long, default_value_t = 512, value_name = "N")]
    max_tokens: usize,
    /// Print `{text, code: {start, end}, tokens, finished}` instead of the code; with --reflect
    /// also `reflect: {answer, rounds, total, single_pass}`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reflecting: Reflecting,
    #[command(flatten)]
    rendering: Rendering,
}

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

/// What the model answered.
struct Answer {
    text: String,
    code: Span,
    tokens: usize,
    finished: bool,
    /// What the code drew, and what the rounds cost; with --reflect.
    revised: Option<(Outcome, Value)>,
}

pub fn run(args: &Args) -> Result<Exit> {
    let reflection = args.reflecting.reflection();
    let domain = match (args.rendering.domain(), &reflection) {
        (None, Some(_)) => bail!("--reflect needs the domain; help: add --domain chart or --domain web"),
        (domain, _) => domain.unwrap_or(Domain::Chart),
    };
    let policy = Policy::load(&args.model)?;
    let images = args.image.iter().map(|path| read_image(path)).collect::<Result<Vec<_>, _>>()?;
    let language = domain.default_language();
    let task = Task { prompt: args.prompt.clone(), images, ..Task::unspecified(domain, language) };
    let answer = match &reflection {
        None => single_pass(args, &policy, &task)?,
        Some(how) => revised(args, &policy, task, how)?,
    };
    let source = answer.code.text(&answer.text).unwrap_or("");
    if args.json {
        let mut value = json!({
            "text": answer.text, "code": answer.code, "tokens": answer.tokens, "finished": answer.finished,
        });
        if let Some((_, rounds)) = &answer.revised {
            value["reflect"] = rounds.clone();
        }
        terminal::out(&terminal::json_line(&value))?;
    } else {
        terminal::out(&shown(source))?;
    }
    if !answer.finished {
        terminal::remark(&format!(
            "note: the answer was cut after {} tokens; help: raise the limit with --max-tokens",
            answer.tokens
        ));
    }
    if let Some(path) = &args.render {
        match answer.revised {
            Some((Outcome::Rendered(rendered), _)) => write_pages(path, &rendered.pages)?,
            _ => {
                let (name, source) = ("the model's code".into(), Source::new(source, language));
                write_pages(path, &args.rendering.render(&File { name, domain, source })?.pages)?
            }
        };
    }
    Ok(Exit::Fine)
}

impl Args {
    fn sampling(&self) -> SampleConfig {
        SampleConfig { max_completion_tokens: self.max_tokens, temperature: self.temperature, top_p: 1.0 }
    }
}

/// The model's answer as it is.
fn single_pass(args: &Args, policy: &Policy, task: &Task) -> Result<Answer> {
    let prompt = policy.encode(&student_prompt(task))?;
    let bar = terminal::progress("sampling", 0);
    let sampled = policy.sample(&[prompt], 1, &args.sampling(), args.seed);
    bar.finish_and_clear();
    let answer = sampled?.into_iter().next().context("the model gave no answer")?;
    let (code, tokens) = (extract_code(&answer.text, task.language), answer.tokens.len());
    Ok(Answer { text: answer.text, code, tokens, finished: answer.finished, revised: None })
}

/// The best of the model's answer and its revisions.
fn revised(args: &Args, policy: &Policy, task: Task, how: &Reflection) -> Result<Answer> {
    let renderer = args.rendering.open(task.domain)?;
    let attempter = Attempter {
        policy,
        renderer: &*renderer,
        references: None,
        sampling: args.sampling(),
        seed: args.seed,
        weights: &AxisWeights::equal(task.domain),
    };
    let bar = terminal::progress("sampling and rendering", 0);
    let mut done = |round: usize, attempts: &[Attempt]| {
        let tell = |a: &Attempt| terminal::remark(&round_line(round, a));
        bar.suspend(|| attempts.iter().filter(|_| !args.json).for_each(tell));
    };
    let prompt = student_prompt(&task);
    let first = attempter.attempt(&[task], &[prompt])?;
    done(0, &first);
    let revisions = reflect(first, how, &attempter, &mut done);
    bar.finish_and_clear();
    let revisions = revisions?.pop().context("the model gave no answer")?;
    let answer = revisions.answer(how.rounds);
    if !args.json {
        terminal::remark(&cost_line(&revisions, answer));
    }
    let rounds = rounds_json(&revisions, answer);
    let Attempt { text, code, outcome, finished, cost, .. } =
        revisions.0.into_iter().nth(answer).context("no answer")?;
    Ok(Answer { text, code, tokens: cost.completion_tokens, finished, revised: Some((outcome, rounds)) })
}

/// The axes that an attempt fails.
fn failed_axes(attempt: &Attempt) -> Vec<&str> {
    let axes = attempt.diagnosis.rubric.axes.iter();
    axes.filter(|(_, score)| score.satisfied == Some(false)).map(|(axis, _)| axis.name).collect()
}

fn round_line(round: usize, attempt: &Attempt) -> String {
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

/// The code with a line end. On a terminal control characters are replaced; elsewhere the code is
/// exact.
fn shown(code: &str) -> String {
    let code = if io::stdout().is_terminal() { terminal::clean(code) } else { code.into() };
    format!("{}\n", code.trim_end_matches('\n'))
}
