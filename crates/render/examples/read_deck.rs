//! Reads .pptx files and prints what was found and how long it took: `cargo run --release -p
//! vsdpo-render --example read_deck -- FILE.pptx...`

use std::time::Instant;
use vsdpo_render::pptx;

const ROUNDS: u32 = 10;

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let start = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(pptx::read(&bytes).map(|deck| deck.rendered().elements.len())).ok();
        }
        let read = start.elapsed() / ROUNDS;
        let start = Instant::now();
        let frozen = pptx::freeze(&bytes);
        let freeze = start.elapsed();
        match pptx::read(&bytes) {
            Ok(deck) => {
                let shapes: usize = deck.slides.iter().map(|s| s.shapes.len()).sum();
                println!(
                    "{path}: {} slides, {shapes} shapes, {} faults; read in {read:.1?}, frozen in {freeze:.1?}, {} to {} bytes",
                    deck.slides.len(),
                    deck.faults.len(),
                    bytes.len(),
                    frozen.len(),
                );
                deck.faults.iter().for_each(|fault| println!("  {fault}"));
            }
            Err(why) => println!("{path}: {why}"),
        }
    }
}
