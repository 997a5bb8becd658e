//! What geometry calls good on a mini page is what the real browser and the rules call free of
//! defects.

use vsdpo_artifact::{Axis, Diagnosis, Domain, FailureKind, WebAxis};
use vsdpo_data::mini::web::{Content, Layout, Slip, WINDOW};
use vsdpo_data::mini::{Content as _, Layout as _, Slip as _, Split, stream};
use vsdpo_diagnose::{diagnose, rubric_json};
use vsdpo_render::{Page, WebConfig, WebRenderer};

/// Draws and judges the pages of some contents.
fn judged(pages: Vec<(&Content, String)>) -> Vec<(Diagnosis, Option<FailureKind>)> {
    let renderer = WebRenderer::start(WebConfig { window: WINDOW, ..WebConfig::default() }).unwrap();
    let page = |html: &String| Page { html: html.clone().into_bytes(), folder: None };
    let outcomes =
        renderer.render_all(&pages.iter().map(|(_, html)| page(html)).collect::<Vec<_>>()).unwrap();
    let judge = |((content, _), outcome): (&(&Content, String), _)| {
        let diagnosis = diagnose(Domain::Web, Some(&content.requirements()), outcome);
        (diagnosis, outcome.error().map(|e| e.kind))
    };
    pages.iter().zip(&outcomes).map(judge).collect()
}

/// Every other layout is repaired, so that there are enough good ones.
#[test]
fn geometry_agrees_with_browser_and_rules() {
    let draw = |i: u64| {
        let split = Split::ALL[i as usize % 3];
        let mut rng = stream(split, 21, i);
        let (content, layout) = (Content::draw(split, &mut rng), Layout::random(&mut rng));
        let repaired = i.is_multiple_of(2).then(|| content.repair(&layout, &mut rng));
        (content, repaired.unwrap_or(layout))
    };
    let drawn: Vec<(Content, Layout)> =
        (0..std::env::var("N").map_or(90, |n| n.parse().unwrap())).map(draw).collect();
    let seen = judged(drawn.iter().map(|(c, l)| (c, c.code(l, None))).collect());
    for ((content, layout), (diagnosis, error)) in drawn.iter().zip(seen) {
        assert_eq!(error, None);
        let (rubric, page) = (rubric_json(&diagnosis.rubric), content.code(layout, None));
        assert_eq!(diagnosis.defect_free(), content.good(layout), "{rubric}\n{page}");
    }
}

#[test]
fn slips_show_nothing_or_miss_a_number() {
    let draw = |i: u64| {
        let mut rng = stream(Split::Train, 22, i);
        let content = Content::draw(Split::Train, &mut rng);
        let layout = content.good_layout(&mut rng);
        (content, layout, Slip::random(&mut rng))
    };
    let drawn: Vec<(Content, Layout, Slip)> = (0..12).map(draw).collect();
    let seen = judged(drawn.iter().map(|(c, l, slip)| (c, c.code(l, Some(*slip)))).collect());
    for ((.., slip), (diagnosis, error)) in drawn.iter().zip(seen) {
        assert_eq!(error, slip.hides().then_some(FailureKind::NoFigure), "{slip:?}");
        let failed = |(axis, verdict): &(Axis, vsdpo_artifact::Verdict)| {
            (verdict.satisfied == Some(false)).then_some(*axis)
        };
        let failed: Vec<Axis> = diagnosis.rubric.axes.iter().filter_map(failed).collect();
        let want = if slip.hides() { vec![] } else { vec![Axis::Web(WebAxis::Content)] };
        assert_eq!(failed, want, "{slip:?}");
    }
}

/// Else a policy would write every page in black on white, whatever it was asked.
#[test]
fn another_ground_than_the_one_asked_for_is_missing_content() {
    let mut rng = stream(Split::Train, 23, 0);
    let content = Content::draw(Split::Train, &mut rng);
    let page = content.code(&content.good_layout(&mut rng), None);
    let (head, rest) = page.split_once("background:").unwrap();
    let (_, rest) = rest.split_once(';').unwrap();
    let ground = |name: &str| format!("{head}background:{name};{rest}");
    let seen = judged(vec![(&content, page.clone()), (&content, ground("gray"))]);
    let content_ok = |d: &Diagnosis| d.rubric.get(Axis::Web(WebAxis::Content)).unwrap().satisfied;
    assert_eq!((content_ok(&seen[0].0), content_ok(&seen[1].0)), (Some(true), Some(false)));
}
