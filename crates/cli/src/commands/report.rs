//! `report`: writes the HTML report of a run folder.

use crate::{Exit, terminal};
use anyhow::Result;
use clap::Parser;
use std::path::PathBuf;

/// Write the report of a run folder, as HTML pages that open from disk.
///
/// Writes RUN_DIR/report/index.html with a page per stored rollout and copies of the pictures. The
/// pages load nothing from a network. The report may be written again at any time, also while the
/// run continues.
///
/// Example: visual-sdpo report runs/chart-visual-sdpo
#[derive(Parser)]
pub struct Args {
    /// The run folder that `train` wrote.
    run_dir: PathBuf,
}

pub fn run(args: &Args) -> Result<Exit> {
    let written = vsdpo_report::write(&args.run_dir)?;
    let (index, pages) = (written.index.display().to_string(), written.pages);
    terminal::out(&format!("{} ({pages} rollouts)\n", terminal::clean_line(&index)))?;
    Ok(Exit::Fine)
}
