//! The two contexts of one policy as messages (equations 1 and 2).

use crate::convert::{choice, instance, items, text};
use crate::diagnosis::{axis_weights, outcome_of, task_of};
use crate::errors::{guarded, value};
use crate::picture::rgb;
use crate::task::Task;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use vsdpo_artifact::{Content, Image, Message};
use vsdpo_context::{Channels, Feedback, student_prompt, teacher_prompt};
use vsdpo_diagnose::{RubricDetail, rubric_json};

/// What the student is asked (equation 1): the task's pictures, then its text.
///
/// Returns
/// -------
/// list of dict
///     One message in the conversational form of transformers: {"role": "user", "content": [...]}
///     with parts {"type": "text", "text": str} and {"type": "image", "image": picture}. Pictures
///     are on white, as the trainer shows them: uint8 of shape (height, width, 3), or with
///     pictures="pil" images of Pillow.
#[pyfunction]
#[pyo3(signature = (task, *, pictures=None))]
pub fn student_messages<'py>(
    py: Python<'py>,
    task: &Bound<'py, PyAny>,
    pictures: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    guarded(|| written(py, &student_prompt(&task_of(task)?.get().task), form(pictures)?))
}

/// What the teacher is shown (equation 2): the student's turn, the feedback on an outcome, and the
/// instruction to do better; word for word as `visual-sdpo train` does.
///
/// Parameters
/// ----------
/// task : Task
/// outcome : Outcome
///     Of the rollout that is re-scored, or of another one.
/// channels : sequence of "image" and "rubric"
///     What of a render is shown. The text of an error is always shown.
/// rubric : "binary", "observed" or "full"
///     Which axes are satisfied (the paper's), also what was observed, or also what would do.
/// weights : dict of str to float, optional
///     As in reward: axes without weight are left out of the rubric.
/// pictures : "array" or "pil"
///     As in student_messages.
///
/// Returns
/// -------
/// list of dict
///     As student_messages.
#[pyfunction]
#[pyo3(signature = (task, outcome, *, channels=None, rubric=None, weights=None, pictures=None))]
pub fn teacher_messages<'py>(
    py: Python<'py>,
    task: &Bound<'py, PyAny>,
    outcome: &Bound<'py, PyAny>,
    channels: Option<&Bound<'py, PyAny>>,
    rubric: Option<&Bound<'py, PyAny>>,
    weights: Option<&Bound<'py, PyAny>>,
    pictures: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    guarded(|| {
        let (task, outcome) = (task_of(task)?.get(), outcome_of(outcome, "outcome")?.get());
        let channels = channels.map_or(Ok(Channels { image: true, rubric: true }), read_channels)?;
        let detail = rubric.map_or(Ok(RubricDetail::Binary), read_detail)?;
        let weights = axis_weights(task.task.domain, weights)?;
        let shown = rubric_json(&outcome.diagnosis(py, task)?.rubric, detail, &weights);
        let feedback = Feedback::on(&outcome.outcome, &shown);
        written(py, &teacher_prompt(&task.task, &feedback, channels), form(pictures)?)
    })
}

/// What a teacher with the reference code is shown (the OPSD baseline).
///
/// Raises ValueError if the task has no reference. Returns as student_messages.
#[pyfunction]
#[pyo3(signature = (task, *, pictures=None))]
pub fn reference_messages<'py>(
    py: Python<'py>,
    task: &Bound<'py, PyAny>,
    pictures: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    guarded(|| {
        let task: &Bound<'py, Task> = instance(task, "task", "a Task")?;
        let task = &task.get().task;
        let code = task.reference.as_deref();
        let code = code.ok_or_else(|| value("the task has no reference", "make it with reference=code"))?;
        let channels = Channels { image: false, rubric: false };
        written(py, &teacher_prompt(task, &Feedback::Reference { code }, channels), form(pictures)?)
    })
}

fn read_channels(list: &Bound<'_, PyAny>) -> PyResult<Channels> {
    let mut channels = Channels { image: false, rubric: false };
    let known = [("image", true), ("rubric", false)];
    for (i, channel) in items(list, "channels", "a list of \"image\" and \"rubric\"")?.iter().enumerate() {
        match choice(channel, &format!("channels[{i}]"), &known)? {
            true => channels.image = true,
            false => channels.rubric = true,
        }
    }
    Ok(channels)
}

fn read_detail(name: &Bound<'_, PyAny>) -> PyResult<RubricDetail> {
    let given = text(name, "rubric")?;
    given.parse().map_err(|help| value(&format!("`rubric` is {given:?}"), help))
}

/// How pictures are handed out.
#[derive(Clone, Copy)]
enum Form {
    Array,
    Pillow,
}

fn form(name: Option<&Bound<'_, PyAny>>) -> PyResult<Form> {
    name.map_or(Ok(Form::Array), |name| {
        choice(name, "pictures", &[("array", Form::Array), ("pil", Form::Pillow)])
    })
}

fn written<'py>(py: Python<'py>, messages: &[Message], form: Form) -> PyResult<Bound<'py, PyList>> {
    let all = PyList::empty(py);
    for message in messages {
        let content = PyList::empty(py);
        for piece in &message.content {
            content.append(part(py, piece, form)?)?;
        }
        let dict = PyDict::new(py);
        dict.set_item("role", message.role.name())?;
        dict.set_item("content", content)?;
        all.append(dict)?;
    }
    Ok(all)
}

fn part<'py>(py: Python<'py>, piece: &Content, form: Form) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    match piece {
        Content::Text(text) => {
            dict.set_item("type", "text")?;
            dict.set_item("text", text)?;
        }
        Content::Image(image) => {
            dict.set_item("type", "image")?;
            dict.set_item("image", picture(py, image, form)?)?;
        }
    }
    Ok(dict)
}

fn picture<'py>(py: Python<'py>, image: &Image, form: Form) -> PyResult<Bound<'py, PyAny>> {
    let array = rgb(py, image)?;
    match form {
        Form::Array => Ok(array),
        Form::Pillow => {
            let pillow = py.import("PIL.Image").map_err(|_| {
                crate::errors::runtime(
                    "Pillow is not installed",
                    "pip install Pillow, or pass pictures=\"array\"",
                )
            })?;
            pillow.call_method1("fromarray", (array,))
        }
    }
}
