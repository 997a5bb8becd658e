//! A scored pair as JSON.

use super::scorer::Scored;
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
