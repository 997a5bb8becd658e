//! Which drawn words are the text of which shape.
//!
//! A PDF has words in the order in which they were drawn, which is that of the shapes, after those
//! of the layout and the master; it does not say whose they are. A shape's words are the first
//! unused ones, in a row, that spell its text. Bullets and numbers are drawn too and stand in no
//! text.

use crate::office::Word;
use vsdpo_artifact::Region;

/// Characters of a bullet or a number before a paragraph at most.
const BULLET: usize = 6;
/// Two words stand on one line when so much of the lower one's height is common.
const COMMON: f32 = 0.5;

/// The lines of a text as drawn, from top to bottom as they were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lines {
    pub boxes: Vec<Region>,
    /// The largest font size in pixels.
    pub size: f32,
}

/// The words of a slide that no shape has taken yet.
pub(super) struct Words<'a> {
    words: &'a [Word],
    letters: Vec<Vec<char>>,
    taken: Vec<bool>,
}

impl<'a> Words<'a> {
    pub fn new(words: &'a [Word]) -> Self {
        let letters = words.iter().map(|word| letters(&word.text)).collect();
        Self { words, letters, taken: vec![false; words.len()] }
    }

    /// Takes the words that spell a text; `None` if none do. Of several places the one nearest to
    /// the frame is right where texts repeat.
    pub fn take(&mut self, text: &str, frame: Region) -> Option<Lines> {
        let wanted = letters(text);
        if wanted.is_empty() {
            return None;
        }
        let starts =
            (0..self.words.len()).filter(|i| !self.taken[*i] && wanted.starts_with(&self.letters[*i]));
        let mut best: Option<(bool, Vec<usize>)> = None;
        for start in starts.filter(|i| !self.letters[*i].is_empty()) {
            let Some(found) = self.spell(&wanted, start) else { continue };
            let near = !self.words[found[0]].frame.intersect(frame).is_empty();
            if near || best.is_none() {
                best = Some((near, found));
            }
            if near {
                break;
            }
        }
        let (_, found) = best?;
        found.iter().for_each(|i| self.taken[*i] = true);
        Some(lines(found.iter().map(|i| &self.words[*i])))
    }

    /// The words from `start` on that spell a text.
    fn spell(&self, wanted: &[char], start: usize) -> Option<Vec<usize>> {
        let (mut found, mut done) = (Vec::new(), 0);
        for i in (start..self.words.len()).filter(|i| !self.taken[*i]) {
            let word = &self.letters[i];
            if !word.is_empty() && wanted[done..].starts_with(word) {
                found.push(i);
                done += word.len();
                if done == wanted.len() {
                    return Some(found);
                }
            } else if word.len() > BULLET {
                return None;
            }
        }
        None
    }
}

/// What two spellings of a text have in common: its characters without spaces, ligatures resolved,
/// without case, because a style may show capitals.
fn letters(text: &str) -> Vec<char> {
    let mut all = Vec::new();
    for c in text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '\u{ad}') {
        match c {
            '\u{fb00}' => all.extend("ff".chars()),
            '\u{fb01}' => all.extend("fi".chars()),
            '\u{fb02}' => all.extend("fl".chars()),
            '\u{fb03}' => all.extend("ffi".chars()),
            '\u{fb04}' => all.extend("ffl".chars()),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => (),
            '\u{2010}' | '\u{2011}' => all.push('-'),
            _ => all.extend(c.to_lowercase()),
        }
    }
    all
}

fn lines<'a>(words: impl Iterator<Item = &'a Word>) -> Lines {
    let mut lines = Lines::default();
    for word in words {
        lines.size = lines.size.max(word.size);
        let joins = |line: &Region| {
            let common = line.y1.min(word.frame.y1) - line.y0.max(word.frame.y0);
            common >= COMMON * line.height().min(word.frame.height()) && word.frame.x0 >= line.x0
        };
        match lines.boxes.last_mut().filter(|line| joins(line)) {
            Some(line) => *line = line.hull(word.frame),
            None => lines.boxes.push(word.frame),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, x: f32, y: f32) -> Word {
        let frame = Region::new(x, y, x + 10.0 * text.chars().count() as f32, y + 20.0);
        Word { text: text.into(), ink: frame, frame, size: 16.0 }
    }

    #[test]
    fn words_are_lines_of_the_shape_whose_text_they_spell() {
        let drawn = [
            word("Footer", 0.0, 700.0),
            word("•", 90.0, 100.0),
            word("Net", 110.0, 100.0),
            word("pro\u{fb01}t", 150.0, 100.0),
            word("•", 90.0, 130.0),
            word("UP", 110.0, 130.0),
            word("Net", 400.0, 100.0),
        ];
        let mut words = Words::new(&drawn);
        let near = |x: f32, y: f32| Region::new(x, y, x + 100.0, y + 50.0);
        let list = words.take("Net profit\nup", near(100.0, 90.0)).unwrap();
        let expected = [Region::new(110.0, 100.0, 200.0, 120.0), Region::new(110.0, 130.0, 130.0, 150.0)];
        assert_eq!(list.boxes, expected);
        // The first word is taken, and a field's text is not what the file says.
        assert_eq!(words.take("Net", near(0.0, 0.0)).unwrap().boxes[0].x0, 400.0);
        assert_eq!(words.take("‹#›", near(0.0, 0.0)), None);
        assert_eq!(words.take(" \n", near(0.0, 0.0)), None);
    }

    #[test]
    fn of_equal_texts_each_shape_has_the_one_in_its_frame() {
        let drawn = [word("Yes", 500.0, 100.0), word("Yes", 100.0, 100.0)];
        let mut words = Words::new(&drawn);
        let frame = Region::new(90.0, 90.0, 200.0, 130.0);
        assert_eq!(words.take("Yes", frame).unwrap().boxes[0].x0, 100.0);
        assert_eq!(words.take("Yes", frame).unwrap().boxes[0].x0, 500.0);
    }
}
