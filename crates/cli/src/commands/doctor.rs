//! `doctor`: checks the installation and the sandbox, and says how to fix what is missing.

use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use std::fs;
use vsdpo_artifact::Domain;
use vsdpo_diagnose::axes;
use vsdpo_render::CheckState;

/// Check what is installed and which layers of the sandbox are active.
///
/// Exit status: 0 charts can be rendered, 2 a requirement is missing.
///
/// Example: visual-sdpo doctor
#[derive(Parser)]
pub struct Args {
    /// Print a JSON array of `{name, state, detail, help}`.
    #[arg(long)]
    json: bool,
}

/// One check.
struct Line {
    name: String,
    state: CheckState,
    detail: String,
    help: String,
}

pub fn run(args: &Args) -> Result<Exit> {
    let bar = terminal::progress("starting a fork server", 0);
    let mut lines: Vec<Line> = vsdpo_render::doctor()
        .into_iter()
        .map(|c| Line { name: c.name.into(), state: c.state, detail: c.detail, help: c.help })
        .collect();
    bar.finish_and_clear();
    lines.extend(machine());
    terminal::out_json_or(args.json, &as_json(&lines), || as_text(&lines))?;
    match lines.iter().find(|l| l.state == CheckState::Missing) {
        None => Ok(Exit::Fine),
        Some(line) => anyhow::bail!("{}: {}; help: {}", line.name, line.detail, line.help),
    }
}

/// The resources of the machine, and the features of this build.
fn machine() -> Vec<Line> {
    let line = |name: &str, state, detail: String, help: &str| Line {
        name: name.into(),
        state,
        detail,
        help: help.into(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lines = vec![line("cores", CheckState::Ok, cores.to_string(), "")];
    if let Some((free, total)) = memory_gib() {
        let detail = format!("{free:.1} of {total:.1} GiB free");
        lines.push(match free < 2.0 {
            true => line(
                "memory",
                CheckState::Off,
                detail,
                "free 2 GiB: a render slot takes up to 60 MiB, training the mini policy about 1 GiB",
            ),
            false => line("memory", CheckState::Ok, detail, ""),
        });
    }
    let training = if cfg!(feature = "train") { "on the CPU, f32" } else { "not in this build" };
    let help = if cfg!(feature = "train") { "" } else { "build with default features" };
    let state = if cfg!(feature = "train") { CheckState::Ok } else { CheckState::Off };
    lines.push(line("training", state, training.into(), help));
    lines.push(line("GPU", CheckState::Off, "not used: this version computes on the CPU".into(), ""));
    let domains: Vec<&str> =
        Domain::ALL.into_iter().filter(|d| !axes(*d).is_empty()).map(Domain::name).collect();
    lines.push(line("domains", CheckState::Ok, domains.join(", "), ""));
    lines
}

/// Available and total memory in GiB, if the system reports it.
fn memory_gib() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let of = |key: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0 / 1024.0)
    };
    Some((of("MemAvailable:")?, of("MemTotal:")?))
}

fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Off => "off",
        CheckState::Missing => "missing",
    }
}

fn as_json(lines: &[Line]) -> Value {
    let object =
        |l: &Line| json!({"name": l.name, "state": word(l.state), "detail": l.detail, "help": l.help});
    lines.iter().map(object).collect()
}

fn as_text(lines: &[Line]) -> String {
    let wide = lines.iter().map(|l| l.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for l in lines {
        let (open, close) = if terminal::colour() { (colour(l.state), "\x1b[0m") } else { ("", "") };
        let (name, state) = (&l.name, word(l.state));
        text.push_str(&format!(
            "{open}{state:7}{close}  {name:wide$}  {}\n",
            terminal::clean_line(&l.detail)
        ));
        if !l.help.is_empty() {
            text.push_str(&format!("{:7}  {:wide$}  help: {}\n", "", "", terminal::clean_line(&l.help)));
        }
    }
    text
}

fn colour(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "\x1b[32m",
        CheckState::Off => "\x1b[33m",
        CheckState::Missing => "\x1b[1;31m",
    }
}
