//! `lint` as JSON. Names are stable; regions are `[x0,y0,x1,y1]` in pixels of the page's image,
//! spans are byte offsets into the file, `statement` is an index into `statements`.

use serde_json::{Value, json};
use vsdpo_artifact::{CreditedStatement, Element, Outcome, Page, shortest};
use vsdpo_diagnose::defect_json;
use vsdpo_report::Checked;

/// One file as one object.
pub fn lint(checked: &Checked) -> Value {
    let rendered = checked.outcome.rendered();
    let error = match &checked.outcome {
        Outcome::Failed { error } => json!(error),
        Outcome::Rendered(_) => Value::Null,
    };
    let elements = rendered.map_or(&[][..], |r| &r.elements[..]);
    let pages = rendered.map_or(&[][..], |r| &r.pages[..]);
    let size = |page: &Page| json!({"width": page.image.width, "height": page.image.height});
    json!({
        "file": checked.file,
        "window": checked.window.map(|(width, height)| [width, height]),
        "cells": checked.cells.iter().map(|c| json!({"number": c.number, "start": c.start})).collect::<Vec<_>>(),
        "domain": checked.domain,
        "executed": checked.diagnosis.executed,
        "error": error,
        "image": pages.first().map(size),
        "pages": pages.iter().map(size).collect::<Vec<_>>(),
        "elements": elements.iter().map(|e| element(e, checked)).collect::<Vec<_>>(),
        "defects": checked.diagnosis.defects.iter().map(defect_json).collect::<Vec<_>>(),
        "skipped": checked.diagnosis.skipped,
        "rubric": checked.diagnosis.rubric,
        "reward": shortest(checked.reward()),
        "statements": checked.credit.statements.iter().map(|s| statement(s, &checked.source)).collect::<Vec<_>>(),
        "notes": rendered.map_or(&[][..], |r| &r.notes[..]),
    })
}

fn element(e: &Element, checked: &Checked) -> Value {
    let mut value = json!({
        "id": e.id,
        "page": e.page,
        "kind": e.kind,
        "class": e.class,
        "statement": checked.statement_of(e),
        "region": e.region,
        "order": e.order,
    });
    if let Some(shape) = &e.shape {
        value["shape"] =
            json!({"id": shape.shape, "name": shape.name, "kind": shape.kind, "part": shape.part});
        value["text"] = json!(e.text);
    }
    value
}

fn statement(s: &CreditedStatement, source: &str) -> Value {
    json!({
        "start": s.statement.span.start,
        "end": s.statement.span.end,
        "line": s.statement.line,
        "end_line": s.statement.end_line,
        "text": s.statement.span.text(source),
        "resp": shortest(s.resp),
        "weight": shortest(s.weight),
    })
}
