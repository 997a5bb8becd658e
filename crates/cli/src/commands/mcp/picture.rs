//! Pictures for a model: framed, and no larger than models look at.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::imageops::FilterType;
use image::{RgbaImage, imageops};
use vsdpo_artifact::{Image, Region};
use vsdpo_score::files::png;

/// Pixels of the longer side at most; larger pictures are made smaller by the models' own
/// processors.
const LONGEST: u32 = 1568;
/// Colour and width in pixels of a frame.
const FRAME: ([u8; 4], u32) = ([230, 0, 120, 255], 2);

/// A picture with these boxes framed, as a PNG file in base64.
///
/// # Errors
/// A picture that cannot be encoded.
pub fn framed(picture: &Image, boxes: &[Region]) -> Result<String> {
    let (width, height) = (picture.width, picture.height);
    let mut canvas = RgbaImage::from_raw(width, height, picture.rgba.to_vec()).unwrap_or_default();
    for region in boxes {
        frame(&mut canvas, *region);
    }
    let scale = f64::from(LONGEST) / f64::from(width.max(height).max(1));
    if scale < 1.0 {
        let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        canvas = imageops::resize(&canvas, side(width), side(height), FilterType::Triangle);
    }
    let (width, height) = canvas.dimensions();
    Ok(STANDARD.encode(png(&Image { width, height, rgba: canvas.into_raw().into() })?))
}

/// Draws a frame just around a box, as far as the picture reaches.
fn frame(canvas: &mut RgbaImage, region: Region) {
    let (color, pen) = FRAME;
    let (width, height) = canvas.dimensions();
    let low = |v: f32| (v.max(0.0) as u32).saturating_sub(pen);
    let high = |v: f32, end: u32| ((v.max(0.0) as u32).saturating_add(pen + 1)).min(end);
    let (x0, y0) = (low(region.x0), low(region.y0));
    let (x1, y1) = (high(region.x1, width), high(region.y1, height));
    for y in y0..y1 {
        for x in x0..x1 {
            let inside = x >= x0 + pen && x + pen < x1 && y >= y0 + pen && y + pen < y1;
            if !inside {
                canvas.put_pixel(x, y, image::Rgba(color));
            }
        }
    }
}
