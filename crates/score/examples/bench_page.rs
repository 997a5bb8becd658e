//! Seconds on one core from the three screenshots of a long page to its text blocks and to the
//! input of CLIP: 1280 x 5000 pixels, 500 lines of text in colours of their own, half of each line
//! ink.

use std::time::Instant;
use vsdpo_artifact::Image;
use vsdpo_score::design2code::blocks::{Screenshots, blocks};
use vsdpo_score::design2code::items::Item;
use vsdpo_score::design2code::shrink::picture;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 5000;
/// Rows from one line of text to the next.
const LINE: u32 = 10;

/// The colour of a line, 16 levels a channel.
fn color(line: u32) -> [u8; 3] {
    let level = |q: u32| 10 + 16 * (q % 16) as u8;
    [level(line / 256), level(line / 16), level(line)]
}

/// White paper with checkered lines; `ink` gives the colour of a line's ink.
fn page(ink: impl Fn(u32) -> [u8; 3]) -> Image {
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let inked = |x: u32, y: u32| (100..1100).contains(&x) && y % LINE < 6 && (x + y).is_multiple_of(2);
    let pixel = |(x, y): (u32, u32)| if inked(x, y) { ink(y / LINE) } else { [255; 3] };
    let rgba: Vec<u8> = pixels.map(pixel).flat_map(|[r, g, b]| [r, g, b, 255]).collect();
    Image { width: WIDTH, height: HEIGHT, rgba: rgba.into() }
}

fn main() {
    let shots = Screenshots {
        plain: page(|line| [30, (line % 200) as u8, 60]),
        recolored: page(color),
        shifted: page(|line| color(line).map(|c| c.wrapping_add(50))),
    };
    let item = |line: u32| {
        let [r, g, b] = color(line);
        Item { text: format!("Line {line}"), color: format!("#{r:02X}{g:02X}{b:02X}") }
    };
    let items: Vec<Item> = (0..HEIGHT / LINE).map(item).collect();
    let began = Instant::now();
    let found = blocks(&items, &shots);
    println!("blocks: {:.3} s for {} of {}", began.elapsed().as_secs_f64(), found.len(), items.len());
    let boxes: Vec<[f64; 4]> = found.iter().map(|block| block.bbox).collect();
    let began = Instant::now();
    let small = picture(&shots.plain, &boxes);
    println!("picture: {:.3} s, {small:?}", began.elapsed().as_secs_f64());
}
