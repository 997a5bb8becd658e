//! `eval --endpoint` and `generate --endpoint` with a local server.

use crate::common::{assert_one_line, binary, run};
use crate::stub::Stub;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Output;

const SCRIPT: &str =
    "```python\nimport matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.savefig('a.png')\n```";

fn command(args: &[&str]) -> Output {
    let mut command = binary();
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.args(args).output().unwrap()
}

fn eval(server: &Stub, out: &Path, more: &[&str]) -> Output {
    let url = server.url.trim_end_matches("/v1");
    let args = ["eval", "--benchmark", "mini-chart", "--endpoint", url, "--served-model", "m"];
    command(&[&args[..], &["--out", out.to_str().unwrap(), "--endpoint-wait", "0"], more].concat())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_answers_a_mini_world_and_two_runs_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let server = Stub::start(|_, _| (200, SCRIPT.into()));
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let output = eval(&server, &a, &["--tasks", "3", "--seed", "5", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["arms"][0]["exec"]["mean"], 1.0, "{report}");
    assert_eq!(report["arms"][1]["arm"], "best-constant");
    let provenance = &report["provenance"];
    assert_eq!(provenance["asking"]["model"], "m");
    assert_eq!(
        provenance["asking"]["sampling"],
        json!({"temperature": 1.0, "top_p": 1.0, "max_completion_tokens": 256, "seed": 5})
    );
    assert_eq!(provenance["asking"]["tokens"], json!({"prompt": 0, "completion": 0, "unknown_answers": 3}));
    assert!(provenance["matplotlib"].as_str().unwrap().starts_with("3."), "{provenance}");
    let summary: Value = serde_json::from_slice(&fs::read(a.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary, report);

    // The same again asks nothing; another temperature is refused; in another folder it is told.
    let output = eval(&server, &a, &["--tasks", "3", "--seed", "5"]);
    assert!(stderr(&output).contains("0 answers asked for now, 3 known"), "{}", stderr(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("provenance: visual-sdpo ") && table.contains("model m; prompt mini "), "{table}");
    assert_eq!(server.asked().len(), 3);
    let cold = ["--tasks", "3", "--seed", "5", "--temperature", "0"];
    assert_one_line(&eval(&server, &a, &cold), &["temperature was 1.0 and is now 0.0", "--out"]);
    assert_eq!(eval(&server, &b, &cold).status.code(), Some(0));
    let output = command(&["compare", a.to_str().unwrap(), b.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("differ in asking.sampling.temperature (1.0, 0.0)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_server_without_an_answer_ends_the_evaluation_or_counts_as_failed() {
    let dir = tempfile::tempdir().unwrap();
    let server =
        Stub::start(|_, count| if count == 0 { (200, SCRIPT.into()) } else { (400, "too long".into()) });
    let args = ["--tasks", "2", "--concurrency", "1"];
    let output = eval(&server, dir.path(), &args);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("1 of 2 questions have no answer: mini-chart/dev/1/1: HTTP 400: too long")
    );
    let output = eval(&server, dir.path(), &[&args[..], &["--allow-missing", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["arms"][0]["exec"]["mean"], 0.5, "{report}");
}

#[test]
fn a_served_model_redraws_charts_for_chartmimic() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(
        path("data/bar_1.py"),
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.savefig('x.pdf')\n",
    )
    .unwrap();
    image::RgbImage::from_pixel(8, 8, image::Rgb([9, 9, 9])).save(path("data/bar_1.png")).unwrap();
    let server = Stub::start(|_, _| (200, SCRIPT.into()));
    let (data, out, cache) = (path("data"), path("out"), path("cache"));
    let args =
        ["eval", "--benchmark", "chartmimic", "--data", &data, "--out", &out, "--cache", &cache, "--json"];
    let endpoint = ["--endpoint", &server.url, "--served-model", "m", "--timeout", "300"];
    let output = command(&[&args[..], &endpoint].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["answered"], &summary["row"]["exec"]["mean"]), (&json!(1), &json!(100.0)));
    assert_eq!(summary["provenance"]["asking"]["prompt"]["variant"], "direct, paraphrased");
    assert_eq!(summary["provenance"]["asking"]["sampling"]["temperature"], 0.0);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].picture(0), fs::read(path("data/bar_1.png")).unwrap());
}

#[test]
fn a_server_answers_one_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("a.png").display().to_string();
    image::RgbImage::from_pixel(8, 8, image::Rgb([9, 9, 9])).save(&picture).unwrap();
    let server = Stub::start(|_, _| (200, SCRIPT.into()));
    let args =
        ["generate", "--endpoint", &server.url, "--served-model", "m", "--image", &picture, "Draw this."];
    let output = command(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let code = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(code.starts_with("import matplotlib") && code.ends_with("plt.savefig('a.png')\n"), "{code}");
    assert_eq!(server.asked()[0].picture(0), fs::read(&picture).unwrap());
    let output = command(&[&args[..], &["--json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&value["text"], &value["tokens"], &value["finished"]),
        (&SCRIPT.into(), &Value::Null, &true.into())
    );
    assert!(
        value["request"]["messages"][0]["content"][0]["image_url"]["url"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    let text = dir.path().join("a.txt").display().to_string();
    fs::write(&text, "no picture").unwrap();
    let bad = ["generate", "--endpoint", &server.url, "--served-model", "m", "--image", &text, "Draw this."];
    assert_one_line(&command(&bad), &["a.txt", "neither PNG nor JPEG"]);
    assert_ne!(run(&["generate", "--endpoint", &server.url, "Draw."]).status.code(), Some(0));
}
