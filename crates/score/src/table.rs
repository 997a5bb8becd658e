//! Tables and lists for people, the same for every benchmark.

use crate::report::clean_line;
use vsdpo_stats::Estimate;

/// Items that a list shows.
const LISTED: usize = 20;

/// Three lines: names, means, intervals; a column without an estimate has a dash.
pub(crate) fn estimates(columns: &[(&str, Option<Estimate>)]) -> String {
    let mut lines = [String::new(), String::new(), String::new()];
    for (name, estimate) in columns {
        let mean = estimate.map_or("-".into(), |e| format!("{:.2}", e.mean));
        let interval = estimate.map_or(String::new(), |e| format!("[{:.1}, {:.1}]", e.low, e.high));
        for (line, cell) in lines.iter_mut().zip([*name, &mean, &interval]) {
            line.push_str(&format!("{cell:>14}"));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The number of items, described by `what`, and the first of them; the file `all_in` has all.
/// Empty without items.
pub(crate) fn list(what: &str, all_in: &str, items: impl ExactSizeIterator<Item = String>) -> String {
    let count = items.len();
    if count == 0 {
        return String::new();
    }
    let mut text = format!("\n{count} {what}:\n");
    for item in items.take(LISTED) {
        text.push_str(&format!("  {}\n", clean_line(&item)));
    }
    if count > LISTED {
        text.push_str(&format!("  and {} more, all in {all_in}\n", count - LISTED));
    }
    text
}
