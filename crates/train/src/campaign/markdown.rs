//! The results as Markdown.

use super::results::{ArmResult, Results, Score, title};
use std::fmt::Write;

/// The columns beside the axes.
const SCORES: [&str; 5] = ["exec", "defect_free", "reward", "good", "held_back"];

/// The tables of a campaign: scores, axes, paired tests, budgets, and what to know about them.
pub fn markdown(results: &Results) -> String {
    let r = results;
    let mut text =
        format!("`{}`: {} seeds, {} {} tasks ({})", r.command, r.seeds, r.tasks, r.split.name(), r.benchmark);
    if r.done.0 < r.done.1 {
        _ = write!(text, "; **unfinished: {} of {} runs**", r.done.0, r.done.1);
    }
    text.push_str(
        ". Last checkpoints, not the best ones on dev. Mean ± standard deviation over seeds [95 % bootstrap \
         interval over seeds and tasks]; shares in %.\n\n",
    );
    let (scores, axes): (Vec<&String>, Vec<&String>) =
        r.columns.iter().partition(|column| SCORES.contains(&column.as_str()));
    text.push_str(&table(r, &scores));
    text.push_str("\nShare of answers that satisfy each axis:\n\n");
    text.push_str(&table(r, &axes));
    text.push_str(&tests(r));
    text.push_str(&budgets(r));
    text.push_str(&notes(r));
    text
}

/// The value of a score: a share in percent, or the reward.
fn unit(column: &str) -> (f64, usize) {
    if column == "reward" { (1.0, 3) } else { (100.0, 1) }
}

fn table(r: &Results, columns: &[&String]) -> String {
    let titles: Vec<&str> = columns.iter().map(|c| title(c)).collect();
    let mut text =
        format!("| arm | seeds | {} |\n|---|---|{}\n", titles.join(" | "), "---|".repeat(titles.len()));
    for arm in &r.arms {
        let cells: Vec<String> =
            columns.iter().map(|c| arm.scores.get(*c).map_or("–".into(), |s| cell(s, c))).collect();
        let seeds = if arm.trained { arm.seeds.len().to_string() } else { "–".into() };
        _ = writeln!(text, "| {} | {seeds} | {} |", label(r, arm), cells.join(" | "));
    }
    text
}

fn label(r: &Results, arm: &ArmResult) -> String {
    if arm.name == r.main { format!("**{}**", arm.label) } else { arm.label.clone() }
}

fn cell(score: &Score, column: &str) -> String {
    let (factor, digits) = unit(column);
    let said = |v: f64| format!("{:.digits$}", factor * v);
    let sd = score.sd.map_or(String::new(), |sd| format!(" ± {}", said(sd)));
    let bound = |v: f64| if column == "reward" { format!("{v:.2}") } else { format!("{:.0}", 100.0 * v) };
    format!("{}{sd} [{}, {}]", said(score.mean.mean), bound(score.mean.low), bound(score.mean.high))
}

/// A p value with four digits.
pub fn p_value(p: f64) -> String {
    if p < 0.00005 { "< 0.0001".into() } else { format!("{p:.4}") }
}

fn tests(r: &Results) -> String {
    let main = r.arms.iter().find(|arm| arm.name == r.main);
    let mut text = format!(
        "\n{} minus each arm, defect-free share in points:\n\n| arm | difference | 95 % interval (t, seeds) | \
         p (t) | p (Holm) | p (sign flips) | 95 % interval (bootstrap, tasks) |\n|---|---|---|---|---|---|---|\n",
        main.map_or(&r.main, |arm| &arm.label)
    );
    let mut any = false;
    for arm in &r.arms {
        let Some(v) = arm.versus.get("defect_free") else { continue };
        any = true;
        let points = |low: f64, high: f64| format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high);
        let (interval, p) = match &v.t_test {
            Some(t) => (points(t.difference.low, t.difference.high), p_value(t.p)),
            None => ("–".into(), "–".into()),
        };
        let holm = v.holm.map_or("–".into(), p_value);
        let over_tasks = points(v.over_tasks.low, v.over_tasks.high);
        let flips = if v.seeds >= 2 { p_value(v.sign_flip) } else { "–".into() };
        let difference = 100.0 * v.over_tasks.mean;
        _ = writeln!(
            text,
            "| {} | {difference:+.1} | {interval} | {p} | {holm} | {flips} | {over_tasks} |",
            arm.label
        );
    }
    let least = 2.0 / 2f64.powi(i32::try_from(r.seeds).unwrap_or(i32::MAX).min(60));
    _ = write!(
        text,
        "\nThe test is Student's paired t-test over seeds; Holm's p is corrected for the number of arms. The exact test \
         of the sign flips cannot give less than {least:.4} with {} seeds.\n",
        r.seeds
    );
    if any { text } else { String::new() }
}

fn budgets(r: &Results) -> String {
    let mut text =
        "\nUsed by training, means over seeds:\n\n| arm | rollouts | references | sampled tokens | trained \
                    tokens | seconds |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for arm in r.arms.iter().filter(|arm| arm.trained) {
        let c = &arm.counts;
        _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            arm.label, c.rollouts, c.references, c.generated_tokens, c.trained_tokens, c.seconds
        );
    }
    text
}

fn notes(r: &Results) -> String {
    let mut text = String::new();
    if !r.reach.is_empty() {
        text.push_str(
            "\nRollouts until the mean over seeds on dev tasks reaches the end of another arm:\n\n",
        );
    }
    for reach in &r.reach {
        let (factor, digits) = unit(&reach.score);
        let end = format!("{} {:.digits$}", title(&reach.score), factor * reach.end);
        let said = match (reach.rollouts, reach.share) {
            (Some(rollouts), Some(share)) => {
                format!("{rollouts:.0} of its {:.0}: {:.0} %", reach.of, 100.0 * share)
            }
            _ => "not reached".into(),
        };
        _ = writeln!(text, "- `{}` ends at {end}: {said}", reach.arm);
    }
    let stopped: Vec<_> =
        r.arms.iter().flat_map(|arm| arm.stopped.iter().map(move |stop| (&arm.label, stop))).collect();
    if !stopped.is_empty() {
        text.push_str("\nEnded by a stop rule, and counted as they were then:\n\n");
    }
    for (label, (seed, step, why)) in stopped {
        _ = writeln!(text, "- {label}, seed {seed}, step {step}: {why}");
    }
    text
}
