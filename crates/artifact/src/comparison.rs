//! A render compared with the reference of its task: what the benchmarks' metrics found, as data.
//! `score` computes it, `diagnose` turns it into axes and defects.

use crate::ChartRecords;

/// A render and its reference, by the metrics of the benchmark of its domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    /// ChartMimic's metrics.
    Chart(Box<ChartComparison>),
    /// Design2Code's metrics.
    Web(WebComparison),
}

/// Precision, recall and their harmonic mean, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct F1 {
    /// Share of the prediction that is in the ground truth.
    pub precision: f64,
    /// Share of the ground truth that is in the prediction.
    pub recall: f64,
    /// `2PR / (P + R)`, 0 if both are 0.
    pub f1: f64,
}

/// ChartMimic's low-level scores of one prediction (docs/specs/chartmimic.md, 4 to 8).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartScores {
    /// Whether the bare script left a picture.
    pub exec: bool,
    /// Texts, without tick labels.
    pub text: F1,
    /// Grid cells of the axes.
    pub layout: F1,
    /// Calls by type.
    pub chart_type: F1,
    /// Colours; `None` where the benchmark's program raises.
    pub color: Option<F1>,
}

impl ChartScores {
    /// 100 times the mean of the four F1, whether or not the bare script ran.
    pub fn if_executed(&self) -> Option<f64> {
        let color = self.color?.f1;
        Some(100.0 * (self.text.f1 + self.layout.f1 + self.chart_type.f1 + color) / 4.0)
    }

    /// What the example adds to the benchmark's Low (docs/specs/chartmimic.md, 0): 0 if the bare
    /// script failed.
    pub fn low(&self) -> Option<f64> {
        self.if_executed().map(|low| if self.exec { low } else { 0.0 })
    }
}

/// A chart compared with its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartComparison {
    /// The four metrics.
    pub scores: ChartScores,
    /// The records of the rendered script.
    pub pred: ChartRecords,
    /// The records of the reference's script.
    pub gt: ChartRecords,
    /// Similarity of the two pictures, 0 to 1; `None` where it was not computed.
    pub visual: Option<f64>,
}

/// A piece of text of an HTML page, as Design2Code's metric finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct TextBlock {
    /// In lower case.
    pub text: String,
    /// Left, top, width, height in fractions of the page.
    pub bbox: [f64; 4],
    /// Mean colour of the text, RGB from 0 to 255.
    pub color: [f64; 3],
}

/// Two matched blocks whose texts are similar; each similarity from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockMatch {
    /// Index of the candidate's block.
    pub cand: usize,
    /// Index of the reference's block.
    pub reference: usize,
    /// Similarity of the texts.
    pub text: f64,
    /// Similarity of the positions.
    pub position: f64,
    /// Similarity of the colours.
    pub color: f64,
}

/// Four of Design2Code's five scores, from 0 to 1; the fifth, CLIP's, needs a network
/// (docs/specs/design2code.md, 12).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WebScores {
    /// Share of the text's area that has a counterpart.
    pub block_match: f64,
    /// Similarity of matched texts.
    pub text: f64,
    /// Similarity of the positions of matched blocks.
    pub position: f64,
    /// Similarity of the colours of matched texts.
    pub color: f64,
}

impl WebScores {
    /// The mean of all five.
    pub fn overall(&self, clip: f64) -> f64 {
        0.2 * (self.block_match + self.text + self.position + self.color + clip)
    }
}

/// An HTML page compared with its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct WebComparison {
    /// All 0 if nothing matched.
    pub scores: WebScores,
    /// The candidate's blocks after merging.
    pub cand: Vec<TextBlock>,
    /// The reference's blocks after merging.
    pub refs: Vec<TextBlock>,
    /// The matched blocks with similar texts.
    pub matches: Vec<BlockMatch>,
    /// CLIP's similarity of the pictures, 0 to 1; `None` without the weights of CLIP, and where a
    /// screenshot failed.
    pub clip: Option<f64>,
}
