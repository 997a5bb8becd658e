//! The results of `reproduce` and `ablate` as one self-contained page: tables, paired differences,
//! and a curve per arm.

use super::curve::{Panel, Series, panel};
use super::page::page;
use maud::{Markup, html};
use vsdpo_train::campaign::{ArmResult, Results, Score, p_value, title};

/// Size and margins of the plot of differences, in pixels.
const WIDTH: f64 = 860.0;
const LABELS: f64 = 300.0;
const ROW: f64 = 24.0;
const TOP: f64 = 26.0;

/// The page.
pub fn campaign_page(results: &Results) -> String {
    let r = results;
    let (done, all) = r.done;
    let body = html! {
        header.top {
            p.kicker { "Visual-SDPO comparison" }
            h1 { (r.command) }
            p.facts {
                span { (r.seeds) " seeds" } span { (r.tasks) " " (r.split.name()) " tasks (" (r.benchmark) ")" }
                span { (done) " of " (all) " runs finished" }
            }
        }
        main {
            h2 { "Scores" }
            p.note {
                "Last checkpoints, not the best ones on dev. Mean ± standard deviation over seeds; below it the 95 % interval of "
                "a bootstrap over seeds and tasks. The column of an axis is the share of answers that satisfy it."
            }
            (scores(r))
            (differences(r))
            (reach(r))
            (curves(r))
            (budgets(r))
        }
    };
    page(&r.command, &body)
}

fn scores(r: &Results) -> Markup {
    html! {
        div.scroll { table.arms {
            thead { tr {
                th { "arm" } th.num { "seeds" }
                @for column in &r.columns { th.num { (title(column)) } }
            } }
            tbody { @for arm in &r.arms { tr.student[arm.name == r.main] {
                td title=(set(arm)) { (arm.label) }
                td.num { @if arm.trained { (arm.seeds.len()) } @else { "–" } }
                @for column in &r.columns { td.num { (cell(arm.scores.get(column), column)) } }
            } } }
        } }
    }
}

/// The recipe with its overrides.
fn set(arm: &ArmResult) -> String {
    format!("{} {}", arm.recipe, arm.set.join(" "))
}

fn cell(score: Option<&Score>, column: &str) -> Markup {
    let Some(Score { mean, sd, .. }) = score else { return html! { "–" } };
    let said = |v: f64, digits: usize| match column {
        "reward" => format!("{v:.3}"),
        _ => format!("{:.digits$}", 100.0 * v),
    };
    html! {
        (said(mean.mean, 1)) @if let Some(sd) = sd { " ± " (said(*sd, 1)) }
        small { (said(mean.low, 0)) "–" (said(mean.high, 0)) }
    }
}

/// A row of the plot: label, mean difference, interval, p values; in points.
struct Difference<'a> {
    label: &'a str,
    mean: f64,
    low: f64,
    high: f64,
    p: String,
}

/// The main arm minus this one.
fn difference(arm: &ArmResult) -> Option<Difference<'_>> {
    let versus = arm.versus.get("defect_free")?;
    let interval = versus.t_test.map_or(versus.over_tasks, |t| t.difference);
    let p = match (versus.t_test, versus.holm) {
        (Some(t), Some(holm)) => {
            let [p, holm, flips] = [t.p, holm, versus.sign_flip].map(p_value);
            format!("p {p} (Holm {holm}; sign flips {flips})")
        }
        _ => "one seed: interval over tasks".to_owned(),
    };
    let [mean, low, high] = [versus.over_tasks.mean, interval.low, interval.high].map(|v| 100.0 * v);
    Some(Difference { label: &arm.label, mean, low, high, p })
}

fn differences(r: &Results) -> Markup {
    let main = r.arms.iter().find(|arm| arm.name == r.main);
    let rows: Vec<Difference> = r.arms.iter().filter_map(difference).collect();
    if rows.is_empty() {
        return html! {};
    }
    html! {
        h2 { (main.map_or(&r.main, |arm| &arm.label)) " minus each arm" }
        p.note {
            "Defect-free share, in points. Lines are 95 % intervals of Student's paired t-test over seeds; Holm's p is "
            "corrected for the number of arms. The exact test of the sign flips cannot give less than 2 / 2" sup { "seeds" } "."
        }
        (forest(&rows))
    }
}

fn forest(rows: &[Difference]) -> Markup {
    let height = TOP + ROW * rows.len() as f64 + 8.0;
    let x = |points: f64| {
        let share = (points.clamp(-100.0, 100.0) + 100.0) / 200.0;
        format!("{:.1}", LABELS + share * (WIDTH - LABELS - 10.0))
    };
    html! {
        svg.forest viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="differences with intervals" {
            @for points in [-100.0, -50.0, 0.0, 50.0, 100.0] {
                line.grid x1=(x(points)) x2=(x(points)) y1=(TOP - 6.0) y2=(height) {}
                text x=(x(points)) y="12" text-anchor="middle" { (points) }
            }
            @for (i, d) in rows.iter().enumerate() {
                @let y = TOP + ROW * (i as f64 + 0.5);
                g.sure[d.low > 0.0 || d.high < 0.0] {
                    title { (d.label) ": " (format!("{:+.1} [{:.1}, {:.1}], {}", d.mean, d.low, d.high, d.p)) }
                    text x=(LABELS - 12.0) y=(y + 4.0) text-anchor="end" { (d.label) }
                    line x1=(x(d.low)) x2=(x(d.high)) y1=(y) y2=(y) {}
                    circle cx=(x(d.mean)) cy=(y) r="4" {}
                }
            }
        }
        div.scroll { table {
            thead { tr { th { "arm" } th.num { "difference" } th.num { "interval" } th { "tests" } } }
            tbody { @for d in rows { tr {
                td { (d.label) } td.num { (format!("{:+.1}", d.mean)) }
                td.num { (format!("[{:.1}, {:.1}]", d.low, d.high)) } td { (d.p) }
            } } }
        } }
    }
}

fn reach(r: &Results) -> Markup {
    html! { @if !r.reach.is_empty() {
        h2 { "Rollouts to the end of another arm" }
        p.note { "Until the mean over seeds on dev tasks reaches where the other arm ends; linear between evaluations." }
        ul { @for reach in &r.reach { li {
            (title(&reach.score)) " " (format!("{:.3}", reach.end)) " of " (reach.arm) ": "
            @match (reach.rollouts, reach.share) {
                (Some(rollouts), Some(share)) => {
                    (format!("{rollouts:.0} of its {:.0} rollouts, {:.0} %", reach.of, 100.0 * share))
                }
                _ => { "not reached" }
            }
        } } }
    } }
}

/// A panel per trained arm, with the main arm for comparison.
fn curves(r: &Results) -> Markup {
    let line = |arm: &ArmResult, class| Series {
        label: arm.label.clone(),
        class,
        points: arm.curve.iter().map(|(step, values)| (*step as f64, values[0])).collect(),
        bars: arm.curve.iter().map(|(step, [_, low, high])| (*step as f64, *low, *high)).collect(),
    };
    let main = r.arms.iter().find(|arm| arm.name == r.main);
    let trained: Vec<&ArmResult> = r.arms.iter().filter(|arm| arm.curve.len() > 1).collect();
    let top = trained.iter().flat_map(|arm| &arm.curve).map(|(_, values)| values[2]).fold(0.05, f64::max);
    let of = |arm: &&ArmResult| {
        let other = main.filter(|main| main.name != arm.name && main.curve.len() > 1);
        let (title, note) =
            (arm.label.clone(), "defect-free on dev tasks; bars from the lowest to the highest seed");
        let class = usize::from(arm.name != r.main);
        let series = [line(arm, class)].into_iter().chain(other.map(|main| line(main, 0))).collect();
        Panel { title, note: note.into(), series, range: Some((0.0, (10.0 * top).ceil() / 10.0)) }
    };
    html! { @if !trained.is_empty() {
        h2 { "Curves" }
        div.curves { @for arm in &trained { (panel(&of(arm))) } }
    } }
}

fn budgets(r: &Results) -> Markup {
    let trained = || r.arms.iter().filter(|arm| arm.trained);
    html! {
        h2 { "Used by training" }
        p.note { "Means over seeds. A run that a stop rule ended counts as it was then." }
        div.scroll { table {
            thead { tr {
                th { "arm" } th { "recipe and overrides" } th.num { "rollouts" } th.num { "references" }
                th.num { "sampled tokens" } th.num { "trained tokens" } th.num { "seconds" }
            } }
            tbody { @for arm in trained() { @let c = &arm.counts; tr {
                td { (arm.label) } td { code { (set(arm)) } }
                @for n in [c.rollouts, c.references, c.generated_tokens, c.trained_tokens, c.seconds] {
                    td.num { (format!("{n:.0}")) }
                }
            } } }
        } }
        ul { @for arm in trained() { @for (seed, step, why) in &arm.stopped {
            li { (arm.label) ", seed " (seed) ", ended at step " (step) ": " (why) }
        } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An arm whose defect-free share is `mean`; `less` below the main arm's in every seed.
    fn arm(name: &str, mean: f64, less: Option<f64>) -> serde_json::Value {
        let estimate = |v: f64| json!({"mean": v, "low": v - 0.05, "high": v + 0.05});
        let versus = less.map_or(json!({}), |d| {
            let t = json!({"difference": estimate(d), "deviation": 0.01, "t": 9.0, "freedom": 4, "p": 0.0004});
            json!({"defect_free": {"seeds": 5, "over_tasks": estimate(d), "t_test": t, "holm": 0.0008, "sign_flip": 0.0625}})
        });
        json!({
            "name": name, "label": format!("{name} <arm>"), "recipe": "chart-x.toml", "set": ["a=1"],
            "seeds": [1, 2, 3, 4, 5], "trained": true,
            "scores": {"defect_free": {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "sd": 0.02, "by_seed": [mean]}},
            "versus": versus,
            "counts": {"rollouts": 4800.0, "references": 0.0, "generated_tokens": 1e6, "trained_tokens": 2e6, "seconds": 300.0},
            "stopped": [[2, 138, "too <few> executed"]],
            "curve": [[0, [0.05, 0.04, 0.06]], [75, [mean, mean - 0.1, mean + 0.1]]],
        })
    }

    #[test]
    fn the_page_has_tables_differences_and_curves_and_loads_nothing() {
        let results = json!({
            "command": "visual-sdpo reproduce chart --seeds 5", "benchmark": "mini-chart", "seeds": 5, "tasks": 256, "split": "test",
            "done": [10, 12], "main": "main", "columns": ["defect_free"],
            "arms": [arm("grpo", 0.25, Some(0.2)), arm("main", 0.45, None)],
            "reach": [{"score": "defect_free", "arm": "grpo", "end": 0.25, "of": 4800.0, "rollouts": 1200.0, "share": 0.25}],
        });
        let results: Results = serde_json::from_value(results).unwrap();
        let text = campaign_page(&results);
        for want in [
            "<h1>visual-sdpo reproduce chart --seeds 5</h1>",
            "10 of 12 runs finished",
            "45.0 ± 2.0<small>35–55</small>",
            "+20.0 [15.0, 25.0], p 0.0004 (Holm 0.0008; sign flips 0.0625)",
            "1200 of its 4800 rollouts, 25 %",
            "grpo &lt;arm&gt;, seed 2, ended at step 138: too &lt;few&gt; executed",
            "<g class=\"sure\">",
            "aria-label=\"main &lt;arm&gt;\"",
        ] {
            assert!(text.contains(want), "{want:?} is not in the page");
        }
        assert!(!text.contains("<arm>") && !text.contains("http:") && !text.contains("https:"));
        let empty = Results { arms: vec![], columns: vec![], reach: vec![], ..results };
        assert!(campaign_page(&empty).contains("Scores"), "before the first run is finished");
    }
}
