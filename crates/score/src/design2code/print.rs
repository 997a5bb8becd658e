//! A scored pair as JSON and as a table.

use super::scorer::Scored;
use crate::report::clean_line;
use serde_json::{Value, json};

/// The stable JSON form. `clip` and `overall` are null without weights.
pub fn as_json(scored: &Scored) -> Value {
    let s = &scored.scores;
    let clip = scored.clip.ok();
    json!({
        "block_match": s.block_match,
        "text": s.text,
        "position": s.position,
        "color": s.color,
        "clip": clip,
        "overall": clip.map(|clip| s.overall(clip)),
        "overall_without_clip": s.overall(0.0),
        "blocks": { "cand": scored.blocks.cand, "ref": scored.blocks.r#ref, "matched": scored.matched },
        "reasons": scored.clip.err().map_or(json!({}), |why| json!({ "clip": why })),
        "unmet": scored.unmet,
        "retried": scored.retried,
    })
}

/// A pair without scores: they are null, not 0.
pub fn error(why: &str) -> Value {
    json!({ "block_match": null, "text": null, "position": null, "color": null, "clip": null,
        "overall": null, "overall_without_clip": null, "error": why })
}

/// The scores for people, with notes on what the pages lack.
pub fn table(scored: &Scored) -> String {
    let s = &scored.scores;
    let mut text = String::new();
    let rows =
        [("block match", s.block_match), ("text", s.text), ("position", s.position), ("color", s.color)];
    for (name, value) in rows {
        text.push_str(&format!("{name:22} {value:.4}\n"));
    }
    match scored.clip {
        Ok(clip) => {
            text.push_str(&format!("{:22} {clip:.4}\n{:22} {:.4}\n", "clip", "overall", s.overall(clip)));
        }
        Err(why) => {
            let without = s.overall(0.0);
            text.push_str(&format!(
                "{:22} not scored: {why}\n{:22} {without:.4}\n",
                "clip", "overall without clip"
            ));
        }
    }
    let (cand, reference) = (scored.blocks.cand, scored.blocks.r#ref);
    text.push_str(&format!(
        "{:22} {cand} of the candidate, {reference} of the reference, {} matched\n",
        "text blocks", scored.matched
    ));
    let sides = [("candidate", cand, &scored.unmet.cand), ("reference", reference, &scored.unmet.r#ref)];
    for (side, blocks, urls) in sides {
        // A page may show texts and still have no text block (docs/specs/design2code.md, 6 and 7).
        if blocks == 0 {
            text.push_str(&format!(
                "note: the metric finds no text on the {side}, so all scores are 0: it finds only texts inside <body> whose colour it can set\n"
            ));
        }
        for url in urls {
            text.push_str(&clean_line(&format!("note: the {side} did not get {url}")));
            text.push('\n');
        }
    }
    if scored.retried > 0 {
        text.push_str(&format!("note: {} screenshots failed and were taken again\n", scored.retried));
    }
    text
}
