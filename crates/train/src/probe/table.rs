//! A probe as a table for people.

use super::{Gap, ProbeReport};
use crate::eval;
use vsdpo_stats::Estimate;

/// The report as text: the gaps, the shares, the notes and the verdict.
pub fn table(report: &ProbeReport) -> String {
    let gap = &report.gap;
    let mut text = format!(
        "{}: log q(y_t) - log p(y_t), teacher minus student, in nats per token, [95 % interval over rollouts]\n\
         {} rollouts, {} flagged and {} unflagged tokens; left out: {} at the token limit, {} too long\n",
        report.recipe, gap.rollouts, gap.flagged_tokens, gap.unflagged_tokens, gap.truncated, gap.overlong
    );
    row(&mut text, "", ["flagged", "unflagged", "flagged - unflagged"].map(str::to_owned));
    for (name, Gap { flagged, unflagged, difference }) in
        [("true v", &gap.true_v), ("shuffled v", &gap.shuffled_v)]
    {
        row(&mut text, name, [flagged, unflagged, difference].map(shown));
    }
    row(&mut text, "true - shuffled", [String::new(), String::new(), shown(&gap.contrast)]);
    text.push('\n');
    text.push_str(&eval::table(&report.shares));
    report.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text + &format!("\n{}\n", report.sentence)
}

fn row(text: &mut String, name: &str, cells: [String; 3]) {
    let [a, b, c] = cells;
    text.push_str(format!("{name:16} {a:24} {b:24} {c}").trim_end());
    text.push('\n');
}

fn shown(gap: &Option<Estimate>) -> String {
    gap.map_or("-".to_owned(), |e| format!("{:+.3} [{:+.3}, {:+.3}]", e.mean, e.low, e.high))
}
