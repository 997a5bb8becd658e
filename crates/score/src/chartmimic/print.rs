//! A scored pair for machines and for people.

use crate::chartmimic::scorer::Scored;
use crate::chartmimic::{NO_COLOR, Rules};
use serde_json::{Map, Value, json};
use vsdpo_artifact::ChartRecords;
use vsdpo_artifact::F1;

/// The stable JSON form. `low` is the example's contribution to the benchmark's Low, from 0 to 100;
/// `reasons` says why a score is null and which errors the scripts raised.
pub fn json(scored: &Scored<'_>) -> Value {
    let s = &scored.scores;
    json!({
        "name": scored.name,
        "mode": mode(scored.rules),
        "exec": s.exec,
        "text": score(&s.text),
        "layout": score(&s.layout),
        "chart_type": score(&s.chart_type),
        "color": s.color.as_ref().map(score),
        "low": s.low(),
        "low_if_executed": s.if_executed(),
        "timeout_s": scored.timeout,
        "reasons": reasons(scored),
    })
}
/// The name of the rules: `official` or `fixed`.
pub fn mode(rules: Rules) -> &'static str {
    if rules == Rules::Official { "official" } else { "fixed" }
}

fn score(s: &F1) -> Value {
    json!({"precision": s.precision, "recall": s.recall, "f1": s.f1})
}

fn reasons(scored: &Scored<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    if scored.scores.color.is_none() {
        let ended = scored.gt.remarks.get("color").map(|why| format!(" ({why})"));
        all.insert("color".into(), format!("{NO_COLOR}{}", ended.unwrap_or_default()).into());
    }
    let no_code = !scored.scores.exec && !scored.pred.remarks.contains_key("exec");
    if no_code {
        all.insert("exec".into(), "the response holds no code".into());
    }
    let of = |side: &str, records: &ChartRecords| {
        let named = |(record, why): (&&str, &String)| (format!("{side}.{record}"), Value::from(why.clone()));
        records.remarks.iter().map(named).collect::<Vec<_>>()
    };
    all.extend(of("pred", &scored.pred));
    all.extend(of("gt", &scored.gt));
    all
}

/// A small table.
pub fn table(scored: &Scored<'_>) -> String {
    let s = &scored.scores;
    let mut text = format!("{} ({} rules)\n\n", crate::report::clean_line(scored.name), mode(scored.rules));
    text.push_str("            precision   recall       f1\n");
    let rows = [
        ("text", Some(s.text)),
        ("layout", Some(s.layout)),
        ("chart type", Some(s.chart_type)),
        ("color", s.color),
    ];
    for (name, score) in rows {
        let cells = match score {
            Some(s) => format!("{:9.4}  {:7.4}  {:7.4}", s.precision, s.recall, s.f1),
            None => format!("{:>9}  {:>7}  {:>7}", "-", "-", "-"),
        };
        text.push_str(&format!("{name:<12}{cells}\n"));
    }
    let low = s.low().map_or("-".into(), |low| format!("{low:.2}"));
    let ran = if s.exec { "the bare script left a picture" } else { "the bare script left no picture" };
    text.push_str(&format!("\nlow {low}; {ran} (limit {} s)\n", scored.timeout));
    for (what, why) in reasons(scored) {
        let why = why.as_str().unwrap_or_default();
        text.push_str(&format!("{what}: {}\n", crate::report::clean_line(why)));
    }
    text
}
