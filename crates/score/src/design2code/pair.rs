//! The scores of a pair of pages from their text blocks (docs/specs/design2code.md, 11 and 12).

use super::blocks::merged_by_box;
use super::merge::merge;
use super::ratio::ratio;
use crate::ciede2000::{Lab, difference};
use vsdpo_artifact::{BlockMatch, TextBlock, WebComparison, WebScores};

/// Similarity that the texts of a matched pair must have.
const ALIKE: f64 = 0.5;

/// Two lists of blocks, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedBlocks {
    /// Scores, merged blocks and matches, without CLIP's score. The boxes of the candidate's
    /// blocks hide its texts from CLIP.
    pub comparison: WebComparison,
    /// The boxes that hide the reference's texts from CLIP: those before the merge search, as in
    /// the benchmark, which changes one of the two lists in place.
    pub ref_masks: Vec<[f64; 4]>,
    /// Indices of matched blocks, whether or not their texts are similar.
    pub pairs: Vec<(usize, usize)>,
}

impl PairedBlocks {
    /// The boxes that hide the candidate's texts from CLIP.
    pub fn cand_masks(&self) -> Vec<[f64; 4]> {
        boxes(&self.comparison.cand)
    }
}

/// Compares the blocks of a candidate with those of its reference.
pub fn compare(mut cand: Vec<TextBlock>, refs: Vec<TextBlock>) -> PairedBlocks {
    let mut refs = merged_by_box(refs);
    let ref_masks = boxes(&refs);
    if cand.is_empty() || refs.is_empty() {
        let scores = WebScores::default();
        let comparison = WebComparison { scores, cand, refs, matches: Vec::new(), clip: None };
        return PairedBlocks { comparison, ref_masks, pairs: Vec::new() };
    }
    cand = merged_by_box(cand);
    let pairs = merge(&mut cand, &mut refs);
    let matches = matches(&cand, &refs, &pairs);
    let scores = scores(&cand, &refs, &matches);
    let comparison = WebComparison { scores, cand, refs, matches, clip: None };
    PairedBlocks { comparison, ref_masks, pairs }
}

fn boxes(blocks: &[TextBlock]) -> Vec<[f64; 4]> {
    blocks.iter().map(|block| block.bbox).collect()
}

fn matches(cand: &[TextBlock], refs: &[TextBlock], pairs: &[(usize, usize)]) -> Vec<BlockMatch> {
    let rated = pairs.iter().map(|&(a, b)| {
        let (cand, reference, text) = (&cand[a], &refs[b], ratio(&cand[a].text, &refs[b].text));
        let (position, color) = (nearness(cand.bbox, reference.bbox), likeness(cand.color, reference.color));
        BlockMatch { cand: a, reference: b, text, position, color }
    });
    rated.filter(|pair| pair.text >= ALIKE).collect()
}

fn scores(cand: &[TextBlock], refs: &[TextBlock], matches: &[BlockMatch]) -> WebScores {
    if matches.is_empty() {
        return WebScores::default();
    }
    let area = |block: &TextBlock| block.bbox[2] * block.bbox[3];
    let all: f64 = cand.iter().chain(refs).map(area).sum();
    let matched: f64 = matches.iter().map(|pair| area(&cand[pair.cand]) + area(&refs[pair.reference])).sum();
    let mean = |score: fn(&BlockMatch) -> f64| matches.iter().map(score).sum::<f64>() / matches.len() as f64;
    WebScores {
        block_match: matched / all,
        text: mean(|pair| pair.text),
        position: mean(|pair| pair.position),
        color: mean(|pair| pair.color),
    }
}

/// One minus the distance of the centres along the longer axis.
fn nearness(a: [f64; 4], b: [f64; 4]) -> f64 {
    let centre = |[x, y, w, h]: [f64; 4]| (x + w / 2.0, y + h / 2.0);
    let ((ax, ay), (bx, by)) = (centre(a), centre(b));
    1.0 - (ax - bx).abs().max((ay - by).abs())
}

fn likeness(a: [f64; 3], b: [f64; 3]) -> f64 {
    (1.0 - difference(Lab::of_rgb(a), Lab::of_rgb(b)) / 100.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By colormath 3.0.0.
    #[test]
    fn colors_are_as_alike_as_in_colormath() {
        for (a, b, want) in [
            ([34.0; 3], [35.0; 3], 0.9968529042857904),
            ([48.5, 12.25, 200.0], [50.0, 0.0, 255.0], 0.9338773339915755),
            ([255.0, 0.0, 0.0], [250.5, 0.0, 40.25], 0.9413881980387506),
            ([12.0, 200.0, 34.5], [240.0, 16.0, 128.0], 0.06903613929491326),
            ([3.0, 2.5, 1.0], [9.75, 10.0, 11.0], 0.984119024695512),
            ([0.0, 0.0, 255.0], [255.0, 255.0, 0.0], 0.0),
        ] {
            let got = likeness(a, b);
            assert!((got - want).abs() < 1e-13, "{got} is not {want}");
        }
    }

    fn block(text: &str, bbox: [f64; 4]) -> TextBlock {
        TextBlock { text: text.into(), bbox, color: [0.0; 3] }
    }

    #[test]
    fn only_similar_texts_count_weighted_by_area() {
        let cand = vec![block("harbour", [0.0, 0.0, 0.5, 0.5]), block("xyz", [0.0, 0.5, 0.5, 0.1])];
        let refs = vec![block("harbour", [0.1, 0.2, 0.5, 0.5])];
        let got = compare(cand.clone(), refs.clone());
        assert!((got.comparison.scores.block_match - 0.5 / 0.55).abs() < 1e-15);
        assert_eq!((got.comparison.scores.text, got.comparison.scores.color), (1.0, 1.0));
        assert!((got.comparison.scores.position - 0.8).abs() < 1e-15);
        assert!((got.comparison.scores.overall(0.5) - 0.2 * (0.5 / 0.55 + 3.3)).abs() < 1e-15);
        // No similar texts: zeros, but masks for CLIP.
        let got = compare(cand[1..].to_vec(), refs.clone());
        assert_eq!((got.comparison.scores, got.pairs.len()), (WebScores::default(), 1));
        assert_eq!((got.cand_masks().len(), got.ref_masks.len()), (1, 1));
    }

    #[test]
    fn a_page_without_text_scores_0_and_the_other_keeps_its_masks() {
        let twice = vec![block("a", [0.1; 4]), block("b", [0.1; 4])];
        let got = compare(twice.clone(), vec![]);
        assert_eq!((got.comparison.scores, got.cand_masks().len()), (WebScores::default(), 2));
        let got = compare(vec![], twice);
        assert_eq!(
            (got.comparison.scores, got.ref_masks.len(), got.comparison.refs[0].text.as_str()),
            (WebScores::default(), 1, "a b")
        );
    }
}
