//! Seconds on one core for the pair score of two pages with 300 text blocks each: similar pages
//! with edits and splits, pages that have nothing in common, and pages that repeat few texts.

use std::time::Instant;
use vsdpo_artifact::TextBlock;
use vsdpo_score::design2code::pair::compare;

const BLOCKS: usize = 300;

/// Knuth's generator of 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// Letters about as frequent as in English.
    fn word(&mut self) -> String {
        const LETTERS: &[u8] = b"eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnssssssrrrrrrhhhhhhddddllllcccuuummmwwffggyyppbbvk";
        (0..2 + self.below(8)).map(|_| LETTERS[self.below(LETTERS.len())] as char).collect()
    }

    fn text(&mut self, words: usize) -> String {
        (0..1 + self.below(words)).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn block(at: usize, text: String) -> TextBlock {
    let top = at as f64 / (2 * BLOCKS) as f64;
    TextBlock { text, bbox: [0.1, top, 0.5, 0.01], color: [20.0, 30.0, 40.0] }
}

fn blocks(texts: impl Iterator<Item = String>) -> Vec<TextBlock> {
    texts.enumerate().take(BLOCKS).map(|(at, text)| block(at, text)).collect()
}

/// The texts with some words replaced and some texts split in two.
fn edited(texts: &[String], random: &mut Random) -> Vec<String> {
    let mut all = Vec::new();
    for text in texts {
        let mut words: Vec<String> = text.split(' ').map(str::to_string).collect();
        if random.below(3) == 0 {
            let at = random.below(words.len());
            words[at] = random.word();
        }
        let rest = words.split_off(if random.below(5) == 0 { words.len().div_ceil(2) } else { words.len() });
        all.push(words.join(" "));
        all.extend((!rest.is_empty()).then(|| rest.join(" ")));
    }
    all
}

fn measure(name: &str, cand: Vec<TextBlock>, refs: Vec<TextBlock>) {
    let began = Instant::now();
    let result = compare(cand, refs);
    let took = began.elapsed().as_secs_f64();
    println!(
        "{name}: {took:.3} s, {} and {} blocks left, text {:.3}",
        result.comparison.cand.len(),
        result.comparison.refs.len(),
        result.comparison.scores.text
    );
}

fn main() {
    let mut random = Random(1);
    let texts: Vec<String> = (0..BLOCKS).map(|_| random.text(12)).collect();
    let other: Vec<String> = (0..BLOCKS).map(|_| random.text(12)).collect();
    let changed = edited(&texts, &mut random);
    measure("similar", blocks(changed.into_iter()), blocks(texts.iter().cloned()));
    measure("unrelated", blocks(other.into_iter()), blocks(texts.iter().cloned()));
    let mut repeated = || blocks((0..BLOCKS).map(|_| texts[random.below(20)].clone()));
    measure("repeated", repeated(), repeated());
}
