//! Scores of the three benchmarks, as `visual-sdpo score ... --json` prints them.

use crate::convert::{json, text, wrong_type};
use crate::errors::{guarded, runtime};
use crate::task::read_language;
use crate::waiting::{Limit, attend};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vsdpo_artifact::{Language, Source};
use vsdpo_render::RenderConfig;
use vsdpo_score::chartmimic::pairs::{Pair, PairScorer};
use vsdpo_score::chartmimic::{Rules, print};
use vsdpo_score::design2code::scorer::{PageScorer, PageScorerConfig};
use vsdpo_score::design2code::{self, clean};
use vsdpo_score::{aeslides, aeslides::SlideScorer};

/// Time limits of a source in seconds, those of the command line.
const CHART_LIMIT: u64 = 30;
const PAGE_LIMIT: u64 = 60;
const SLIDE_LIMIT: u64 = 30;
/// The scorers' own limits end every wait before this time.
const PATIENCE: Duration = Duration::from_secs(900);

static CHARTS: Shared<PairScorer> = Shared::new();
static PAGES: Shared<PageScorer> = Shared::new();
static SLIDES: Shared<SlideScorer> = Shared::new();

/// A scorer that starts with the first call and then serves all threads.
struct Shared<T: 'static> {
    /// The process that started it; 0 before.
    owner: AtomicU32,
    /// Never freed: it serves until the process ends.
    scorer: Mutex<Option<&'static T>>,
    /// Calls that have been finished.
    done: AtomicU64,
}

impl<T: Sync> Shared<T> {
    const fn new() -> Self {
        Self { owner: AtomicU32::new(0), scorer: Mutex::new(None), done: AtomicU64::new(0) }
    }

    /// What `score` says, with the scorer that the first call opens.
    fn call(
        &'static self,
        py: Python<'_>,
        open: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
        score: impl FnOnce(&T) -> anyhow::Result<Value> + Send + 'static,
    ) -> PyResult<Value> {
        let here = std::process::id();
        let owner = self.owner.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed);
        if owner.is_err_and(|owner| owner != here) {
            let what = "this scorer was started before os.fork(), and belongs to the parent process";
            return Err(runtime(
                what,
                "start processes with the method `spawn`, or score in one of them only",
            ));
        }
        let progress = || self.done.load(Ordering::Relaxed);
        attend(py, &Limit { patience: PATIENCE, progress: &progress }, move || {
            let scorer = self.opened(open)?;
            let value = score(scorer);
            self.done.fetch_add(1, Ordering::Relaxed);
            value
        })
    }

    fn opened(&self, open: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<&'static T> {
        let mut scorer = self.scorer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scorer) = *scorer {
            return Ok(scorer);
        }
        Ok(scorer.insert(Box::leak(Box::new(open()?))))
    }
}

/// ChartMimic's four low-level scores of a chart script against the script of its reference.
///
/// Parameters
/// ----------
/// prediction : str
///     The predicted code, as it stood in its fence; empty for a response without one.
/// reference : str
///     The code of the chart to reproduce.
/// name : str, optional
///     The chart's name in the benchmark; two metrics depend on it (`graph...`, `...box...`).
///
/// Returns
/// -------
/// dict
///     exec, text, layout, chart_type and color (each precision, recall and f1, from 0 to 1), low
///     (0 to 100) and reasons. A score that the benchmark cannot give is None, and reasons says
///     why.
#[pyfunction]
#[pyo3(signature = (prediction, reference, *, name=None))]
pub fn score_chartmimic<'py>(
    py: Python<'py>,
    prediction: &Bound<'py, PyAny>,
    reference: &Bound<'py, PyAny>,
    name: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    guarded(|| {
        let name = name.map_or(Ok(String::new()), |name| text(name, "name"))?;
        let gt = Arc::new(text(reference, "reference")?);
        let pair = Pair { name, pred: text(prediction, "prediction")?, gt };
        let open = || {
            let timeout = Duration::from_secs(CHART_LIMIT);
            PairScorer::start(RenderConfig { timeout, ..RenderConfig::default() }, Rules::Official)
        };
        let value = CHARTS.call(py, open, move |scorer| Ok(print::json(&scorer.score(&pair)?)))?;
        json(py, &value)
    })
}

/// Design2Code's scores of a page against its reference, without CLIP.
///
/// Returns
/// -------
/// dict
///     block_match, text, position and color (0 to 1), overall_without_clip, and clip and overall,
///     which are None because they need CLIP's weights. For a page that cannot be scored every
///     score is None, and error says why.
#[pyfunction]
pub fn score_design2code<'py>(
    py: Python<'py>,
    candidate: &Bound<'py, PyAny>,
    reference: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    guarded(|| {
        let (candidate, reference) = (text(candidate, "candidate")?, text(reference, "reference")?);
        let page = |text: String| match clean::read(text.as_bytes()) {
            Ok(_) => Ok(Source::new(text, Language::Html)),
            Err(error) => Err(error.into()),
        };
        let open = || {
            let timeout = Duration::from_secs(PAGE_LIMIT);
            PageScorer::start(PageScorerConfig { timeout, ..PageScorerConfig::default() })
        };
        let value = PAGES.call(py, open, move |scorer| {
            let scored = scorer.score(&page(candidate), &page(reference))?;
            Ok(scored.map_or_else(
                |unscored| design2code::print::error(&unscored.why),
                |scored| design2code::print::as_json(&scored),
            ))
        })?;
        json(py, &value)
    })
}

/// AeSlides' four axes of a slide or a deck, with the rewards of training.
///
/// Parameters
/// ----------
/// source : str, or bytes of a .pptx file
/// language : "html", "python" or "pptx"
///
/// Returns
/// -------
/// dict
///     aspect_ratio, whitespace, collision, imbalance, avg and rewards; of a deck the means, and
///     slides with those of each. Code that fails has 0 on all axes, as the benchmark says, and an
///     error. After a time-out, a lack of memory or a crash, which may come from the machine, every
///     score is None.
#[pyfunction]
#[pyo3(signature = (source, *, language=None))]
pub fn score_aeslides<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    language: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    guarded(|| {
        let language = language.map_or(Ok(Language::Html), read_language)?;
        let source = match language {
            Language::Html | Language::Python => Source::new(text(source, "source")?, language),
            Language::Pptx => {
                let bytes = source.cast::<PyBytes>();
                Source::pptx(
                    bytes.map_err(|_| wrong_type(source, "source", "the bytes of a .pptx file"))?.as_bytes(),
                )
            }
        };
        let open = || Ok(SlideScorer::new(Duration::from_secs(SLIDE_LIMIT)));
        let value = SLIDES.call(py, open, move |scorer| slides(scorer, &source))?;
        json(py, &value)
    })
}

/// The scores of a source; one that meets a limit which a busy machine can cause is drawn once
/// more.
fn slides(scorer: &SlideScorer, source: &Source) -> anyhow::Result<Value> {
    let lost = |scored: &aeslides::Scored| scored.as_ref().is_err_and(|error| error.kind.depends_on_load());
    let mut scored = scorer.score(source)?;
    if lost(&scored) {
        scored = scorer.score(source)?;
    }
    let mut value = aeslides::as_json(&scored, source.language);
    if lost(&scored) {
        value["rewards"] = json!(null);
        for axis in ["aspect_ratio", "whitespace", "collision", "imbalance", "avg"] {
            value[axis] = json!(null);
        }
    }
    Ok(value)
}
