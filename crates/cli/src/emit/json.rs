//! `lint` as JSON. Names are stable; regions are `[x0,y0,x1,y1]` in pixels of the page's image,
//! spans are byte offsets into the file, `statement` is an index into `statements`.

use serde_json::{Value, json};
use vsdpo_artifact::{CreditedStatement, Defect, Element, Outcome, Page};
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
        "domain": checked.domain,
        "executed": checked.diagnosis.executed,
        "error": error,
        "image": pages.first().map(size),
        "pages": pages.iter().map(size).collect::<Vec<_>>(),
        "elements": elements.iter().map(|e| element(e, checked)).collect::<Vec<_>>(),
        "defects": checked.diagnosis.defects.iter().map(defect).collect::<Vec<_>>(),
        "skipped": checked.diagnosis.skipped,
        "rubric": checked.diagnosis.rubric,
        "reward": rounded(checked.reward()),
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

fn defect(d: &Defect) -> Value {
    json!({
        "rule": d.rule,
        "severity": d.severity,
        "page": d.page,
        "region": (!d.regions.is_empty()).then(|| d.hull()),
        "regions": d.regions,
        "elements": d.elements,
        "message": d.message,
    })
}

fn statement(s: &CreditedStatement, source: &str) -> Value {
    json!({
        "start": s.statement.span.start,
        "end": s.statement.span.end,
        "line": s.statement.line,
        "end_line": s.statement.end_line,
        "text": s.statement.span.text(source),
        "resp": rounded(s.resp),
        "weight": rounded(s.weight),
    })
}

/// The shortest decimal of an `f32`: 0.1 instead of 0.10000000149011612.
fn rounded(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}
