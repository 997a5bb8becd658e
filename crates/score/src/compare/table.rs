//! A comparison as text for people.

use super::pairwise::{Gap, JudgeResult, Judges};
use super::{InputPair, MetricResult, Report, named};
use crate::report::clean_line;
use vsdpo_stats::Estimate;

/// The report as tables: one per comparison, and one per judge.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for input in &report.inputs {
        text.push_str(&format!("{}: {} ({}, {} items)\n", input.label, input.path, input.kind, input.items));
    }
    for comparison in &report.comparisons {
        text.push_str(&format!("\n{}", compared(comparison)));
    }
    if let Some(judges) = &report.judges {
        judges.models.iter().for_each(|judge| text.push_str(&format!("\n{}", judged(judge, judges))));
    }
    text.lines().map(|line| clean_line_end(line) + "\n").collect()
}

/// The line without control characters and trailing blanks; its indentation stays.
fn clean_line_end(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", &line[..indent], clean_line(line))
}

/// A table with aligned columns: the first one to the left, all others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |c: usize| rows.iter().filter_map(|r| Some(r.get(c)?.chars().count())).max().unwrap_or(0);
    let wide: Vec<usize> = (0..columns).map(wide).collect();
    let cell = |(c, text): (usize, &String)| match c {
        0 => format!("{text:<0$}", wide[c]),
        _ => format!("  {text:>0$}", wide[c]),
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<String>() + "\n").collect()
}

fn compared(c: &InputPair) -> String {
    let [mean_a, mean_b] = [c.a, c.b].map(|input| format!("mean {input}"));
    let difference = format!("{} - {}", c.b, c.a);
    let head = ["metric", &mean_a, &mean_b, &difference, "interval"];
    let head = [&head[..], &["wins", "ties", "losses", "pairs", "p", "Holm"]].concat();
    let mut rows = vec![head.into_iter().map(String::from).collect()];
    rows.extend(c.metrics.iter().map(row));
    let mut text = format!(
        "{} and {}: {} shared items, 95 % bootstrap intervals over items\n\n{}",
        c.a,
        c.b,
        c.shared,
        aligned(&rows)
    );
    text.push_str(&format!(
        "\nwins: items on which {} is higher; p: two-sided sign-flip test; Holm: p corrected for {} metrics\n",
        c.b,
        c.metrics.iter().filter(|m| m.paired.is_some()).count()
    ));
    for (who, only) in [(c.a, &c.only_a), (c.b, &c.only_b)] {
        if !only.is_empty() {
            text.push_str(&format!("{} items are in {who} only: {}\n", only.len(), named(only)));
        }
    }
    if !c.other_metrics.is_empty() {
        text.push_str(&format!("not compared, because only one input has it: {}\n", named(&c.other_metrics)));
    }
    for m in &c.metrics {
        for (why, count) in &m.left_out {
            text.push_str(&format!("{}: {count} items are left out: {why}\n", m.metric));
        }
    }
    text
}

fn row(m: &MetricResult) -> Vec<String> {
    let Some(p) = &m.paired else { return vec![m.metric.clone(), "-".into()] };
    let d = p.difference;
    let largest = [p.mean_a, p.mean_b, d.low, d.high].into_iter().map(f64::abs).fold(0.0, f64::max);
    let digits = if largest <= 1.0 { 3 } else { 2 };
    vec![
        m.metric.clone(),
        format!("{:.digits$}", p.mean_a),
        format!("{:.digits$}", p.mean_b),
        format!("{:+.digits$}", d.mean),
        format!("[{:+.digits$}, {:+.digits$}]", d.low, d.high),
        p.wins.to_string(),
        p.ties.to_string(),
        p.losses.to_string(),
        p.pairs.to_string(),
        format!("{:.4}", p.p),
        m.p_holm.map_or("-".into(), |p| format!("{p:.4}")),
    ]
}

fn judged(judge: &JudgeResult, judges: &Judges) -> String {
    let percent = |share: Option<f64>| share.map_or("-".into(), |s| format!("{:.0} %", 100.0 * s));
    let head = ["pair", "judged", "wins", "ties", "losses", "win rate", "interval", "p", "changed", "first"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for p in &judge.pairs {
        let interval = |e: Estimate| format!("[{:.0}, {:.0}]", 100.0 * e.low, 100.0 * e.high);
        rows.push(vec![
            format!("{} and {}", p.a, p.b),
            p.judged.to_string(),
            p.wins.to_string(),
            p.ties.to_string(),
            p.losses.to_string(),
            percent(p.win_rate.map(|e| e.mean)),
            p.win_rate.map_or("-".into(), interval),
            p.p.map_or("-".into(), |p| format!("{p:.4}")),
            percent(p.position_changed),
            percent(p.first_preferred),
        ]);
    }
    let mut text =
        format!("judge {} ({} calls of all judges)\n\n{}", judge.model, judges.calls, aligned(&rows));
    text.push_str(
        "\nwins: items on which the second of the pair is better in both positions; win rate: ties as a half;\n\
         changed: items whose preference changed with the position (ties); first: preferences for the picture\n\
         that was shown first, 50 % without bias\n",
    );
    for p in &judge.pairs {
        if p.equal_pictures > 0 {
            text.push_str(&format!(
                "{} and {}: {} ties are equal pictures, without a call\n",
                p.a, p.b, p.equal_pictures
            ));
        }
        for (gap, count) in &p.left_out {
            text.push_str(&format!(
                "{} and {}: {count} items are left out: {}\n",
                p.a,
                p.b,
                gap_text(*gap, p.a, p.b)
            ));
        }
    }
    let ability = |e: Estimate| format!("{:+.2} [{:+.2}, {:+.2}]", e.mean, e.low, e.high);
    let abilities: Vec<String> =
        judge.abilities.iter().skip(1).map(|a| format!("{} {}", a.label, ability(a.ability))).collect();
    if !abilities.is_empty() {
        text.push_str(&format!("Bradley-Terry ability (log scale, A = 0): {}\n", abilities.join(", ")));
    }
    text
}

fn gap_text(gap: Gap, a: char, b: char) -> String {
    match gap {
        Gap::NoPictureOfA => format!("{a} has no picture"),
        Gap::NoPictureOfB => format!("{b} has no picture"),
        Gap::NoPicture => "neither has a picture".into(),
        Gap::Unreadable => "a reply does not end with A, B or TIE".into(),
        Gap::NoReply => "the judge gave no reply".into(),
    }
}
