//! `lint` for people, in the style of rustc: the statements at fault with carets, and the place in
//! the picture.

use crate::terminal::{clean, clean_line};
use annotate_snippets::{AnnotationKind, Group, Level, Message, Renderer, Snippet, Title};
use std::ops::Range;
use vsdpo_artifact::{CreditedStatement, Defect, ExecError, Language, Outcome, Region, Span};
use vsdpo_diagnose::all_rules;
use vsdpo_report::{Checked, failure_rule};

/// Maximum number of statements with a caret, and of boxes in the note.
const MANY: usize = 4;

/// How the findings are printed.
#[derive(Clone, Copy)]
pub struct Style {
    pub colour: bool,
    /// Also what training makes of a finding: responsibilities, weights, observed values, reward.
    pub verbose: bool,
}

/// The findings of one file, then a line with its result.
pub fn lint(checked: &Checked, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let source = same_length(&checked.source);
    let window = checked.window.map_or(String::new(), |(w, h)| format!(" ({w}x{h})"));
    let file = clean_line(&checked.file) + &window;
    let shown = Shown { checked, verbose: style.verbose, file, source };
    let mut text = String::new();
    if let Outcome::Failed { error } = &checked.outcome {
        text.push_str(&format!("{}\n\n", renderer.render(&[shown.failure(error)])));
    }
    for defect in &checked.diagnosis.defects {
        text.push_str(&format!("{}\n\n", renderer.render(&[shown.finding(defect)])));
    }
    if let Some(rendered) = checked.outcome.rendered() {
        rendered.notes.iter().for_each(|n| text.push_str(&format!("note: {}\n", clean_line(n))));
    }
    text + &shown.skipped() + &shown.result()
}

/// The last line for several files.
pub fn total(files: usize, bad: usize, findings: usize) -> String {
    format!("{files} files, {bad} with findings, {}\n", counted(findings, "defect"))
}

struct Shown<'a> {
    checked: &'a Checked,
    verbose: bool,
    file: String,
    /// The source with control characters replaced and every byte offset unchanged.
    source: String,
}

impl Shown<'_> {
    fn finding<'a>(&'a self, defect: &'a Defect) -> Group<'a> {
        let level = match defect.level {
            vsdpo_artifact::Level::Error => Level::ERROR,
            vsdpo_artifact::Level::Warning => Level::WARNING,
            vsdpo_artifact::Level::Note => Level::NOTE,
        };
        let title = level.primary_title(clean_line(&defect.message)).id(defect.rule);
        let group = self.snippet(title, &self.statements(defect));
        let mut notes: Vec<Message<'a>> = Vec::new();
        notes.extend(self.shapes(defect).map(|shapes| Level::NOTE.message(shapes)));
        if let Some(place) = self.place(defect) {
            notes.push(Level::NOTE.message(place));
        }
        if self.verbose
            && let Some(observed) = self.observed(defect)
        {
            notes.push(Level::NOTE.message(observed));
        }
        notes.extend(defect.help.iter().map(|help| Level::HELP.message(clean_line(help))));
        if defect.help.is_none() || self.verbose {
            notes.push(Level::HELP.message(format!("visual-sdpo explain {}", defect.rule)));
        }
        group.elements(notes)
    }

    fn failure<'a>(&'a self, error: &'a ExecError) -> Group<'a> {
        let title = Level::ERROR.primary_title(clean_line(&error.message)).id(failure_rule(error));
        let blamed = error.span.map(|s| (s.start..s.end, None)).into_iter().collect::<Vec<_>>();
        let help = error.help.iter().map(|help| Level::HELP.message(clean_line(help)));
        self.snippet(title, &blamed).elements(help.collect::<Vec<Message<'a>>>())
    }

    /// The title above the statements at fault, or above the file's name if there are none.
    fn snippet<'a>(&'a self, title: Title<'a>, blamed: &[(Range<usize>, Option<String>)]) -> Group<'a> {
        let fits = |r: &Range<usize>| r.start < r.end && self.source.get(r.clone()).is_some();
        let blamed: Vec<_> = blamed.iter().filter(|(range, _)| fits(range)).take(MANY).collect();
        if blamed.is_empty() {
            return title.element(annotate_snippets::Origin::path(self.file.as_str()));
        }
        let mut snippets: Vec<(String, Range<usize>, Vec<_>)> = Vec::new();
        for (i, (range, label)) in blamed.into_iter().enumerate() {
            let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let (path, text) = self.part(range.start);
            let within = range.start - text.start..range.end.min(text.end) - text.start;
            let annotation = kind.span(within).label(label.clone());
            match snippets.iter_mut().find(|(known, ..)| *known == path) {
                Some((.., annotations)) => annotations.push(annotation),
                None => snippets.push((path, text, vec![annotation])),
            }
        }
        let snippet = |(path, text, annotations): (String, Range<usize>, Vec<_>)| {
            Snippet::source(&self.source[text]).path(path).annotations(annotations)
        };
        title.elements(snippets.into_iter().map(snippet))
    }

    /// The name and the bytes of the text around a place: the file, or the cell of a notebook.
    fn part(&self, byte: usize) -> (String, Range<usize>) {
        match self.checked.cell_at(byte) {
            Some((cell, range)) => (format!("{}:cell {}", self.file, cell.number), range),
            None => (self.file.clone(), 0..self.source.len()),
        }
    }

    /// The statements at fault, in verbose output with their responsibility and weight.
    fn statements(&self, defect: &Defect) -> Vec<(Range<usize>, Option<String>)> {
        let label = |s: &CreditedStatement| format!("resp {:.2}, weight {:.2}", s.resp, s.weight);
        let blamed = self.checked.blamed(defect).into_iter();
        blamed.map(|s| (self.pointed_at(s.statement.span), self.verbose.then(|| label(s)))).collect()
    }

    /// The bytes that the caret marks: a statement, and of an element of a page its start tag.
    fn pointed_at(&self, span: Span) -> Range<usize> {
        let tag = match self.checked.language {
            Language::Html => span.text(&self.source).filter(|text| text.starts_with('<')),
            Language::Python | Language::Pptx => None,
        };
        span.start..tag.and_then(|text| text.find('>')).map_or(span.end, |end| span.start + end + 1)
    }

    /// The shapes of a deck that a finding is about.
    fn shapes(&self, defect: &Defect) -> Option<String> {
        let shape = |id: &u32| {
            let shape = self.checked.element(*id)?.shape.as_deref()?;
            (shape.shape > 0).then(|| format!("{} (shape {})", clean_line(&shape.name), shape.shape))
        };
        let shapes: Vec<String> = defect.elements.iter().filter_map(shape).take(MANY).collect();
        (!shapes.is_empty()).then(|| format!("slide {}: {}", defect.page + 1, shapes.join(", ")))
    }

    /// The rules that could not look.
    fn skipped(&self) -> String {
        match self.checked.diagnosis.skipped.as_slice() {
            [] => String::new(),
            rules => format!("skipped, because slides were not drawn: {}\n", rules.join(", ")),
        }
    }

    fn place(&self, defect: &Defect) -> Option<String> {
        let pages = &self.checked.outcome.rendered()?.pages;
        let image = &pages.get(defect.page as usize)?.image;
        let of = if pages.len() > 1 { format!(" of page {}", defect.page + 1) } else { String::new() };
        let boxes: Vec<String> = defect.regions.iter().take(MANY).map(|r| region(*r)).collect();
        let more = defect.regions.len().saturating_sub(MANY);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!boxes.is_empty()).then(|| {
            format!("in the picture{of} ({}x{} px) at {}{more}", image.width, image.height, boxes.join(" "))
        })
    }

    fn observed(&self, defect: &Defect) -> Option<String> {
        let axis = all_rules().find(|r| r.id == defect.rule)?.axis?;
        let score = self.checked.diagnosis.rubric.get(axis)?;
        let observed = clean_line(&score.observed);
        let remedy = score.remedy.as_ref().map(|r| format!(", {}", clean_line(r))).unwrap_or_default();
        (!observed.is_empty()).then(|| format!("{}: {observed}{remedy}", axis.name))
    }

    fn result(&self) -> String {
        let (checked, file) = (self.checked, &self.file);
        let reward = if self.verbose { format!(", reward {:.2}", checked.reward()) } else { String::new() };
        if !checked.diagnosis.executed {
            return format!("{file}: did not run{reward}\n");
        }
        let found = match checked.findings() {
            0 => "no defects".to_owned(),
            n => counted(n, "defect"),
        };
        let notes = match checked.diagnosis.defects.len() - checked.findings() {
            0 => String::new(),
            n => format!(", {}", counted(n, "note")),
        };
        let axes = if self.verbose { self.axes() } else { String::new() };
        format!("{file}: {found}{notes}{reward}{axes}\n")
    }

    fn axes(&self) -> String {
        let sign = |ok| if ok { "ok" } else { "defect" };
        let axes = self.checked.diagnosis.rubric.axes.iter();
        let signs = axes.map(|(axis, v)| (axis.name, v.satisfied.map_or("not evaluated", sign)));
        let signs: Vec<String> = signs.map(|(axis, sign)| format!("{axis} {sign}")).collect();
        format!(" ({})", signs.join(", "))
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn region(r: Region) -> String {
    format!("[{:.0},{:.0},{:.0},{:.0}]", r.x0, r.y0, r.x1, r.y1)
}

/// The source with every control character replaced by as many `?` as it has bytes.
fn same_length(source: &str) -> String {
    let harmless = |c: char| {
        matches!(c, '\r') || matches!(clean(c.encode_utf8(&mut [0; 4])), std::borrow::Cow::Borrowed(_))
    };
    let mut text = String::with_capacity(source.len());
    for c in source.chars() {
        if harmless(c) { text.push(c) } else { text.extend(std::iter::repeat_n('?', c.len_utf8())) }
    }
    text
}
