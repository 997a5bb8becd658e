//! Arguments and results: texts, numbers, names, arrays of numpy, JSON.

use crate::errors::{of_type, value};
use pyo3::prelude::*;
use pyo3::type_object::PyTypeCheck;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString};
use serde_json::Value;

/// The name of an object's type.
pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".into(), |name| name.to_string())
}

/// The error for an argument of another type.
pub fn wrong_type(object: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    of_type(&format!("`{name}` is {}, not {expected}", type_name(object)), &format!("pass {expected}"))
}

/// An argument of a simple type; `expected` says which, with its article.
pub fn argument<T>(object: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyResult<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    object.extract().map_err(|_| wrong_type(object, name, expected))
}

/// An argument that is an object of one of our classes.
pub fn instance<'a, 'py, T: PyTypeCheck>(
    object: &'a Bound<'py, PyAny>,
    name: &str,
    expected: &str,
) -> PyResult<&'a Bound<'py, T>> {
    object.cast::<T>().map_err(|_| wrong_type(object, name, expected))
}

/// A text.
pub fn text(object: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let text = object.cast::<PyString>().map_err(|_| wrong_type(object, name, "a str"))?;
    text.extract().map_err(|_| {
        value(
            &format!("`{name}` contains half of a surrogate pair, which is no character"),
            "decode it with errors=\"replace\"",
        )
    })
}

/// One of a few names.
pub fn choice<T: Copy>(object: &Bound<'_, PyAny>, name: &str, choices: &[(&str, T)]) -> PyResult<T> {
    let given = text(object, name)?;
    let known: Vec<String> = choices.iter().map(|(known, _)| format!("\"{known}\"")).collect();
    let found = choices.iter().find(|(known, _)| *known == given).map(|(_, choice)| *choice);
    found.ok_or_else(|| value(&format!("`{name}` is {given:?}"), &format!("pass {}", known.join(" or "))))
}

/// The items of a sequence, or the error for an argument that is none.
pub fn items<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    expected: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    // A string is a sequence of strings, and never meant as one.
    let listed = if object.is_instance_of::<PyString>() { None } else { object.try_iter().ok() };
    listed.ok_or_else(|| wrong_type(object, name, expected))?.collect()
}

/// A writable array of numpy over these bytes.
pub fn array<'py>(
    py: Python<'py>,
    bytes: &[u8],
    dtype: &str,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let flat = py.import("numpy")?.call_method1("frombuffer", (PyByteArray::new(py, bytes), dtype))?;
    flat.call_method1("reshape", (shape.to_vec(),))
}

/// A one-dimensional array of float32.
pub fn floats<'py>(py: Python<'py>, values: &[f32]) -> PyResult<Bound<'py, PyAny>> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    array(py, &bytes, "float32", &[values.len()])
}

/// Begin and end of every token, from an array of shape (T, 2) of whole numbers.
pub fn pairs(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<[i64; 2]>> {
    let py = object.py();
    let expected = "whole numbers of shape (T, 2): begin and end of every token";
    let array = py.import("numpy")?.call_method1("asarray", (object,));
    let array = array.map_err(|_| wrong_type(object, name, expected))?;
    if array.getattr("size")?.extract::<usize>()? == 0 {
        return Ok(Vec::new());
    }
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    if shape.len() != 2 || shape[1] != 2 || !matches!(kind.as_str(), "i" | "u") {
        let dtype = array.getattr("dtype")?.str()?;
        return Err(value(&format!("`{name}` is {dtype} of shape {shape:?}"), &format!("pass {expected}")));
    }
    let bytes = array.call_method1("astype", ("int64",))?.call_method0("tobytes")?;
    let bytes = bytes.cast::<PyBytes>()?.as_bytes();
    let number = |b: &[u8; 8]| i64::from_ne_bytes(*b);
    let numbers: Vec<i64> = bytes.as_chunks::<8>().0.iter().map(number).collect();
    Ok(numbers.as_chunks::<2>().0.to_vec())
}

/// JSON as objects of Python.
pub fn json<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(v) => v.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(v), _) => v.into_pyobject(py)?.into_any(),
            (None, Some(v)) => v.into_pyobject(py)?.into_any(),
            (None, None) => n.as_f64().unwrap_or(f64::NAN).into_pyobject(py)?.into_any(),
        },
        Value::String(v) => v.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| json(py, item)).collect::<PyResult<_>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            for (name, field) in fields {
                dict.set_item(name, json(py, field)?)?;
            }
            dict.into_any()
        }
    })
}

/// The JSON text of an object of Python.
pub fn json_text(object: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let py = object.py();
    let settings = PyDict::new(py);
    settings.set_item("allow_nan", false)?;
    let text = py.import("json")?.call_method("dumps", (object,), Some(&settings));
    text.and_then(|text| text.extract()).map_err(|e| {
        value(
            &format!("`{name}` cannot be written as JSON: {}", e.value(py)),
            "use dict, list, str and numbers",
        )
    })
}

/// Byte offset of every character of a text, and its length at the end.
pub struct Characters(Vec<usize>);

impl Characters {
    /// Those of `text`.
    pub fn of(text: &str) -> Self {
        Self(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    /// The byte at which a character begins; the end of the text for the number of characters.
    pub fn byte(&self, character: usize) -> Option<usize> {
        self.0.get(character).copied()
    }

    /// The character that a byte belongs to.
    pub fn character(&self, byte: usize) -> usize {
        self.0.partition_point(|&at| at <= byte).saturating_sub(1)
    }
}
