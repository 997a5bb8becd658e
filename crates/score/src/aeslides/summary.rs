//! Avg and the axes with intervals, and what must be read beside them (docs/specs/aeslides.md, 8).

use super::example::{Example, Status};
use super::inputs::Predictions;
use crate::provenance::Provenance;
use crate::table::{estimates, list};
use serde::Serialize;
use vsdpo_diagnose::slide::{SlideAxes, SlideMetrics};
use vsdpo_stats::{Estimate, bootstrap};

/// Seed of the intervals.
const SEED: u64 = 1;

/// The scores from 0 to 100, over all examples: what cannot be drawn counts 0.
#[derive(Serialize)]
pub struct Row {
    /// The mean of the four axes.
    pub avg: Estimate,
    pub aspect_ratio: Estimate,
    pub whitespace: Estimate,
    pub collision: Estimate,
    pub imbalance: Estimate,
}

/// The mean rewards of training, from 0 to 1 and their sum, over all examples.
#[derive(Serialize)]
pub struct Rewards {
    pub aspect_ratio: f64,
    pub whitespace: f64,
    pub collision: f64,
    pub imbalance: f64,
    pub total: f64,
}

/// What a high Avg may hide, over the slides that were drawn; shares in percent. `None` if no slide
/// was drawn, and the distances if none shows anything.
#[derive(Serialize)]
pub struct Drawn {
    /// The number of slides.
    pub slides: usize,
    /// Mean height of the document in pixels.
    pub height: Option<f64>,
    /// Slides within a pixel of 16:9.
    pub compliance: Option<f64>,
    /// Slides with a collision.
    pub collision_rate: Option<f64>,
    /// Mean cost C of the collisions.
    pub collision_cost: Option<f64>,
    /// Median distance of the visual centre, in the tolerances of the released program.
    pub d_code: Option<f64>,
    /// The same in those of the paper.
    pub d_paper: Option<f64>,
    /// `d_code` of the slides of decks, without the box around all shapes that they are given.
    pub d_code_without_wrapper: Option<f64>,
    /// `d_paper` of the same.
    pub d_paper_without_wrapper: Option<f64>,
    /// Slides with a box that cuts off text.
    pub hides_text: Option<f64>,
    /// Slides whose content is mostly a texture.
    pub texture: Option<f64>,
}

/// An example without scores.
#[derive(Serialize)]
pub struct UnscoredExample {
    pub name: String,
    pub status: Status,
    pub why: String,
}

/// The result of an evaluation.
#[derive(Serialize)]
pub struct Summary {
    /// `aeslides`.
    pub benchmark: &'static str,
    /// The folder, the file of responses or the model.
    pub predictions: String,
    /// The prompts, if there are any.
    pub data: Option<String>,
    /// Time limit of a slide in seconds.
    pub timeout_s: u64,
    /// Slides of the folder, or prompts.
    pub examples: usize,
    /// Examples that were drawn.
    pub scored: usize,
    /// Prompts without a response.
    pub missing: usize,
    /// Answers that are no slide, and slides that cannot be drawn.
    pub failed: usize,
    /// Slides that met a limit twice; the next run tries them again.
    pub lost: usize,
    /// The share of examples that are not scored, in percent.
    pub failure_rate: f64,
    /// Avg and the axes.
    pub row: Row,
    /// The rewards of training.
    pub rewards: Rewards,
    /// What must be read beside Avg.
    pub drawn: Drawn,
    /// The examples without scores.
    pub unscored: Vec<UnscoredExample>,
    /// What decides the numbers besides the answers.
    pub provenance: Provenance,
}

/// The parameters of the run, for the summary.
pub(super) struct Shown<'a> {
    pub predictions: &'a Predictions<'a>,
    pub timeout: u64,
    pub provenance: Provenance,
}

impl Shown<'_> {
    /// The predictions and the prompts.
    fn inputs(&self) -> (String, Option<String>) {
        let (predictions, data) = match self.predictions {
            Predictions::Folder(folder) => (folder.display().to_string(), None),
            Predictions::Responses { data, file } => (file.display().to_string(), Some(*data)),
            Predictions::Model { data, asked } => (asked.model.clone(), Some(*data)),
        };
        (predictions, data.map(|data| data.display().to_string()))
    }
}

impl Summary {
    /// `examples` in the order of the input.
    pub(super) fn new(shown: Shown<'_>, examples: &[&Example]) -> Self {
        let count = |status: Status| examples.iter().filter(|e| e.status == status).count();
        let (predictions, data) = shown.inputs();
        let unscored = |e: &&&Example| e.status != Status::Scored;
        let reason = |e: &&Example| UnscoredExample {
            name: e.name.clone(),
            status: e.status,
            why: e.error.clone().unwrap_or_default(),
        };
        let failures: Vec<f64> =
            examples.iter().map(|e| if e.status == Status::Scored { 0.0 } else { 100.0 }).collect();
        Self {
            benchmark: "aeslides",
            predictions,
            data,
            timeout_s: shown.timeout,
            examples: examples.len(),
            scored: count(Status::Scored),
            missing: count(Status::Missing),
            failed: count(Status::Failed),
            lost: count(Status::Lost),
            failure_rate: mean(&failures).unwrap_or(0.0),
            row: row(examples),
            rewards: rewards(examples),
            drawn: drawn(examples),
            unscored: examples.iter().filter(unscored).map(reason).collect(),
            provenance: shown.provenance,
        }
    }
}

fn row(examples: &[&Example]) -> Row {
    let scores: Vec<SlideAxes> = examples.iter().map(|e| e.scores()).collect();
    let axis = |of: fn(&SlideAxes) -> f64| {
        bootstrap(&scores.iter().map(|scores| 100.0 * of(scores)).collect::<Vec<_>>(), SEED)
    };
    Row {
        avg: axis(SlideAxes::mean),
        aspect_ratio: axis(|a| a.aspect),
        whitespace: axis(|a| a.whitespace),
        collision: axis(|a| a.collision),
        imbalance: axis(|a| a.imbalance),
    }
}

fn rewards(examples: &[&Example]) -> Rewards {
    let rewards: Vec<SlideAxes> = examples.iter().map(|e| e.rewards()).collect();
    let axis = |of: fn(&SlideAxes) -> f64| mean(&rewards.iter().map(of).collect::<Vec<_>>()).unwrap_or(0.0);
    Rewards {
        aspect_ratio: axis(|a| a.aspect),
        whitespace: axis(|a| a.whitespace),
        collision: axis(|a| a.collision),
        imbalance: axis(|a| a.imbalance),
        total: axis(SlideAxes::total),
    }
}

fn drawn(examples: &[&Example]) -> Drawn {
    let slides: Vec<&SlideMetrics> = examples.iter().flat_map(|e| &e.slides).collect();
    let all = |of: fn(&SlideMetrics) -> Option<f64>| slides.iter().filter_map(|s| of(s)).collect::<Vec<_>>();
    let share = |of: fn(&SlideMetrics) -> bool| {
        mean(&slides.iter().map(|s| if of(s) { 100.0 } else { 0.0 }).collect::<Vec<_>>())
    };
    Drawn {
        slides: slides.len(),
        height: mean(&all(|s| Some(s.height))),
        compliance: share(|s| s.compliant),
        collision_rate: share(|s| !s.collision.clashes.is_empty()),
        collision_cost: mean(&all(|s| Some(s.collision.cost))),
        d_code: median(all(|s| s.imbalance.map(|d| d.code))),
        d_paper: median(all(|s| s.imbalance.map(|d| d.paper))),
        d_code_without_wrapper: median(all(|s| s.without_wrapper.map(|d| d.code))),
        d_paper_without_wrapper: median(all(|s| s.without_wrapper.map(|d| d.paper))),
        hides_text: share(|s| s.hacks.hides_text),
        texture: share(|s| s.hacks.texture),
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some((values[low] + values[high]) / 2.0)
}

/// The summary as text.
pub fn table(s: &Summary) -> String {
    let mut text = format!(
        "AeSlides: {} of {} examples scored, {} without a response, {} failed, {} lost to limits; limit {} s\n\
         mean and 95 % interval over all examples, those that are not scored as 0\n\n",
        s.scored, s.examples, s.missing, s.failed, s.lost, s.timeout_s
    );
    let row = &s.row;
    text.push_str(&estimates(&[
        ("Avg", Some(row.avg)),
        ("aspect ratio", Some(row.aspect_ratio)),
        ("whitespace", Some(row.whitespace)),
        ("collision", Some(row.collision)),
        ("imbalance", Some(row.imbalance)),
    ]));
    let r = &s.rewards;
    text.push_str(&format!(
        "\nrewards over all examples: aspect ratio {:.3}, whitespace {:.3}, collision {:.3}, imbalance {:.3}, \
         sum {:.3}\nfailure rate {:.1} %\n",
        r.aspect_ratio, r.whitespace, r.collision, r.imbalance, r.total, s.failure_rate
    ));
    let d = &s.drawn;
    text.push_str(&format!("\nover the {} slides that were drawn\n", d.slides));
    for (name, value, digits, unit) in [
        ("mean height", d.height, 1, " px"),
        ("16:9 within a pixel", d.compliance, 1, " %"),
        ("with a collision", d.collision_rate, 1, " %"),
        ("mean cost of collisions", d.collision_cost, 3, ""),
        ("median d, tolerances of the program", d.d_code, 3, ""),
        ("median d, tolerances of the paper", d.d_paper, 3, ""),
        ("the same without the box of decks", d.d_paper_without_wrapper, 3, ""),
        ("text cut off by a box", d.hides_text, 1, " %"),
        ("mostly texture", d.texture, 1, " %"),
    ] {
        let value = value.map_or("-".to_owned(), |value| format!("{value:.digits$}{unit}"));
        text.push_str(&format!("  {name:36}{value}\n"));
    }
    let status = |s: Status| match s {
        Status::Scored => "scored",
        Status::Missing => "missing",
        Status::Failed => "failed",
        Status::Lost => "lost",
    };
    let unscored = s.unscored.iter().map(|u| format!("{} ({}): {}", u.name, status(u.status), u.why));
    text.push_str(&list("examples have no scores", "summary.json", unscored));
    text + "\n" + &s.provenance.line()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vsdpo_diagnose::slide::{Clash, ClashKind, Collision, Hacks, Imbalance, Whitespace};

    /// Whitespace, cost of collisions, and d in both tolerances with and without the wrapper.
    struct Numbers(f64, f64, Option<[f64; 2]>, Option<[f64; 2]>);

    fn slide(height: f64, numbers: Numbers) -> SlideMetrics {
        let Numbers(crop, cost, d, without_wrapper) = numbers;
        let imbalance = |[code, paper]: [f64; 2]| Imbalance { offset: [0.0; 2], code, paper };
        let clash =
            Clash { kind: ClashKind::Overlap, element: 0, others: vec![1], area: 9.0, severity: cost };
        let clashes = if cost > 0.0 { vec![clash] } else { vec![] };
        SlideMetrics {
            height,
            compliant: height == 720.0,
            aspect_reward: 0.5,
            whitespace: Whitespace { full: 0.0, crop },
            collision: Collision { clashes, cost },
            imbalance: d.map(imbalance),
            without_wrapper: without_wrapper.map(imbalance),
            hacks: Hacks { hides_text: cost > 0.0, texture: crop > 0.95, stray: 0.0 },
        }
    }

    /// A deck of two slides, a slide that shows nothing, and an answer without a slide.
    fn examples() -> Vec<Example> {
        let deck = vec![
            slide(720.0, Numbers(1.0, 0.0, Some([2.0, 1.0]), Some([4.0, 2.0]))),
            slide(960.0, Numbers(0.7, 1.0, Some([5.0, 3.0]), Some([9.0, 4.0]))),
        ];
        let example = |name: &str, status, slides| Example {
            key: "k".into(),
            name: name.into(),
            status,
            error: (status != Status::Scored).then(|| "no HTML".into()),
            slides,
        };
        vec![
            example("deck", Status::Scored, deck),
            example("nothing", Status::Scored, vec![slide(720.0, Numbers(0.0, 0.0, None, None))]),
            example("none", Status::Failed, vec![]),
        ]
    }

    #[test]
    fn a_deck_is_the_mean_of_its_slides_and_a_failure_is_0() {
        let examples = examples();
        let predictions = Predictions::Folder(Path::new("slides"));
        let provenance = Provenance::new(None, "mean");
        let shown = Shown { predictions: &predictions, timeout: 30, provenance };
        let s = Summary::new(shown, &examples.iter().collect::<Vec<_>>());
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got}, not {want}");
        // Deck: (1 + 0) / 2, (1 + 0.7) / 2, (1 + 1/2) / 2, (1/2 + 1/4) / 2; nothing: 1, 0, 0, 0.
        close(s.row.aspect_ratio.mean, 100.0 * (0.5 + 1.0) / 3.0);
        close(s.row.whitespace.mean, 100.0 * 0.85 / 3.0);
        close(s.row.collision.mean, 100.0 * 0.75 / 3.0);
        close(s.row.imbalance.mean, 100.0 * 0.375 / 3.0);
        close(s.row.avg.mean, 100.0 * (2.475 + 1.0) / 4.0 / 3.0);
        assert!(s.row.avg.low >= 0.0 && s.row.avg.low < s.row.avg.mean && s.row.avg.high > s.row.avg.mean);
        // The reward of whitespace is 1 above 0.995 and 0 below 0.8.
        close(s.rewards.aspect_ratio, 1.0 / 3.0);
        close(s.rewards.whitespace, 0.5 / 3.0);
        close(s.rewards.total, (0.5 + 0.5 + 0.75 + 0.375 + 0.5) / 3.0);
        close(s.failure_rate, 100.0 / 3.0);
        let d = &s.drawn;
        assert_eq!((d.slides, d.height, d.d_code, d.d_paper), (3, Some(800.0), Some(3.5), Some(2.0)));
        assert_eq!((d.d_code_without_wrapper, d.d_paper_without_wrapper), (Some(6.5), Some(3.0)));
        let shares = [d.compliance, d.collision_rate, d.collision_cost, d.hides_text, d.texture];
        for (got, want) in
            shares.into_iter().zip([200.0 / 3.0, 100.0 / 3.0, 1.0 / 3.0, 100.0 / 3.0, 100.0 / 3.0])
        {
            close(got.unwrap(), want);
        }
        let text = table(&s);
        for part in
            ["2 of 3 examples scored, 0 without a response, 1 failed", "  mean height", "800.0 px\n", "28.96"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("1 examples have no scores:\n  none (failed): no HTML\n"), "{text}");
        assert!(text.lines().last().is_some_and(|line| line.starts_with("provenance: ")), "{text}");
    }

    #[test]
    fn without_a_drawn_slide_nothing_is_said_of_them() {
        let examples = examples();
        let predictions = Predictions::Folder(Path::new("slides"));
        let provenance = Provenance::new(None, "mean");
        let s = Summary::new(Shown { predictions: &predictions, timeout: 30, provenance }, &[&examples[2]]);
        assert_eq!((s.row.avg.mean, s.rewards.total, s.failure_rate), (0.0, 0.0, 100.0));
        assert_eq!((s.drawn.slides, s.drawn.height, s.drawn.d_paper, s.drawn.texture), (0, None, None, None));
        assert!(table(&s).contains("mean height                         -\n"), "{}", table(&s));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
