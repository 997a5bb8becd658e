//! The renderers and the rules agree with the geometry that defines good layouts of mini slides.

use vsdpo_artifact::{Axis, Diagnosis, Domain, FailureKind, Outcome, Source, Task};
use vsdpo_data::mini::slide::{Content, Html, Layout, Python, Slip, Written};
use vsdpo_data::mini::{Content as _, Layout as _, Slip as _, Split, stream};
use vsdpo_diagnose::{AxisWeights, RubricDetail, axes, diagnose, rubric_json};
use vsdpo_render::{RenderConfig, open};

/// Renders and diagnoses slides, each against the requirements of its content.
fn diagnosed<L: Written>(slides: Vec<(&Content<L>, String)>) -> Vec<(Diagnosis, Option<FailureKind>)> {
    let renderer = open(Domain::Slide, L::LANGUAGE, RenderConfig::default()).unwrap();
    let sources: Vec<Source> =
        slides.iter().map(|(_, code)| Source::new(code.as_str(), L::LANGUAGE)).collect();
    let outcomes = renderer.render_all(&sources).unwrap();
    let check = |((content, _), outcome): (&(&Content<L>, String), &Outcome)| {
        let requirements = Some(content.requirements());
        let task = Task { requirements, ..Task::unspecified(Domain::Slide, L::LANGUAGE) };
        let diagnosis = diagnose(&task, outcome, None);
        (diagnosis, outcome.error().map(|e| e.kind))
    };
    slides.iter().zip(&outcomes).map(check).collect()
}

/// Every second layout is repaired, because few random layouts are good. At least 97 % must agree;
/// the held-back choice must agree always.
fn geometry_agrees_with_the_rules<L: Written>() {
    let draw = |i: u64| {
        let split = Split::ALL[(i / 2) as usize % 4];
        let mut rng = stream(split, 21, i);
        let (content, layout) = (Content::<L>::draw(split, &mut rng), Layout::random(&mut rng));
        let repaired = i.is_multiple_of(2).then(|| content.repair(&layout, &mut rng));
        (content, repaired.unwrap_or(layout))
    };
    let drawn: Vec<(Content<L>, Layout)> =
        (0..std::env::var("N").map_or(96, |n| n.parse().unwrap())).map(draw).collect();
    let results = diagnosed(drawn.iter().map(|(c, l)| (c, c.code(l, None))).collect());
    let mut differ = 0;
    for ((content, layout), (diagnosis, error)) in drawn.iter().zip(results) {
        assert_eq!(error, None);
        let (rubric, code) = (
            rubric_json(&diagnosis.rubric, RubricDetail::Full, &AxisWeights::equal(Domain::Slide)),
            content.code(layout, None),
        );
        let tiny = diagnosis.defects.iter().any(|d| d.rule == "slide/tiny-text");
        assert_eq!(!tiny, content.held_back_ok(layout), "{code}");
        if diagnosis.defect_free() != content.good(layout) {
            differ += 1;
            println!("good by geometry: {}\n{rubric}\n{code}", content.good(layout));
        }
    }
    println!("{differ} of {} differ", drawn.len());
    assert!(differ * 100 <= drawn.len() * 3, "{differ} of {} differ", drawn.len());
}

#[test]
fn geometry_agrees_with_browser_and_rules() {
    geometry_agrees_with_the_rules::<Html>();
}

#[test]
fn geometry_agrees_with_office_and_rules() {
    geometry_agrees_with_the_rules::<Python>();
}

/// `broken` is how code that renders nothing fails: a page is then a blank slide.
fn a_slip_renders_nothing_or_omits_a_point<L: Written>(broken: Option<FailureKind>) {
    let draw = |i: u64| {
        let mut rng = stream(Split::Train, 22, i);
        let content = Content::<L>::draw(Split::Train, &mut rng);
        let layout = content.good_layout(&mut rng);
        (content, layout, Slip::random(&mut rng))
    };
    let drawn: Vec<(Content<L>, Layout, Slip)> = (0..12).map(draw).collect();
    let results = diagnosed(drawn.iter().map(|(c, l, slip)| (c, c.code(l, Some(*slip)))).collect());
    for ((.., slip), (diagnosis, error)) in drawn.iter().zip(results) {
        assert_eq!(error, broken.filter(|_| slip.renders_nothing()), "{slip:?}");
        let scores = diagnosis.rubric.axes.iter();
        let failed: Vec<Axis> =
            scores.filter(|(_, score)| score.satisfied == Some(false)).map(|(axis, _)| *axis).collect();
        // A text that is missing fails every axis about texts.
        let want = if error.is_some() { vec![] } else { axes(Domain::Slide).to_vec() };
        assert_eq!(failed, want, "{slip:?}");
    }
}

#[test]
fn slips_of_pages_render_nothing_or_omit_a_point() {
    a_slip_renders_nothing_or_omits_a_point::<Html>(None);
}

#[test]
fn slips_of_scripts_fail_or_omit_a_point() {
    a_slip_renders_nothing_or_omits_a_point::<Python>(Some(FailureKind::Syntax));
}
