//! The page of one stored rollout.

use super::Shown;
use super::artifact::{ArtifactView, Picture};
use super::curve::value;
use super::page;
use super::records::Bytes;
use maud::{Markup, html};

/// The page, with links to the previous and the next rollout.
pub fn page(run: &str, shown: &Shown, before: Option<&Shown>, after: Option<&Shown>) -> String {
    let title = format!("{} at step {}", shown.record.task, shown.record.step);
    page::page(&title, &body(run, shown, before, after))
}

fn body(run: &str, shown: &Shown, before: Option<&Shown>, after: Option<&Shown>) -> Markup {
    let r = &shown.record;
    let picture = |(name, width, height): &(String, u32, u32)| Picture {
        href: format!("../images/{name}"),
        width: *width,
        height: *height,
    };
    let view = ArtifactView {
        text: &r.text,
        code: r.code.unwrap_or(Bytes { start: 0, end: r.text.len() }),
        pictures: shown.pictures.iter().map(picture).collect(),
        error: r.error.as_ref(),
        defects: &r.defects,
        rubric: r.axes().collect(),
        statements: &r.statements,
        tokens: &r.tokens,
    };
    html! {
        header.top {
            nav.crumbs {
                span { a href="../index.html" { (run) } " / step " (r.step) }
                span {
                    @if let Some(s) = before { a href=(s.page) { "← previous" } }
                    @if before.is_some() && after.is_some() { " · " }
                    @if let Some(s) = after { a href=(s.page) { "next →" } }
                }
            }
            h1 { (r.task) }
            p.facts {
                span { "reward " b { (value(r.reward)) } }
                @if let Some(a) = r.advantage { span { "advantage " (value(a)) } }
                span { (r.tokens.len()) " tokens" }
                @if r.finished == Some(false) { span { "cut at the token limit" } }
            }
        }
        main {
            div.task { (r.prompt.trim()) }
            (view.markup())
        }
    }
}
