//! What is installed and which layers of the sandbox are active.

use crate::chromium;
use crate::config::{RenderConfig, RenderError};
use crate::matplotlib::ChartRenderer;
use crate::office::Office;
use crate::python::forkserver::Facts;
use crate::renderer::Renderer;
use crate::sandbox;
use serde::Serialize;
use std::path::PathBuf;
use vsdpo_artifact::{Language, Outcome, Source};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// Present and in use.
    Ok,
    /// Absent, but rendering works: a second line of defence, or a font.
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
    pub help: String,
}

/// Checks everything that rendering charts needs, by starting a pool and rendering one, and the
/// browser that pages need, and the office that decks need. Takes as long as importing matplotlib.
pub fn doctor() -> Vec<Check> {
    let mut checks = vec![landlock_check(), seccomp_check()];
    let cfg = RenderConfig { workers: 1, ..RenderConfig::default() };
    match ChartRenderer::start(cfg)
        .and_then(|pool| Ok((pool.facts()?, pool.render(&Source::new(TRIAL, Language::Python))?)))
    {
        Ok((facts, outcome)) => {
            checks.extend(facts_checks(&facts));
            checks.push(trial_check(&outcome));
        }
        Err(RenderError::Setup { what, help }) => checks.push(missing("charts", what, help)),
        Err(other) => checks.push(missing("charts", other.to_string(), SETUP)),
    }
    checks.push(fonts_check());
    checks.extend(pages_checks());
    checks.extend(decks_checks());
    checks
}

const SETUP: &str = "run `visual-sdpo setup`, in a checkout `cargo xtask setup`";
const TRIAL: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n";

fn trial_check(outcome: &Outcome) -> Check {
    match outcome {
        Outcome::Rendered(r) => {
            let (image, elements) = (&r.pages[0].image, r.elements.len());
            ok(
                "charts",
                format!("a trial gave {}x{} pixels and {elements} elements", image.width, image.height),
            )
        }
        Outcome::Failed { error } => missing("charts", format!("a trial failed: {}", error.message), SETUP),
    }
}

/// The families that the pictures of the fixtures were made with, as file name prefixes.
const FONTS: [(&str, &str); 2] =
    [("DejaVuSans", "fonts-dejavu-core"), ("LiberationSans", "fonts-liberation")];

fn fonts_check() -> Check {
    let mut names = Vec::new();
    let mut folders: Vec<PathBuf> = ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => names.push(entry.file_name().to_string_lossy().into_owned()),
            }
        }
    }
    let absent: Vec<&str> =
        FONTS.iter().filter(|(font, _)| !names.iter().any(|n| n.starts_with(font))).map(|f| f.1).collect();
    if absent.is_empty() {
        return ok("fonts", format!("{} files", names.len()));
    }
    let detail = "other fonts stand in, so pixels differ from the fixtures".into();
    Check {
        name: "fonts",
        state: CheckState::Off,
        detail,
        help: format!("apt-get install {}", absent.join(" ")),
    }
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
        checks.push(missing("packages", what, SETUP));
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

/// The browser and its walls. Charts do without it.
fn pages_checks() -> Vec<Check> {
    let (version, walls) = match chromium::facts() {
        Ok(facts) => facts,
        Err(e) => {
            let setup = matches!(e, RenderError::Setup { .. });
            let help = if setup { chromium::HELP } else { "start the browser by hand to see why" };
            let detail = format!("pages cannot be drawn: {e}");
            return vec![Check { name: "browser", state: CheckState::Off, detail, help: help.into() }];
        }
    };
    vec![
        ok("browser", version),
        ok("browser assets", chromium::assets().join(", ")),
        layer(
            "browser network",
            walls.network,
            "pages see no network interface",
            "allow user namespaces, or run as root; names resolve to nothing meanwhile",
        ),
        layer(
            "browser files",
            sandbox::abi() > 0,
            "programs, fonts and an empty profile, by landlock",
            "use Linux 5.13 or newer with landlock switched on",
        ),
        layer("browser sandbox", walls.own, "Chromium's own", "allow user namespaces to ordinary users"),
    ]
}

/// LibreOffice and its walls. Charts and pages do without it.
fn decks_checks() -> Vec<Check> {
    let config = RenderConfig { workers: 1, ..RenderConfig::default() };
    let (facts, fonts) =
        match Office::open(config).and_then(|office| Ok((office.facts()?, office.missing_fonts()))) {
            Ok(found) => found,
            Err(e) => {
                let help = if let RenderError::Setup { help, .. } = e { help } else { SETUP };
                let detail = format!("decks cannot be drawn: {e}");
                return vec![Check { name: "office", state: CheckState::Off, detail, help: help.into() }];
            }
        };
    let own = match fonts.as_slice() {
        [] => ok("office fonts", "the fixed set, apart from those of charts and pages".into()),
        missing => Check {
            name: "office fonts",
            state: CheckState::Off,
            detail: format!("{} missing: other fonts stand in, so text has other widths", missing.join(", ")),
            help: SETUP.into(),
        },
    };
    let walls = facts.layers;
    vec![
        ok("office", facts.version),
        own,
        layer(
            "office network",
            walls.netns,
            "decks see no network interface",
            "allow user namespaces, or run as root; seccomp denies sockets meanwhile",
        ),
        layer(
            "office files",
            walls.tmpfs,
            "512 MiB of its own, gone with the office",
            "allow user namespaces, or run as root; a folder without a limit serves meanwhile",
        ),
        layer(
            "office user id",
            walls.uid,
            "its own",
            "run as root with Python outside root's home; landlock guards files meanwhile",
        ),
    ]
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
    Check { name, state: CheckState::Ok, detail, help: String::new() }
}

fn missing(name: &'static str, detail: String, help: &str) -> Check {
    Check { name, state: CheckState::Missing, detail, help: help.into() }
}

fn layer(name: &'static str, active: bool, detail: &str, help: &str) -> Check {
    if active {
        ok(name, detail.into())
    } else {
        Check { name, state: CheckState::Off, detail: "not allowed here".into(), help: help.into() }
    }
}
