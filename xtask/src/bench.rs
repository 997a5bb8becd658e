//! `bench`: runs the comparisons and gathers their ratios in one table.
//!
//! A bench is an example of the crate that it measures. It prints what it likes, and for every
//! figure one line of JSON `{"bench": .., "field": ms, "ours": ms, "goal": ratio}`; these lines
//! make the table.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Name, package, example.
const BENCHES: [(&str, &str, &str); 7] = [
    ("chart", "vsdpo-render", "bench_chart"),
    ("web", "vsdpo-render", "bench_web"),
    ("slide", "vsdpo-render", "bench_slide"),
    ("deck", "vsdpo-render", "bench_deck"),
    ("train", "vsdpo-train", "bench_step"),
    ("update", "vsdpo-train", "bench_update"),
    ("sample", "vsdpo-train", "bench_generate"),
];

/// Runs one bench, or all, and prints the table. `args` are `[NAME] [--python PATH]`.
pub fn bench(root: &Path, args: &[&str]) -> Result<()> {
    let (name, python) = match args {
        [] => (None, &[][..]),
        ["--python", _] => (None, args),
        [name, python @ ..] if matches!(python, [] | ["--python", _]) => (Some(*name), python),
        _ => bail!("bench takes [NAME] [--python PATH], not `{}`", args.join(" ")),
    };
    let chosen: Vec<_> = BENCHES.iter().filter(|(n, ..)| name.is_none_or(|wanted| wanted == *n)).collect();
    if chosen.is_empty() {
        let known: Vec<_> = BENCHES.iter().map(|(n, ..)| *n).collect();
        bail!("no bench `{}`; there are: {}", name.unwrap_or_default(), known.join(", "));
    }
    crate::setup(root)?;
    let mut rows = Vec::new();
    for (name, package, example) in chosen {
        crate::say(&format!("measuring {name}"));
        let program;
        let args = match *name {
            "web" => {
                program = crate::build(root)?.display().to_string();
                &["--program", program.as_str()][..]
            }
            _ if *package == "vsdpo-train" => python,
            _ => &[],
        };
        rows.extend(measure(root, package, example, args)?);
    }
    println!(
        "{:<28} {:>12} {:>10} {:>8} {:>8}",
        "work (CPU-ms an item)", "field's way", "ours", "ratio", "goal"
    );
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        let (field, ours) = (number("field"), number("ours"));
        let goal = row["goal"].as_f64().map_or_else(String::new, |g| format!(">= {g}"));
        let name = row["bench"].as_str().unwrap_or_default();
        println!("{name:<28} {field:>12.1} {ours:>10.1} {:>7.1}x {goal:>8}", field / ours);
    }
    Ok(())
}

/// Runs one example; passes its output on and keeps the lines of figures.
fn measure(root: &Path, package: &str, example: &str, args: &[&str]) -> Result<Vec<Value>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args(["run", "--quiet", "--release", "-p", package, "--example", example, "--"])
        .args(args)
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start cargo for the example {example}"))?;
    let mut rows = Vec::new();
    let out = child.stdout.take().context("the bench has no output")?;
    for line in BufReader::new(out).lines() {
        let line = line.context("cannot read the bench's output")?;
        match serde_json::from_str::<Value>(&line) {
            Ok(row) if row.get("bench").is_some() => rows.push(row),
            _ => println!("{line}"),
        }
    }
    let status = child.wait().context("the bench cannot be waited for")?;
    if !status.success() {
        bail!("the example {example} of {package} ended with {status}");
    }
    Ok(rows)
}
