//! An evaluation as a table for people.

use super::{Arm, EvalReport};
use vsdpo_stats::Estimate;

/// The report as a table: one row per arm.
pub fn table(report: &EvalReport) -> String {
    let wide = report.arms.iter().map(|a| a.arm.len()).max().unwrap_or(0);
    let axes: Vec<&String> = report.arms.first().map_or(Vec::new(), |a| a.axes.keys().collect());
    let mut text = format!(
        "{}, {} tasks, temperature {}, seed {}; share of tasks in %, [95 % interval]\n{:wide$}  {:16} {:16} {:18}{}",
        report.benchmark,
        report.student().tasks,
        report.temperature,
        report.seed,
        "",
        "executes",
        "defect-free",
        "reward",
        if report.student().good.is_some() {
            format!(" {:16} {:>9}", "good", "held-back")
        } else {
            String::new()
        },
    );
    axes.iter().for_each(|axis| text.push_str(&format!(" {axis:>9}")));
    if report.arms.iter().any(|a| a.cost.is_some()) {
        text.push_str(&format!("  {:>11} {:>12} {:>12}", "tokens/task", "renders/task", "seconds/task"));
    }
    text.push('\n');
    for arm in &report.arms {
        text.push_str(&row(arm, wide));
    }
    text + &report.provenance.as_ref().map_or(String::new(), |p| format!("\n{}", p.line()))
}

fn row(arm: &Arm, wide: usize) -> String {
    let share = |e: &Estimate| {
        let [mean, low, high] = [e.mean, e.low, e.high].map(|v| 100.0 * v);
        format!("{mean:5.1} [{low:.0}, {high:.0}]")
    };
    let reward = format!("{:.3} [{:.2}, {:.2}]", arm.reward.mean, arm.reward.low, arm.reward.high);
    let mut text =
        format!("{:wide$}  {:16} {:16} {:18}", arm.arm, share(&arm.exec), share(&arm.defect_free), reward);
    if let (Some(good), Some(held_back)) = (&arm.good, &arm.held_back) {
        text.push_str(&format!(" {:16} {:9.1}", share(good), 100.0 * held_back.mean));
    }
    arm.axes.values().for_each(|e| text.push_str(&format!(" {:9.1}", 100.0 * e.mean)));
    if let Some(cost) = &arm.cost {
        text.push_str(&format!("  {:11.0} {:12.2} {:12.3}", cost.tokens, cost.renders, cost.seconds));
    }
    text + "\n"
}
