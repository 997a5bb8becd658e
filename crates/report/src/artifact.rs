//! One artifact on a page: the picture with the boxes of its defects beside the code that drew it.
//! The rollout pages and `lint --html` share it.

use super::code::{CodeView, ids, legend};
use super::curve::value;
use super::records::{AxisRecord, Bytes, DefectRecord, ErrorRecord, StatementRecord, TokenRecord};
use maud::{Markup, html};

/// A picture on a page.
pub struct Picture {
    /// A relative or a `data:` URL.
    pub href: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The parts of one artifact that a page shows.
pub struct ArtifactView<'a> {
    /// The whole answer.
    pub text: &'a str,
    /// The bytes of `text` that were run.
    pub code: Bytes,
    /// The pages of the render.
    pub pictures: Vec<Picture>,
    /// The error of code that failed.
    pub error: Option<&'a ErrorRecord>,
    /// The findings.
    pub defects: &'a [DefectRecord],
    /// The score of each axis, by name.
    pub rubric: Vec<(&'a str, AxisRecord)>,
    /// The statements, with offsets into `text`.
    pub statements: &'a [StatementRecord],
    /// The tokens, with offsets into `text`.
    pub tokens: &'a [TokenRecord],
}

impl ArtifactView<'_> {
    /// Two columns: picture with findings and rubric, code with responsibilities.
    pub fn markup(&self) -> Markup {
        html! {
            div.artifact {
                div.render {
                    (self.picture_markup())
                    @if let Some(error) = self.error { (failure(error)) }
                    (findings(self.defects))
                    (rubric(&self.rubric))
                }
                div.source {
                    (legend(self.tokens))
                    (CodeView { text: self.text, code: self.code, statements: self.statements, tokens: self.tokens }.markup())
                }
            }
        }
    }

    fn picture_markup(&self) -> Markup {
        html! {
            @if self.pictures.is_empty() { div.nopicture { "no picture" } }
            @for (page, picture) in self.pictures.iter().enumerate() {
                figure.picture {
                    img src=(picture.href) width=(picture.width) height=(picture.height) alt="the render";
                    (boxes(self.defects, page, picture))
                }
            }
        }
    }
}

/// The boxes of the defects of one page over its picture.
pub fn boxes(defects: &[DefectRecord], page: usize, picture: &Picture) -> Markup {
    let Picture { width, height, .. } = *picture;
    html! {
        svg.boxes viewBox={ "0 0 " (width) " " (height) } preserveAspectRatio="none" aria-hidden="true" {
            @for (i, defect) in defects.iter().enumerate().filter(|(_, d)| d.page == page) {
                g.remark[defect.is_note()] data-d=(i) data-e=(ids(&defect.elements)) {
                    @for (j, [x0, y0, x1, y1]) in defect.regions.iter().enumerate() {
                        rect x=(x0) y=(y0) width=((x1 - x0).max(0.0)) height=((y1 - y0).max(0.0)) {
                            title { (defect.rule) ": " (defect.message) }
                        }
                        @if j == 0 { (badge(i + 1, *x0, *y0, f64::from(width) / 64.0)) }
                    }
                }
            }
        }
    }
}

/// The number of a finding at the corner of its first box, kept inside the picture; `r` is in
/// pixels of the picture.
fn badge(number: usize, x: f64, y: f64, r: f64) -> Markup {
    let (x, y) = ((x - 0.6 * r).max(r), (y - 0.6 * r).max(r));
    html! {
        circle cx=(x) cy=(y) r=(r) {}
        text x=(x) y=(y + 0.42 * r) font-size=(1.25 * r) { (number) }
    }
}

fn failure(error: &ErrorRecord) -> Markup {
    html! {
        div.failure {
            b { (error.kind) } " " (error.message)
            @if !error.traceback.trim().is_empty() { pre { (error.traceback.trim_end()) } }
        }
    }
}

fn findings(defects: &[DefectRecord]) -> Markup {
    html! {
        @if !defects.is_empty() {
            ol.findings {
                @for (i, defect) in defects.iter().enumerate() {
                    li.remark[defect.is_note()] data-d=(i) data-e=(ids(&defect.elements)) {
                        code { (defect.rule) } " " (defect.message)
                        @if let Some(help) = &defect.help { br; "help: " (help) }
                    }
                }
            }
        }
    }
}

fn rubric(axes: &[(&str, AxisRecord)]) -> Markup {
    html! {
        @if !axes.is_empty() {
            table.rubric {
                thead { tr { th { "axis" } th { } th.num { "score" } th { "observed" } } }
                tbody {
                    @for (axis, score) in axes {
                        tr {
                            td { (axis) }
                            td { (mark(score.satisfied)) }
                            td.num { (score.score.map_or("–".to_owned(), value)) }
                            td.observed { (score.observed) }
                        }
                    }
                }
            }
        }
    }
}

/// Whether an axis is satisfied, as a sign that is readable without colour.
pub fn mark(satisfied: Option<bool>) -> Markup {
    match satisfied {
        Some(true) => html! { span.ok title="satisfied" { "✓" } },
        Some(false) => html! { span.bad title="defect" { "✕" } },
        None => html! { span.open title="not evaluated" { "–" } },
    }
}
