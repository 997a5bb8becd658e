//! The ChartMimic recorder against the records that the benchmark itself took, and against the
//! tables of its spec (`fixtures/chartmimic_rows`). Needs the Python environment with the pinned
//! versions.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use vsdpo_artifact::ChartRecords;
use vsdpo_render::{ChartRecorder, Recordable, RenderConfig};
use vsdpo_score::chartmimic::Rules;
use vsdpo_score::chartmimic::script::{Scripts, TARGET, of_code, of_response, read_back};

static POOL: LazyLock<ChartRecorder> = LazyLock::new(|| {
    let config = RenderConfig { workers: 2, timeout: Duration::from_secs(300), ..RenderConfig::default() };
    ChartRecorder::start(config).unwrap_or_else(|e| panic!("these tests run scripts: {e}"))
});

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder)
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn prediction(scripts: Scripts, name: &str) -> Recordable {
    let target = TARGET.into();
    let graph = name.starts_with("graph");
    Recordable {
        script: scripts.wrapped,
        bare: scripts.bare,
        wrapped: true,
        graph,
        target,
        ..Recordable::default()
    }
}

fn truth(script: &str, name: &str) -> Recordable {
    Recordable { script: read_back(script), graph: name.starts_with("graph"), ..Recordable::default() }
}

fn json(records: &ChartRecords) -> Value {
    let colors: Vec<String> = records.colors.iter().map(|c| format!("{}--{}", c.class, c.token)).collect();
    serde_json::json!({
        "text": records.text,
        "layout": records.layout,
        "chart_type": records.types,
        "color": colors,
    })
}

fn check(got: &ChartRecords, want: &Value, what: &str) {
    let got = json(got);
    for metric in ["text", "layout", "chart_type", "color"] {
        assert_eq!(got[metric], want[metric], "{what} {metric}");
    }
}

#[test]
fn records_of_all_pairs_equal_the_benchmarks() {
    let before = POOL.stats();
    let mut pairs = 0;
    for entry in std::fs::read_dir(fixtures("chartmimic")).unwrap().flatten().filter(|e| e.path().is_dir()) {
        let file = |name: &str| read(entry.path().join(name));
        let e: Value = serde_json::from_str(&file("expected.json")).unwrap();
        let name = e["name"].as_str().unwrap();
        let pred = POOL.record(&prediction(of_code(&file("pred.py"), Rules::Official), name)).unwrap();
        let gt = POOL.record(&truth(&file("gt.py"), name)).unwrap();
        pairs += 1;
        assert_eq!(pred.exec, e["exec"], "{name}");
        for (side, records) in [("pred", pred), ("gt", gt)] {
            let metric = |m: &str| e["recorded"][m][side].clone();
            let mut want = serde_json::json!({
                "text": metric("text"), "layout": metric("layout"), "chart_type": metric("chart_type"),
                "color": metric("color"),
            });
            if records.colors.len() > 10 {
                // The benchmark thins its list when it records; we thin ours when we score.
                let thinned: BTreeSet<String> = serde_json::from_value(metric("color")).unwrap();
                let all = json(&records)["color"].clone();
                let all_set: BTreeSet<String> = serde_json::from_value(all.clone()).unwrap();
                assert!(thinned.is_subset(&all_set), "{name} {side}");
                want["color"] = all;
            }
            check(&records, &want, &format!("{name} {side}"));
        }
    }
    let after = POOL.stats();
    let (cpu, jobs) = (after.cpu_seconds - before.cpu_seconds, after.jobs - before.jobs);
    println!("{pairs} pairs: {jobs} processes, {:.3} CPU seconds a pair", cpu / f64::from(pairs));
}

#[test]
fn responses_become_scripts_that_run_or_not() {
    let cases: Vec<Value> = serde_json::from_str(&read(fixtures("chartmimic/responses.json"))).unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let what = &case["case"];
        let scripts = of_response(case["response"].as_str().unwrap_or_default(), Rules::Official);
        assert_eq!(scripts.bare.is_some(), case["checker_script"], "{what}");
        let wrapped = Scripts { bare: Some(scripts.wrapped.clone()), ..scripts.clone() };
        assert_eq!(POOL.record(&prediction(scripts, "x")).unwrap().exec, case["exec"], "{what}");
        assert_eq!(POOL.record(&prediction(wrapped, "x")).unwrap().exec, case["wrapped_pdf"], "{what}");
    }
}

/// Each script covers rows of the spec's tables; `rows.json` has the expected records.
#[test]
fn scripts_record_the_rows_of_the_tables() {
    let rows: serde_json::Map<String, Value> =
        serde_json::from_str(&read(fixtures("chartmimic_rows/rows.json"))).unwrap();
    assert!(rows.len() >= 30);
    for (name, want) in rows {
        let script = read(fixtures("chartmimic_rows").join(format!("{name}.py")));
        let records = POOL.record(&truth(&script, &name)).unwrap();
        check(&records, &want, &name);
    }
}

#[test]
fn fixed_hooks() {
    let record = |script: &str, fixed| {
        let script =
            format!("import matplotlib.pyplot as plt\nimport seaborn as sns\n{script}\nplt.savefig('x.pdf')");
        POOL.record(&Recordable { fixed, ..truth(&script, "x") }).unwrap()
    };
    let tokens = |records: &ChartRecords| records.colors.iter().map(|c| c.token.clone()).collect::<Vec<_>>();
    let lost = "b = plt.bar([1, 2], [1, 2])\nb[1].set_color('gold')";
    assert_eq!(tokens(&record(lost, false)), [""; 0]);
    assert_eq!(tokens(&record(lost, true)), ["#1F77B4"]);
    let lock = "try:\n    plt.scatter([1], [1, 2])\nexcept ValueError:\n    pass\nplt.bar([1], [1])";
    assert_eq!(tokens(&record(lock, false)), [""; 0]);
    assert_eq!(tokens(&record(lock, true)), ["#1F77B4"]);
    let seaborn = "sns.histplot([1, 2, 2])";
    assert!(record(seaborn, false).types.is_empty() && !record(seaborn, true).types.is_empty());
    let none = "plt.gca().add_patch(plt.Circle((0, 0), 1, fc='none'))";
    assert_eq!(tokens(&record(none, false)), ["#000000"]);
    assert_eq!(tokens(&record(none, true)), ["none"]);
    let boxes = "b = plt.boxplot([[1, 2], [2, 3]], patch_artist=True)\n\
                 for p, c in zip(b['boxes'], ['red', 'blue']):\n    p.set_facecolor(c)";
    let mut patches = record(boxes, true).colors;
    patches.retain(|c| c.class.ends_with("boxplot"));
    assert_eq!(patches.len(), 2);
}
