//! `lint`: renders, diagnoses and credits files, and prints each finding with its place in the
//! picture and its statement.

pub mod config;
mod files;
mod fold;
mod ignore;
mod reference;

use super::environment::Environment;
use super::explain::rules_named;
use super::input::{File, Rendering};
use super::source;
use crate::emit::{github, human, json, sarif};
use crate::{Exit, terminal};
use anyhow::Result;
use clap::{Parser, ValueEnum};
use config::{Configs, Rules};
use files::Found;
use reference::Reference;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use vsdpo_artifact::{Defect, FailureKind, Language, Level, Outcome, Task};
use vsdpo_credit::{CreditConfig, credit};
use vsdpo_diagnose::diagnose;
use vsdpo_report::Checked;

/// Check matplotlib scripts, HTML pages and decks: render each file in a sandbox and report the
/// defects of its pictures.
///
/// Every finding names the rule, the boxes in the picture and the statements that drew them; in a
/// page these are the elements, and the style rules that set the properties at fault. No model is
/// needed. Findings alike of one statement are one finding with a count. Exit status: 0 no findings
/// above notes, 1 such findings or a script that fails, 2 a file could not be checked.
///
/// A project may choose its rules in `visual-sdpo.toml`, or in the table `[tool.visual-sdpo]` of
/// `pyproject.toml`, with the keys `select` and `ignore`, and where scripts run, with `python` and
/// `allow-read`. A comment `# vsdpo: ignore[RULE]` in a statement, or `<!-- vsdpo: ignore[RULE]
/// -->` in a page, silences the findings of that statement.
///
/// A script may read its own folder and runs under your interpreter; what it writes is dropped.
/// What follows `--` are its arguments.
///
/// Decks are .pptx files, and scripts that import pptx. Their rules about drawn text need
/// LibreOffice; without it they are listed as skipped.
///
/// Examples: visual-sdpo lint chart.py --html chart.html; visual-sdpo lint page.html; visual-sdpo
/// lint deck.pptx
#[derive(Parser)]
pub struct Args {
    /// Python scripts that draw a chart or make a deck, notebooks (.ipynb), pages (.html), .pptx
    /// files, and folders with such files; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Output format; `json` is one object for one file and an array for several, `jsonl` a line
    /// per file, `sarif` is for code hosts and editors, `github` for workflow logs.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Report only these rules, and not those that the project selects. Rubric and reward still
    /// cover all rules.
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    select: Vec<String>,
    /// Do not report these rules, in addition to those that the project ignores.
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    ignore: Vec<String>,
    /// Report findings of this level and above. Notes do not change the exit status.
    #[arg(long, value_enum, default_value = "note")]
    level: Least,
    /// Also print what training makes of a finding: the responsibility and weight of each
    /// statement, the observed values of its axis, and the reward of the file.
    #[arg(long, short)]
    verbose: bool,
    /// The page to reproduce: also report its text blocks that are missing, moved or recoloured,
    /// and extra ones, as Design2Code matches them.
    #[arg(long, value_name = "PAGE", conflicts_with = "window")]
    reference: Option<PathBuf>,
    /// Also write an HTML page with the pictures, the findings and the code.
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    #[command(flatten)]
    rendering: Rendering,
    #[command(flatten)]
    environment: Environment,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Jsonl,
    Sarif,
    Github,
}

/// The lowest level that is reported.
#[derive(Clone, Copy, ValueEnum)]
enum Least {
    Note,
    Warning,
    Error,
}

impl From<Least> for Level {
    fn from(least: Least) -> Self {
        match least {
            Least::Note => Level::Note,
            Least::Warning => Level::Warning,
            Least::Error => Level::Error,
        }
    }
}

pub fn run(args: &Args) -> Result<Exit> {
    let (select, ignore) = (known(&args.select)?, known(&args.ignore)?);
    let mut configs = Configs::default();
    let mut sources = Vec::new();
    let mut unread = None;
    // The other files are still checked; `main` prints the last error.
    let mut failed = |e: anyhow::Error| {
        if let Some(earlier) = unread.replace(e) {
            terminal::remark(&format!("error: {}", terminal::clean_line(&format!("{earlier:#}"))));
        }
    };
    for argument in &args.files {
        let found = files::found(argument).unwrap_or_else(|e| {
            failed(e);
            Vec::new()
        });
        for found in found {
            match read(&found, &mut configs, args) {
                Ok((asked, mut rules)) => {
                    if !select.is_empty() {
                        rules.select = select.clone();
                    }
                    rules.ignore.extend(&ignore);
                    sources.extend(asked.into_iter().map(|file| Asked {
                        file,
                        rules: rules.clone(),
                        named: found.named,
                    }));
                }
                Err(e) => failed(e),
            }
        }
    }
    let checked = if sources.is_empty() { Vec::new() } else { check(sources, args)? };
    if let Some(out) = &args.html {
        vsdpo_score::files::write(out, vsdpo_report::lint_page(&checked)?.as_bytes())?;
    }
    terminal::out(&text(&checked, args)?)?;
    match unread {
        Some(error) => Err(error),
        None if checked.iter().any(Checked::has_findings) => Ok(Exit::Findings),
        None => Ok(Exit::Fine),
    }
}

/// A file to check, with the rules of its project.
struct Asked {
    file: File,
    rules: Rules,
    /// Whether it was named, and not found in a folder.
    named: bool,
}

impl Asked {
    /// Whether nobody said that it draws, and it does not.
    fn is_no_chart(&self, outcome: &Outcome) -> bool {
        let without = outcome.error().is_some_and(|error| error.kind == FailureKind::NoFigure);
        !self.named && self.file.source.language == Language::Python && without
    }
}

/// Reads a file; a page once for every window, and a script of a folder that cannot draw not at
/// all.
fn read(found: &Found, configs: &mut Configs, args: &Args) -> Result<(Vec<File>, Rules)> {
    let settings = configs.of(&found.path)?;
    let mut file = args.rendering.file(&found.path, source::read_or_stdin(&found.path)?);
    if file.source.language == Language::Python {
        file.user = Some(args.environment.of(&settings));
        if !found.named && !files::can_draw(&file.source.text) {
            return Ok((Vec::new(), settings.rules));
        }
    }
    Ok((args.rendering.windows(file), settings.rules))
}

fn check(asked: Vec<Asked>, args: &Args) -> Result<Vec<Checked>> {
    let reference = match &args.reference {
        Some(path) => Some(Reference::open(path, asked.iter().map(|a| &a.file), args.rendering.timeout())?),
        None => None,
    };
    if args.verbose {
        let pythons: BTreeSet<&PathBuf> =
            asked.iter().filter_map(|a| a.file.user.as_ref()?.python.as_ref()).collect();
        pythons
            .iter()
            .for_each(|python| terminal::remark(&format!("note: scripts run under {}", python.display())));
    }
    let mut renderers = args.rendering.checkers(asked.len(), args.environment.memory());
    let bar = terminal::progress("rendering", asked.len() as u64);
    let (mut checked, mut without) = (Vec::new(), 0);
    let part = 4 * renderers.workers();
    for asked in asked.chunks(part) {
        let files: Vec<File> = asked.iter().map(|a| a.file.clone()).collect();
        let outcomes = renderers.render(&files)?;
        for (asked, mut outcome) in asked.iter().zip(outcomes) {
            if asked.is_no_chart(&outcome) {
                without += 1;
                continue;
            }
            remark(&asked.file, args, &mut outcome);
            let mut file = diagnosed(&asked.file, &asked.rules, outcome, reference.as_ref())?;
            file.diagnosis.defects.retain(|d| d.level >= args.level.into());
            file.diagnosis.defects = fold::folded(&file);
            checked.push(file);
        }
        bar.inc(asked.len() as u64);
    }
    bar.finish_and_clear();
    if without > 0 {
        let scripts = if without == 1 { "script draws" } else { "scripts draw" };
        terminal::remark(&format!("note: {without} {scripts} nothing and were not counted"));
    }
    Ok(checked)
}

/// Tells how many lines of a script are no Python, and which files a page could not reach.
fn remark(file: &File, args: &Args, outcome: &mut Outcome) {
    let Outcome::Rendered(rendered) = outcome else { return };
    if file.skipped > 0 {
        let are = if file.skipped == 1 { "line is a command" } else { "lines are commands" };
        rendered.notes.push(format!("{} {are} of a notebook (`%`, `!`, `?`) and did not run", file.skipped));
    }
    let outside = file.source.language == Language::Html && file.source.text.contains("../");
    if outside
        && !args.rendering.has_root()
        && rendered.notes.iter().any(|note| note.starts_with("no answer for"))
    {
        rendered.notes.push(
            "files outside the page's folder (`../`) are closed: name the folder around them with --root DIR"
                .into(),
        );
    }
}

/// The diagnosis and the credit of one file, without the findings that the project's configuration
/// or a comment silences.
fn diagnosed(file: &File, rules: &Rules, outcome: Outcome, reference: Option<&Reference>) -> Result<Checked> {
    let (domain, language) = (file.domain, file.source.language);
    let comparison = match (reference, outcome.rendered()) {
        (Some(reference), Some(_)) => Some(reference.compare(file)?),
        _ => None,
    };
    let task = Task::unspecified(domain, language);
    let mut diagnosis = diagnose(&task, &outcome, comparison.as_ref());
    diagnosis.defects.retain(|d| rules.wants(d.rule));
    let blame = |outcome: &Outcome, defects: &[Defect]| {
        credit(language, &file.source.text, outcome, defects, &CreditConfig::default())
    };
    let first = blame(&outcome, &diagnosis.defects);
    let ignores = ignore::ignores(file);
    let (name, source) = (file.name.clone(), file.source.text.clone());
    let (cells, window) = (file.cells.clone(), file.window);
    let mut checked =
        Checked { credit: first, file: name, domain, language, outcome, diagnosis, source, cells, window };
    let (silenced, kept): (Vec<Defect>, Vec<Defect>) = std::mem::take(&mut checked.diagnosis.defects)
        .into_iter()
        .partition(|d| ignore::silenced(&ignores, d, &checked));
    checked.diagnosis.defects = kept;
    if !silenced.is_empty() {
        checked.credit = blame(&checked.outcome, &checked.diagnosis.defects);
    }
    Ok(checked)
}

/// The ids of the rules with these names.
fn known(asked: &[String]) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for name in asked {
        found.extend(rules_named(name)?.iter().map(|rule| rule.id));
    }
    Ok(found)
}

fn text(checked: &[Checked], args: &Args) -> Result<String> {
    let values = || checked.iter().map(json::lint).collect::<Vec<Value>>();
    Ok(match args.format {
        Format::Human => human_text(checked, args.verbose),
        Format::Json if checked.len() == 1 => terminal::json_pretty(&values()[0])?,
        Format::Json => terminal::json_pretty(&values())?,
        Format::Sarif => terminal::json_pretty(&sarif::lint(checked))?,
        Format::Github => checked.iter().map(github::lint).collect(),
        Format::Jsonl => values().iter().map(terminal::json_line).collect(),
    })
}

fn human_text(checked: &[Checked], verbose: bool) -> String {
    let style = human::Style { colour: terminal::colour(), verbose };
    let mut text: String = checked.iter().map(|c| human::lint(c, style)).collect();
    if checked.len() > 1 {
        text.push_str(&human::total(checked));
    }
    text
}
