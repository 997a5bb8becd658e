//! Soak test of the ChartMimic evaluation: thousands of responses with every kind of failure. Each
//! must end with a record, and memory must not grow.
//!
//! `cargo build --release --workspace --examples --bins`, then
//! `target/release/examples/soak_responses [RESPONSES]` (default 10,000). It writes a folder of
//! ground truths and a file of responses, runs `visual-sdpo eval --benchmark chartmimic` on them,
//! watches the memory of that process and its fork servers, and checks every line of
//! `examples.jsonl`. It ends with 1 if a record is missing or does not fit its kind, or if memory
//! has grown by more than the allowance since the first two tenths.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Megabytes by which memory may grow after the first two tenths: a record of every example, with a
/// margin.
const ALLOWANCE_MB: u64 = 48;
const START: &str = "import matplotlib.pyplot as plt\n";

/// A kind of response. `exec`: whether its bare script leaves a picture; `None` if that varies.
struct Kind {
    name: &'static str,
    /// One in this many responses is of this kind.
    every: usize,
    body: &'static str,
    exec: Option<bool>,
}

const fn kind(name: &'static str, every: usize, body: &'static str, exec: Option<bool>) -> Kind {
    Kind { name, every, body, exec }
}

/// The first matching kind counts; other responses are charts that must run.
const KINDS: [Kind; 18] = [
    kind("endless loop", 397, "while True: pass", Some(false)),
    kind("sleep", 401, "import time\ntime.sleep(99)", Some(false)),
    kind("a gigabyte of prints", 307, "for i in range(16384): print('x' * 65536)", None),
    kind("memory bomb", 211, "x = [bytearray(1 << 30) for i in range(99)]", Some(false)),
    kind("slow memory bomb", 223, "x = []\nwhile True: x.append(bytearray(1 << 24))", Some(false)),
    kind("huge figure", 103, "plt.figure(figsize=(9000, 9000))\nplt.plot([1])\nplt.savefig('x.pdf')", None),
    kind("os._exit", 67, "import os\nos._exit(0)", Some(false)),
    kind("segmentation fault", 71, "import ctypes\nctypes.string_at(0)", Some(false)),
    kind("fork bomb", 227, "import os\nwhile True: os.fork()", Some(false)),
    kind("deleted pyplot", 61, "import sys\nplt.plot([1])\ndel sys.modules['matplotlib.pyplot'], plt", None),
    kind("broken pyplot", 59, "plt.savefig = plt.figure = plt.Figure = None\nplt.plot([1])", None),
    kind("exit", 53, "import sys\nsys.exit(3)", Some(false)),
    kind("exception", 31, "plt.plot([1, 2], [1])", Some(false)),
    kind("recursion", 73, "f = lambda: f()\nf()", Some(false)),
    kind("syntax error", 29, "plt.plot([1, 2\n", Some(false)),
    kind("strange bytes", 79, "plt.title('\u{0}\u{202e}\u{1b}[2J')", Some(false)),
    kind("no code", 23, "", Some(false)),
    kind("no answer", 37, "", Some(false)),
];

fn kind_of(number: usize) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| number % kind.every == 11)
}

fn truth(number: usize) -> String {
    let height = number % 7 + 1;
    format!(
        "{START}plt.figure(figsize=(3, 2))\nplt.bar([1, 2], [{height}, 3], color='tab:red')\nplt.title('t')\nplt.savefig('x.pdf')\n"
    )
}

/// The line of the responses file, if there is one.
fn response(number: usize) -> Option<Value> {
    let text = match kind_of(number) {
        None => format!("Here it is.\n```python\n{}```\n", truth(number / 2)),
        Some(kind) if kind.name == "no answer" => return None,
        Some(kind) if kind.name == "no code" => "I cannot draw this.".into(),
        Some(kind) => format!("```python\n{START}# {number}\n{}\n```", kind.body),
    };
    Some(json!({"file": format!("x/direct_600/{}.pdf", name(number)), "response": text}))
}

fn name(number: usize) -> String {
    format!("bar_{number}")
}

/// Resident megabytes of a process.
fn resident_mb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The fork servers of a process.
fn servers(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    children
        .flat_map(|list| list.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Prints the memory at every tenth until the evaluation ends; returns the maximum of the first two
/// tenths and of all.
fn watch(child: &mut Child, done: impl Fn() -> usize, total: usize) -> Result<(u64, u64)> {
    let (start, mut tenth, mut first, mut most) = (Instant::now(), 0, 0, 0);
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() { Ok((first, most)) } else { bail!("eval: {status}") };
        }
        let (own, servers) = (resident_mb(child.id()), servers(child.id()));
        let held = own + servers.iter().map(|&pid| resident_mb(pid)).sum::<u64>();
        let now = done() * 10 / total;
        if now <= 1 {
            first = first.max(held);
        }
        most = most.max(held);
        if now > tenth {
            tenth = now;
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{:6} examples, {seconds:.0} s: {own} MB here, {held} MB with {} servers",
                done(),
                servers.len()
            );
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Checks that every example has one record that fits its kind; counts records by kind.
fn check(path: &Path, total: usize) -> Result<HashMap<&'static str, (usize, usize)>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let records: HashMap<&str, &Value> =
        lines.iter().filter_map(|v| Some((v["name"].as_str()?, v))).collect();
    if lines.len() != total || records.len() != total {
        bail!("{} lines of {} examples, not {total}", lines.len(), records.len());
    }
    let mut counts: HashMap<&'static str, (usize, usize)> = HashMap::new();
    for number in 0..total {
        let record =
            records.get(name(number).as_str()).with_context(|| format!("no record of {}", name(number)))?;
        let kind = kind_of(number);
        let exec = record["exec"].as_bool().context("a record without `exec`")?;
        let wanted = kind.map_or(Some(true), |kind| kind.exec);
        if wanted.is_some_and(|wanted| wanted != exec) {
            bail!("{}: {record}", kind.map_or("honest", |kind| kind.name));
        }
        let count = counts.entry(kind.map_or("honest", |kind| kind.name)).or_default();
        count.0 += 1;
        count.1 += usize::from(exec);
    }
    Ok(counts)
}

fn main() -> Result<()> {
    let total: usize = std::env::args().nth(1).map_or(Ok(10_000), |n| n.parse())?;
    let world = tempfile::tempdir()?;
    let at = |name: &str| world.path().join(name);
    fs::create_dir(at("data"))?;
    for number in 0..total {
        fs::write(at("data").join(name(number) + ".py"), truth(number))?;
    }
    let lines: Vec<String> = (0..total).filter_map(response).map(|line| line.to_string() + "\n").collect();
    fs::write(at("responses.json"), lines.concat())?;
    let program = std::env::current_exe()?;
    let program =
        program.parent().and_then(Path::parent).context("no folder of programs")?.join("visual-sdpo");
    let mut child = Command::new(&program)
        .args(["eval", "--benchmark", "chartmimic", "--timeout", "3", "--data"])
        .arg(at("data"))
        .arg("--responses")
        .arg(at("responses.json"))
        .arg("--out")
        .arg(at("out"))
        .arg("--cache")
        .arg(at("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{}: build the programs first", program.display()))?;
    let examples = at("out/examples.jsonl");
    let done = || fs::read(&examples).map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count());
    let (first, most) = watch(&mut child, done, total)?;
    let mut counts: Vec<_> = check(&examples, total)?.into_iter().collect();
    counts.sort();
    counts.iter().for_each(|(kind, (all, ran))| println!("{kind:22} {all:6} examples, {ran:6} executed"));
    println!("memory at most {first} MB in the first two tenths, {most} MB in all");
    if most > first + ALLOWANCE_MB {
        bail!("memory grows");
    }
    Ok(())
}
