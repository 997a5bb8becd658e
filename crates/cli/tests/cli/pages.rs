//! `lint`, `render` and `explain` for pages. They need Chromium, which `cargo xtask setup`
//! installs.

use crate::common::{assert_one_line, binary, run};
use serde_json::Value;
use std::fs;
use std::process::Output;

/// Two elements at fault: one by its own style, one by a rule of the style sheet.
const PAGE: &str = "<!doctype html>
<style>
body { margin: 10px; background: white }
.pale { color: #d8dce0 }
</style>
<h1>Orders</h1>
<p class=\"pale\">Nothing to be read here</p>
<p style=\"width:90px; overflow:hidden; white-space:nowrap\">Cut off at the end of the box</p>
";

/// Exit code, standard output and standard error.
fn parts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn lint(text: &str, more: &[&str]) -> (Option<i32>, Value) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    fs::write(&path, text).unwrap();
    let words = ["lint", path.to_str().unwrap(), "--format", "json"];
    let (code, out, err) = parts(run(&[&words[..], more].concat()));
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}")))
}

fn rules(found: &Value) -> Vec<&str> {
    found["defects"].as_array().unwrap().iter().map(|d| d["rule"].as_str().unwrap()).collect()
}

#[test]
fn defects_blame_elements_and_style_rules() {
    let (code, found) = lint(PAGE, &[]);
    assert_eq!((code, &found["domain"], &found["executed"]), (Some(1), &"web".into(), &true.into()));
    assert_eq!(rules(&found), ["web/text-clipped", "web/low-contrast"]);
    assert_eq!(found["image"], serde_json::json!({ "width": 1280, "height": 720 }));
    let blamed: Vec<&str> = found["statements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["resp"].as_f64() == Some(1.0))
        .map(|s| s["text"].as_str().unwrap())
        .collect();
    let [rule, pale, cut] = blamed[..] else { panic!("{blamed:?}") };
    assert_eq!(rule, ".pale { color: #d8dce0 }");
    assert!(pale.starts_with("<p class=\"pale\">") && cut.starts_with("<p style="), "{blamed:?}");
    let clean = "<!doctype html><h1>Orders</h1><p>All is well</p>";
    assert_eq!(lint(clean, &[]).0, Some(0));
}

#[test]
fn findings_of_pages_are_ignored_and_silenced() {
    assert_eq!(rules(&lint(PAGE, &["--ignore", "text-clipped"]).1), ["web/low-contrast"]);
    let silenced = PAGE.replace("Cut off", "<!-- vsdpo: ignore[text-clipped] -->Cut off");
    assert_eq!(rules(&lint(&silenced, &[]).1), ["web/low-contrast"]);
    let both = PAGE.replace("</h1>", "</h1><!-- vsdpo: ignore -->");
    assert_eq!(
        rules(&lint(&both, &[]).1).len(),
        2,
        "a comment outside the statements at fault silences nothing"
    );
}

#[test]
fn human_output_has_the_tag_and_the_style_rule() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("page.html"), PAGE).unwrap();
    let input = fs::File::open(dir.path().join("page.html")).unwrap();
    let (code, out, err) = parts(binary().args(["lint", "-"]).stdin(input).output().unwrap());
    assert_eq!(code, Some(1), "{err}");
    for shown in [
        "warning[web/low-contrast]",
        "4 | .pale { color: #d8dce0 }\n  | ^^^^^^^^^^^^^^^^^^^^^^^^",
        "7 | <p class=\"pale\">Nothing to be read here</p>\n  | ----------------",
        "visual-sdpo explain web/text-clipped",
        "<stdin>: 2 defects",
    ] {
        assert!(out.contains(shown), "{shown:?} not in\n{out}");
    }
    assert!(parts(run(&["explain", "web/low-contrast"])).1.starts_with("# web/low-contrast"));
    let listed = parts(run(&["explain"])).1;
    assert!(listed.contains("chart/text-clipped") && listed.contains("web/text-clipped"));
}

#[test]
fn a_page_is_rendered_in_its_window_with_the_files_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("style.css"), "body { margin: 0; background: #336699 }").unwrap();
    fs::write(at("page.html"), "<link rel=stylesheet href=style.css><p>x</p><img src=none.png>").unwrap();
    let words = ["render", &at("page.html"), "-o", &at("out.png"), "--window", "320x240"];
    let (code, out, err) = parts(run(&words));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("320x240 px"), "{out}");
    assert!(err.contains("no answer for none.png"), "{err}");
    let picture = image::open(at("out.png")).unwrap().into_rgb8();
    assert_eq!(picture.get_pixel(300, 200).0, [0x33, 0x66, 0x99]);
}

/// A moved, a recoloured, a missing and an extra text, each with its element.
#[test]
fn pages_are_compared_with_a_reference() {
    let dir = tempfile::tempdir().unwrap();
    let page = |name: &str, body: &str| {
        let path = dir.path().join(name);
        fs::write(&path, format!("<!doctype html><body style='margin:20px'>{body}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = |place: &str, colour: &str, words: &str| {
        format!("<p style='position:absolute;{place};color:{colour};font-size:24px'>{words}</p>")
    };
    let top = text("top:20px;left:40px", "black", "Opening hours of the harbour office");
    let reference = [
        top.clone(),
        text("top:120px;left:40px", "black", "Boats leave every second hour"),
        text("top:220px;left:40px", "black", "Tickets are sold on board"),
        text("top:320px;left:40px", "black", "Dogs travel free of charge"),
    ];
    let candidate = [
        top,
        text("top:120px;left:700px", "black", "Boats leave every second hour"),
        text("top:220px;left:40px", "red", "Tickets are sold on board"),
        text("top:520px;left:40px", "black", "Xylophone quartz 87654"),
    ];
    let (reference, candidate) =
        (page("ref.html", &reference.concat()), page("cand.html", &candidate.concat()));
    let words = ["lint", &candidate, "--reference", &reference, "--format", "json"];
    let (code, out, err) = parts(run(&words));
    assert_eq!(code, Some(1), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let mut found_rules: Vec<(&str, usize)> = found["defects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["rule"].as_str().unwrap(), d["elements"].as_array().unwrap().len()))
        .collect();
    found_rules.sort();
    let want = [
        ("web/extra-block", 1),
        ("web/missing-block", 1),
        ("web/moved-block", 1),
        ("web/recoloured-block", 1),
    ];
    assert_eq!(found_rules, want, "{out}");
    assert_eq!(found["rubric"]["position"]["satisfied"], false);
    let part = dir.path().join("part.html").to_str().unwrap().to_owned();
    fs::write(&part, "<style>p{font-size:24px}</style><p>A page need not be whole</p>").unwrap();
    for page in [&reference, &part] {
        let (code, _, err) = parts(run(&["lint", page, "--reference", page]));
        assert_eq!(code, Some(0), "{err}");
    }
    let chart = dir.path().join("a.py");
    fs::write(&chart, "x = 1").unwrap();
    let output = run(&["lint", chart.to_str().unwrap(), "--reference", &reference]);
    assert_one_line(&output, &["--reference", "a.py", "score chartmimic"]);
}
