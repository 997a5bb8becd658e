//! `data`: prepares corpora for training.

mod filter;

use crate::Exit;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Prepare corpora for training.
#[derive(Parser)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Filter(filter::Args),
}

pub fn run(args: &Args) -> Result<Exit> {
    match &args.action {
        Action::Filter(args) => filter::run(args),
    }
}
