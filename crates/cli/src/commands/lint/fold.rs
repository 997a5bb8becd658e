//! Findings alike: a loop that draws 300 pale lines, or one call that writes 64 overlapping texts,
//! has one fault in its source and gets one finding.

use vsdpo_artifact::{Defect, Span};
use vsdpo_report::Checked;

/// The findings of a file, with those of one rule, level, page and statement as one. A finding
/// without a statement stands alone.
pub fn folded(checked: &Checked) -> Vec<Defect> {
    let mut kept: Vec<(Option<Span>, Defect)> = Vec::new();
    for defect in &checked.diagnosis.defects {
        let statement = checked.blamed(defect).first().map(|s| s.statement.span);
        let alike = |(span, first): &&mut (Option<Span>, Defect)| {
            statement.is_some()
                && *span == statement
                && (first.rule, first.level, first.page) == (defect.rule, defect.level, defect.page)
        };
        match kept.iter_mut().find(alike) {
            Some((_, first)) => {
                first.count += defect.count;
                first.elements.extend(&defect.elements);
                first.regions.extend(&defect.regions);
            }
            None => kept.push((statement, defect.clone())),
        }
    }
    let counted = |(_, mut defect): (Option<Span>, Defect)| {
        if defect.count > 1 {
            defect.message.push_str(&format!(" (and {} more like it)", defect.count - 1));
        }
        defect
    };
    kept.into_iter().map(counted).collect()
}
