//! Where every element of a page stands in its source.
//!
//! An attribute with the element's number is put behind the name of each start tag, in the original
//! bytes: the page is never written anew. The attribute changes no selector that a page can hold,
//! as its name is made from the page.

use lol_html::html_content::Element;
use lol_html::{HtmlRewriter, Settings, element};
use sha2::{Digest, Sha256};
use vsdpo_artifact::Span;

/// Elements that are numbered; the ones behind them are charged to those around them.
const MAX_TAGS: usize = 20_000;

/// A page whose elements carry ids.
pub struct Tagged<'a> {
    /// The source.
    pub source: &'a [u8],
    /// The page with the attribute in every start tag.
    pub html: Vec<u8>,
    /// The attribute's name.
    pub attribute: String,
    /// For each number, the bytes of the start tag in the original source.
    pub tags: Vec<Span>,
}

impl<'a> Tagged<'a> {
    /// Numbers the elements of `html`. A page that cannot be read to its end keeps the numbers up
    /// to there.
    pub fn new(html: &'a [u8]) -> Self {
        let digest = Sha256::digest(html);
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let attribute = format!("data-{name}");
        let places = places(html);
        let mut tagged = Vec::with_capacity(html.len() + places.len() * (attribute.len() + 8));
        let mut from = 0;
        for (number, (_, name_end)) in places.iter().enumerate() {
            tagged.extend_from_slice(&html[from..*name_end]);
            tagged.extend_from_slice(format!(" {attribute}={number}").as_bytes());
            // `<br/>` would give the slash to the attribute's value.
            if html.get(*name_end) == Some(&b'/') {
                tagged.push(b' ');
            }
            from = *name_end;
        }
        tagged.extend_from_slice(&html[from..]);
        Self { source: html, html: tagged, attribute, tags: places.into_iter().map(|(tag, _)| tag).collect() }
    }

    /// The start tag of a number that a page claims.
    pub fn tag(&self, number: &str) -> Option<Span> {
        self.tags.get(number.parse::<usize>().ok()?).copied()
    }
}

/// The start tags of a page with the ends of their names, in order.
fn places(html: &[u8]) -> Vec<(Span, usize)> {
    let mut places = Vec::new();
    let tag = |element: &mut Element| {
        let at = element.source_location().bytes();
        // Names are ASCII up to here: `<`, name. What is not found there is left alone.
        let name = element.tag_name_preserve_case();
        let end = at.start + 1 + name.len();
        if places.len() < MAX_TAGS && html.get(at.start + 1..end) == Some(name.as_bytes()) {
            places.push((Span::new(at.start, at.end), end));
        }
        Ok(())
    };
    let mut settings = Settings::new();
    settings = settings.append_element_content_handler(element!("*", tag)).with_strict(false);
    let mut reader = HtmlRewriter::new(settings, |_: &[u8]| ());
    // What it cannot read it leaves; there is nothing to tag.
    let _ = reader.write(html).and_then(|()| reader.end());
    places
}
