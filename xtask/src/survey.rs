//! `survey`: how often `lint` warns about files that other people made with care, and how often a
//! person who looks at the picture calls the warning wrong.
//!
//! The files come from package registries and are not kept. `fixtures/survey` has a file with a
//! line for every warning that is left, labelled by eye.

mod pages;

use crate::{cargo, program, python, run, say};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// Share of the files that may have a wrong warning.
const GOAL: f64 = 0.02;

/// Example scripts in the source archive of a package.
struct Scripts {
    name: &'static str,
    /// For pip.
    package: &'static str,
    /// Where the scripts lie in the archive; labels name them from there.
    folder: &'static str,
    /// What to install for them; the pinned environment serves where there is nothing.
    environment: &'static [&'static str],
}

const SCRIPTS: [Scripts; 3] = [
    Scripts {
        name: "matplotlib",
        package: "matplotlib==3.8.4",
        folder: "matplotlib-3.8.4/galleries/examples",
        environment: &[],
    },
    Scripts {
        name: "matplotlib-newest",
        package: "matplotlib==3.11.2",
        folder: "matplotlib-3.11.2/galleries/examples",
        environment: &["matplotlib==3.11.2", "numpy==2.4.6", "pandas", "scipy"],
    },
    Scripts {
        name: "seaborn",
        package: "seaborn==0.13.2",
        folder: "seaborn-0.13.2/examples",
        environment: &["seaborn==0.13.2", "matplotlib==3.10.9", "pandas==2.3.3", "scipy", "statsmodels"],
    },
];

/// Gets the files of a survey, lints them and compares the warnings with the labels.
pub fn survey(root: &Path, name: &str) -> Result<()> {
    if name == pages::NAME {
        return pages::survey(root);
    }
    let names = || SCRIPTS.iter().map(|s| s.name).chain([pages::NAME]).collect::<Vec<_>>().join(", ");
    let scripts = SCRIPTS.iter().find(|s| s.name == name);
    let scripts = scripts.with_context(|| format!("no survey `{name}`; help: {}", names()))?;
    let work = root.join("target/survey").join(name);
    std::fs::create_dir_all(&work)?;
    let folder = work.join(scripts.folder);
    if !folder.is_dir() {
        say(&format!("getting {}", scripts.package));
        fetch(root, scripts.package, &work)?;
    }
    let interpreter = match scripts.environment {
        [] => root.join(".venv/bin/python"),
        packages => python::with_packages(&work.join("venv"), packages)?,
    };
    build(root)?;
    let mut lint = lint(root);
    lint.args(["--skip-undrawn", "--python"]).arg(interpreter).arg(&folder);
    let mut tally = Tally::default();
    tally.add(&mut lint, &folder)?;
    Labels::read(root, name)?.compare(name, &tally)
}

fn build(root: &Path) -> Result<()> {
    cargo(root, &["build", "--release", "-p", "vsdpo-cli", "--no-default-features"])
}

/// The call of `lint` that a survey makes, without its files.
fn lint(root: &Path) -> Command {
    let mut lint = Command::new(program(root));
    lint.args(["lint", "--format", "jsonl", "--level", "warning"]);
    lint
}

/// Downloads and unpacks the source archive of a Python package, given as `NAME==VERSION`.
fn fetch(root: &Path, package: &str, work: &Path) -> Result<()> {
    let (name, version) = package.split_once("==").context("a package without a version")?;
    let (python, archive) = (root.join(".venv/bin/python"), work.join("source.tar.gz"));
    let script = root.join("xtask/src/sdist.py");
    run(Command::new(python).arg(script).args([name, version]).arg(&archive))?;
    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(work))
}

/// What `lint` said about the files of a survey.
#[derive(Default)]
struct Tally {
    drawn: usize,
    failed: usize,
    /// The rules that warn, by file.
    warned: BTreeMap<String, BTreeSet<String>>,
}

impl Tally {
    /// Runs `lint`, and adds what it says about files that are named from `folder`.
    fn add(&mut self, lint: &mut Command, folder: &Path) -> Result<()> {
        let out = lint.stderr(Stdio::null()).output()?;
        for line in out.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let file: Value = serde_json::from_slice(line)?;
            if file["executed"] != true {
                self.failed += 1;
                continue;
            }
            self.drawn += 1;
            let path = file["file"].as_str().unwrap_or_default();
            let short = Path::new(path).strip_prefix(folder).unwrap_or(Path::new(path)).display().to_string();
            let defects = file["defects"].as_array().into_iter().flatten();
            for rule in defects.filter_map(|d| d["rule"].as_str()) {
                self.warned.entry(short.clone()).or_default().insert(rule.to_owned());
            }
        }
        Ok(())
    }
}

/// By file and rule, whether a careful person agrees with the warning.
struct Labels(BTreeMap<(String, String), bool>);

impl Labels {
    fn read(root: &Path, name: &str) -> Result<Self> {
        let path = &root.join("fixtures/survey").join(format!("{name}.jsonl"));
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let label = |line: &str| {
            let label: Value =
                serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display()))?;
            let said = |key: &str| {
                label[key].as_str().map(str::to_owned).with_context(|| format!("{line}: no `{key}`"))
            };
            said("why")?;
            let right = label["right"].as_bool().with_context(|| format!("{line}: no `right`"))?;
            Ok(((said("file")?, said("rule")?), right))
        };
        text.lines().map(label).collect::<Result<_>>().map(Self)
    }

    /// Prints the shares and every warning that is wrong or has no label.
    fn compare(&self, name: &str, Tally { drawn, failed, warned }: &Tally) -> Result<()> {
        let (mut wrong, mut unknown) = (BTreeSet::new(), 0);
        for (file, rules) in warned {
            for rule in rules {
                match self.0.get(&(file.clone(), rule.clone())) {
                    Some(true) => (),
                    Some(false) => {
                        wrong.insert(file);
                        say(&format!("wrong: {file}: {rule}"));
                    }
                    None => {
                        unknown += 1;
                        say(&format!("no label: {file}: {rule}"));
                    }
                }
            }
        }
        let share = |n: usize| 100.0 * n as f64 / *drawn.max(&1) as f64;
        say(&format!(
            "{name}: {drawn} files drawn ({failed} failed), {} with warnings ({:.1} %), {} with a wrong one ({:.1} %)",
            warned.len(),
            share(warned.len()),
            wrong.len(),
            share(wrong.len()),
        ));
        if unknown > 0 {
            bail!(
                "{unknown} warnings have no label; help: look at the pictures and add them to fixtures/survey/{name}.jsonl"
            );
        }
        if wrong.len() as f64 > GOAL * *drawn as f64 {
            bail!("more than {:.0} % of the files have a wrong warning", 100.0 * GOAL);
        }
        Ok(())
    }
}
