//! `report` on a small run folder.

use crate::common::run;
use std::fs;
use std::path::Path;

/// Two steps, one rendered rollout and one that failed, base and final evaluation.
fn write_run(dir: &Path) {
    fs::create_dir(dir.join("images")).unwrap();
    image::RgbaImage::from_pixel(64, 48, image::Rgba([250, 250, 250, 255]))
        .save(dir.join("images/1.png"))
        .unwrap();
    let metrics = "{\"step\":1,\"reward\":0.25,\"exec/success\":0.5}\n{\"step\":2,\"reward\":0.75,\"exec/success\":1.0}\n";
    fs::write(dir.join("metrics.jsonl"), metrics).unwrap();
    let rollouts = r##"{"step":1,"task":"t/<b>","prompt":"Draw </div><script>alert(1)</script>","text":"```python\nax.legend()\n```","code":{"start":10,"end":22},"executed":true,"reward":0.25,"error":null,"rubric":{"legend":{"satisfied":false,"score":0.5,"observed":"covers 2 points"}},"defects":[{"rule":"chart/legend-covers-data","severity":1.0,"elements":[3],"regions":[[8.0,4.0,40.0,20.0]],"message":"the legend covers 2 points"}],"statements":[{"start":10,"end":21,"resp":1.0,"weight":3.0,"elements":[3]}],"tokens":[{"start":10,"end":12,"kl":0.5,"weight":3.0,"logp":-0.1}],"image":"images/1.png"}
{"step":2,"task":"t/2","prompt":"p","text":"boom","executed":false,"reward":0,"error":{"kind":"exception","message":"NameError: <i>"},"rubric":{},"defects":[],"statements":[],"tokens":[],"image":null}
{"step":3,"task":"cut by a ki"##;
    fs::write(dir.join("rollouts.jsonl"), rollouts).unwrap();
    let eval = |step: u32, mean: f64| {
        format!(
            "{{\"step\":{step},\"benchmark\":\"mini-chart\",\"arm\":\"student\",\"tasks\":8,\"exec\":{{\"mean\":1,\"low\":1,\"high\":1}},\"defect_free\":{{\"mean\":{mean},\"low\":0.1,\"high\":0.9}},\"reward\":{{\"mean\":0.5,\"low\":0.4,\"high\":0.6}},\"axes\":{{}}}}\n"
        )
    };
    fs::write(dir.join("evals.jsonl"), eval(0, 0.25) + &eval(2, 0.625)).unwrap();
}

#[test]
fn the_report_of_a_run_is_escaped_and_self_contained() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let output = run(&["report", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report = dir.path().join("report");
    let index = fs::read_to_string(report.join("index.html")).unwrap();
    assert!(index.contains("25 %") && index.contains("62 %"), "the headline has both shares");
    assert!(index.contains("1 have a page") || index.contains("2 stored"), "the incomplete line is left out");
    assert!(report.join("images/1.png").is_file());
    let page = fs::read_to_string(report.join("rollouts/00001-0000.html")).unwrap();
    assert!(
        page.contains("viewBox=\"0 0 64 48\"")
            && page.contains("<rect x=\"8\" y=\"4\" width=\"32\" height=\"16\"")
    );
    assert!(page.contains("--r:1.00") && page.contains("KL 0.5 · weight 3 · log p -0.1"));
    for text in [&index, &page] {
        assert!(
            !text.contains("<script>alert") && !text.contains("http:") && !text.contains("https:"),
            "text is escaped, and nothing is loaded from a network"
        );
    }
    let failed = fs::read_to_string(report.join("rollouts/00002-0001.html")).unwrap();
    assert!(failed.contains("NameError: &lt;i&gt;"));
}
