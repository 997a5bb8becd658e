//! R(y): runs model-written code and returns its pages.
//!
//! The principal trait is [`Renderer`]: [`vsdpo_artifact::Source`] in, [`vsdpo_artifact::Outcome`]
//! out; [`open`] opens the one of a domain and language.
//! - `matplotlib`: a supervisor in Rust, which never runs untrusted code, keeps two fork servers of
//!   Python (`zygote.py`) with the plotting libraries imported. Every script runs in a forked child
//!   that first gives up the network, the file system, other processes and most system calls, and
//!   then runs the script under the probe (`probe.py`). A fork costs less than a new process
//!   because imports take most of the time of a chart.
//! - `chromium`: long-lived browsers without a network, one context per page or slide.
//! - `deck`: python-pptx scripts in the pool of `python`; `pptx` reads the file that they save, and
//!   any other .pptx file.
//! - `office`: long-lived, confined LibreOffice processes, which turn .pptx files into pictures of
//!   their slides.
//! - `python`: the pool of fork servers, which every renderer of Python scripts uses.
//!
//! Code that fails is a value ([`vsdpo_artifact::Outcome::Failed`]); a [`RenderError`] means that
//! the renderer itself failed.
//!
//! # What is not covered
//! `docs/security.md` lists every guarantee with its layer and its test. In short:
//! - The probe runs in the script's own process. Its records are claims: they are held to the caps
//!   of [`vsdpo_artifact::Element`], but a script can forge its own picture and records.
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

mod again;
mod cache;
mod chromium;
mod config;
mod deck;
mod doctor;
mod files;
mod lock;
mod matplotlib;
mod office;
mod open;
pub mod pptx;
mod process;
mod python;
mod renderer;
mod sandbox;
mod spread;
mod text;

pub use again::render_with_retries;
pub use chromium::{ChromiumRenderer, MAX_BESIDE, SlideMode};
pub use config::{RenderConfig, RenderError, RenderStats, UserEnv};
pub use deck::DeckRenderer;
pub use doctor::{Check, CheckState, doctor};
pub use matplotlib::{ChartRecorder, ChartRenderer, Recordable, figure_outcome, figure_probe};
pub use office::{Office, OfficePage, OfficePages, SLIDE_WIDTH, Word};
pub use open::open;
pub use python::home::{setup_root, stand_in};
pub use renderer::{Renderer, Screenshot};
pub use spread::spread;
