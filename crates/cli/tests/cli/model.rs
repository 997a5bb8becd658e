//! The verbs that need a model, with a small random model.

use crate::common::{assert_one_line, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use vsdpo_policy::{Config, FrontSpec, Policy, TextConfig, VisionConfig, write_front_files};

/// A Hugging Face folder with a random model of one layer.
fn write_model(dir: &Path) {
    let files = tempfile::tempdir().unwrap();
    let corpus = ["import matplotlib.pyplot as plt", "ax.plot([1, 2, 3])"].map(String::from).into_iter();
    let spec = FrontSpec { vocab_size: 280, min_pixels: 32 * 32, max_pixels: 128 * 128 };
    let front = write_front_files(files.path(), corpus, spec).unwrap();
    let config = Config {
        text: TextConfig {
            vocab_size: front.vocab_size,
            hidden_size: 32,
            intermediate_size: 48,
            num_hidden_layers: 1,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 8,
            rms_norm_eps: 1e-6,
            rope_theta: 10_000.0,
            mrope_section: [2, 1, 1],
            qk_norm: true,
        },
        vision: Some(VisionConfig {
            tokens: front.tokens,
            depth: 1,
            hidden_size: 16,
            num_heads: 2,
            intermediate_size: 24,
            in_channels: 3,
            patch_size: 16,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: 32,
            num_position_embeddings: 16,
            deepstack_visual_indexes: vec![0],
        }),
        tie_word_embeddings: true,
    };
    Policy::random(config, files.path(), 7).unwrap().save(dir).unwrap();
}

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_model(&dir.path().join("model"));
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.dir.path().join(name), bytes).unwrap();
        self.path(name)
    }
}

#[test]
fn logprobs_cover_every_byte_of_the_file() {
    let world = World::new();
    let messages = world.file("m.json", br#"[{"role": "user", "content": "a chart"}]"#);
    let text = "ax.plot([1, 2])  # \u{e9}\n";
    let completion = world.file("c.txt", text.as_bytes());
    let args =
        ["logprobs", "--model", &world.path("model"), "--messages", &messages, "--completion", &completion];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tokens = value["tokens"].as_array().unwrap();
    let mut at = 0;
    for token in tokens {
        assert_eq!(token["start"].as_u64(), Some(at));
        at = token["end"].as_u64().unwrap();
        assert!(token["logp"].as_f64().unwrap() < 0.0);
    }
    assert_eq!(at, text.len() as u64);
    let sum: f64 = tokens.iter().map(|t| t["logp"].as_f64().unwrap()).sum();
    assert!((sum - value["sum"].as_f64().unwrap()).abs() < 1e-3);
    // A random model of about 280 tokens is close to uniform: log 280 = 5.63.
    let mean = sum / tokens.len() as f64;
    assert!((-7.0..-4.5).contains(&mean), "{mean}");
}

#[test]
fn generate_depends_on_the_seed_only() {
    let world = World::new();
    let model = world.path("model");
    let sample = |seed| {
        let args = [
            "generate",
            "--model",
            &model,
            "a chart",
            "--max-tokens",
            "12",
            "--temperature",
            "1",
            "--seed",
            seed,
            "--json",
        ];
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(sample("3"), sample("3"));
    assert_ne!(sample("3")["text"], sample("4")["text"]);
    assert_eq!(sample("3")["tokens"], 12);
}

/// A random model writes no code that runs, so it uses every round.
#[test]
fn reflection_reports_what_its_rounds_cost() {
    let world = World::new();
    let model = world.path("model");
    let generate = |more: &[&str]| {
        let args = ["generate", "--model", &model, "a chart", "--max-tokens", "12", "--temperature", "1"];
        run(&[&args[..], more].concat())
    };
    let output = generate(&["--domain", "chart", "--reflect", "2", "--json"]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (rounds, total) = (value["reflect"]["rounds"].as_array().unwrap(), &value["reflect"]["total"]);
    assert_eq!((rounds.len(), &value["reflect"]["answer"]), (3, &2.into()), "{value}");
    let tokens = |v: &Value| v["prompt_tokens"].as_u64().unwrap() + v["completion_tokens"].as_u64().unwrap();
    assert_eq!(tokens(total), rounds.iter().map(tokens).sum::<u64>());
    assert_eq!((&total["renders"], &value["reflect"]["single_pass"]["renders"]), (&3.into(), &0.into()));
    assert_eq!(tokens(&value["reflect"]["single_pass"]), tokens(&rounds[0]));
    assert!(rounds.iter().all(|r| r["defect_free"] == false && r["reward"] == 0.0), "{value}");

    let output =
        generate(&["--domain", "chart", "--reflect", "1", "--channels", "rubric", "--rubric", "full"]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    for line in ["round 0: ", "round 1: ", "; a single pass: "] {
        assert!(err.contains(line), "{err}");
    }
    assert_one_line(&generate(&["--reflect", "1"]), &["--reflect needs the domain", "--domain chart"]);
    for wrong in [&["--rubric", "full"][..], &["--reflect", "0"], &["--reflect", "1", "--channels", "sound"]]
    {
        let output = generate(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_probe_of_a_random_model_is_a_no_go() {
    let world = World::new();
    let model = format!("policy.model={:?}", world.path("model"));
    let probe = |more: &[&str]| {
        let args = ["probe", "recipes/chart-visual-sdpo.toml", "--set", &model, "--tasks", "2"];
        let short = ["--set", "rollout.max_completion_tokens=9"];
        run(&[&args[..], &short, more].concat())
    };
    let output = probe(&["--json"]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{err}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["go"], &value["tasks"]), (&false.into(), &2.into()), "{value}");
    assert!(value["sentence"].as_str().unwrap().starts_with("no-go: "), "{value}");
    assert_eq!(value["shares"]["arms"].as_array().unwrap().len(), 4);
    assert!(err.contains("scoring with the teacher's prompts"), "{err}");
    let text = String::from_utf8_lossy(&probe(&[]).stdout).into_owned();
    let rows = ["true v", "shuffled v", "true - shuffled", "given-feedback", "best-constant", "no-go: "];
    assert!(rows.iter().all(|row| text.lines().any(|line| line.starts_with(row))), "{text}");
    assert_one_line(&probe(&["--set", "distill.weight=0"]), &["distill.weight", "help: "]);
    assert_one_line(&run(&["probe", "no-such.toml"]), &["no-such.toml"]);
}

#[test]
fn unreadable_model_folders_are_errors() {
    let world = World::new();
    let generate = |model: &str| run(&["generate", "--model", model, "a chart"]);
    assert_one_line(&generate("no-such-model"), &["no-such-model"]);
    let model = world.dir.path().join("model");
    let tokenizer = fs::read(model.join("tokenizer.json")).unwrap();
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    assert_one_line(&generate(&world.path("model")), &["tokenizer.json"]);
    fs::write(model.join("tokenizer.json"), tokenizer).unwrap();
    let weights = model.join("model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert_one_line(&generate(&world.path("model")), &["model.safetensors"]);
    fs::write(&weights, b"not weights").unwrap();
    assert_one_line(&generate(&world.path("model")), &["model.safetensors"]);
}

#[test]
fn unreadable_inputs_of_a_model_are_errors() {
    let world = World::new();
    let model = world.path("model");
    let image = world.file("no.png", b"this is no picture");
    let output = run(&["generate", "--model", &model, "--image", &image, "a chart"]);
    assert_one_line(&output, &["no.png"]);
    let good = world.file("m.json", br#"[{"role": "user", "content": "a chart"}]"#);
    let logprobs = |messages: &str, completion: &str| {
        run(&["logprobs", "--model", &model, "--messages", messages, "--completion", completion])
    };
    let empty = world.file("empty.txt", b"");
    assert_one_line(&logprobs(&good, &empty), &["empty.txt", "is empty"]);
    let bytes = world.file("bytes.txt", b"\xff\xfe");
    assert_one_line(&logprobs(&good, &bytes), &["bytes.txt", "not UTF-8"]);
    let bad = world.file("bad.json", b"{");
    assert_one_line(&logprobs(&bad, &bytes), &["bad.json"]);
}

#[test]
fn invalid_recipes_are_errors() {
    let world = World::new();
    let recipe = world.file("r.toml", b"name = \"x\"\ndomain = \"chart\"\n[optim]\nlearning_rate = 1.0\n");
    assert_one_line(&run(&["train", &recipe]), &["optim", "learning_rate"]);
    assert_one_line(&run(&["train", "no-such.toml"]), &["no-such.toml"]);
    let shipped = "recipes/chart-visual-sdpo.toml";
    assert_one_line(&run(&["train", shipped, "--set", "steps"]), &["steps"]);
    assert_one_line(&run(&["train", shipped, "--set", "steps=many"]), &["steps"]);
    let out = format!("output_dir={:?}", world.path("run"));
    assert_one_line(
        &run(&["train", shipped, "--set", &out, "--set", "policy.model=no-such-model"]),
        &["no-such-model"],
    );
    assert_one_line(
        &run(&["train", shipped, "--set", &out, "--set", "data.type=nothing"]),
        &["nothing", "\"jsonl\""],
    );
    assert_one_line(&run(&["train", shipped, "--set", &out, "--resume"]), &["resume"]);
}

/// Three examples, one of them without a picture. A random model writes no code, so every score is
/// 0.
#[test]
fn the_answers_of_a_model_to_chartmimic_are_resumed() {
    let world = World::new();
    fs::create_dir(world.path("data")).unwrap();
    for stem in ["bar_1", "bar_2", "line_1"] {
        world.file(&format!("data/{stem}.py"), b"import matplotlib.pyplot as plt\nplt.savefig('x.pdf')\n");
        if stem != "line_1" {
            image::RgbImage::from_pixel(64, 48, image::Rgb([250, 240, 9]))
                .save(world.path(&format!("data/{stem}.png")))
                .unwrap();
        }
    }
    let (model, data, out, cache) =
        (world.path("model"), world.path("data"), world.path("out"), world.path("cache"));
    let eval = |seed: &str| {
        let args = [
            "eval",
            "--benchmark",
            "chartmimic",
            "--model",
            &model,
            "--data",
            &data,
            "--out",
            &out,
            "--cache",
            &cache,
            "--max-tokens",
            "9",
            "--temperature",
            "1",
            "--seed",
            seed,
            "--json",
        ];
        let output = run(&args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), err)
    };
    let answers = || fs::read_to_string(world.path("out/responses.jsonl")).unwrap();
    let (summary, err) = eval("3");
    assert!(
        err.contains("1 examples have no PNG") && err.contains("2 answers were cut after 9 tokens"),
        "{err}"
    );
    assert_eq!(summary["row"]["exec"]["mean"].as_f64(), Some(0.0), "{summary}");
    let first = answers();
    let names: Vec<Value> =
        first.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["name"].clone()).collect();
    assert_eq!(names, ["bar_1", "bar_2"]);
    // With the second line cut, only the second answer is sampled again.
    fs::write(world.path("out/responses.jsonl"), &first[..first.len() - 20]).unwrap();
    assert!(eval("3").1.contains("1 answers were cut"));
    assert_eq!(answers(), first);
    assert!(!eval("3").1.contains("were cut"));
    eval("4");
    assert_ne!(answers(), first, "another seed gives other answers");
    let both = world.file("a.jsonl", b"{\"name\": \"bar_1\", \"response\": \"x\"}\n");
    let args =
        ["eval", "--benchmark", "chartmimic", "--data", &data, "--model", &model, "--responses", &both];
    assert_one_line(&run(&args), &["--responses", "--model", "exclude"]);
}

/// Two pages to reproduce and one without a picture. Any text is a page, also that of a random
/// model.
#[test]
fn a_model_answers_design2code_with_pages() {
    let world = World::new();
    fs::create_dir(world.path("data")).unwrap();
    for name in ["2", "10", "g1"] {
        world.file(
            &format!("data/{name}.html"),
            format!("<html><body><p>Page {name}</p></body></html>").as_bytes(),
        );
    }
    for file in ["2.png", "10.png", "rick.jpg"] {
        image::RgbImage::from_pixel(64, 48, image::Rgb([250, 240, 9]))
            .save(world.path(&format!("data/{file}")))
            .unwrap();
    }
    let (model, data, out, cache) =
        (world.path("model"), world.path("data"), world.path("out"), world.path("cache"));
    let eval = || {
        let mut args = vec!["eval", "--benchmark", "design2code", "--model", &model, "--data", &data];
        args.extend(["--out", &out, "--cache", &cache, "--max-tokens", "9", "--json"]);
        let output = run(&args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), err)
    };
    let (summary, err) = eval();
    assert!(err.contains("1 examples have no PNG") && err.contains("answers were cut after 9"), "{err}");
    let counts = ["examples", "scored", "missing"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [3, 2, 1], "{summary}");
    assert_eq!(summary["predictions"].as_str().unwrap(), format!("{out}/pages"));
    let lines = fs::read_to_string(world.path("out/responses.jsonl")).unwrap();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let page =
            fs::read_to_string(world.path(&format!("out/pages/{}.html", line["name"].as_str().unwrap())));
        assert!(line["response"].as_str().unwrap().contains(page.unwrap().trim()));
    }
    assert!(world.dir.path().join("out/pages/rick.jpg").is_file());
    let (again, err) = eval();
    assert_eq!(again, summary);
    assert!(err.contains("0 examples scored now, 3 known") && !err.contains("were cut"), "{err}");
}

/// A random model writes no HTML, which counts 0.
#[test]
fn a_model_answers_prompts_for_slides() {
    let world = World::new();
    let prompts = b"{\"id\": \"a\", \"prompt\": \"A slide.\"}\n{\"prompt\": \"Another one.\"}\n";
    let (model, data, out) = (world.path("model"), world.file("prompts.jsonl", prompts), world.path("out"));
    let eval = || {
        let mut args = vec!["eval", "--benchmark", "aeslides", "--model", &model, "--data", &data];
        args.extend(["--out", &out, "--max-tokens", "9", "--json"]);
        let output = run(&args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{err}");
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), err)
    };
    let (summary, _) = eval();
    let counts = ["examples", "scored", "failed", "missing"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 2, 0], "{summary}");
    assert_eq!(
        (&summary["predictions"], &summary["row"]["avg"]["mean"]),
        (&model.clone().into(), &0.0.into())
    );
    let lines = fs::read_to_string(world.path("out/responses.jsonl")).unwrap();
    let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned();
    assert_eq!(lines.lines().map(name).collect::<Vec<_>>(), ["a", "row-2"]);
    let (again, err) = eval();
    assert_eq!(again, summary);
    assert!(err.contains("0 examples scored now, 2 known"), "{err}");
}

/// A random model writes no code, so that two evaluations of it differ in nothing.
#[test]
fn the_tasks_of_a_mini_world_are_saved_for_comparisons() {
    let world = World::new();
    let model = world.path("model");
    let eval = |out: &str, seed: &str| {
        let args =
            ["eval", "--benchmark", "mini-chart", "--model", &model, "--tasks", "2", "--max-tokens", "9"];
        let out = world.path(out);
        let output = run(&[&args[..], &["--seed", seed, "--out", &out, "--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        (out, serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (first, report) = eval("first", "3");
    let text = fs::read_to_string(format!("{first}/examples.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let ids: Vec<&Value> = rows.iter().map(|r| &r["id"]).collect();
    assert_eq!(ids, ["mini-chart/dev/3/0", "mini-chart/dev/3/1"]);
    let student = &report["arms"][0];
    for field in ["exec", "defect_free", "good", "held_back"] {
        assert!(rows[0][field].is_boolean() && student[field]["mean"].is_number(), "{field}");
    }
    let axes = student["axes"].as_object().unwrap();
    assert!(axes.keys().eq(rows[0]["axes"].as_object().unwrap().keys()), "{student}");
    assert!(rows[0]["code"].is_string() && rows[0]["domain"] == "chart", "{}", rows[0]);
    let summary = fs::read(format!("{first}/summary.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&summary).unwrap(), report);

    let output = run(&["compare", &first, &eval("second", "3").0, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(compared["inputs"][0]["kind"], "mini-chart");
    let metrics = compared["comparisons"][0]["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 5 + axes.len());
    assert!(metrics.iter().all(|m| m["ties"] == 2 && m["p"] == 1.0), "{compared}");
    assert_one_line(
        &run(&["compare", &first, &eval("third", "4").0]),
        &["share no item", "mini-chart/dev/4/0"],
    );
}
