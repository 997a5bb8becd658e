//! `lint` and `render` through the binary, with the real renderer.

use crate::common::{chart, run};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

fn lint(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[&["lint", "--format", "json"], args].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}\n{error}")))
}

fn rules(file: &Value) -> Vec<&str> {
    file["defects"].as_array().unwrap().iter().map(|d| d["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_clean_chart_exits_with_0_and_has_every_json_key() {
    let (code, file) = lint(&[&chart("clean.py")]);
    assert_eq!(code, Some(0), "{file}");
    let names: Vec<&String> = file.as_object().unwrap().keys().collect();
    let want = [
        "file",
        "window",
        "cells",
        "domain",
        "executed",
        "error",
        "image",
        "pages",
        "elements",
        "defects",
        "skipped",
        "rubric",
        "reward",
        "statements",
        "notes",
    ];
    assert_eq!(names, want);
    assert_eq!(file["domain"], "chart");
    assert_eq!(file["executed"], true);
    assert_eq!(file["error"], Value::Null);
    assert_eq!((file["image"]["width"].as_u64(), file["image"]["height"].as_u64()), (Some(640), Some(480)));
    assert!(rules(&file).is_empty());
    assert_eq!(file["reward"], 1.0);
    assert_eq!(
        file["rubric"]["content"]["satisfied"],
        Value::Null,
        "without a task the content axis is not evaluated"
    );
    assert_eq!(file["rubric"]["overlap"]["satisfied"], true);
    let title = file["elements"].as_array().unwrap().iter().find(|e| e["kind"] == "title").unwrap();
    let statement = &file["statements"][title["statement"].as_u64().unwrap() as usize];
    assert_eq!(statement["text"], "ax.set_title(\"Growth\")");
    assert_eq!((statement["line"].as_u64(), statement["resp"].as_f64()), (Some(5), Some(0.0)));
}

#[test]
fn defects_blame_the_statements_that_drew_them() {
    let (code, file) = lint(&[&chart("crowded.py")]);
    assert_eq!(code, Some(1));
    assert!(rules(&file).contains(&"chart/legend-covers-data"), "{:?}", rules(&file));
    let source = std::fs::read_to_string(chart("crowded.py")).unwrap();
    let blamed: Vec<&str> = file["statements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["resp"].as_f64().unwrap() > 0.99)
        .map(|s| &source[s["start"].as_u64().unwrap() as usize..s["end"].as_u64().unwrap() as usize])
        .collect();
    assert!(blamed.contains(&"ax.legend(loc=\"upper right\")"), "{blamed:?}");
    assert!(blamed.contains(&"ax.set_xticklabels(months)"), "{blamed:?}");
    assert!(!blamed.iter().any(|s| s.starts_with("import") || s.starts_with("values")), "{blamed:?}");
    for defect in file["defects"].as_array().unwrap() {
        assert_eq!(defect["regions"].as_array().unwrap().len(), defect["elements"].as_array().unwrap().len());
        let region: Vec<f64> = serde_json::from_value(defect["region"].clone()).unwrap();
        assert!(region[0] < region[2] && region[2] <= 480.0 && region[3] <= 360.0, "{region:?}");
    }
}

#[test]
fn rules_are_selected_and_ignored() {
    let (_, file) = lint(&[&chart("crowded.py"), "--select", "legend-covers-data"]);
    assert_eq!(rules(&file), ["chart/legend-covers-data"]);
    let all = "chart/legend-covers-data,text-overlap,text-clipped,tick-crowding,low-contrast";
    let (code, file) = lint(&[&chart("crowded.py"), "--ignore", all]);
    assert_eq!((code, rules(&file).len()), (Some(0), 0));
    assert!(file["reward"].as_f64().unwrap() < 1.0, "the reward covers all rules");
}

#[test]
fn a_failing_script_is_a_finding_at_its_statement() {
    let (code, file) = lint(&[&chart("broken.py")]);
    assert_eq!(code, Some(1));
    assert_eq!(
        (&file["executed"], &file["image"], &file["reward"]),
        (&Value::Bool(false), &Value::Null, &Value::from(0.0))
    );
    assert_eq!(file["error"]["message"], "NameError: name 'valeus' is not defined");
    let blamed: Vec<&Value> = file["statements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["resp"] == 1.0)
        .map(|s| &s["text"])
        .collect();
    assert_eq!(blamed, ["ax.plot(valeus)"]);
}

#[test]
fn json_of_several_files_is_an_array_and_jsonl_has_one_object_per_line() {
    let (clean, broken) = (chart("clean.py"), chart("broken.py"));
    let (code, files) = lint(&[&clean, &broken]);
    assert_eq!(code, Some(1));
    assert_eq!(files.as_array().unwrap().len(), 2);
    let output = run(&["lint", "--format", "jsonl", &clean, &broken]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(Value::Array(lines), files);
}

#[test]
fn human_output_has_the_line_the_caret_and_the_place_in_the_picture() {
    let output = run(&["lint", &chart("crowded.py"), "--select", "legend-covers-data"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("warning[chart/legend-covers-data]"), "{text}");
    let line = "7 | ax.legend(loc=\"upper right\")\n  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^";
    assert!(text.contains(&format!("{line}\n")), "{text}");
    assert!(text.contains("= help: loc='upper left'") && !text.contains("reward"), "{text}");
    let args = ["lint", "--verbose", &chart("crowded.py"), "--select", "legend-covers-data"];
    let text = String::from_utf8(run(&args).stdout).unwrap();
    assert!(text.contains(&format!("{line} resp 1.00, weight 3.00\n")), "{text}");
    assert!(text.contains("reward 0.") && text.contains("legend defect"), "{text}");
    assert!(text.contains("in the picture (480x360 px) at ["), "{text}");
    assert!(!text.contains('\u{1b}'), "colour is for terminals only");
}

#[test]
fn control_characters_of_a_script_do_not_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("evil.py");
    std::fs::write(&file, "raise ValueError('\\x1b[2J\\x9b31m' + '\u{202e}')  # \u{9b}31m\n").unwrap();
    let output = run(&["lint", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("ValueError"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
}

#[test]
fn the_html_page_is_self_contained_and_escaped() {
    let dir = tempfile::tempdir().unwrap();
    let (file, page) = (dir.path().join("a.py"), dir.path().join("a.html"));
    let source = std::fs::read_to_string(chart("crowded.py")).unwrap() + "# <script>alert(1)</script>\n";
    std::fs::write(&file, source).unwrap();
    let output = run(&["lint", file.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("src=\"data:image/png;base64,iVBORw0KGgo"), "the picture is inside");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.contains("<script>alert"));
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing is fetched");
}

#[test]
fn render_writes_the_picture_and_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let (png, json) = (dir.path().join("c.png"), dir.path().join("c.json"));
    let output = run(&[
        "render",
        &chart("clean.py"),
        "-o",
        png.to_str().unwrap(),
        "--elements",
        json.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(image::image_dimensions(&png).unwrap(), (640, 480));
    let elements: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert!(elements.iter().any(|e| e["kind"] == "title" && e["text"] == "Growth"));
    let output = run(&["render", &chart("broken.py"), "-o", png.to_str().unwrap()]);
    crate::common::assert_one_line(&output, &["broken.py", "line 4", "NameError"]);
}

#[test]
fn a_script_is_read_from_standard_input() {
    let mut command = crate::common::binary();
    command.args(["lint", "-", "--format", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let source = std::fs::read(chart("crowded.py")).unwrap();
    child.stdin.take().unwrap().write_all(&source).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let file: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(file["file"], "<stdin>");
    assert!(rules(&file).contains(&"chart/legend-covers-data"));
}

#[test]
fn github_output_has_a_command_per_finding() {
    let select = ["--select", "legend-covers-data"];
    let output =
        run(&[&["lint", "--format", "github", &chart("crowded.py"), &chart("broken.py")], &select[..]]
            .concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].starts_with("::warning file=")
            && lines[0].contains("crowded.py,line=7,endLine=7,col=1,endColumn=29")
    );
    assert!(lines[0].contains("title=chart/legend-covers-data::the legend at upper right covers 1 line"));
    assert!(lines[1].starts_with("::error file=") && lines[1].contains("title=exec/exception::NameError"));
}

#[test]
fn sarif_output_is_one_log_with_places() {
    let output = run(&["lint", "--format", "sarif", &chart("crowded.py"), &chart("clean.py")]);
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let legend = results.iter().find(|r| r["ruleId"] == "chart/legend-covers-data").unwrap();
    let rule = &run["tool"]["driver"]["rules"][legend["ruleIndex"].as_u64().unwrap() as usize];
    assert_eq!(rule["id"], legend["ruleId"]);
    let place = &legend["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with("tests/charts/crowded.py"));
    let source = std::fs::read_to_string(chart("crowded.py")).unwrap();
    let region = |key: &str| place["region"][key].as_u64().unwrap() as usize;
    let bytes = region("byteOffset")..region("byteOffset") + region("byteLength");
    assert_eq!(&source[bytes], "ax.legend(loc=\"upper right\")");
    assert_eq!((region("startLine"), region("startColumn"), region("endColumn")), (7, 1, 29));
    assert_eq!(legend["properties"]["pictureBoxes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_project_and_a_comment_silence_rules() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.py");
    let source = std::fs::read_to_string(chart("crowded.py")).unwrap();
    let comment = "ax.legend(loc=\"upper right\")  # vsdpo: ignore[legend-covers-data]";
    std::fs::write(&file, source.replace("ax.legend(loc=\"upper right\")", comment)).unwrap();
    let path = file.to_str().unwrap();
    let (_, found) = lint(&[path]);
    assert!(!rules(&found).contains(&"chart/legend-covers-data"), "{:?}", rules(&found));
    let others: Vec<String> = rules(&found).iter().map(|r| format!("{r:?}")).collect();
    assert!(!others.is_empty());
    std::fs::write(dir.path().join("visual-sdpo.toml"), format!("ignore = [{}]\n", others.join(",")))
        .unwrap();
    let (code, found) = lint(&[path]);
    assert_eq!((code, rules(&found).len()), (Some(0), 0));
    std::fs::write(dir.path().join("visual-sdpo.toml"), "ignroe = []\n").unwrap();
    crate::common::assert_one_line(&run(&["lint", path]), &["visual-sdpo.toml", "ignroe", "ignore"]);
}
