//! Makes explicit what PowerPoint shows of texts that shrink to fit.
//!
//! PowerPoint shows the *stored* scale of such a text until somebody edits it; LibreOffice computes
//! a scale of its own. A frozen file has the sizes and line distances that the stored scale makes,
//! and no shrinking, so that both show the same.
//!
//! *Source*: ECMA-376 part 1, 21.1.2.1.3: `fontScale` multiplies sizes, `lnSpcReduction` is
//! subtracted from line spacing. It says nothing of spacing before paragraphs or in points; both
//! stay. Sizes become whole points ([`TextBody::shown_points`](super::TextBody::shown_points)).

use super::deck::{Autofit, LineSpacing, TextBody};
use super::fault::Faults;
use super::package::Package;
use super::shapes::chain;
use super::slides::{presentation_of, slide_parts};
use super::templates::{Context, Documents, placeholder_of};
use super::text::{Chain, Place, paragraphs};
use super::xml::{self, Node, child, named};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::ops::Range;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Line spacing that a reduction leaves at least.
const LEAST_SPACING: f64 = 0.1;

/// The file with shrunk texts frozen. Nothing else changes: other parts are copied as they are
/// packed. A file that cannot be read, or has nothing to freeze, comes back as it is.
pub fn freeze(bytes: &[u8]) -> Vec<u8> {
    rewritten(bytes).unwrap_or_else(|| bytes.to_vec())
}

fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut faults = Faults::default();
    let package = Package::open(bytes, &mut faults).ok()?;
    let presentation = presentation_of(&package, &mut faults).ok()?;
    let documents = Documents::parse(&package, &presentation);
    let mut changed = BTreeMap::new();
    for part in slide_parts(&package, &documents, &presentation, &mut faults) {
        if let Some(text) = frozen(&package, &documents, (&part, &presentation)) {
            changed.insert(part, text);
        }
    }
    if changed.is_empty() {
        return None;
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len())));
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).ok()?;
        let name = entry.name().ok()?.into_owned();
        match changed.get(name.trim_start_matches('/')) {
            Some(text) => {
                writer.start_file(name, SimpleFileOptions::default()).ok()?;
                writer.write_all(text.as_bytes()).ok()?;
            }
            None => writer.raw_copy_file(entry).ok()?,
        }
    }
    Some(writer.finish().ok()?.into_inner())
}

/// The text of a slide with its shrunk texts frozen; `None` if it has none.
fn frozen(
    package: &Package,
    documents: &Documents<'_>,
    (part, presentation): (&str, &str),
) -> Option<String> {
    let text = package.text(part)?;
    let document = xml::parse(text).ok()?;
    let root = document.root_element();
    let relations = package.relations(part);
    let context = Context::of(documents, (part, root, &relations), presentation, &mut Faults::default());
    let mut edits = Edits { text, list: Vec::new() };
    for shape in root.descendants().filter(|n| named(*n, "sp")) {
        edits.freeze(shape, &context);
    }
    if edits.list.is_empty() {
        return None;
    }
    // What stands before the root may name another encoding.
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    Some(edits.apply(head, root.range()))
}

/// Replacements of byte ranges of a text.
struct Edits<'t> {
    text: &'t str,
    list: Vec<(Range<usize>, String)>,
}

impl Edits<'_> {
    fn apply(mut self, head: &str, whole: Range<usize>) -> String {
        // Stable: what is inserted at one place stays in order.
        self.list.sort_by_key(|(range, _)| range.start);
        let mut out = String::with_capacity(head.len() + whole.len() + self.list.len() * 32);
        out.push_str(head);
        let mut at = whole.start;
        for (range, new) in self.list {
            out.push_str(self.text.get(at..range.start).unwrap_or_default());
            out.push_str(&new);
            at = range.end;
        }
        out.push_str(self.text.get(at..whole.end).unwrap_or_default());
        out
    }

    fn freeze<'a>(&mut self, shape: Node<'a>, context: &Context<'a>) {
        let Some(body) = child(shape, "txBody") else { return };
        let Some(properties) = child(body, "bodyPr") else { return };
        let own = placeholder_of(shape);
        let inherited = own.as_ref().map_or([None, None], |own| context.inherited(own));
        let chain = chain(shape, body, inherited, context);
        let read = chain.body(body);
        let Autofit::Shrink { scale, line_reduction } = read.autofit else { return };
        self.drop_autofit(properties);
        for paragraph in paragraphs(body) {
            let place = chain.place(paragraph);
            let mut missing = String::new();
            if line_reduction > 0.0
                && let LineSpacing::Share(spacing) = chain.line_spacing(&place)
            {
                let spacing = (spacing - f64::from(line_reduction)).max(LEAST_SPACING);
                missing = self.space(paragraph, spacing);
            }
            if scale < 1.0 {
                missing += &self.resize(paragraph, (&chain, &place, &read));
            }
            if !missing.is_empty() {
                self.prepend(paragraph, &missing);
            }
        }
    }

    /// Replaces what `bodyPr` says of fitting.
    fn drop_autofit(&mut self, properties: Node<'_>) {
        let prefix = self.prefix(properties);
        let none = format!("<{prefix}noAutofit/>");
        let fits = |n: &Node<'_>| matches!(n.tag_name().name(), "noAutofit" | "normAutofit" | "spAutoFit");
        if let Some(old) = properties.children().find(fits) {
            self.list.push((old.range(), none));
        } else if let Some(warp) = child(properties, "prstTxWarp") {
            self.list.push((warp.range().end..warp.range().end, none));
        } else {
            self.prepend(properties, &none);
        }
    }

    /// Sets the line spacing of a paragraph. Returns what must still come into the paragraph.
    fn space(&mut self, paragraph: Node<'_>, spacing: f64) -> String {
        let a = self.prefix(paragraph);
        let value = (spacing * 100_000.0).round();
        let new = format!("<{a}lnSpc><{a}spcPct val=\"{value}\"/></{a}lnSpc>");
        let Some(properties) = child(paragraph, "pPr") else { return format!("<{a}pPr>{new}</{a}pPr>") };
        match child(properties, "lnSpc") {
            Some(old) => self.list.push((old.range(), new)),
            None => self.prepend(properties, &new),
        }
        String::new()
    }

    /// Sets the sizes of a paragraph's pieces and of its end. Returns what must still come into the
    /// paragraph.
    fn resize<'a>(
        &mut self,
        paragraph: Node<'a>,
        (chain, place, body): (&Chain<'a, '_>, &Place<'a>, &TextBody),
    ) -> String {
        let size = |own: Option<Node<'a>>| {
            format!("sz=\"{}\"", (body.shown_points(chain.points(own, place)) * 100.0).round())
        };
        let mut empty = true;
        for piece in paragraph.children().filter(Node::is_element) {
            match piece.tag_name().name() {
                "r" | "fld" | "br" => {
                    empty = false;
                    let own = child(piece, "rPr");
                    match own {
                        Some(own) => self.set_size(own, &size(Some(own))),
                        None => {
                            let a = self.prefix(piece);
                            self.prepend(piece, &format!("<{a}rPr {}/>", size(None)));
                        }
                    }
                }
                "endParaRPr" => {
                    empty = false;
                    self.set_size(piece, &size(Some(piece)));
                }
                _ => (),
            }
        }
        // The end of a paragraph goes last; one without pieces has nothing but its properties.
        let bare = empty && child(paragraph, "pPr").is_none();
        let a = self.prefix(paragraph);
        if bare { format!("<{a}endParaRPr {}/>", size(None)) } else { String::new() }
    }

    fn set_size(&mut self, properties: Node<'_>, size: &str) {
        match properties.attributes().find(|a| a.name() == "sz" && a.namespace().is_none()) {
            Some(old) => self.list.push((old.range(), size.to_owned())),
            None => {
                let at = properties.range().start + 1 + self.name(properties).len();
                self.list.push((at..at, format!(" {size}")));
            }
        }
    }

    /// Puts XML in front of everything in an element.
    fn prepend(&mut self, node: Node<'_>, inner: &str) {
        let range = node.range();
        let Some(end) = self.text.get(range.clone()).and_then(end_of_tag).map(|end| range.start + end) else {
            return;
        };
        if self.text.as_bytes().get(end - 2) == Some(&b'/') {
            let name = self.name(node);
            self.list.push((end - 2..end, format!(">{inner}</{name}>")));
        } else {
            self.list.push((end..end, inner.to_owned()));
        }
    }

    /// Name of an element as the text writes it, with its prefix.
    fn name(&self, node: Node<'_>) -> String {
        let tag = self.text.get(node.range().start + 1..).unwrap_or_default();
        let end = tag.find(|c: char| c.is_whitespace() || c == '/' || c == '>').unwrap_or(0);
        tag[..end].to_owned()
    }

    /// The prefix of an element, with its colon.
    fn prefix(&self, node: Node<'_>) -> String {
        self.name(node).split_once(':').map_or(String::new(), |(prefix, _)| format!("{prefix}:"))
    }
}

/// Where the first tag of a text ends: one past its `>`.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            (Some(open), _) if open == byte => quote = None,
            _ => (),
        }
    }
    None
}
