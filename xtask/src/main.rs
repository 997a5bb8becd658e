//! The commands that a newcomer types: `cargo xtask setup | test | wheel | demo | bench |
//! pretrain-mini | results | survey | web-assets`.
//!
//! Why a program and not a Makefile: it runs wherever cargo runs, and it can say in one line what
//! is missing and how to fix it. It starts other programs and owns no logic of the method; it
//! stays small so that it compiles in seconds.

mod assets;
mod bench;
mod python;
mod results;
mod survey;

use anyhow::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
pub(crate) use vsdpo_setup::run;

const USAGE: &str = "\
usage: cargo xtask <command>
  setup          make .venv/ from crates/render/python/requirements.lock (seconds when it is already there)
  test           setup, then every test of the workspace, and those of the Python package
  wheel          build the Python package with the program visual-sdpo into target/wheels
  demo [chart | web | slide]
                 setup, then train the embedded mini policy on charts, pages or slides and write its report
  bench [NAME] [--python PATH]
                 compare with the field's way on this machine and print the ratios (chart, web, slide, deck,
                 train, update, sample); the last three need a Python with torch and transformers, which setup does not install
  pretrain-mini  make the embedded mini policy again from its seed (--from-stage N: go on with a stage)
  results        write the README's table again from docs/results
  survey NAME    lint files of other people and compare the warnings with labels (matplotlib, matplotlib-newest,
                 seaborn, pages); gets the files from package registries
  web-assets     get the files of assets/web again from their npm packages (needs npm; they are committed)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["setup"] => setup(&root()),
        ["test"] => test(&root()),
        ["wheel"] => python::wheel(&root()).map(|wheel| say(&format!("made {}", wheel.display()))),
        ["demo"] => demo(&root(), "chart"),
        ["demo", domain @ ("chart" | "web" | "slide")] => demo(&root(), domain),
        ["bench", rest @ ..] => bench::bench(&root(), rest),
        ["pretrain-mini", rest @ ..] => pretrain_mini(&root(), rest),
        ["survey", name] => survey::survey(&root(), name),
        ["results"] => results(&root()),
        ["web-assets"] => assets::assets(&root()),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("xtask: unknown command `{}`\n{USAGE}", args.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::from(2)
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Everything that rendering needs, in `.venv/` under the root of the workspace.
fn setup(root: &Path) -> Result<()> {
    if let Some(command) = vsdpo_setup::setup(root, &vsdpo_setup::Part::ALL, &say)? {
        say(&format!("Debian packages are missing; type: {command}"));
    }
    Ok(())
}

fn test(root: &Path) -> Result<()> {
    setup(root)?;
    let pythons = python::versions(root)?;
    say("running every test of the workspace");
    let mut tests = Command::new(cargo_program());
    tests.args(["test", "--release", "--workspace"]).current_dir(root);
    run(tests.env("VSDPO_PYTHONS", pythons))?;
    python::test(root)
}

fn demo(root: &Path, domain: &str) -> Result<()> {
    let recipe = format!("recipes/{domain}-visual-sdpo.toml");
    let folder = format!("runs/{domain}-visual-sdpo");
    setup(root)?;
    say("building");
    let program = build(root)?;
    say(&format!("training the mini policy with {recipe}"));
    run(Command::new(&program).args(["train", &recipe]).current_dir(root))?;
    say("writing the report");
    run(Command::new(&program).args(["report", &folder]).current_dir(root))?;
    say(&format!("done; open {}", root.join(&folder).join("report/index.html").display()));
    Ok(())
}

/// `args` go to the example: `--from-stage N` goes on with the weights of the stage before.
fn pretrain_mini(root: &Path, args: &[&str]) -> Result<()> {
    setup(root)?;
    say("pre-training the mini policy");
    let run = ["run", "--release", "-p", "vsdpo-train", "--example", "pretrain_mini", "--"];
    cargo(root, &[&run[..], args].concat())
}

/// Writes the table of the README again.
fn results(root: &Path) -> Result<()> {
    let path = root.join("README.md");
    let readme = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(&path, results::with_table(root, &readme)?)?)
}

/// Builds the workspace and returns the path of `visual-sdpo`. All of it, because cargo unifies the
/// features of the packages that one command names: with one package the tests would compile candle
/// a second time.
fn build(root: &Path) -> Result<PathBuf> {
    cargo(root, &["build", "--release", "--workspace"])?;
    Ok(program(root))
}

/// Where cargo puts the program `visual-sdpo`.
pub(crate) fn program(root: &Path) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root.join(folder).join("release/visual-sdpo")
}

/// One line for the person who waits.
pub(crate) fn say(line: &str) {
    println!("xtask: {line}");
}

/// Runs cargo in the workspace.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    run(Command::new(cargo_program()).args(args).current_dir(root))
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
