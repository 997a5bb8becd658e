//! `report`: a run folder as pages.

use crate::{Exit, report, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;

/// Turn a run folder into pages that open from disk.
///
/// Writes RUN_DIR/report/index.html with a page per stored rollout and copies of the pictures;
/// nothing is fetched from a network. Run it again at any time, also while the run goes on.
///
/// Example: visual-sdpo report runs/chart-visual-sdpo
#[derive(Parser)]
pub struct Args {
    /// A folder that `train` wrote.
    run_dir: PathBuf,
}

pub fn run(args: &Args) -> Result<Exit> {
    let written = report::write(&args.run_dir)?;
    let (index, pages) = (written.index.display().to_string(), written.pages);
    terminal::out(&format!("{} ({pages} rollouts)\n", terminal::clean_line(&index)))?;
    Ok(Exit::Fine)
}
