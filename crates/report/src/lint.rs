//! `lint --html`: one self-contained page, with the pictures inside.

use super::artifact::{ArtifactView, Picture};
use super::checked::Checked;
use super::curve::value;
use super::page::page;
use super::records::{AxisRecord, Bytes, DefectRecord, ErrorRecord, StatementRecord};
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use vsdpo_artifact::{Image, Outcome};
use vsdpo_score::files::png;

/// The page of all linted files, which holds pictures as PNG files and nothing else of a render.
#[derive(Default)]
pub struct LintPage {
    sections: Vec<(String, Markup)>,
    bad: usize,
}

impl LintPage {
    /// Adds a file.
    ///
    /// # Errors
    /// A picture that cannot be written as PNG.
    pub fn add(&mut self, checked: &Checked) -> Result<()> {
        self.sections.push((checked.file.clone(), section(checked)?));
        self.bad += usize::from(checked.has_findings());
        Ok(())
    }

    /// The page as HTML.
    pub fn text(&self) -> String {
        let several = self.sections.len() > 1;
        let title = match self.sections.as_slice() {
            [(file, _)] => file.clone(),
            all => format!("{} files, {} with findings", all.len(), self.bad),
        };
        let body = html! {
            header.top { p.kicker { "visual-sdpo lint" } h1 { (title) } }
            main {
                @for (file, section) in &self.sections {
                    @if several { h2 { (file) } }
                    (section)
                }
            }
        };
        page(&title, &body)
    }
}

fn section(checked: &Checked) -> Result<Markup> {
    let d = &checked.diagnosis;
    let error = match &checked.outcome {
        Outcome::Failed { error } => Some(ErrorRecord {
            kind: error.kind.name().to_owned(),
            message: match &error.help {
                Some(help) => format!("{}; help: {help}", error.message),
                None => error.message.clone(),
            },
            traceback: error.traceback.clone(),
        }),
        Outcome::Rendered(_) => None,
    };
    let defects: Vec<DefectRecord> = d.defects.iter().map(defect).collect();
    let statements: Vec<StatementRecord> = checked
        .credit
        .statements
        .iter()
        .map(|s| StatementRecord {
            start: s.statement.span.start,
            end: s.statement.span.end,
            resp: s.resp.into(),
            weight: s.weight.into(),
            elements: s.elements.clone(),
        })
        .collect();
    let record = |v: &vsdpo_artifact::AxisScore| AxisRecord {
        satisfied: v.satisfied,
        score: v.score.map(f64::from),
        observed: v.observed.clone(),
    };
    let pages = checked.outcome.rendered().map_or(&[][..], |r| &r.pages[..]);
    let view = ArtifactView {
        text: &checked.source,
        code: Bytes { start: 0, end: checked.source.len() },
        pictures: pages.iter().map(|page| picture(&page.image)).collect::<Result<_>>()?,
        error: error.as_ref(),
        defects: &defects,
        rubric: d.rubric.axes.iter().map(|(axis, v)| (axis.name, record(v))).collect(),
        statements: &statements,
        tokens: &[],
    };
    Ok(html! {
        p.facts { span { (checked.findings()) " defects" } span { "reward " (value(checked.reward().into())) } }
        (view.markup())
    })
}

fn defect(d: &vsdpo_artifact::Defect) -> DefectRecord {
    DefectRecord {
        rule: d.rule.to_owned(),
        page: d.page as usize,
        elements: d.elements.clone(),
        regions: d.regions.iter().map(|r| [r.x0, r.y0, r.x1, r.y1].map(f64::from)).collect(),
        message: d.message.clone(),
        level: Some(d.level.name().to_owned()),
        help: d.help.clone(),
    }
}

fn picture(image: &Image) -> Result<Picture> {
    let href = format!("data:image/png;base64,{}", STANDARD.encode(png(image)?));
    Ok(Picture { href, width: image.width, height: image.height })
}
