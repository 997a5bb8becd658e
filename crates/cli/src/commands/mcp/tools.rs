//! The tools: what they take, and what they answer.

use super::super::environment::Environment;
use super::super::input::{File, Renderers, Rendering};
use super::super::lint::{self, Least, config::Configs};
use super::super::{explain, source};
use super::{failure, picture};
use crate::emit::{Format, Printer, line_column};
use anyhow::{Result, bail};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::{Defect, Domain, Language, Level, Outcome};
use vsdpo_report::Checked;

/// Pictures of one answer at most.
const MAX_PICTURES: usize = 8;

/// A call that was understood.
pub enum Call {
    Lint(Asked),
    Render(Asked),
    Explain(Option<String>),
}

/// What to draw: a file, or code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: Option<PathBuf>,
    code: Option<String>,
    folder: Option<PathBuf>,
    domain: Option<Domain>,
    level: Option<Least>,
    picture: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedRule {
    rule: Option<String>,
}

impl Call {
    /// Reads the arguments of a tool.
    ///
    /// # Errors
    /// A tool that there is not, or an argument that it does not take, each with what it takes.
    pub fn new(tool: &str, arguments: JsonObject) -> Result<Self> {
        let arguments = Value::Object(arguments);
        let asked = |value| -> Result<Asked> {
            let asked: Asked = read(tool, value)?;
            match (&asked.path, &asked.code) {
                _ if tool == "render" && (asked.level.is_some() || asked.picture.is_some()) => {
                    bail!("`render` takes neither `level` nor `picture`; help: `lint` does")
                }
                (Some(_), None) | (None, Some(_)) => Ok(asked),
                _ => bail!("`{tool}` takes either `path` or `code`; help: give one of them"),
            }
        };
        match tool {
            "lint" => Ok(Call::Lint(asked(arguments)?)),
            "render" => Ok(Call::Render(asked(arguments)?)),
            "explain" => Ok(Call::Explain(read::<AskedRule>(tool, arguments)?.rule)),
            other => bail!("there is no tool `{other}`; help: the tools are lint, render and explain"),
        }
    }
}

fn read<T: for<'a> Deserialize<'a>>(tool: &str, arguments: Value) -> Result<T> {
    serde_path_to_error::deserialize(arguments)
        .map_err(|e| anyhow::anyhow!("arguments of `{tool}`: {e}; help: tools/list has the schema"))
}

/// The tools as a client sees them.
pub fn all() -> Vec<Tool> {
    let what = json!({
        "path": {"type": "string", "description": "A matplotlib or python-pptx script (.py), a notebook (.ipynb), a page (.html) or a deck (.pptx). Scripts and pages may read the files of their folder."},
        "code": {"type": "string", "description": "The code itself, in place of `path`."},
        "folder": {"type": "string", "description": "With `code`: the folder whose files it may read, and in which it seems to run."},
        "domain": {"enum": ["chart", "web", "slide"], "description": "What the code draws; by default this is guessed from suffix and text."},
    });
    let mut linted = what.clone();
    linted["level"] = json!({"enum": ["note", "warning", "error"], "default": "note", "description": "Leave out findings below this level."});
    linted["picture"] = json!({"type": "boolean", "default": true, "description": "Whether to return the pictures, in which the findings are framed."});
    let rule = json!({"rule": {"type": "string", "description": "The rule of a finding, such as chart/legend-covers-data. Without it: the list of rules."}});
    vec![
        tool(
            "lint",
            "Run code that draws a chart, a page or slides in a sandbox, and return its pictures and its visual defects (covered data, overlapping or cut text, poor contrast, crowded ticks, ...), each with the statement to change and a change that removes it.",
            &linted,
        ),
        tool(
            "render",
            "Run code that draws a chart, a page or slides in a sandbox, and return its pictures.",
            &what,
        ),
        tool("explain", "Say what a rule of lint finds, why it matters and how to fix it.", &rule),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: &Value) -> Tool {
    let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let Value::Object(schema) = schema else { unreachable!("an object was written") };
    // Nothing that the code writes outlives the call.
    let hints = ToolAnnotations::new().read_only(true).idempotent(true).open_world(false);
    Tool::new(name, description, Arc::new(schema)).with_annotations(hints)
}

/// The side that renders; its renderers stay open from call to call.
pub struct Tools<'a> {
    rendering: &'a Rendering,
    environment: &'a Environment,
    renderers: Renderers<'a>,
}

impl<'a> Tools<'a> {
    /// Nothing is started yet.
    pub fn new(rendering: &'a Rendering, environment: &'a Environment) -> Self {
        Self { rendering, environment, renderers: rendering.checkers(1, environment.memory()) }
    }

    /// The answer to a call; what goes wrong is an answer as well.
    pub fn answer(&mut self, call: Call) -> CallToolResult {
        let answer = match call {
            Call::Lint(asked) => self.lint(&asked),
            Call::Render(asked) => self.render(&asked),
            Call::Explain(rule) => explain::text(rule.as_deref())
                .map(|text| CallToolResult::success(vec![ContentBlock::text(text)])),
        };
        answer.unwrap_or_else(|e| failure(&format!("error: {}", crate::one_line(&e))))
    }

    fn lint(&mut self, asked: &Asked) -> Result<CallToolResult> {
        let mut configs = Configs::default();
        let (file, place) = self.file(asked, &mut configs)?;
        let rules = configs.of(&place)?.rules;
        let level = asked.level.map_or(Level::Note, Level::from);
        let mut content = Vec::new();
        let mut structured = Vec::new();
        let mut failed = false;
        for file in self.rendering.windows(file) {
            let outcome = self.outcome(&file)?;
            let checked = lint::checked(&file, &rules, level, self.rendering, outcome)?;
            let mut printer = Printer::new(Format::Human, false);
            content.push(ContentBlock::text(printer.add(&checked) + &printer.end()?));
            failed |= checked.outcome.rendered().is_none();
            if asked.picture != Some(false) {
                content.extend(pictures(&checked.outcome, &checked.diagnosis.defects)?);
            }
            structured.push(findings(&checked));
        }
        let mut result =
            if failed { CallToolResult::error(content) } else { CallToolResult::success(content) };
        result.structured_content = Some(json!({"files": structured}));
        Ok(result)
    }

    fn render(&mut self, asked: &Asked) -> Result<CallToolResult> {
        let (file, _) = self.file(asked, &mut Configs::default())?;
        let outcome = self.outcome(&file)?;
        match &outcome {
            Outcome::Failed { error } => {
                let help = error.help.as_ref().map_or(String::new(), |help| format!("; help: {help}"));
                Ok(failure(&format!(
                    "{} did not run: {}{help}\n{}",
                    file.name, error.message, error.traceback
                )))
            }
            Outcome::Rendered(rendered) => {
                let sizes: Vec<String> =
                    rendered.pages.iter().map(|p| format!("{}x{}", p.image.width, p.image.height)).collect();
                let mut text = format!("{}: {} px", file.name, sizes.join(", "));
                rendered.notes.iter().for_each(|note| text.push_str(&format!("\nnote: {note}")));
                let mut content = vec![ContentBlock::text(text)];
                content.extend(pictures(&outcome, &[])?);
                Ok(CallToolResult::success(content))
            }
        }
    }

    /// What is asked for, and the path that decides which project it belongs to.
    fn file(&self, asked: &Asked, configs: &mut Configs) -> Result<(File, PathBuf)> {
        let place = match (&asked.path, &asked.folder) {
            (Some(path), None) if path == Path::new("-") => {
                bail!("standard input belongs to the protocol; help: give the code as `code`")
            }
            (Some(path), None) => path.clone(),
            (Some(_), Some(_)) => bail!("`folder` belongs to `code`; help: a file has its own folder"),
            (None, folder) => folder.clone().unwrap_or_default().join("code"),
        };
        let domain = asked.domain.or(self.rendering.domain());
        let mut file = match (&asked.path, &asked.code) {
            (Some(path), _) => self.rendering.file_of(path, source::read_or_stdin(path)?, domain),
            (None, code) => {
                let read = source::of_code(code.clone().unwrap_or_default())?;
                self.rendering.file_of(Path::new("-"), read, domain)
            }
        };
        if let Some(folder) = &asked.folder {
            if !folder.is_dir() {
                bail!("`{}` is not a folder", folder.display());
            }
            file.source.folder = Some(folder.clone());
        }
        if file.source.language == Language::Python {
            file.user = Some(self.environment.of(&configs.of(&place)?));
        }
        Ok((file, place))
    }

    fn outcome(&mut self, file: &File) -> Result<Outcome> {
        let mut outcomes = self.renderers.render(std::slice::from_ref(file))?;
        Ok(outcomes.pop().unwrap_or_else(|| unreachable!("one file has one outcome")))
    }
}

/// The pages as pictures, with the places of these findings framed.
fn pictures(outcome: &Outcome, defects: &[Defect]) -> Result<Vec<ContentBlock>> {
    let pages = outcome.rendered().map_or(&[][..], |rendered| &rendered.pages);
    let framed = pages.iter().take(MAX_PICTURES).enumerate().map(|(i, page)| {
        let here = defects.iter().filter(|d| d.page as usize == i);
        let boxes: Vec<_> = here.flat_map(|d| d.regions.iter().copied()).collect();
        Ok(ContentBlock::image(picture::framed(&page.image, &boxes)?, "image/png"))
    });
    let mut content: Vec<ContentBlock> = framed.collect::<Result<_>>()?;
    if pages.len() > MAX_PICTURES {
        content.push(ContentBlock::text(format!("{} more pages are not shown", pages.len() - MAX_PICTURES)));
    }
    Ok(content)
}

/// The findings of one file as JSON. Lines count from 1, boxes are `[x0, y0, x1, y1]` in pixels of
/// the page before it was made smaller.
fn findings(checked: &Checked) -> Value {
    let finding = |defect: &Defect| {
        let blamed = checked.blamed(defect);
        let statement = blamed.first().map(|s| &s.statement);
        let line = |byte: usize| line_column(&checked.source, byte).0;
        json!({
            "rule": defect.rule,
            "level": defect.level,
            "message": defect.message,
            "help": defect.help,
            "count": defect.count,
            "page": defect.page,
            "boxes": defect.regions.iter().take(64).collect::<Vec<_>>(),
            "lines": statement.map(|s| [line(s.span.start), s.end_line]),
            "statement": statement.map(|s| s.span.text(&checked.source)),
        })
    };
    json!({
        "file": checked.file,
        "domain": checked.domain,
        "window": checked.window.map(|(width, height)| [width, height]),
        "executed": checked.diagnosis.executed,
        "error": checked.outcome.error().map(|e| json!({"message": e.message, "help": e.help, "traceback": e.traceback})),
        "findings": checked.diagnosis.defects.iter().map(finding).collect::<Vec<_>>(),
        "skipped": checked.diagnosis.skipped,
        "notes": checked.outcome.rendered().map_or(&[][..], |r| &r.notes[..]),
    })
}
