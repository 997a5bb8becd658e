//! Finds the rules of a page's style sheets that apply to its elements.
//!
//! The browser reports, per element, the rules that match (`CSS.getMatchedStylesForNode`),
//! those of lower rank first; here the last word on each property is found, and the rule's place in
//! the source.

use super::store::ORIGIN;
use super::tag::Tagged;
use crate::text::clean_line;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use vsdpo_artifact::{Span, StyleRule};

/// Characters of the name of a file.
const MAX_FILE: usize = 200;

/// Properties that an element takes from the one around it when nothing sets them.
const INHERITED: [&str; 17] = [
    "color",
    "direction",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "letter-spacing",
    "line-height",
    "overflow-wrap",
    "text-align",
    "text-indent",
    "text-transform",
    "visibility",
    "white-space",
    "word-break",
    "word-spacing",
];

/// What `CSS.styleSheetAdded` says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
    style_sheet_id: String,
    #[serde(default)]
    owner_node: i64,
    is_inline: bool,
    #[serde(rename = "sourceURL", default)]
    url: String,
    #[serde(default)]
    length: f64,
}

impl Sheet {
    /// The parameters of the event.
    pub fn of(params: &Value) -> Option<Self> {
        Sheet::deserialize(&params["header"]).ok()
    }
}

/// The answer about one element.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Matched {
    attributes_style: Style,
    inline_style: Style,
    #[serde(rename = "matchedCSSRules")]
    rules: Vec<Match>,
    inherited: Vec<Matched>,
}

#[derive(Deserialize)]
struct Match {
    rule: Rule,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    style_sheet_id: Option<String>,
    selector_list: Selectors,
    style: Style,
}

#[derive(Deserialize)]
struct Selectors {
    selectors: Vec<Selector>,
}

#[derive(Deserialize)]
struct Selector {
    range: Option<Range>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Style {
    css_properties: Vec<Property>,
    range: Option<Range>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    name: String,
    #[serde(default)]
    important: bool,
    #[serde(default)]
    disabled: bool,
    parsed_ok: Option<bool>,
}

/// Lines from 0, columns in units of UTF-16, within the style sheet.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct Range {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

/// Where a rule stands: in the page, or in a file beside it at a line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Page(Span),
    Beside(String, usize),
}

/// A style sheet whose rules are of interest.
enum Text {
    /// Its text begins here in the source.
    Page(usize),
    /// It is this file beside the page.
    Beside(String),
}

/// The rules met so far.
pub struct Decided<'a> {
    source: &'a [u8],
    sheets: BTreeMap<String, Text>,
    rules: BTreeMap<Place, BTreeMap<String, Vec<u32>>>,
}

impl<'a> Decided<'a> {
    /// `tags` gives the number that a style element of the page is tagged with.
    pub fn new(tagged: &Tagged<'a>, sheets: &[Sheet], tags: impl Fn(i64) -> Option<String>) -> Self {
        let text = |sheet: &Sheet| {
            if sheet.is_inline {
                return Some(Text::Page(tagged.tag(&tags(sheet.owner_node)?)?.end));
            }
            let file = sheet.url.strip_prefix(ORIGIN)?.split(['?', '#']).next()?;
            (!file.is_empty() && sheet.owner_node != 0).then(|| Text::Beside(clean_line(file, MAX_FILE)))
        };
        let own = |sheet: &Sheet| Some((sheet.style_sheet_id.clone(), text(sheet)?));
        Self {
            source: tagged.source,
            sheets: sheets.iter().filter_map(own).collect(),
            rules: BTreeMap::new(),
        }
    }

    /// Whether no rule can be found, because the page has no style sheet of its own.
    pub fn is_empty(&self) -> bool {
        self.sheets.is_empty()
    }

    /// Characters of the sheets of interest, and of the others.
    pub fn lengths(&self, sheets: &[Sheet]) -> (u64, u64) {
        let (own, others): (Vec<&Sheet>, Vec<&Sheet>) =
            sheets.iter().partition(|sheet| self.sheets.contains_key(&sheet.style_sheet_id));
        let sum = |sheets: Vec<&Sheet>| sheets.iter().map(|sheet| sheet.length.max(0.0)).sum::<f64>() as u64;
        (sum(own), sum(others))
    }

    /// Takes in the answer about an element.
    pub fn add(&mut self, element: u32, answer: &Value) {
        let Ok(matched) = Matched::deserialize(answer) else { return };
        let mut decided = winners(&matched);
        for around in &matched.inherited {
            for (property, winner) in winners(around) {
                if INHERITED.contains(&property) {
                    decided.entry(property).or_insert(winner);
                }
            }
        }
        for (property, rule) in decided {
            let Some(place) = rule.and_then(|rule| self.place(rule)) else { continue };
            self.rules.entry(place).or_default().entry(property.to_owned()).or_default().push(element);
        }
    }

    /// The rules in the order of the source, then those of files beside it.
    pub fn rules(self) -> Vec<StyleRule> {
        let rule = |(place, decides): (Place, BTreeMap<_, _>)| {
            let (span, place) = match place {
                Place::Page(span) => (span, None),
                Place::Beside(file, line) => (Span::new(0, 0), Some(format!("{file}:{line}"))),
            };
            StyleRule { span, place, decides: decides.into_iter().collect() }
        };
        self.rules.into_iter().map(rule).collect()
    }

    /// Where a rule of one of the sheets of interest stands.
    fn place(&self, rule: &Rule) -> Option<Place> {
        let sheet = self.sheets.get(rule.style_sheet_id.as_deref()?)?;
        let first = rule.selector_list.selectors.first()?.range?;
        let begin = match sheet {
            Text::Page(begin) => *begin,
            Text::Beside(file) => return Some(Place::Beside(file.clone(), first.start_line + 1)),
        };
        let text = self.source.get(begin..)?;
        let block = rule.style.range?;
        let start = begin + offset(text, first.start_line, first.start_column)?;
        let end = begin + offset(text, block.end_line, block.end_column)?;
        let brace = usize::from(self.source.get(end) == Some(&b'}'));
        (start < end).then(|| Place::Page(Span::new(start, end + brace)))
    }
}

/// For every property that something sets on an element the rule that has the last word; `None` if
/// that is the element's own attribute.
fn winners(matched: &Matched) -> BTreeMap<&str, Option<&Rule>> {
    let rules = matched.rules.iter().map(|m| (&m.rule.style, Some(&m.rule)));
    let styles = std::iter::once((&matched.attributes_style, None)).chain(rules);
    let mut last: BTreeMap<&str, (bool, Option<&Rule>)> = BTreeMap::new();
    for (style, rule) in styles.chain([(&matched.inline_style, None)]) {
        for property in style.css_properties.iter().filter(|p| !p.disabled && p.parsed_ok != Some(false)) {
            let before = last.get(property.name.as_str()).is_some_and(|(important, _)| *important);
            if property.important || !before {
                last.insert(&property.name, (property.important, rule));
            }
        }
    }
    last.into_iter().map(|(property, (_, rule))| (property, rule)).collect()
}

/// The byte of a line and column. A line ends with LF, CR LF, CR or a form feed.
fn offset(text: &[u8], line: usize, column: usize) -> Option<usize> {
    let ends = (0..text.len()).filter(|&i| match text[i] {
        b'\n' | b'\x0c' => true,
        b'\r' => text.get(i + 1) != Some(&b'\n'),
        _ => false,
    });
    let start = std::iter::once(0).chain(ends.map(|i| i + 1)).nth(line)?;
    // Every character takes one unit, those beyond the first 65 536 two; they have four bytes.
    let (mut at, mut units) = (start, 0);
    while units < column {
        let byte = *text.get(at)?;
        units += 1 + usize::from(byte >= 0xf0);
        at += 1;
        while text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
            at += 1;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_units_of_utf_16() {
        let check = |text: &str, line, column, want: Option<&str>| {
            let rest = offset(text.as_bytes(), line, column).map(|at| &text[at..]);
            assert_eq!(rest, want, "{text:?} {line}:{column}");
        };
        check("abc", 0, 1, Some("bc"));
        check("a\nbc", 1, 1, Some("c"));
        check("a\r\nb\rc\x0cd", 2, 0, Some("c\x0cd"));
        check("a\r\nb\rc\x0cd", 3, 0, Some("d"));
        check("é→😀x", 0, 4, Some("x"));
        check("ab", 0, 2, Some(""));
        check("ab", 0, 3, None);
        check("ab", 1, 0, None);
    }
}
