//! A finished evaluation as one side of a comparison.

use super::example::{Example, Status};
use crate::compare::{Items, each_line};
use anyhow::Result;
use std::path::Path;

/// The lines of a finished evaluation, in percent as in its row; what is not scored is 0 there too.
pub fn items(folder: &Path) -> Result<Items> {
    let mut items = Items::default();
    each_line(&folder.join("examples.jsonl"), |text| {
        let e: Example = serde_json::from_str(text)?;
        let scores = e.scores();
        let values = vec![
            ("scored", Ok(if e.status == Status::Scored { 100.0 } else { 0.0 })),
            ("avg", Ok(100.0 * scores.mean())),
            ("aspect_ratio", Ok(100.0 * scores.aspect)),
            ("whitespace", Ok(100.0 * scores.whitespace)),
            ("collision", Ok(100.0 * scores.collision)),
            ("imbalance", Ok(100.0 * scores.imbalance)),
        ];
        items.add(e.name.clone(), values)
    })?;
    Ok(items)
}
