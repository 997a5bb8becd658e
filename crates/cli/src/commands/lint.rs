//! `lint`: render, diagnose, credit; say what is wrong, where in the picture and in which statement.

use super::source;
use crate::emit::{Checked, human, json};
use crate::{Exit, report, terminal};
use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use vsdpo_artifact::{Domain, Outcome};
use vsdpo_credit::{CreditConfig, credit};
use vsdpo_diagnose::{diagnose, rules};
use vsdpo_render::ChartRenderer;

/// Check matplotlib scripts: run each in a sandbox and say what is wrong in its picture.
///
/// Every finding names the rule, the boxes in the picture and the statements that drew them. No model is
/// needed. Exit status: 0 nothing found, 1 findings or a script that does not run, 2 could not check.
///
/// Example: visual-sdpo lint chart.py --html chart.html
#[derive(Parser)]
pub struct Args {
    /// Python scripts that draw a chart.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How to print; `json` is one object for one file and an array for several, `jsonl` a line per file.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Report these rules only (rubric and reward still speak of all).
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    select: Vec<String>,
    /// Do not report these rules.
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    ignore: Vec<String>,
    /// Also write one page with pictures and code.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    #[command(flatten)]
    sandbox: super::Sandbox,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Jsonl,
}

pub fn run(args: &Args) -> Result<Exit> {
    let (select, ignore) = (known(&args.select)?, known(&args.ignore)?);
    let wanted = |rule: &str| (select.is_empty() || select.contains(&rule)) && !ignore.contains(&rule);
    let mut sources = Vec::new();
    let mut unread = None;
    for path in &args.files {
        match source::read(path) {
            Ok(text) => sources.push((path.display().to_string(), text)),
            // The other files are still checked; the last error is left for `main` to print.
            Err(e) => {
                if let Some(earlier) = unread.replace(e) {
                    terminal::remark(&format!("error: {}", terminal::clean_line(&format!("{earlier:#}"))));
                }
            }
        }
    }
    let checked = if sources.is_empty() { Vec::new() } else { check(sources, args, &wanted)? };
    if let Some(out) = &args.html {
        let page = report::lint_page(&checked)?;
        fs::write(out, page).with_context(|| format!("cannot write `{}`", out.display()))?;
    }
    terminal::out(&text(&checked, args.format)?)?;
    match unread {
        Some(error) => Err(error),
        None if checked.iter().any(Checked::has_findings) => Ok(Exit::Findings),
        None => Ok(Exit::Fine),
    }
}

fn check(sources: Vec<(String, String)>, args: &Args, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Checked>> {
    let config = args.sandbox.config();
    let workers = config.workers;
    let renderer = ChartRenderer::start(config)?;
    let bar = terminal::progress("rendering", sources.len() as u64);
    let mut checked = Vec::new();
    for part in sources.chunks(4 * workers) {
        let texts: Vec<&str> = part.iter().map(|(_, text)| text.as_str()).collect();
        for ((file, source), outcome) in part.iter().zip(renderer.render_all(&texts)) {
            let outcome = outcome.with_context(|| format!("cannot render `{file}`"))?;
            checked.push(judge(file, source, outcome, wanted));
        }
        bar.inc(part.len() as u64);
    }
    bar.finish_and_clear();
    Ok(checked)
}

fn judge(file: &str, source: &str, outcome: Outcome, wanted: &dyn Fn(&str) -> bool) -> Checked {
    let mut diagnosis = diagnose(Domain::Chart, None, &outcome);
    diagnosis.defects.retain(|d| wanted(d.rule));
    let credit = credit(source, &outcome, &diagnosis.defects, &CreditConfig::default());
    Checked { file: file.to_owned(), source: source.to_owned(), outcome, diagnosis, credit }
}

/// The full ids of rules given by id or by the part after the slash.
fn known(asked: &[String]) -> Result<Vec<&'static str>> {
    let find = |name: &String| {
        let all = rules(Domain::Chart).iter();
        match all.map(|r| r.id).find(|id| id == name || id.ends_with(&format!("/{name}"))) {
            Some(id) => Ok(id),
            None => bail!("there is no rule `{name}`: `visual-sdpo explain` lists them"),
        }
    };
    asked.iter().map(find).collect()
}

fn text(checked: &[Checked], format: Format) -> Result<String> {
    let values = || checked.iter().map(json::lint).collect::<Vec<Value>>();
    let json = match format {
        Format::Human => return Ok(human_text(checked)),
        Format::Json if checked.len() == 1 => serde_json::to_string_pretty(&values()[0])? + "\n",
        Format::Json => serde_json::to_string_pretty(&values())? + "\n",
        Format::Jsonl => values().iter().map(|v| format!("{v}\n")).collect(),
    };
    Ok(terminal::escaped_json(&json).into_owned())
}

fn human_text(checked: &[Checked]) -> String {
    let colour = terminal::colour();
    let mut text: String = checked.iter().map(|c| human::lint(c, colour)).collect();
    if checked.len() > 1 {
        text.push_str(&human::total(checked));
    }
    text
}
