//! `explain`: the page of a rule.

use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::Parser;
use vsdpo_diagnose::all_rules;

/// Print the page of a rule; without a rule, list them all.
///
/// Example: visual-sdpo explain chart/legend-covers-data
#[derive(Parser)]
pub struct Args {
    /// The rule's id, as `lint` prints it.
    rule: Option<String>,
}

pub fn run(args: &Args) -> Result<Exit> {
    let rules: Vec<_> = all_rules().collect();
    let text = match &args.rule {
        None => {
            let wide = rules.iter().map(|r| r.id.len()).max().unwrap_or(0);
            rules.iter().map(|r| format!("{:wide$}  {}\n", r.id, r.summary)).collect()
        }
        Some(id) => {
            // The part after the slash may name a rule of charts and one of pages.
            let found = rules.iter().filter(|r| r.id == id || r.id.ends_with(&format!("/{id}")));
            let pages: Vec<&str> = found.map(|rule| rule.page.trim_end()).collect();
            if pages.is_empty() {
                bail!("there is no rule `{id}`: `visual-sdpo explain` lists them");
            }
            pages.join("\n\n") + "\n"
        }
    };
    terminal::out(&text)?;
    Ok(Exit::Fine)
}
