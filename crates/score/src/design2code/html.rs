//! A page as BeautifulSoup 4.12.2 reads and writes it with the `html.parser` of CPython 3.11.7
//! (docs/specs/design2code.md, 4). No tag is implied and none is moved: unclosed elements nest.

mod entities;
mod tokens;
mod tree;
mod write;

use std::collections::BTreeMap;

/// Why the benchmark's programs raise on a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The bytes are not UTF-8.
    #[error("the page is not UTF-8: {0}")]
    Encoding(#[from] std::str::Utf8Error),
    /// A marked section that the parser does not know.
    #[error("the parser rejects the section that begins `{0}`")]
    Section(String),
    /// Half a UTF-16 pair, which no file can hold.
    #[error("a character reference names the surrogate U+{0:04X}")]
    Surrogate(u32),
    /// There are fewer colours than elements that need one.
    #[error("more than {0} elements need a colour of their own")]
    Colors(usize),
    /// A style with a colour property but without a complete value.
    #[error("the style `{0}` names a colour without giving one")]
    Style(String),
}

/// A page. `to_string` writes it.
#[derive(Clone, Debug)]
pub struct Document {
    /// In document order: every element before its content.
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Number of elements around it. The deeper nodes that follow an element lie in it.
    pub depth: usize,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Element { name: String, attributes: BTreeMap<String, String> },
    Text(Kind, String),
}

/// The kinds of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Comment,
    Doctype,
    Instruction,
    Cdata,
    /// Any other marked section.
    Declaration,
}

impl Document {
    /// Parses a page.
    pub fn parse(page: &str) -> Result<Self, PageError> {
        let page = crate::python::read_back(page);
        Ok(tree::build(tokens::tokens(&page)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_cause() {
        let error = |page| Document::parse(page).unwrap_err().to_string();
        assert_eq!(error("<p><![foo[x]]>"), "the parser rejects the section that begins `<![foo[x]]>`");
        assert_eq!(error("&#xDFFF;"), "a character reference names the surrogate U+DFFF");
        assert_eq!(Document::parse("<p a='&#xDFFF;'>").unwrap().to_string(), "<p a=\"\u{fffd}\"></p>");
    }

    /// A browser would close each of them.
    #[test]
    fn unclosed_elements_nest() {
        assert_eq!(Document::parse("<p>a<p>b<li>").unwrap().to_string(), "<p>a<p>b<li></li></p></p>");
    }
}
