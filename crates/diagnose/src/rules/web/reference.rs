//! The axes of a page that compare it with its reference: the five scores of Design2Code, and the
//! blocks that lower them.

use super::REFERENCE_RULES;
use crate::compared::{ReferenceResult, SATISFIED};
use crate::rules::Rule;
use crate::scene::{and_others, content, hex, quote};
use vsdpo_artifact::{
    Axis, AxisScore, BlockMatch as Match, Defect, Element, Image, Region, Rendered, TextBlock as Block,
    WebComparison,
};

/// Characters of a block's text that an observation and a message show.
const SHOWN: (usize, usize) = (20, 40);
/// Findings of one rule that are reported.
const REPORTED: usize = 64;

/// The axes and defects that the comparison adds; `rendered` is the candidate's render, of one
/// page.
pub(crate) fn compare(with: &WebComparison, rendered: &Rendered) -> ReferenceResult {
    let found = Findings::of(with, rendered);
    let axes = found.axes(with);
    let defects = found.all.into_iter().flat_map(|(_, found)| found.into_iter().map(|(_, d)| d));
    ReferenceResult { axes, defects: defects.collect() }
}

/// Findings with a short form of each, by rule, in the order of [`REFERENCE_RULES`].
struct Findings {
    all: [(&'static Rule, Vec<(String, Defect)>); 4],
}

impl Findings {
    fn of(blocks: &WebComparison, rendered: &Rendered) -> Self {
        let matches = &blocks.matches;
        let place = Place { elements: rendered.elements_on(0), image: &rendered.pages[0].image };
        let [missing, extra, moved, recolored] = &REFERENCE_RULES;
        let pairs = |costs: fn(&Match) -> f64| {
            let mut pairs: Vec<&Match> = matches.iter().filter(|m| costs(m) < SATISFIED).collect();
            pairs.sort_by(|a, b| costs(a).total_cmp(&costs(b)));
            pairs.into_iter().map(|m| (&blocks.cand[m.cand], &blocks.refs[m.reference]))
        };
        let lone = |of: &'_ [Block], has: &dyn Fn(usize) -> bool| -> Vec<Block> {
            of.iter().enumerate().filter(|(i, _)| !has(*i)).map(|(_, block)| block.clone()).collect()
        };
        let lost = lone(&blocks.refs, &|i| matches.iter().any(|m| m.reference == i));
        let more = lone(&blocks.cand, &|i| matches.iter().any(|m| m.cand == i));
        let lost = lost.iter().map(|b| (name(b, SHOWN.0), place.missing(b)));
        let more = more.iter().map(|b| (name(b, SHOWN.0), place.extra(b)));
        let shifted = pairs(|m| m.position).map(|(a, b)| (shift(a, b, SHOWN.0), place.moved(a, b)));
        let recoloured = pairs(|m| m.color).map(|(a, b)| (recolour(a, b, SHOWN.0), place.recolored(a, b)));
        let of = |rule: &'static Rule, found: &mut dyn Iterator<Item = (String, Defect)>| {
            let named = |(short, d)| (short, Defect { rule: rule.id, properties: rule.properties, ..d });
            (rule, found.take(REPORTED).map(named).collect())
        };
        let (mut lost, mut more, mut shifted, mut recoloured) = (lost, more, shifted, recoloured);
        Self {
            all: [
                of(missing, &mut lost),
                of(extra, &mut more),
                of(moved, &mut shifted),
                of(recolored, &mut recoloured),
            ],
        }
    }

    fn axes(&self, with: &WebComparison) -> Vec<(Axis, AxisScore)> {
        let scores = with.scores;
        let summary = |i: usize| {
            let found = &self.all[i].1;
            found.first().map(|(short, _)| and_others(short.clone(), found.len()))
        };
        let textless = with.refs.is_empty() && with.cand.is_empty();
        let axis = |axis: Axis, score: Option<f64>, observed: String| {
            let satisfied = score.map(|s| s >= SATISFIED);
            (axis, AxisScore { satisfied, score: score.map(|s| s as f32), observed, remedy: None })
        };
        let text_axis = |of: Axis, score: f64, observed: String| match textless {
            true => axis(of, None, "no text".into()),
            false => axis(of, Some(score), observed),
        };
        let lists = [summary(0).map(|s| format!("missing {s}")), summary(1).map(|s| format!("extra {s}"))];
        let lists: Vec<String> = lists.into_iter().flatten().collect();
        let matched = if lists.is_empty() { "all".into() } else { lists.join("; ") };
        vec![
            text_axis(super::BLOCK_MATCH, scores.block_match, matched),
            text_axis(super::TEXT, scores.text, reworded(with)),
            text_axis(super::POSITION, scores.position, summary(2).unwrap_or("in place".into())),
            text_axis(super::COLOR, scores.color, summary(3).unwrap_or("all".into())),
            axis(super::CLIP, with.clip, with.clip.map_or("no weights".into(), |v| format!("{v:.2}"))),
        ]
    }
}

/// A block's name in reports: its text.
fn name(block: &Block, max: usize) -> String {
    quote(&block.text, max)
}

/// Distance and direction by which a block has moved, in percent of the page.
fn shift(a: &Block, b: &Block, max: usize) -> String {
    let centre = |[x, y, w, h]: [f64; 4]| (x + w / 2.0, y + h / 2.0);
    let ((ax, ay), (bx, by)) = (centre(a.bbox), centre(b.bbox));
    let (dx, dy) = (ax - bx, ay - by);
    let (by, where_to) = match dx.abs() > dy.abs() {
        true => (dx, if dx > 0.0 { "right" } else { "left" }),
        false => (dy, if dy > 0.0 { "down" } else { "up" }),
    };
    format!("{} {:.0}% too far {where_to}", name(b, max), 100.0 * by.abs())
}

fn recolour(a: &Block, b: &Block, max: usize) -> String {
    let color = |block: &Block| hex(block.color.map(|c| c.clamp(0.0, 255.0).round() as u8));
    format!("{} {}, not {}", name(b, max), color(a), color(b))
}

/// The matched pair whose texts differ most.
fn reworded(blocks: &WebComparison) -> String {
    if blocks.matches.is_empty() {
        return "nothing matches".into();
    }
    let reworded: Vec<&Match> = blocks.matches.iter().filter(|m| m.text < 1.0).collect();
    let worst = reworded.iter().min_by(|a, b| a.text.total_cmp(&b.text));
    let pair = |m: &&Match| {
        let (a, b) = (&blocks.cand[m.cand], &blocks.refs[m.reference]);
        and_others(format!("{} for {}", name(a, SHOWN.0), name(b, SHOWN.0)), reworded.len())
    };
    worst.map_or("all".into(), pair)
}

/// Finds the elements of a page that are at fault for a block.
struct Place<'a> {
    elements: &'a [Element],
    image: &'a Image,
}

impl Place<'_> {
    fn region(&self, [x, y, w, h]: [f64; 4]) -> Region {
        let (width, height) = (f64::from(self.image.width), f64::from(self.image.height));
        let scaled = [x * width, y * height, (x + w) * width, (y + h) * height];
        Region::from(scaled.map(|v| v as f32))
    }

    /// The smallest element around the place where the block should be; its region is that place.
    fn missing(&self, block: &Block) -> Defect {
        let place = self.region(block.bbox);
        let mut defect = self.defect(self.around(place), format!("missing: {}", name(block, SHOWN.1)));
        defect.regions.fill(place);
        defect
    }

    fn extra(&self, block: &Block) -> Defect {
        self.defect(self.under(block), format!("not in the reference: {}", name(block, SHOWN.1)))
    }

    fn moved(&self, a: &Block, b: &Block) -> Defect {
        self.defect(self.under(a), format!("moved: {}", shift(a, b, SHOWN.1)))
    }

    fn recolored(&self, a: &Block, b: &Block) -> Defect {
        self.defect(self.under(a), format!("other colour: {}", recolour(a, b, SHOWN.1)))
    }

    fn defect(&self, elements: Vec<&Element>, message: String) -> Defect {
        crate::rules::defect(&elements, message)
    }

    /// The texts inside a block of the page: those with its words, else all of them, else the
    /// smallest element around it.
    fn under(&self, block: &Block) -> Vec<&Element> {
        let place = self.region(block.bbox).grow(1.0);
        let lies_inside = |e: &&Element| {
            let lines = || e.html.iter().flat_map(|f| &f.lines);
            let inside: f32 = lines().map(|line| line.intersect(place).area()).sum();
            inside > 0.5 * lines().map(|line| line.area()).sum::<f32>()
        };
        let has_its_words =
            |e: &&Element| !content(e).is_empty() && block.text.contains(&content(e).to_lowercase());
        let texts: Vec<&Element> = self.elements.iter().filter(lies_inside).collect();
        let own: Vec<&Element> = texts.iter().copied().filter(has_its_words).collect();
        match (own.is_empty(), texts.is_empty()) {
            (false, _) => own,
            (true, false) => texts,
            (true, true) => self.around(place),
        }
    }

    /// The smallest element that holds most of a place.
    fn around(&self, place: Region) -> Vec<&Element> {
        let holds = |e: &&Element| place.ioa(e.region) > 0.5;
        let smallest = self.elements.iter().filter(holds);
        smallest.min_by(|a, b| a.region.area().total_cmp(&b.region.area())).into_iter().collect()
    }
}
