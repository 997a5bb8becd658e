//! The renderer of decks: python-pptx scripts, and .pptx files as they are.
//!
//! A script runs in the pool of `python` and leaves a file; the reader of `pptx` takes shapes and
//! properties from it, and the office draws it.

mod result;

use crate::cache::{Cache, cached, key};
use crate::config::{RenderConfig, RenderError, RenderStats};
use crate::lock::lock;
use crate::matplotlib::identity;
use crate::office::{Office, OfficePages};
use crate::pptx::sources::Sources;
use crate::pptx::{Deck, freeze, read};
use crate::python::forkserver::Kind;
use crate::python::job::Request;
use crate::python::pool::Pool;
use crate::renderer::{Renderer, Screenshot};
use crate::text::clean_line;
use std::sync::Mutex;
use std::time::Duration;
use vsdpo_artifact::{ExecError, FailureKind, Language, Outcome, Rendered, Source};

/// The least time for drawing a deck; an office that starts takes most of it.
const DRAWING: Duration = Duration::from_secs(30);

/// Renders decks. Thread safe; share it by reference.
///
/// The deck that a script saves last is judged. Its slides are the pages.
pub struct DeckRenderer {
    /// Runs the scripts; absent where only files are rendered.
    scripts: Option<Pool>,
    pictures: Pictures,
    /// Names what decides an outcome beside the source and the office.
    identity: String,
    cache: Mutex<Cache>,
    recalled: Mutex<u64>,
}

/// What draws decks.
struct Pictures {
    /// Or why there is none.
    office: Result<Office, String>,
    freeze: bool,
    /// Whether a deck counts that is not drawn.
    undrawn: bool,
}

impl DeckRenderer {
    /// Starts the fork server of scripts, and finds LibreOffice, which starts with the first deck.
    ///
    /// # Errors
    /// A missing part of the installation or of the sandbox, each with its fix. LibreOffice may be
    /// missing if the configuration says `undrawn`.
    pub fn start(config: RenderConfig) -> Result<Self, RenderError> {
        let mut this = Self::of_files(config.clone())?;
        let pool = Pool::new(config, result::trial())?;
        let server = pool.server(Kind::Deck, 0)?;
        this.identity.push_str(&identity(&server.facts));
        this.scripts = Some(pool);
        Ok(this)
    }

    /// A renderer of .pptx files, which runs no script.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn of_files(config: RenderConfig) -> Result<Self, RenderError> {
        let cache = Mutex::new(Cache::new(config.cache_entries));
        let pictures = Pictures::find(config)?;
        let identity = format!("freeze {}\n", pictures.freeze);
        Ok(Self { scripts: None, pictures, identity, cache, recalled: Mutex::new(0) })
    }

    /// The file that a script saves last.
    ///
    /// # Errors
    /// Returns an error if the renderer itself fails. A script that fails is the inner error.
    pub fn file(&self, script: &str) -> Result<Result<Vec<u8>, ExecError>, RenderError> {
        Ok(self.run(&Source::new(script, Language::Python))?.map(|saved| saved.file))
    }

    fn run(&self, script: &Source) -> Result<Result<result::Saved, ExecError>, RenderError> {
        let pool = self.scripts.as_ref().ok_or_else(|| RenderError::Setup {
            what: "this renderer takes files only".into(),
            help: "open the renderer of slides in python",
        })?;
        let slot = pool.take_slot();
        let (folder, options) = pool.asked(script, result::options());
        let request = Request { source: &script.text, options, folder: folder.as_deref() };
        let end = pool.run(Kind::Deck, slot.index, &request)?;
        drop(slot);
        let cpu = end.cpu;
        let saved = end.read(|buffer| result::read(buffer, &script.text)).and_then(|inner| inner);
        let saved = saved.map_err(|mut error| {
            pool.explain(&mut error, Kind::Deck, folder.as_deref());
            error
        });
        pool.ran(cpu, saved.is_err());
        Ok(saved)
    }

    fn render_script(&self, script: &Source) -> Result<Outcome, RenderError> {
        let saved = match self.run(script)? {
            Ok(saved) => saved,
            Err(error) => return Ok(Outcome::Failed { error }),
        };
        let outcome = self.pictures.render(&saved.file, &saved.sources())?;
        Ok(match (outcome, saved.remark()) {
            (Outcome::Rendered(mut rendered), Some(remark)) => {
                rendered.notes.push(remark);
                Outcome::Rendered(rendered)
            }
            (outcome, _) => outcome,
        })
    }
}

impl Pictures {
    fn find(config: RenderConfig) -> Result<Self, RenderError> {
        let (freeze, undrawn) = (config.freeze, config.undrawn);
        let timeout = config.timeout.max(DRAWING);
        // The memory of a person's script is not that of the office.
        let usual = RenderConfig::default().memory_mb;
        let memory_mb = if config.user.is_some() { usual } else { config.memory_mb };
        let office = match Office::open(RenderConfig { timeout, memory_mb, ..config }) {
            Err(e @ RenderError::Setup { .. }) if undrawn => Err(e.to_string()),
            other => Ok(other?),
        };
        Ok(Self { office, freeze, undrawn })
    }

    /// A file as pages and elements.
    fn render(&self, file: &[u8], sources: &Sources) -> Result<Outcome, RenderError> {
        let deck = match read(file) {
            Ok(deck) if !deck.slides.is_empty() => deck,
            Ok(_) => return Ok(failed(FailureKind::NoFigure, "the deck has no slide")),
            Err(e) => return Ok(failed(FailureKind::Limit, &e.to_string())),
        };
        match self.draw(file)? {
            Ok(drawn) => Ok(Outcome::Rendered(deck.rendered_with(sources, Some(drawn)))),
            Err(error) if self.undrawn => Ok(Outcome::Rendered(self.unseen(&deck, sources, &error))),
            Err(error) => Ok(Outcome::Failed { error }),
        }
    }

    /// The slides as the office draws them. That it is missing, or does not start, is an error of
    /// the deck where `undrawn` lets that happen.
    fn draw(&self, file: &[u8]) -> Result<Result<OfficePages, ExecError>, RenderError> {
        let office = match &self.office {
            Ok(office) => office,
            Err(why) => return Ok(Err(error(FailureKind::Exception, why))),
        };
        let drawn = if self.freeze { office.render(&freeze(file)) } else { office.render(file) };
        match drawn {
            Err(e @ RenderError::Office { .. }) if self.undrawn => {
                Ok(Err(error(FailureKind::Exception, &e.to_string())))
            }
            drawn => drawn,
        }
    }

    /// The deck as far as its file tells.
    fn unseen(&self, deck: &Deck, sources: &Sources, why: &ExecError) -> Rendered {
        let mut rendered = deck.rendered_with(sources, None);
        rendered.notes.push(format!("no slide was drawn: {}", why.message));
        rendered
    }
}

fn failed(kind: FailureKind, message: &str) -> Outcome {
    Outcome::Failed { error: error(kind, message) }
}

fn error(kind: FailureKind, message: &str) -> ExecError {
    ExecError::new(kind, clean_line(message, 500))
}

impl Renderer for DeckRenderer {
    fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
        let file = source.file.as_deref().unwrap_or_default();
        let bytes = if source.language == Language::Pptx { file } else { source.text.as_bytes() };
        if source.folder.is_some() && self.scripts.as_ref().is_some_and(|pool| pool.user().is_some()) {
            // What it reads may change.
            return self.render_script(source);
        }
        let recalled = || *lock(&self.recalled) += 1;
        let identity = format!("{}{}", source.language.name(), self.identity);
        cached(&self.cache, key(&identity, bytes), recalled, || match source.language {
            Language::Pptx => self.pictures.render(file, &Sources::default()),
            Language::Python | Language::Html => self.render_script(source),
        })
    }

    fn screenshot(&self, source: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
        let first = |rendered: Rendered| rendered.pages.into_iter().next();
        Ok(match self.render(source)? {
            Outcome::Failed { error } => Err(error),
            Outcome::Rendered(rendered) => first(rendered)
                .map(|page| Screenshot { image: page.image, unmet: vec![], beside: vec![], retried: false })
                .ok_or_else(|| error(FailureKind::NoFigure, "the deck has no slide")),
        })
    }

    fn workers(&self) -> usize {
        let drawn = self.pictures.office.as_ref().map(Office::workers);
        self.scripts.as_ref().map_or(drawn.unwrap_or(1), Pool::workers)
    }

    fn identity(&self) -> Result<String, RenderError> {
        let office = self.pictures.office.as_ref().map(Office::identity);
        Ok(format!("{}{}", self.identity, office.unwrap_or_else(|why| Ok(why.clone()))?))
    }

    fn stats(&self) -> RenderStats {
        let office = self.pictures.office.as_ref().map(Office::stats).unwrap_or_default();
        let mut stats = self.scripts.as_ref().map_or_else(|| office.clone(), Pool::stats);
        if self.scripts.is_some() {
            stats.failures += office.failures;
            stats.restarts += office.restarts;
            stats.cpu_seconds += office.cpu_seconds;
        }
        stats.cache_hits += *lock(&self.recalled);
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::LayoutKind;

    #[test]
    fn a_deck_that_nothing_draws_counts_only_where_that_is_allowed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/decks/blank_wide.pptx");
        let file = std::fs::read(path).unwrap();
        let outcome = |undrawn| {
            let pictures = Pictures { office: Err("no LibreOffice found".into()), freeze: true, undrawn };
            pictures.render(&file, &Sources::default()).unwrap()
        };
        let Outcome::Rendered(rendered) = outcome(true) else { panic!("is refused") };
        assert_eq!(rendered.pages[0].slide.as_ref().unwrap().kind, LayoutKind::UndrawnDeck);
        assert_eq!(rendered.notes, ["no slide was drawn: no LibreOffice found"]);
        assert_eq!(outcome(false).error().unwrap().message, "no LibreOffice found");
    }
}
