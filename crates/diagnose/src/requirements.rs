//! The task's requirements, and which of them a page does not meet.
//!
//! Without these, drawing nothing would satisfy every axis: no text overlaps, no legend covers
//! data. So an axis also fails if the page lacks what the task requires and the axis is about.

use crate::rules::RuleResult;
use crate::rules::defect;
use crate::scene::{and_others, distance, hex, quote};
use vsdpo_artifact::{Axis, AxisScore};

/// Steps of a channel by which a colour may differ from the required one.
pub(crate) const COLOUR: u8 = 8;

/// A kind of requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// A text that can be read.
    Text,
    /// A legend with the required names.
    Legend,
    /// The required tick labels.
    Ticks,
    /// A data series that is visible.
    Series,
    /// The colour of the background.
    Background,
    /// The colour behind a text.
    Ground,
    /// The part of the page where a text stands.
    Place,
    /// A picture of the required shape.
    Picture,
    /// Boxes beside each other.
    Row,
    /// The size, colour and spacing of a text's letters.
    Letters,
}

/// What a page or slide must show for any axis to be judged: without its card, a text is easy to
/// place, and so are cards below each other and small letters.
pub(crate) const SHOWN: [Requirement; 6] = [
    Requirement::Text,
    Requirement::Ground,
    Requirement::Place,
    Requirement::Picture,
    Requirement::Row,
    Requirement::Letters,
];
/// The same, and the background: what contrast depends on.
pub(crate) const COLOURED: [Requirement; SHOWN.len() + 1] = {
    let mut all = [Requirement::Background; SHOWN.len() + 1];
    let (shown, _) = all.split_at_mut(SHOWN.len());
    shown.copy_from_slice(&SHOWN);
    all
};

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unmet {
    pub(crate) requirement: Requirement,
    /// For rubrics: `no 'Sales'`.
    pub(crate) short: String,
    /// For people.
    pub(crate) sentence: String,
}

impl Unmet {
    /// A background of another colour than the required one.
    pub(crate) fn background(shown: [u8; 3], wanted: [u8; 3]) -> Self {
        let sentence = format!("the background is {}, not {}", hex(shown), hex(wanted));
        Self { requirement: Requirement::Background, short: format!("background {}", hex(shown)), sentence }
    }

    /// The requirement that a text stands on the colour `wanted`, if none of the colours behind it
    /// is that one.
    pub(crate) fn ground(text: &str, shown: &[[u8; 3]], wanted: [u8; 3]) -> Option<Self> {
        if shown.iter().any(|ground| distance(*ground, wanted) <= COLOUR) {
            return None;
        }
        let shown = shown.first().map_or("no ground that can be read".into(), |c| hex(*c));
        Some(Self {
            requirement: Requirement::Ground,
            short: format!("{} on {shown}", quote(text, 24)),
            sentence: format!("the text {} stands on {shown}, not on {}", quote(text, 60), hex(wanted)),
        })
    }
}

/// The requirements of a task on one page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Coverage {
    /// How many there are; at least 1.
    pub(crate) all: usize,
    pub(crate) unmet: Vec<Unmet>,
}

impl Coverage {
    /// Share of the requirements that are met.
    pub(crate) fn share(&self) -> f32 {
        let all = self.all.max(1);
        (all - self.unmet.len().min(all)) as f32 / all as f32
    }

    /// The result of the rule about content: one defect per unmet requirement. What is missing has
    /// no region.
    pub(crate) fn result(self) -> RuleResult {
        let observed = self.unmet.first();
        let observed = observed.map_or("all".into(), |u| and_others(u.short.clone(), self.unmet.len()));
        let score = Some(self.share());
        let defects = self.unmet.iter().map(|u| defect(&[], u.sentence.clone())).collect();
        RuleResult { defects, observed, remedy: None, score, coverage: Some(self), skipped: false }
    }

    /// Fails each axis for which the page lacks something that the axis is about (`needs`).
    pub(crate) fn fail(&self, needs: &[(Axis, &[Requirement])], axes: &mut [(Axis, AxisScore)]) {
        for (axis, score) in axes {
            let of = needs.iter().find(|(other, _)| other == axis).map_or(&[][..], |(_, of)| of);
            let lacking: Vec<&Unmet> = self.unmet.iter().filter(|u| of.contains(&u.requirement)).collect();
            let Some(first) = lacking.first() else { continue };
            let lack = and_others(first.short.clone(), lacking.len());
            score.observed = match score.satisfied {
                None => lack,
                Some(_) => format!("{lack}; {}", score.observed),
            };
            (score.satisfied, score.score) = (Some(false), Some(0.0));
        }
    }
}
