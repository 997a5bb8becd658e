//! The browser and the rules agree with the geometry that defines good layouts of mini pages.

use vsdpo_artifact::{Axis, Diagnosis, Domain, FailureKind, Language, Outcome, Source, Task};
use vsdpo_data::mini::web::{Content, Layout, Slip, WINDOW};
use vsdpo_data::mini::{Content as _, Layout as _, Slip as _, Split, stream};
use vsdpo_diagnose::{AxisWeights, RubricDetail, axes, diagnose, rubric_json};
use vsdpo_render::{RenderConfig, open};

const CONTENT: Axis = Axis { domain: Domain::Web, name: "content" };

/// Renders and diagnoses pages, each against the requirements of its content.
fn diagnosed(pages: Vec<(&Content, String)>) -> Vec<(Diagnosis, Option<FailureKind>)> {
    let config = RenderConfig { window: WINDOW, ..RenderConfig::default() };
    let renderer = open(Domain::Web, Language::Html, config).unwrap();
    let sources: Vec<Source> =
        pages.iter().map(|(_, html)| Source::new(html.as_str(), Language::Html)).collect();
    let outcomes = renderer.render_all(&sources).unwrap();
    let check = |((content, _), outcome): (&(&Content, String), &Outcome)| {
        let requirements = Some(content.requirements());
        let task = Task { requirements, ..Task::unspecified(Domain::Web, Language::Html) };
        let diagnosis = diagnose(&task, outcome, None);
        (diagnosis, outcome.error().map(|e| e.kind))
    };
    pages.iter().zip(&outcomes).map(check).collect()
}

/// Every second layout is repaired, because few random layouts are good. At least 97 % must agree;
/// the held-back choice must agree always.
#[test]
fn geometry_agrees_with_browser_and_rules() {
    let draw = |i: u64| {
        let split = Split::ALL[(i / 2) as usize % 4];
        let mut rng = stream(split, 21, i);
        let (content, layout) = (Content::draw(split, &mut rng), Layout::random(&mut rng));
        let repaired = i.is_multiple_of(2).then(|| content.repair(&layout, &mut rng));
        (content, repaired.unwrap_or(layout))
    };
    let drawn: Vec<(Content, Layout)> =
        (0..std::env::var("N").map_or(96, |n| n.parse().unwrap())).map(draw).collect();
    let results = diagnosed(drawn.iter().map(|(c, l)| (c, c.code(l, None))).collect());
    let mut differ = 0;
    for ((content, layout), (diagnosis, error)) in drawn.iter().zip(results) {
        assert_eq!(error, None);
        let (rubric, page) = (
            rubric_json(&diagnosis.rubric, RubricDetail::Full, &AxisWeights::equal(Domain::Web)),
            content.code(layout, None),
        );
        let tiny = diagnosis.defects.iter().any(|d| d.rule == "web/tiny-text");
        assert_eq!(!tiny, content.held_back_ok(layout), "{page}");
        if diagnosis.defect_free() != content.good(layout) {
            differ += 1;
            println!("good by geometry: {}\n{rubric}\n{page}", content.good(layout));
        }
    }
    println!("{differ} of {} differ", drawn.len());
    assert!(differ * 100 <= drawn.len() * 3, "{differ} of {} differ", drawn.len());
}

#[test]
fn slips_render_nothing_or_omit_a_number() {
    let draw = |i: u64| {
        let mut rng = stream(Split::Train, 22, i);
        let content = Content::draw(Split::Train, &mut rng);
        let layout = content.good_layout(&mut rng);
        (content, layout, Slip::random(&mut rng))
    };
    let drawn: Vec<(Content, Layout, Slip)> = (0..12).map(draw).collect();
    let results = diagnosed(drawn.iter().map(|(c, l, slip)| (c, c.code(l, Some(*slip)))).collect());
    for ((.., slip), (diagnosis, error)) in drawn.iter().zip(results) {
        assert_eq!(error, slip.renders_nothing().then_some(FailureKind::NoFigure), "{slip:?}");
        let scores = diagnosis.rubric.axes.iter();
        let failed: Vec<Axis> =
            scores.filter(|(_, score)| score.satisfied == Some(false)).map(|(axis, _)| *axis).collect();
        // A number that is missing fails every axis about texts.
        let want = if slip.renders_nothing() { vec![] } else { axes(Domain::Web).to_vec() };
        assert_eq!(failed, want, "{slip:?}");
    }
}

/// Otherwise a policy could avoid contrast defects by always writing black on white.
#[test]
fn a_background_other_than_the_required_one_violates_the_content_axis() {
    assert!(axes(Domain::Web).contains(&CONTENT));
    let mut rng = stream(Split::Train, 23, 0);
    let content = Content::draw(Split::Train, &mut rng);
    let page = content.code(&content.good_layout(&mut rng), None);
    let (head, rest) = page.split_once("background:").unwrap();
    let (_, rest) = rest.split_once(';').unwrap();
    let background = |name: &str| format!("{head}background:{name};{rest}");
    let results = diagnosed(vec![(&content, page.clone()), (&content, background("gray"))]);
    let satisfied = |d: &Diagnosis| d.rubric.get(CONTENT).unwrap().satisfied;
    assert_eq!((satisfied(&results[0].0), satisfied(&results[1].0)), (Some(true), Some(false)));
}
