//! The scores of the fixtures, from the benchmark's own records.

use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::F1;
use vsdpo_artifact::{ChartRecords, ColorToken, GridCell};
use vsdpo_score::chartmimic::{Rules, score};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/chartmimic")
}

fn expected() -> Vec<Value> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(fixtures()).expect("fixtures").flatten() {
        if let Ok(text) = std::fs::read_to_string(entry.path().join("expected.json")) {
            all.push(serde_json::from_str::<Value>(&text).expect("JSON"));
        }
    }
    assert!(all.len() >= 20, "only {} pairs", all.len());
    all
}

fn records(expected: &Value, side: &str) -> ChartRecords {
    let recorded = |metric: &str| &expected["recorded"][metric][side];
    let strings = |v: &Value| v.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_string()).collect();
    let number = |v: &Value, key: &str| v[key].as_u64().unwrap() as u32;
    let cell = |v: &Value| GridCell {
        nrows: number(v, "nrows"),
        ncols: number(v, "ncols"),
        row_start: number(v, "row_start"),
        row_end: number(v, "row_end"),
        col_start: number(v, "col_start"),
        col_end: number(v, "col_end"),
    };
    let token = |s: String| {
        let (class, token) = s.split_once("--").unwrap();
        ColorToken { class: class.into(), token: token.into() }
    };
    let types = recorded("chart_type").as_object().unwrap();
    ChartRecords {
        text: strings(recorded("text")),
        layout: recorded("layout").as_array().unwrap().iter().map(cell).collect(),
        types: types.iter().map(|(label, n)| (label.clone(), n.as_u64().unwrap())).collect(),
        colors: strings(recorded("color")).into_iter().map(token).collect(),
        exec: expected["exec"].as_bool().unwrap(),
        ..ChartRecords::default()
    }
}

#[test]
fn scores_of_the_benchmarks_records_equal_its_scores() {
    let mut worst = 0.0f64;
    for e in expected() {
        let scores =
            score(&records(&e, "pred"), &records(&e, "gt"), e["name"].as_str().unwrap(), Rules::Official);
        let metrics: [(&str, Option<F1>); 4] = [
            ("text", Some(scores.text)),
            ("layout", Some(scores.layout)),
            ("chart_type", Some(scores.chart_type)),
            ("color", scores.color),
        ];
        for (metric, got) in metrics {
            let Some(got) = got else {
                assert!(e[metric].is_null(), "{} {metric}", e["id"]);
                continue;
            };
            for (part, got) in [("precision", got.precision), ("recall", got.recall), ("f1", got.f1)] {
                let want = e[metric][part].as_f64().unwrap();
                worst = worst.max((got - want).abs());
                assert!((got - want).abs() < 1e-9, "{} {metric} {part}: {got} is not {want}", e["id"]);
            }
        }
        let low = e["low_counted"].as_f64();
        assert_eq!(scores.low().is_some(), low.is_some(), "{}", e["id"]);
        assert!((scores.low().unwrap_or(0.0) - low.unwrap_or(0.0)).abs() < 1e-7, "{}", e["id"]);
    }
    println!("largest difference {worst:e}");
}

/// The benchmark tries 479 million permutations for these.
#[test]
fn twelve_colours_against_twelve_take_less_than_fifty_milliseconds() {
    let of = |shift: u32| ChartRecords {
        colors: (0..12u32)
            .map(|i| ColorToken {
                class: "bar".into(),
                token: format!("#{:06X}", (i * 1_385_711 + shift) % 0xFF_FFFF),
            })
            .collect(),
        ..ChartRecords::default()
    };
    let (pred, gt) = (of(0), of(54_321));
    let began = std::time::Instant::now();
    for rules in [Rules::Fixed, Rules::Official] {
        let score = score(&pred, &gt, "bar_1", rules).color.expect("both have colours");
        assert!(score.f1 > 0.5 && score.f1 < 1.0, "{score:?}");
    }
    let took = began.elapsed();
    println!("both rules: {took:?}");
    assert!(took.as_millis() < 50, "{took:?}");
}
