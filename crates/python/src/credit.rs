//! Which tokens answer for the defects (equations 4 and 5).

use crate::convert::{Characters, argument, choice, floats, pairs, text};
use crate::diagnosis::{axis_weights, outcome_of, task_of};
use crate::errors::{guarded, value};
use crate::outcome::Outcome;
use crate::task::{Task, read_language};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use vsdpo_artifact::{Credit, Span, shortest};
use vsdpo_credit::{CreditConfig, Overlap, token_weights};
use vsdpo_diagnose::AxisWeights;

/// The code in a completion: the first fenced block in this language, else the first one without a
/// language, else the whole text. A block that is not closed reaches to the end.
///
/// Returns
/// -------
/// (str, int, int)
///     The code, and where it begins and ends in the text, in characters.
#[pyfunction]
#[pyo3(name = "extract_code")]
pub fn extract_code(
    text: &Bound<'_, PyAny>,
    language: &Bound<'_, PyAny>,
) -> PyResult<(String, usize, usize)> {
    guarded(|| {
        let text = crate::convert::text(text, "text")?;
        let span = vsdpo_artifact::extract_code(&text, read_language(language)?);
        let characters = Characters::of(&text);
        let code = span.text(&text).unwrap_or_default().to_owned();
        Ok((code, characters.character(span.start), characters.character(span.end)))
    })
}

/// The weight of every token of a completion in the distillation loss (equation 5): 1 for tokens
/// that answer for nothing, up to `amplify` for those of a statement that drew a defect.
///
/// Parameters
/// ----------
/// text : str
///     The whole completion, without special tokens; its code is found as extract_code does.
/// outcome : Outcome
///     Of exactly that code.
/// offsets : array of int, shape (T, 2)
///     Begin and end of every token in the text, as the offset mapping of a fast tokenizer. An
///     empty range, as special tokens have, weighs 1.
/// task : Task
/// unit : "char" or "byte"
///     What the offsets count: characters (Unicode code points), or bytes of the text in UTF-8.
/// amplify : float
///     The weight of a statement that answers fully, 1 or more. 1 is uniform distillation.
/// overlap : "iou" or "ioa"
///     How boxes are compared in equation 4.
/// blame_error : bool
///     Whether the statement of an error answers for a failed execution.
/// weights : dict of str to float, optional
///     As in reward: defects of axes without weight, and of rules without an axis, get no blame. By
///     default all defects do.
///
/// Returns
/// -------
/// float32 array of shape (T,)
///
/// Raises
/// ------
/// ValueError
///     If offsets lie outside the text (the message has the index of the first), are reversed or of
///     another shape, or if the outcome is not of the code in the text.
#[pyfunction]
#[pyo3(signature = (text, outcome, offsets, *, task, unit=None, amplify=None, overlap=None, blame_error=None, weights=None))]
#[expect(clippy::too_many_arguments, reason = "the keyword arguments of Python")]
pub fn statement_weights<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyAny>,
    outcome: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
    unit: Option<&Bound<'py, PyAny>>,
    amplify: Option<&Bound<'py, PyAny>>,
    overlap: Option<&Bound<'py, PyAny>>,
    blame_error: Option<&Bound<'py, PyAny>>,
    weights: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    guarded(|| {
        let settings = settings(amplify, overlap, blame_error)?;
        let (task, outcome) = (task_of(task)?.get(), outcome_of(outcome, "outcome")?.get());
        let completion = Completion::read(text, outcome, task)?;
        let unit = unit.map_or(Ok(Unit::Character), |unit| {
            choice(unit, "unit", &[("char", Unit::Character), ("byte", Unit::Byte)])
        })?;
        let tokens = spans(&pairs(offsets, "offsets")?, &completion.text, unit)?;
        let weights = weights.map(|w| axis_weights(task.task.domain, Some(w))).transpose()?;
        let credit = completion.credit(py, (outcome, task), weights.as_ref(), &settings)?;
        floats(py, &token_weights(&credit, &outcome.source.text, completion.code, &tokens))
    })
}

/// The statements of the code in a completion, with their share of the blame (equations 4 and 5).
///
/// Parameters are those of statement_weights.
///
/// Returns
/// -------
/// list of dict
///     By their start; a compound statement stands before the ones inside it. Each has start and
///     end (characters of the text), line and end_line (of the code, from 1), resp (0 to 1), weight
///     (1 to amplify) and elements (ids of what it drew).
#[pyfunction]
#[pyo3(signature = (text, outcome, *, task, amplify=None, overlap=None, blame_error=None))]
pub fn statements<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyAny>,
    outcome: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
    amplify: Option<&Bound<'py, PyAny>>,
    overlap: Option<&Bound<'py, PyAny>>,
    blame_error: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    guarded(|| {
        let settings = settings(amplify, overlap, blame_error)?;
        let (task, outcome) = (task_of(task)?.get(), outcome_of(outcome, "outcome")?.get());
        let completion = Completion::read(text, outcome, task)?;
        let credit = completion.credit(py, (outcome, task), None, &settings)?;
        let characters = Characters::of(&completion.text);
        let list = PyList::empty(py);
        for s in &credit.statements {
            let place = |byte: usize| characters.character(completion.code.start + byte);
            let dict = PyDict::new(py);
            dict.set_item("start", place(s.statement.span.start))?;
            dict.set_item("end", place(s.statement.span.end))?;
            dict.set_item("line", s.statement.line)?;
            dict.set_item("end_line", s.statement.end_line)?;
            dict.set_item("resp", shortest(s.resp))?;
            dict.set_item("weight", shortest(s.weight))?;
            dict.set_item("elements", &s.elements)?;
            list.append(dict)?;
        }
        Ok(list)
    })
}

/// A completion and the code in it.
struct Completion {
    text: String,
    code: Span,
}

impl Completion {
    /// Checks that the outcome is of the code in the text.
    fn read(object: &Bound<'_, PyAny>, outcome: &Outcome, task: &Task) -> PyResult<Self> {
        let text = text(object, "text")?;
        let code = vsdpo_artifact::extract_code(&text, task.task.language);
        if code.text(&text) != Some(&outcome.source.text) {
            let what = "the outcome is not of the code in `text`, so its places are those of another code";
            return Err(value(what, "render extract_code(text, language)[0]"));
        }
        Ok(Self { text, code })
    }

    fn credit(
        &self,
        py: Python<'_>,
        (outcome, task): (&Outcome, &Task),
        weights: Option<&AxisWeights>,
        settings: &CreditConfig,
    ) -> PyResult<Credit> {
        let diagnosis = outcome.diagnosis(py, task)?;
        let rewarded = weights.map(|weights| weights.rewarded(&diagnosis.defects));
        let defects = rewarded.as_ref().unwrap_or(&diagnosis.defects);
        let source = &outcome.source;
        Ok(py.detach(|| {
            vsdpo_credit::credit(source.language, &source.text, &outcome.outcome, defects, settings)
        }))
    }
}

fn settings(
    amplify: Option<&Bound<'_, PyAny>>,
    overlap: Option<&Bound<'_, PyAny>>,
    blame_error: Option<&Bound<'_, PyAny>>,
) -> PyResult<CreditConfig> {
    let usual = CreditConfig::default();
    let measures = [("iou", Overlap::Iou), ("ioa", Overlap::Ioa)];
    let amplify = amplify.map_or(Ok(usual.amplify), |v| argument(v, "amplify", "a number"))?;
    if !(amplify >= 1.0 && amplify.is_finite()) {
        return Err(value(&format!("`amplify` is {amplify}"), "pass 1 or more"));
    }
    Ok(CreditConfig {
        amplify,
        overlap: overlap.map_or(Ok(usual.overlap), |v| choice(v, "overlap", &measures))?,
        blame_error: blame_error.map_or(Ok(usual.blame_error), |v| argument(v, "blame_error", "a bool"))?,
    })
}

/// What offsets count.
#[derive(Clone, Copy)]
enum Unit {
    Character,
    Byte,
}

/// The bytes of every token.
fn spans(offsets: &[[i64; 2]], text: &str, unit: Unit) -> PyResult<Vec<Span>> {
    let characters = Characters::of(text);
    let byte = |at: i64| match (usize::try_from(at).ok()?, unit) {
        (at, Unit::Character) => characters.byte(at),
        (at, Unit::Byte) => Some(at).filter(|&at| at <= text.len()),
    };
    let span = |(i, &[start, end]): (usize, &[i64; 2])| {
        let inside = byte(start).zip(byte(end)).filter(|(start, end)| start <= end);
        inside.map(|(start, end)| Span::new(start, end)).ok_or_else(|| {
            let (all, what) = match unit {
                Unit::Character => (text.chars().count(), "characters"),
                Unit::Byte => (text.len(), "bytes"),
            };
            let problem = format!("offsets[{i}] is ({start}, {end}) in a text of {all} {what}");
            value(&problem, "pass the offsets of `text` itself, in the unit that `unit` names")
        })
    };
    offsets.iter().enumerate().map(span).collect()
}
