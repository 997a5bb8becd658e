//! Cleaning of a candidate's page (docs/specs/design2code.md, 3): a runaway repetition is cut off,
//! a fragment becomes a page, and the result is parsed and written once.

use super::html::{Content, Document, PageError};
use super::ratio::{Alphabet, Indexed};
use crate::python::read_back;
use std::collections::HashMap;

/// Characters of a chunk; at most the bits of a `u128`.
const CHUNK: usize = 100;
/// Similarity from which two chunks count as the same.
const ALIKE: f64 = 0.8;
/// Number of equal chunks from which they are a runaway repetition.
const RUNAWAY: usize = 5;
/// Number of equal elements that are kept.
const EQUAL: u32 = 50;

/// The text of a page's file, with line feeds for every kind of line end.
pub fn read(bytes: &[u8]) -> Result<String, PageError> {
    Ok(read_back(std::str::from_utf8(bytes)?))
}

/// The page that the metric compares, from a page of [`read`].
pub fn clean(page: &str) -> Result<String, PageError> {
    let page = without_repetition(page);
    // Everything from a `<html` up to some `>` is a tag.
    let html = page.to_ascii_lowercase().find("<html").is_some_and(|at| page[at..].contains('>'));
    let wrapped = if html { page.to_owned() } else { format!("<html><body><p>{page}</p></body></html>") };
    let mut document = Document::parse(&wrapped)?;
    prune(&mut document);
    Ok(document.to_string())
}

/// The page up to the first occurrence of a chunk of text that is repeated [`RUNAWAY`] times. As in
/// the benchmark, the place in the page is compared with the length of the *text* until something
/// is cut.
fn without_repetition(page: &str) -> &str {
    let (text, places) = text_of(page);
    let length = places.len();
    let mut cut = length;
    let mut chunks: Vec<Chunk> = Vec::new();
    for (i, chunk) in Alphabet::default().read(&text).chunks(CHUNK).enumerate() {
        let Some(known) = chunks.iter_mut().find(|known| known.is_like(chunk)) else {
            chunks.push(Chunk::new(chunk, i));
            continue;
        };
        known.count += 1;
        if known.count >= RUNAWAY {
            let start = cut.min(known.first * CHUNK);
            cut = cut.min(places.get(start).copied().unwrap_or(usize::MAX));
        }
    }
    if cut == length {
        return page;
    }
    page.char_indices().nth(cut).map_or(page, |(at, _)| &page[..at])
}

/// The page without the tags that lie on one line; and for each character of the result its place
/// in the page, found by reading both in parallel, which may be in a tag. Places count characters.
fn text_of(page: &str) -> (String, Vec<usize>) {
    let mut text = String::new();
    let mut rest = page;
    while let Some(open) = rest.find('<') {
        let stop = rest[open..].find(['>', '\n']).map_or(rest.len(), |n| open + n);
        // Without an end on its line, `<` and the rest of the line are text.
        let (keep, next) = if rest[stop..].starts_with('>') { (open, stop + 1) } else { (stop, stop) };
        text.push_str(&rest[..keep]);
        rest = &rest[next..];
    }
    text.push_str(rest);
    let mut page = page.chars().enumerate();
    let places = text.chars().map_while(|c| page.find(|(_, other)| *other == c)).map(|(at, _)| at).collect();
    (text, places)
}

/// A chunk that others are compared with.
struct Chunk {
    text: Indexed,
    /// The places of each character, as bits.
    places: HashMap<u32, u128>,
    /// Which chunk it is.
    first: usize,
    /// Number of chunks like it, itself included.
    count: usize,
}

impl Chunk {
    fn new(text: &[u32], first: usize) -> Self {
        let mut places: HashMap<u32, u128> = HashMap::new();
        for (i, &c) in text.iter().enumerate() {
            *places.entry(c).or_default() |= 1 << i;
        }
        Self { text: Indexed::new(text.to_vec()), places, first, count: 1 }
    }

    fn is_like(&self, other: &[u32]) -> bool {
        // The matching runs are a common subsequence, and the longest one is found much faster.
        let total = (self.text.text().len() + other.len()) as f64;
        2.0 * f64::from(self.common(other)) / total >= ALIKE && self.text.ratio(other) >= ALIKE
    }

    /// The length of the longest common subsequence, by a row of bits for each character of
    /// `other`.
    fn common(&self, other: &[u32]) -> u32 {
        let mut row = u128::MAX;
        for c in other {
            let met = row & self.places.get(c).copied().unwrap_or(0);
            row = row.wrapping_add(met) | (row - met);
        }
        row.count_zeros()
    }
}

/// Removes every element, with its content, after the fiftieth that is written the same.
fn prune(document: &mut Document) {
    let (written, places) = document.written();
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut removed = 0;
    let keep: Vec<bool> = std::iter::zip(&document.nodes, places)
        .map(|(node, place)| {
            if place.start < removed {
                return false;
            }
            if matches!(node.content, Content::Text(..)) {
                return true;
            }
            let count = counts.entry(&written[place.clone()]).or_default();
            *count += 1;
            if *count > EQUAL {
                removed = place.end;
            }
            *count <= EQUAL
        })
        .collect();
    let mut keep = keep.into_iter();
    document.nodes.retain(|_| keep.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_utf8_with_any_line_ends() {
        assert_eq!(read("a\r\nb\rc\n\r".as_bytes()).unwrap(), "a\nb\nc\n\n");
        let error = read(b"a\xff").unwrap_err().to_string();
        assert_eq!(error, "the page is not UTF-8: invalid utf-8 sequence of 1 bytes from index 1");
    }

    #[test]
    fn a_fragment_becomes_a_page() {
        assert_eq!(clean("a").unwrap(), "<html><body><p>a</p></body></html>");
        assert_eq!(clean("a<HTML\nx >").unwrap(), "a<html x=\"\"></html>");
        assert_eq!(clean("a<html").unwrap(), "<html><body><p>a<html< p=\"\"></html<></p></body></html>");
    }

    #[test]
    fn fifty_equal_elements_stay() {
        let page = |n| format!("<html>{}{}<b><br/></b></html>", "<i>o</i>".repeat(n), "<br/>".repeat(n));
        assert_eq!(clean(&page(50)).unwrap(), page(50).replace("<b><br/></b>", "<b></b>"));
        assert_eq!(clean(&page(60)).unwrap(), page(50).replace("<b><br/></b>", "<b></b>"));
        let page = |n| format!("<html>{}<u>x</u></html>", "<i><u>x</u></i>".repeat(n));
        assert_eq!(clean(&page(60)).unwrap(), page(50).replace("</i><u>x</u>", "</i>"));
    }

    /// A hundred times one letter; chunks of different letters are not similar.
    fn chunk(c: char) -> String {
        c.to_string().repeat(100)
    }

    #[test]
    fn a_chunk_that_occurs_five_times_is_cut_where_it_begins() {
        let of = |n| without_repetition(&format!("{}{}z", chunk('a'), chunk('b').repeat(n))).to_owned();
        assert_eq!(of(4), format!("{}{}z", chunk('a'), chunk('b').repeat(4)));
        assert_eq!(of(5), chunk('a'));
        assert_eq!(without_repetition(&chunk('ä').repeat(5)), "");
    }

    #[test]
    fn chunks_need_not_be_equal() {
        let page = |same: usize| -> String {
            let part = |i: u8| "x".repeat(same) + &char::from(b'a' + i).to_string().repeat(CHUNK - same);
            (0..5).map(part).collect()
        };
        assert_eq!(without_repetition(&page(80)), "");
        assert_eq!(without_repetition(&page(79)), page(79));
    }

    #[test]
    fn a_place_behind_the_length_of_the_text_is_not_cut() {
        let tag = format!("<p title='{}'>", chunk('.').repeat(6));
        let page = format!("{tag}{}", chunk('b').repeat(5));
        assert_eq!(without_repetition(&page), page);
        let tag = "<p title='...'>";
        assert_eq!(without_repetition(&format!("{tag}{}", chunk('b').repeat(5))), tag);
        // The first character of the text is found in the tag.
        assert_eq!(without_repetition(&format!("{tag}{}", chunk('t').repeat(5))), "<p ");
    }

    #[test]
    fn tags_on_one_line_are_not_text() {
        let text = |page| text_of(page).0;
        assert_eq!(text("a<b>c<d\n>e<<f>>g<"), "ac<d\n>e>g<");
        assert_eq!(text_of("<a>b<a>a").1, [3, 5]);
    }
}
