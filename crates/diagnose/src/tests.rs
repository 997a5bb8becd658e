//! The whole diagnosis: rubric, reward, order, and the absence of panics.

use super::*;
use crate::testing::*;
use proptest::prelude::*;
use vsdpo_artifact::{
    Domain, Element, ElementKind, ExecError, FailureKind, HtmlFacts, Image, Language, Page, Requirements,
};

/// A chart with a crowded x axis, a clipped title, and a legend over a line.
fn poor_chart() -> Outcome {
    use ElementKind::*;
    let mut picture = Picture::new(200, 100, [255; 3]);
    picture.fill([40, 2, 60, 10], [0; 3]);
    let black = [0, 0, 0, 255];
    let tick = |id, x: f32| {
        text(id, "label", [x, 92.0, x + 30.0, 99.0]).of(TickLabel).on(1, 'x').colored(black).sized(9.0)
    };
    let elements = vec![
        shape(0, Figure, [0.0, 0.0, 200.0, 100.0]).colored([255; 4]),
        shape(1, Axes, [20.0, 12.0, 180.0, 90.0]).colored([255; 4]),
        shape(2, Line, [20.0, 12.0, 180.0, 90.0])
            .on(1, '-')
            .through(&[[25.0, 88.0], [175.0, 14.0]])
            .valued(&[1.0, 9.0]),
        shape(3, Legend, [120.0, 14.0, 178.0, 40.0]).on(1, '-'),
        text(4, "Visitors of the long day", [0.0, 2.0, 200.0, 10.0])
            .of(Title)
            .on(1, '-')
            .colored(black)
            .sized(12.0)
            .laid([-8.0, 1.0, 208.0, 11.0]),
        tick(5, 30.0),
        tick(6, 55.0),
    ];
    Outcome::Rendered(picture.rendered(elements))
}

/// A task of a domain, with or without requirements.
fn task(domain: Domain, requirements: Option<Requirements>) -> Task {
    Task { requirements, ..Task::unspecified(domain, Language::Python) }
}

fn requirements() -> Requirements {
    Requirements { texts: vec!["Visitors".into()], series: vec![vec![1.0, 9.0]], ..Requirements::default() }
}

/// The whole rubric, and the reward with equal weights.
fn rubric_and_reward(domain: Domain, diagnosis: &Diagnosis) -> (String, f32) {
    let weights = AxisWeights::equal(domain);
    (rubric_json(&diagnosis.rubric, RubricDetail::Full, &weights), reward(diagnosis, &weights))
}

#[test]
fn every_axis_has_an_observation_and_a_score() {
    let diagnosis = diagnose(&task(Domain::Chart, Some(requirements())), &poor_chart(), None);
    assert!(diagnosis.executed && !diagnosis.defect_free());
    let axes: Vec<Axis> = diagnosis.rubric.axes.iter().map(|(axis, _)| *axis).collect();
    assert_eq!(axes, super::axes(Domain::Chart));
    assert_eq!(
        rubric_and_reward(Domain::Chart, &diagnosis).0,
        concat!(
            r#"{"content":{"ok":false,"observed":"no 'Visitors'"},"#,
            r#""overlap":{"ok":false,"observed":"no 'Visitors'; none"},"#,
            r#""legend":{"ok":false,"observed":"legend loc='upper right', covers 1 line, free: 'upper left', 'lower right'"},"#,
            r#""clipping":{"ok":false,"observed":"no 'Visitors'; 'Visitors of the lo..' left right"},"#,
            r#""ticks":{"ok":false,"observed":"x 2 rotation=0 gap -5"},"#,
            r##""contrast":{"ok":false,"observed":"no 'Visitors'; 'label' #000000 on #ffffff 21.0"}}"##,
        )
    );
    // The text that is missing fails every axis about texts.
    assert_eq!(rubric_and_reward(Domain::Chart, &diagnosis).1, 0.0);
    assert_eq!(diagnosis.content, 0.5);
    let rules: Vec<_> = diagnosis.defects.iter().map(|d| (d.rule, d.elements.as_slice())).collect();
    let want: [(&str, &[u32]); 4] = [
        ("chart/missing-content", &[]),
        ("chart/legend-covers-data", &[3]),
        ("chart/text-clipped", &[4]),
        ("chart/tick-crowding", &[5, 6]),
    ];
    assert_eq!(rules, want);
}

#[test]
fn without_requirements_the_content_is_left_out() {
    let diagnosis = diagnose(&task(Domain::Chart, None), &poor_chart(), None);
    let content = diagnosis.rubric.get(axes(Domain::Chart)[0]).expect("listed");
    assert_eq!((content.satisfied, content.score), (None, None));
    let (json, reward) = rubric_and_reward(Domain::Chart, &diagnosis);
    assert!(!json.contains("content"));
    // Overlap and contrast hold; legend, clipping and ticks do not.
    assert!((reward - 2.0 / 5.0).abs() < 1e-6);
    let binary = rubric_json(&diagnosis.rubric, RubricDetail::Binary, &AxisWeights::equal(Domain::Chart));
    let want = r#"{"overlap":true,"legend":false,"clipping":false,"ticks":false,"contrast":true}"#;
    assert_eq!(binary, want);
}

#[test]
fn an_outcome_without_elements_lacks_what_is_required() {
    let image = Image { width: 0, height: 0, rgba: [].into() };
    let blank = Outcome::Rendered(Rendered::of_page(image, vec![]));
    let diagnosis = diagnose(&task(Domain::Chart, Some(requirements())), &blank, None);
    assert!(diagnosis.executed && !diagnosis.defect_free());
    assert_eq!((diagnosis.content, rubric_and_reward(Domain::Chart, &diagnosis).1), (0.0, 0.0));
    let drawn = ["content", "overlap", "clipping", "contrast"];
    let slide = ["content", "aspect", "collision", "contrast"];
    for (domain, needing) in [(Domain::Chart, drawn), (Domain::Web, drawn), (Domain::Slide, slide)] {
        let lacking = diagnose(&task(domain, Some(requirements())), &blank, None);
        let fails = |axis: &str| {
            lacking.rubric.axes.iter().any(|(a, v)| a.name == axis && v.satisfied == Some(false))
        };
        assert!(needing.into_iter().all(fails), "{domain:?}");
        let free = diagnose(&task(domain, None), &blank, None);
        assert!(free.rubric.axes.iter().all(|(_, v)| v.satisfied.is_none() && v.score.is_none()));
        assert_eq!(rubric_and_reward(domain, &free), ("{}".to_string(), 0.0));
    }
}

#[test]
fn several_rules_of_an_axis_add_up() {
    use crate::slide::collision;
    use vsdpo_artifact::{LayoutKind, SlideElement, SlideLayout};
    // One text on another, and both over the right edge.
    let part = |i: u32, tag: &str| SlideElement {
        tag: tag.into(),
        parent: i.checked_sub(1),
        rect: [0.0, 0.0, 200.0, 100.0].into(),
        opacity: 1.0,
        ..SlideElement::default()
    };
    let text = |id: u32, y: f64| SlideElement {
        parent: Some(1),
        text_rects: vec![[150.0, y, 100.0, 20.0].into()],
        text_len: 5,
        element: Some(id),
        ..part(2, "p")
    };
    let elements = vec![part(0, "html"), part(1, "body"), text(0, 10.0), text(1, 15.0)];
    let layout =
        SlideLayout { width: 200.0, height: 100.0, full_height: 100.0, elements, ..SlideLayout::default() };
    assert_eq!(collision(&layout).clashes.len(), 3);
    let mut rendered = Picture::new(200, 100, [255; 3]).rendered(vec![
        words(0, "First", [150.0, 10.0, 250.0, 30.0]),
        words(1, "Second", [150.0, 15.0, 250.0, 35.0]),
    ]);
    rendered.pages[0].slide = Some(layout.clone());
    let diagnosis = diagnose(&task(Domain::Slide, None), &Outcome::Rendered(rendered.clone()), None);
    assert_eq!(diagnosis.skipped, [""; 0]);
    // Where nothing was drawn, rules that look at texts do not pass for satisfied.
    rendered.pages[0].slide = Some(SlideLayout { kind: LayoutKind::UndrawnDeck, ..layout });
    let undrawn = diagnose(&task(Domain::Slide, None), &Outcome::Rendered(rendered), None);
    let skipped =
        ["missing-content", "empty-area", "collision", "escapes-panel", "text-overflow", "text-cut"];
    let skipped = [&skipped[..], &["imbalance", "low-contrast"]].concat();
    assert_eq!(undrawn.skipped, skipped.iter().map(|name| format!("slide/{name}")).collect::<Vec<_>>());
    assert!(undrawn.rubric.axes.iter().all(|(axis, score)| match axis.name {
        "aspect" => score.satisfied == Some(false),
        _ => score.satisfied.is_none(),
    }));
    let (_, axis) = diagnosis.rubric.axes.iter().find(|(axis, _)| axis.name == "collision").unwrap();
    assert_eq!((axis.satisfied, axis.score), (Some(false), Some(1.0 / 4.0)));
    assert_eq!(axis.observed, "'Second' overlaps 'First'; 'First' leaves the slide +1");
}

#[test]
fn an_axis_holds_when_it_holds_on_every_page() {
    let Outcome::Rendered(poor) = poor_chart() else { unreachable!() };
    let of = task(Domain::Chart, Some(requirements()));
    let alone = diagnose(&of, &Outcome::Rendered(poor.clone()), None);
    // The same chart twice, the first time with a legend that is out of the way and a title that
    // fits.
    let mut elements = poor.elements.clone();
    elements[3].region = [100.0, 70.0, 110.0, 80.0].into();
    elements[4].layout = None;
    for e in &poor.elements {
        let (id, shift) = (e.id + 7, |link: Option<u32>| link.map(|id| id + 7));
        let (parent, axes) = (shift(e.parent), shift(e.axes));
        elements.push(Element { id, page: 1, parent, axes, ..e.clone() });
    }
    let image = poor.pages[0].image.clone();
    let pages = vec![Page::from(image.clone()), Page::from(image)];
    let both = diagnose(&of, &Outcome::Rendered(Rendered { pages, elements, ..poor.clone() }), None);
    let score = |d: &Diagnosis, i: usize| (d.rubric.axes[i].1.satisfied, d.rubric.axes[i].1.score);
    for i in 0..6 {
        assert_eq!(score(&both, i), score(&alone, i), "the worse page counts on axis {i}");
    }
    assert_eq!(both.rubric.axes[3].1.observed, "page 1: no 'Visitors'");
    assert_eq!(rubric_and_reward(Domain::Chart, &both).1, rubric_and_reward(Domain::Chart, &alone).1);
    let found: Vec<_> = both.defects.iter().map(|d| (d.rule, d.page, d.elements.as_slice())).collect();
    let want: [(&str, u32, &[u32]); 6] = [
        ("chart/missing-content", 0, &[]),
        ("chart/tick-crowding", 0, &[5, 6]),
        ("chart/missing-content", 1, &[]),
        ("chart/legend-covers-data", 1, &[10]),
        ("chart/text-clipped", 1, &[11]),
        ("chart/tick-crowding", 1, &[12, 13]),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_failure_has_no_defects_and_no_reward() {
    let error = ExecError::new(FailureKind::Syntax, "m");
    let diagnosis = diagnose(&task(Domain::Chart, Some(requirements())), &Outcome::Failed { error }, None);
    assert!(!diagnosis.executed && diagnosis.defects.is_empty() && diagnosis.rubric.axes.is_empty());
    assert_eq!(rubric_and_reward(Domain::Chart, &diagnosis).1, 0.0);
}

#[test]
fn every_rule_has_a_page_and_each_axis_a_rule() {
    for domain in [Domain::Chart, Domain::Web] {
        let mut axes: Vec<Axis> = rules(domain).iter().filter_map(|r| r.axis).collect();
        // Of two rules of one axis the second follows the first.
        axes.dedup();
        assert_eq!(axes, super::axes(domain));
    }
    for rule in rules(Domain::Chart).iter().chain(rules(Domain::Web)).chain(reference_rules(Domain::Web)) {
        let headings: Vec<&str> = rule.page.lines().filter(|l| l.starts_with('#')).take(5).collect();
        let title = format!("# {}", rule.id);
        let want = [&title, "## What it does", "## Why is this bad", "## Example"];
        assert_eq!(headings[..4], want, "page of {}", rule.id);
        assert!(rule.page.contains("\n## Better\n") && !rule.summary.is_empty());
    }
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0f32), Just(-1e9), Just(1e9), -20.0f32..120.0, Just(f32::NAN), Just(f32::INFINITY)]
}

fn element() -> impl Strategy<Value = Element> {
    use ElementKind::*;
    let kind = prop::sample::select(vec![
        Figure,
        Axes,
        Title,
        TickLabel,
        Text,
        LegendText,
        Legend,
        Line,
        Bar,
        Patch,
        Collection,
        TableText,
        ElementKind::Page,
        Block,
        Control,
        ElementKind::Image,
    ]);
    let boxes = (prop::array::uniform4(number()), prop::option::of(prop::array::uniform4(number())));
    let links = (0u32..8, prop::option::of(0u32..8), prop::option::of(0u32..8));
    let words =
        prop::sample::select(vec!["", " ", "A", "Best quarter\nof all", "é→日本語日本語日本語日本語日本語"]);
    let style = (prop::option::of(any::<[u8; 4]>()), prop::option::of(number()), prop::option::of(number()));
    let data = (
        prop::collection::vec(any::<f64>(), 0..3),
        prop::collection::vec(prop::array::uniform2(number()), 0..4),
    );
    (kind, boxes, links, words, style, data, facts()).prop_map(
        |(kind, boxes, links, words, style, data, facts)| {
            let mut e = text(links.0, words, boxes.0).of(kind).done();
            e.layout = boxes.1.map(Into::into);
            (e.parent, e.axes, e.axis) = (links.1, links.2, Some(['x', 'y'][links.0 as usize % 2]));
            (e.color, e.font_px, e.rotation) = style;
            (e.values, e.points, e.html) = (data.0, data.1, facts);
            e
        },
    )
}

fn facts() -> impl Strategy<Value = Option<HtmlFacts>> {
    let boxes = || prop::option::of(prop::array::uniform4(number()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let words = (
        prop::sample::select(vec!["html", "body", "div", "img", "a", "sup"]),
        prop::sample::select(vec!["block", "inline", "inline-block"]),
        prop::option::of(prop::sample::select(vec!["absolute", "fixed", "relative"])),
    );
    let lines = prop::collection::vec(prop::array::uniform4(number()), 0..4);
    let facts = (lines, boxes(), boxes(), prop::option::of(any::<[u8; 4]>()), flags, words).prop_map(
        |(lines, clip, scroll, ground, flags, (tag, display, position))| HtmlFacts {
            tag: tag.into(),
            lines: lines.into_iter().map(Into::into).collect(),
            clip: clip.map(Into::into),
            scroll: scroll.map(Into::into),
            ground,
            framed: flags.0,
            painted: flags.1,
            bold: flags.2,
            disabled: flags.3,
            display: display.into(),
            position: position.map(Into::into),
            raised: flags.0 && flags.3,
            shadow: flags.2.then_some([9, 9, 9, 200]),
            spacing: flags.0.then_some(4.0),
            inked: flags.1 && flags.2,
            filtered: flags.1 && flags.3,
            unmet: flags.3.then(|| "a.png".into()),
        },
    );
    prop::option::of(facts)
}

proptest! {
    #[test]
    fn any_elements_are_diagnosed_the_same_way_twice(elements in prop::collection::vec(element(), 0..12)) {
        let rendered = || {
            let mut rendered = Picture::new(60, 40, [240; 3]).rendered(vec![]);
            rendered.elements = elements.clone();
            Outcome::Rendered(rendered)
        };
        let requirements = Requirements { background: Some([9; 3]), ..requirements() };
        for domain in [Domain::Chart, Domain::Web] {
            let first = diagnose(&task(domain, Some(requirements.clone())), &rendered(), None);
            let second = diagnose(&task(domain, Some(requirements.clone())), &rendered(), None);
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            assert!((0.0..=1.0).contains(&rubric_and_reward(domain, &first).1));
            assert!(first.defects.iter().all(|d| d.elements.len() == d.regions.len() && !d.message.is_empty()));
            assert!(first.rubric.axes.iter().all(|(_, v)| v.satisfied.is_some() == v.score.is_some()));
        }
    }
}
