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
use crate::emit::{Format, Printer};
use crate::{Exit, terminal};
use anyhow::Result;
use clap::{Parser, ValueEnum};
use config::{Configs, Rules};
use files::Found;
use reference::Reference;
use std::collections::BTreeSet;
use std::path::PathBuf;
use vsdpo_artifact::{Defect, FailureKind, Language, Level, Outcome, Task};
use vsdpo_credit::{CreditConfig, credit};
use vsdpo_diagnose::diagnose;
use vsdpo_report::{Checked, LintPage};

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
    /// Treat named scripts like those of a folder: one that cannot draw is not run, and one that
    /// draws nothing is no error. For commit hooks, which name every file that changed.
    #[arg(long)]
    skip_undrawn: bool,
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

/// The lowest level that is reported.
#[derive(Clone, Copy, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Least {
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
    let mut run = Run::new(args)?;
    let mut found = Vec::new();
    for argument in &args.files {
        match files::found(argument) {
            Ok(files) => found.extend(files),
            Err(e) => run.unread(e),
        }
    }
    for file in &mut found {
        file.named &= !args.skip_undrawn;
    }
    run.check(&found)?;
    terminal::out(&run.printer.end()?)?;
    if let (Some(out), Some(page)) = (&args.html, &run.page) {
        vsdpo_score::files::write(out, page.text().as_bytes())?;
    }
    match run.unread {
        Some(error) => Err(error),
        None if run.printer.has_findings() => Ok(Exit::Findings),
        None => Ok(Exit::Fine),
    }
}

/// The state of one run.
struct Run<'a> {
    args: &'a Args,
    select: Vec<&'static str>,
    ignore: Vec<&'static str>,
    configs: Configs,
    reference: Option<Reference>,
    printer: Printer,
    page: Option<LintPage>,
    /// Scripts of folders that draw nothing.
    without: usize,
    /// Interpreters that were named.
    pythons: BTreeSet<PathBuf>,
    /// The last file that could not be read.
    unread: Option<anyhow::Error>,
}

impl<'a> Run<'a> {
    fn new(args: &'a Args) -> Result<Self> {
        let timeout = args.rendering.timeout();
        Ok(Run {
            args,
            select: known(&args.select)?,
            ignore: known(&args.ignore)?,
            configs: Configs::default(),
            reference: args.reference.as_ref().map(|path| Reference::open(path, timeout)).transpose()?,
            printer: Printer::new(args.format, args.verbose),
            page: args.html.as_ref().map(|_| LintPage::default()),
            without: 0,
            pythons: BTreeSet::new(),
            unread: None,
        })
    }

    /// The other files are still checked; `main` prints the last error.
    fn unread(&mut self, error: anyhow::Error) {
        if let Some(earlier) = self.unread.replace(error) {
            terminal::remark(&format!("error: {}", terminal::clean_line(&format!("{earlier:#}"))));
        }
    }

    /// Reads, renders, prints and drops the files, a few at a time.
    fn check(&mut self, found: &[Found]) -> Result<()> {
        let files = found.len() * self.args.rendering.windows_of_pages();
        let mut renderers = self.args.rendering.checkers(files, self.args.environment.memory());
        let bar = terminal::progress("rendering", found.len() as u64);
        for found in found.chunks(PART * renderers.workers()) {
            let mut asked = Vec::new();
            for found in found {
                match self.read(found) {
                    Ok(files) => asked.extend(files),
                    Err(e) => self.unread(e),
                }
            }
            let files: Vec<File> = asked.iter().map(|a| a.file.clone()).collect();
            let outcomes = if files.is_empty() { Vec::new() } else { renderers.render(&files)? };
            for (asked, outcome) in asked.iter().zip(outcomes) {
                let text = self.diagnose(asked, outcome)?;
                bar.suspend(|| terminal::out(&text))?;
            }
            bar.inc(found.len() as u64);
        }
        bar.finish_and_clear();
        if self.without > 0 {
            let scripts = if self.without == 1 { "script draws" } else { "scripts draw" };
            terminal::remark(&format!("note: {} {scripts} nothing and were not counted", self.without));
        }
        Ok(())
    }

    /// Reads a file; a page once for every window, and a script of a folder that cannot draw not at
    /// all.
    fn read(&mut self, found: &Found) -> Result<Vec<Asked>> {
        let (args, settings) = (self.args, self.configs.of(&found.path)?);
        let mut file = args.rendering.file(&found.path, source::read_or_stdin(&found.path)?);
        if self.reference.is_some() {
            Reference::accepts(&file)?;
        }
        if file.source.language == Language::Python {
            let user = args.environment.of(&settings);
            if args.verbose
                && let Some(python) = user.python.as_ref().filter(|p| self.pythons.insert((*p).clone()))
            {
                terminal::remark(&format!("note: scripts run under {}", python.display()));
            }
            file.user = Some(user);
            if !found.named && !files::can_draw(&file.source.text) {
                return Ok(Vec::new());
            }
        }
        let mut rules = settings.rules;
        if !self.select.is_empty() {
            rules.select.clone_from(&self.select);
        }
        rules.ignore.extend(&self.ignore);
        let asked = |file| Asked { file, rules: rules.clone(), named: found.named };
        Ok(args.rendering.windows(file).into_iter().map(asked).collect())
    }

    /// Diagnoses an outcome, and returns what can be printed of it now.
    fn diagnose(&mut self, asked: &Asked, mut outcome: Outcome) -> Result<String> {
        if asked.is_no_chart(&outcome) {
            self.without += 1;
            return Ok(String::new());
        }
        remark(&asked.file, &self.args.rendering, &mut outcome);
        let mut checked = diagnosed(&asked.file, &asked.rules, outcome, self.reference.as_ref())?;
        report_only(&mut checked, self.args.level.into());
        if let Some(page) = &mut self.page {
            page.add(&checked)?;
        }
        Ok(self.printer.add(&checked))
    }
}

/// Files of each worker that are rendered before results are printed: more keep the workers busy,
/// and need memory for as many pictures.
const PART: usize = 2;

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

/// What is reported of one file that was rendered: the findings of this level and above that its
/// project wants.
///
/// # Errors
/// Code that cannot be read for credit.
pub fn checked(
    file: &File,
    rules: &Rules,
    level: Level,
    rendering: &Rendering,
    mut outcome: Outcome,
) -> Result<Checked> {
    remark(file, rendering, &mut outcome);
    let mut checked = diagnosed(file, rules, outcome, None)?;
    report_only(&mut checked, level);
    Ok(checked)
}

/// Drops the findings below a level, and folds those of one rule and statement.
fn report_only(checked: &mut Checked, level: Level) {
    checked.diagnosis.defects.retain(|d| d.level >= level);
    checked.diagnosis.defects = fold::folded(checked);
}

/// Tells how many lines of a script are no Python, and which files a page could not reach.
fn remark(file: &File, rendering: &Rendering, outcome: &mut Outcome) {
    let Outcome::Rendered(rendered) = outcome else { return };
    if file.skipped > 0 {
        let are = if file.skipped == 1 { "line is a command" } else { "lines are commands" };
        rendered.notes.push(format!("{} {are} of a notebook (`%`, `!`, `?`) and did not run", file.skipped));
    }
    let outside = file.source.language == Language::Html && file.source.text.contains("../");
    if outside && !rendering.has_root() && rendered.notes.iter().any(|note| note.starts_with("no answer for"))
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
