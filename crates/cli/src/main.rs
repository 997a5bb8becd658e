//! `visual-sdpo`: the command line. One file per verb in `commands`; this file only starts them and
//! turns what comes back into an exit code and, on an error, one line.

mod commands;
mod emit;
mod report;
mod terminal;

use clap::Parser;
use std::io;
use std::process::ExitCode;

/// How a verb ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done, nothing to complain about.
    Fine = 0,
    /// Done, with findings.
    Findings = 1,
    /// Interrupted; a training run has saved.
    Interrupted = 130,
}

fn main() -> ExitCode {
    // A bug of ours ends in one line too; the place is what a report of it needs.
    std::panic::set_hook(Box::new(|info| {
        #[cfg(feature = "train")]
        if vsdpo_data::reads_damaged_files() {
            return;
        }
        let place = info.location().map_or(String::new(), |l| format!(" at {}:{}", l.file(), l.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        terminal::remark(&format!("error: a bug in visual-sdpo{place}: {}", terminal::clean_line(message)));
    }));
    let cli = commands::Cli::parse();
    match std::panic::catch_unwind(|| commands::run(cli)) {
        Ok(Ok(exit)) => ExitCode::from(exit as u8),
        Ok(Err(error)) if closed_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            terminal::remark(&format!("error: {}", one_line(&error)));
            ExitCode::from(2)
        }
        Err(_) => ExitCode::from(2),
    }
}

/// The chain of causes on one line. A library's message may already end in its cause; that is not
/// said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(|c| terminal::clean_line(&c.to_string())) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Whether the reader of our output went away, as `head` does.
fn closed_pipe(error: &anyhow::Error) -> bool {
    let cause = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    // Only output that was on its way to standard output: a pipe of a renderer that broke is an
    // error.
    error.chain().len() == 1 && error.chain().any(cause)
}
