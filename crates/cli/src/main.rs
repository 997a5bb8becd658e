//! `visual-sdpo`: the command line. One file per verb in `commands`; this file runs the verb and
//! turns its result into an exit code, and an error into one line.

mod commands;
mod emit;
mod terminal;

use clap::Parser;
use std::io;
use std::process::ExitCode;

/// The exit code of a verb that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done, without findings.
    Fine = 0,
    /// Done, with findings; of `probe`, a no-go.
    Findings = 1,
    /// Interrupted; a training run has saved its state.
    Interrupted = 130,
}

fn main() -> ExitCode {
    #[cfg(feature = "train")]
    vsdpo_policy::ops::tune_threads();
    // A panic ends in one line too, with the place that a bug report needs.
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

/// The chain of causes on one line. A cause that an earlier message already contains is left out.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
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

/// Whether the reader closed standard output, as `head` does.
fn closed_pipe(error: &anyhow::Error) -> bool {
    let cause = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    // Errors of standard output have no context. A broken pipe of a renderer has one, and is an
    // error.
    error.chain().len() == 1 && error.chain().any(cause)
}
