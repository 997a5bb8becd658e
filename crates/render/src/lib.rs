//! R(y): runs model-written code and returns what it drew.
//!
//! The principal type is [`ChartRenderer`]: source text in, [`vsdpo_artifact::Outcome`] out. Behind
//! it stands a supervisor in Rust that never runs untrusted code. It keeps two fork servers of
//! Python (`zygote.py`) with the plotting libraries already imported; every script runs in a
//! child of its own, forked from one of them, which first gives up the network, the file system,
//! other processes and most of the kernel, and then runs the script under the probe
//! (`probe.py`). Importing, not drawing, is what makes a process per chart slow; a fork
//! keeps the isolation without it.
//!
//! Code that fails is a value ([`vsdpo_artifact::Outcome::Failed`]); an error ([`RenderError`])
//! means that we failed.
//!
//! # What is not covered
//! `docs/security.md` tells the whole: what is promised, by which layer, and how it is tested. In
//! short:
//! - The probe runs in the script's own process. Its records are claims: they are held to the caps
//!   of [`vsdpo_artifact::Element`], but a script that sets out to forge its own picture can.
//! - Reading the *existence* and size of files (`stat`) outside the sandbox: landlock has no such
//!   right.
//! - Side channels, bugs of the kernel, and memory limits beyond the address space of one process
//!   (run the program in a control group for that).
//! - Results are cached by source: a script that draws random numbers without a seed is drawn once.
//!
//! ```no_run
//! # fn main() -> Result<(), vsdpo_render::RenderError> {
//! use vsdpo_artifact::{Domain, Language, Source};
//! use vsdpo_render::{RenderConfig, open};
//! let renderer = open(Domain::Chart, Language::Python, RenderConfig::default())?;
//! let script = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])";
//! let outcome = renderer.render(&Source::new(script, Language::Python))?;
//! println!("{:?}", outcome.rendered().map(|r| &r.pages));
//! # Ok(())
//! # }
//! ```

mod cache;
mod chromium;
mod config;
mod doctor;
mod lock;
mod matplotlib;
mod open;
mod python;
mod renderer;
mod sandbox;
mod spread;
mod text;

pub use chromium::{ChromiumRenderer, MAX_BESIDE};
pub use config::{RenderConfig, RenderError, RenderStats};
pub use doctor::{Check, CheckState, doctor};
pub use matplotlib::{ChartRecorder, ChartRenderer, Recordable};
pub use open::open;
pub use renderer::{Renderer, Screenshot};
pub use spread::spread;
