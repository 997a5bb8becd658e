//! `Task`: x and what is known about a good answer.

use crate::convert::{choice, items, json, json_text, text};
use crate::errors::{guarded, value};
use crate::picture;
use pyo3::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vsdpo_artifact::{Domain, Language, Requirements};
use vsdpo_data::mini::{Split, UnknownSplit, World};

/// Tells tasks apart, so that an outcome knows for which one it was judged.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One task: the instruction, and what is known about a good answer. Immutable.
///
/// Parameters
/// ----------
/// prompt : str
///     The instruction, as the student reads it.
/// domain : "chart", "web" or "slide"
///     Decides rules, axes and renderer.
/// language : "python", "html" or "pptx", optional
///     The language of the answer. By default python for charts and html for pages and slides.
/// images : sequence of pictures
///     Pictures that belong to the instruction; they stand before its text. Each is a uint8 array
///     of shape (height, width, 3 or 4), bytes of a PNG or JPEG, or an image of Pillow.
/// reference : str, optional
///     Code of a good answer.
/// requirements : dict, optional
///     What the artifact must show, with the keys texts, series, background, legend, ticks,
///     grounds, places, pictures, rows and letters. Without it the axis of the content is not
///     judged.
/// id : str
///     A stable name.
///
/// Raises
/// ------
/// TypeError, ValueError
///     For an argument of another type, an unknown name or key, or a language that the domain does
///     not have.
#[pyclass(frozen, module = "visual_sdpo")]
pub struct Task {
    pub task: Arc<vsdpo_artifact::Task>,
    pub serial: u64,
}

#[pymethods]
impl Task {
    #[new]
    #[pyo3(signature = (prompt, domain, *, language=None, images=None, reference=None, requirements=None, id=None))]
    fn new(
        prompt: &Bound<'_, PyAny>,
        domain: &Bound<'_, PyAny>,
        language: Option<&Bound<'_, PyAny>>,
        images: Option<&Bound<'_, PyAny>>,
        reference: Option<&Bound<'_, PyAny>>,
        requirements: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        guarded(|| {
            let (domain, language) = kind(domain, language)?;
            let images = images.map_or(Ok(Vec::new()), |list| items(list, "images", "a list of pictures"))?;
            let read = |(i, image)| picture::read(image, &format!("images[{i}]"));
            let task = vsdpo_artifact::Task {
                id: id.map_or(Ok(String::new()), |id| text(id, "id"))?,
                domain,
                language,
                prompt: text(prompt, "prompt")?,
                images: images.iter().enumerate().map(read).collect::<PyResult<_>>()?,
                reference: reference.map(|code| text(code, "reference")).transpose()?,
                requirements: requirements.map(read_requirements).transpose()?,
            };
            Ok(Self { task: Arc::new(task), serial: NEXT.fetch_add(1, Ordering::Relaxed) })
        })
    }

    /// The instruction.
    #[getter]
    fn prompt(&self) -> &str {
        &self.task.prompt
    }

    /// "chart", "web" or "slide".
    #[getter]
    fn domain(&self) -> &'static str {
        self.task.domain.name()
    }

    /// "python", "html" or "pptx".
    #[getter]
    fn language(&self) -> &'static str {
        self.task.language.name()
    }

    /// The pictures of the instruction: copies, uint8 of shape (height, width, 4).
    #[getter]
    fn images<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.task.images.iter().map(|image| picture::rgba(py, image)).collect()
    }

    /// Code of a good answer, or None.
    #[getter]
    fn reference(&self) -> Option<&str> {
        self.task.reference.as_deref()
    }

    /// What the artifact must show, with every key, or None.
    #[getter]
    fn requirements<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self.task.requirements.as_ref().map(serde_json::to_value).transpose();
        let value = value.map_err(|e| crate::errors::bug(&e.to_string()))?;
        value.map(|value| json(py, &value)).transpose()
    }

    /// The stable name.
    #[getter]
    fn id(&self) -> &str {
        &self.task.id
    }

    fn __repr__(&self) -> String {
        let head: String = self.task.prompt.chars().take(40).collect();
        format!("Task({head:?}, {:?}, language={:?})", self.domain(), self.language())
    }
}

/// A domain and a language that it has.
pub fn kind(domain: &Bound<'_, PyAny>, language: Option<&Bound<'_, PyAny>>) -> PyResult<(Domain, Language)> {
    let domain = choice(domain, "domain", &Domain::ALL.map(|domain| (domain.name(), domain)))?;
    let language = language.map(read_language).transpose()?.unwrap_or(domain.default_language());
    let known: &[Language] = match domain {
        Domain::Chart => &[Language::Python],
        Domain::Web => &[Language::Html],
        Domain::Slide => &[Language::Html, Language::Python, Language::Pptx],
    };
    if !known.contains(&language) {
        let names: Vec<&str> = known.iter().map(|language| language.name()).collect();
        let what = format!("the domain {} has no sources in {}", domain.name(), language.name());
        return Err(value(&what, &format!("pass language={}", names.join(" or "))));
    }
    Ok((domain, language))
}

/// A language by its name.
pub fn read_language(language: &Bound<'_, PyAny>) -> PyResult<Language> {
    let all = [Language::Python, Language::Html, Language::Pptx];
    choice(language, "language", &all.map(|language| (language.name(), language)))
}

fn read_requirements(object: &Bound<'_, PyAny>) -> PyResult<Requirements> {
    let text = json_text(object, "requirements")?;
    serde_json::from_str(&text).map_err(|e| {
        let said = e.to_string();
        let said = said.rsplit_once(" at line").map_or(said.as_str(), |(said, _)| said);
        value(
            &format!("`requirements` is not usable: {said}"),
            "the keys are texts, series, background, legend, ticks, grounds, places, pictures, rows and letters",
        )
    })
}

/// Tasks of an embedded world, each with a reference whose layout is good.
///
/// Parameters
/// ----------
/// domain, language
///     As in Task.
/// split : "feedback", "train", "dev" or "test"
///     Disjoint sets of contents; "train" by default. Reports use "test", everything before "dev".
/// count : int
///     How many; the first `count` of the seed.
/// seed : int
///
/// Returns
/// -------
/// list of dict
///     With the keys id, prompt, reference and requirements.
#[pyfunction]
#[pyo3(signature = (domain, *, language=None, split="train", count=1, seed=1))]
pub fn mini_tasks<'py>(
    py: Python<'py>,
    domain: &Bound<'py, PyAny>,
    language: Option<&Bound<'py, PyAny>>,
    split: &str,
    count: u64,
    seed: u64,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    guarded(|| {
        let (domain, language) = kind(domain, language)?;
        let world = World::of(domain, language).ok_or_else(|| {
            let what = format!("there is no embedded world of {} in {}", domain.name(), language.name());
            value(&what, "pass chart, web, or slide with html or python")
        })?;
        let split: Split = split.parse().map_err(|e: UnknownSplit| value(&e.problem, e.help))?;
        let row = |index| {
            let task = world.task(split, seed, index);
            let row = serde_json::json!({
                "id": task.id,
                "prompt": task.prompt,
                "reference": task.reference,
                "requirements": task.requirements,
            });
            json(py, &row)
        };
        (0..count).map(row).collect()
    })
}
