//! `explain`: the page of a rule.

use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::Parser;
use vsdpo_artifact::Domain;
use vsdpo_diagnose::rules;

/// Print the page of a rule; without a rule, list them all.
///
/// Example: visual-sdpo explain chart/legend-covers-data
#[derive(Parser)]
pub struct Args {
    /// The rule's id, as `lint` prints it.
    rule: Option<String>,
}

pub fn run(args: &Args) -> Result<Exit> {
    let rules = rules(Domain::Chart);
    let text = match &args.rule {
        None => {
            let wide = rules.iter().map(|r| r.id.len()).max().unwrap_or(0);
            rules.iter().map(|r| format!("{:wide$}  {}\n", r.id, r.summary)).collect()
        }
        Some(id) => match rules.iter().find(|r| r.id == id || r.id.ends_with(&format!("/{id}"))) {
            Some(rule) => format!("{}\n", rule.page.trim_end()),
            None => bail!("there is no rule `{id}`: `visual-sdpo explain` lists them"),
        },
    };
    terminal::out(&text)?;
    Ok(Exit::Fine)
}
