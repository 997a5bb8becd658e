//! `setup`: makes what rendering needs beside the program.

use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use vsdpo_setup::Part;

/// Make what drawing needs: the pinned Python environment, the browser, the office.
///
/// The environment goes to the root that is in use (VSDPO_HOME, a checkout), else to
/// ~/.cache/visual-sdpo. Debian packages are installed as root, and otherwise named. What is there
/// is left as it is. `lint` of charts needs none of it where a Python with matplotlib is at hand.
///
/// Exit status: 0 everything is there, 2 something is missing.
///
/// Example: visual-sdpo setup web
#[derive(Parser)]
pub struct Args {
    /// What shall be drawn.
    #[arg(value_enum, default_value = "all")]
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Charts in the pinned environment, which `score` and `eval` need.
    Chart,
    /// Pages, and slides that are pages.
    Web,
    /// Decks and slides that are pages.
    Slide,
    /// All of them.
    All,
}

pub fn run(args: &Args) -> Result<Exit> {
    let parts: &[Part] = match args.what {
        What::Chart => &[Part::Charts],
        What::Web => &[Part::Pages],
        What::Slide => &[Part::Pages, Part::Decks],
        What::All => &Part::ALL,
    };
    match vsdpo_setup::setup(&vsdpo_render::setup_root(), parts, &terminal::remark)? {
        None => Ok(Exit::Fine),
        Some(command) => {
            bail!("Debian packages are missing and only root installs them; help: type {command}")
        }
    }
}
