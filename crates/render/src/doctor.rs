//! What is installed and which layers of the sandbox are active.

use crate::config::{RenderConfig, RenderError};
use crate::forkserver::{Facts, ForkServer, Kind};
use crate::home::Home;
use crate::sandbox;
use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// Present and in use.
    Ok,
    /// A second line of defence that this machine does not allow; rendering works.
    Off,
    /// Missing; charts cannot be rendered, or not all of them.
    Missing,
}

/// One line of `visual-sdpo doctor`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// How it came out.
    pub state: CheckState,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty when nothing is amiss.
    pub mend: String,
}

/// Checks everything that rendering charts needs, by starting a fork server and asking it. Takes as long
/// as importing matplotlib.
pub fn doctor() -> Vec<Check> {
    let mut checks = vec![landlock_check(), seccomp_check()];
    match facts() {
        Ok(facts) => checks.extend(facts_checks(&facts)),
        Err(e) => {
            let (what, mend) = match e {
                RenderError::Setup { what, mend } => (what, mend),
                other => (other.to_string(), "run `cargo xtask setup` in the project root"),
            };
            checks.push(missing("python", what, mend));
        }
    }
    checks
}

/// What the light fork server reports in this environment.
fn facts() -> Result<Facts, RenderError> {
    let home = Home::find(None)?;
    let scratch = tempfile::tempdir().map_err(crate::config::io("create a scratch folder"))?;
    let slot = scratch.path().join("slot0");
    std::fs::create_dir_all(slot.join("w")).map_err(crate::config::io("create a scratch folder"))?;
    let server = ForkServer::start(Kind::Light, &home, &RenderConfig::default(), &[slot])?;
    Ok(server.facts.clone())
}

fn facts_checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![ok("python", facts.python.clone())];
    let versions = facts.versions.iter();
    let (present, absent): (Vec<_>, Vec<_>) = versions.partition(|(_, version)| version.is_some());
    let named: Vec<String> = present
        .iter()
        .map(|(name, version)| format!("{name} {}", version.as_deref().unwrap_or("")))
        .collect();
    checks.push(ok("packages", named.join(", ")));
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|(name, _)| name.as_str()).collect();
        let what = format!("{}: scripts that import them fail", names.join(", "));
        checks.push(missing("packages", what, "run `cargo xtask setup`"));
    }
    checks.push(layer(
        "network namespace",
        facts.netns,
        "scripts see no network interface",
        "allow user namespaces, or run as root; seccomp denies sockets meanwhile",
    ));
    checks.push(layer(
        "scratch file system",
        facts.tmpfs,
        "64 MiB per script, emptied after it",
        "allow user namespaces, or run as root; scripts that write files fail meanwhile",
    ));
    checks.push(layer(
        "user id",
        facts.uid,
        "every slot runs under its own",
        "run as root with Python outside root's home; landlock guards files meanwhile",
    ));
    checks
}

fn landlock_check() -> Check {
    match sandbox::abi() {
        0 => missing(
            "landlock",
            "the kernel offers none".into(),
            "use Linux 5.13 or newer with landlock switched on, or --unsafe-no-sandbox",
        ),
        abi => ok(
            "landlock",
            format!(
                "version {abi}: files{}{}",
                if abi >= 4 { ", network" } else { "" },
                if abi >= 6 { ", signals" } else { "" }
            ),
        ),
    }
}

fn seccomp_check() -> Check {
    if sandbox::available() {
        ok("seccomp", "system calls are filtered".into())
    } else {
        missing(
            "seccomp",
            "the kernel offers none".into(),
            "use a kernel or container profile with seccomp, or --unsafe-no-sandbox",
        )
    }
}

fn ok(name: &'static str, detail: String) -> Check {
    Check { name, state: CheckState::Ok, detail, mend: String::new() }
}

fn missing(name: &'static str, detail: String, mend: &str) -> Check {
    Check { name, state: CheckState::Missing, detail, mend: mend.into() }
}

fn layer(name: &'static str, active: bool, detail: &str, mend: &str) -> Check {
    if active {
        ok(name, detail.into())
    } else {
        Check { name, state: CheckState::Off, detail: "not allowed here".into(), mend: mend.into() }
    }
}
