//! Pictures in and out: arrays of numpy, PNG and JPEG bytes, images of Pillow.

use crate::convert::{array, wrong_type};
use crate::errors::value;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vsdpo_artifact::Image;

const EXPECTED: &str =
    "a uint8 array of shape (height, width, 3 or 4), bytes of a PNG or JPEG, or an image of Pillow";

/// A picture that a caller passes. The transparency of encoded pictures and of Pillow's is dropped,
/// as transformers' loader does; an array with four channels keeps its own.
pub fn read(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Image> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return vsdpo_data::decode_picture(bytes.as_bytes()).map_err(|why| {
            value(&format!("`{name}` cannot be decoded: {why}"), &format!("pass {EXPECTED}"))
        });
    }
    if object.hasattr("convert")? && object.hasattr("tobytes")? {
        let size: (usize, usize) = object.getattr("size")?.extract()?;
        let bytes = object.call_method1("convert", ("RGB",))?.call_method0("tobytes")?;
        return pixels(bytes.cast::<PyBytes>()?.as_bytes(), [size.1, size.0, 3], name);
    }
    if !object.hasattr("__array__")? {
        return Err(wrong_type(object, name, EXPECTED));
    }
    let array = object.py().import("numpy")?.call_method1("asarray", (object,))?;
    let (shape, dtype) = (array.getattr("shape")?.extract::<Vec<usize>>()?, array.getattr("dtype")?.str()?);
    let bytes = array.call_method0("tobytes")?;
    match <[usize; 3]>::try_from(shape.as_slice()) {
        Ok(shape) if dtype == "uint8" => pixels(bytes.cast::<PyBytes>()?.as_bytes(), shape, name),
        _ => Err(value(&format!("`{name}` is {dtype} of shape {shape:?}"), &format!("pass {EXPECTED}"))),
    }
}

/// The picture of rows from the top of three or four bytes a pixel.
fn pixels(bytes: &[u8], shape: [usize; 3], name: &str) -> PyResult<Image> {
    let [height, width, channels] = shape;
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let rgba = match channels {
        4 => Some(bytes.to_vec()),
        3 => Some(bytes.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect()),
        _ => None,
    };
    match sides.zip(rgba).filter(|(_, rgba)| !rgba.is_empty()) {
        Some(((width, height), rgba)) => Ok(Image { width, height, rgba: rgba.into() }),
        None => Err(value(&format!("`{name}` has the shape {shape:?}"), &format!("pass {EXPECTED}"))),
    }
}

/// The array of a picture: uint8 of shape (height, width, 4), not premultiplied. A copy.
pub fn rgba<'py>(py: Python<'py>, image: &Image) -> PyResult<Bound<'py, PyAny>> {
    array(py, &image.rgba, "uint8", &[image.height as usize, image.width as usize, 4])
}

/// The array of a picture on white: uint8 of shape (height, width, 3).
pub fn rgb<'py>(py: Python<'py>, image: &Image) -> PyResult<Bound<'py, PyAny>> {
    array(py, &image.on_white(), "uint8", &[image.height as usize, image.width as usize, 3])
}
