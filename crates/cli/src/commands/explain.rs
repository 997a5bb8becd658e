//! `explain`: prints the page of a rule.

use crate::{Exit, terminal};
use anyhow::{Result, bail};
use clap::Parser;
use vsdpo_diagnose::{Rule, all_rules};

/// Print the page of a rule; without a rule, list all rules.
///
/// Example: visual-sdpo explain chart/legend-covers-data
#[derive(Parser)]
pub struct Args {
    /// The rule's id, as `lint` prints it, or the part after the slash.
    rule: Option<String>,
}

pub fn run(args: &Args) -> Result<Exit> {
    terminal::out(&text(args.rule.as_deref())?)?;
    Ok(Exit::Fine)
}

/// The page of a rule, or the list of all rules.
///
/// # Errors
/// A rule that does not exist.
pub fn text(rule: Option<&str>) -> Result<String> {
    Ok(match rule {
        None => {
            let wide = all_rules().map(|r| r.id.len()).max().unwrap_or(0);
            all_rules().map(|r| format!("{:wide$}  {}\n", r.id, r.summary)).collect()
        }
        Some(name) => {
            let pages: Vec<&str> = rules_named(name)?.iter().map(|rule| rule.page.trim_end()).collect();
            pages.join("\n\n") + "\n"
        }
    })
}

/// The rules with this id, or with this part of an id after the slash, which a rule of charts and
/// one of pages may share.
pub fn rules_named(name: &str) -> Result<Vec<&'static Rule>> {
    let named = |id: &str| id == name || id.rsplit_once('/').is_some_and(|(_, part)| part == name);
    let found: Vec<_> = all_rules().filter(|rule| named(rule.id)).collect();
    if found.is_empty() {
        bail!("there is no rule `{name}`; help: `visual-sdpo explain` lists the rules");
    }
    Ok(found)
}
