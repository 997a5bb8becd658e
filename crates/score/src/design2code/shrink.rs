//! The input of CLIP for a page: its screenshot without texts, resized to a small square
//! (docs/specs/design2code.md, 13).

use super::inpaint::inpaint;
use vsdpo_artifact::{Image, Resampling, resize_rgb};

/// Pixels of a side of the square.
const SIDE: usize = 224;

/// The screenshot with the boxes (fractions of the page) inpainted, as a square of 224 pixels.
pub fn picture(image: &Image, boxes: &[[f64; 4]]) -> Image {
    let (w, h) = (image.width as usize, image.height as usize);
    let side = w.min(h);
    if side == 0 {
        return image.clone();
    }
    let mut pixels = image.rgba.as_chunks::<4>().0.to_vec();
    if !boxes.is_empty() {
        inpaint(&mut pixels, w, &hidden(w, h, boxes));
    }
    let rgb = pixels.iter().map(|&[r, g, b, _]| [r, g, b]).collect::<Vec<_>>().into_flattened();
    let square = resize_rgb(&rgb, (w, h), (side, side), Resampling::PillowLanczos);
    let small = resize_rgb(&square, (side, side), (SIDE, SIDE), Resampling::PillowBicubic);
    let rgba: Vec<u8> = small.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    Image { width: SIDE as u32, height: SIDE as u32, rgba: rgba.into() }
}

/// The pixels of the boxes. Fractions become pixels by truncation, which may lose one to rounding,
/// as in the benchmark.
fn hidden(w: usize, h: usize, boxes: &[[f64; 4]]) -> Vec<bool> {
    let mut hidden = vec![false; w * h];
    for &[left, top, width, height] in boxes {
        let (x, y) = ((left * w as f64) as usize, (top * h as f64) as usize);
        let (right, bottom) = (x + (width * w as f64) as usize, y + (height * h as f64) as usize);
        for row in hidden.chunks_exact_mut(w).take(bottom.min(h)).skip(y) {
            row[x.min(w)..right.min(w)].fill(true);
        }
    }
    hidden
}
