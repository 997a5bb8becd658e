//! The renderer and the rules agree with the geometry that defines good layouts of mini charts.

use vsdpo_artifact::{Domain, Language, Source, Task};
use vsdpo_data::mini::chart::{Content, Layout};
use vsdpo_data::mini::{Content as _, Layout as _, Split, stream};
use vsdpo_diagnose::{AxisWeights, RubricDetail, diagnose, rubric_json};
use vsdpo_render::{RenderConfig, open};

/// Every second layout is repaired, because few random layouts are good. At least 97 % must agree;
/// the held-back choice must agree always.
#[test]
fn geometry_agrees_with_renderer_and_rules() {
    let draw = |i: u64| {
        let split = Split::ALL[(i / 2) as usize % 4];
        let mut rng = stream(split, 21, i);
        let (content, layout) = (Content::draw(split, &mut rng), Layout::random(&mut rng));
        let repaired = i.is_multiple_of(2).then(|| content.repair(&layout, &mut rng));
        (content, repaired.unwrap_or(layout))
    };
    let drawn: Vec<(Content, Layout)> =
        (0..std::env::var("N").map_or(96, |n| n.parse().unwrap())).map(draw).collect();
    let renderer = open(Domain::Chart, Language::Python, RenderConfig::default()).unwrap();
    let code = |(content, layout): &(Content, Layout)| content.code(layout, None);
    let sources: Vec<Source> = drawn.iter().map(|d| Source::new(code(d), Language::Python)).collect();
    let outcomes = renderer.render_all(&sources).unwrap();
    let mut differ = 0;
    for (drawn, outcome) in drawn.iter().zip(&outcomes) {
        assert!(outcome.error().is_none(), "{:?}\n{}", outcome.error(), code(drawn));
        let (content, layout) = drawn;
        let requirements = Some(content.requirements());
        let task = Task { requirements, ..Task::unspecified(Domain::Chart, Language::Python) };
        let diagnosis = diagnose(&task, outcome, None);
        let alike = diagnosis.defects.iter().any(|d| d.rule == "chart/unreadable-colors");
        assert_eq!(!alike, content.held_back_ok(layout), "{}", code(drawn));
        if diagnosis.defect_free() != content.good(layout) {
            differ += 1;
            let weights = AxisWeights::equal(Domain::Chart);
            let rubric = rubric_json(&diagnosis.rubric, RubricDetail::Full, &weights);
            println!("good by geometry: {}\n{rubric}\n{}", content.good(layout), code(drawn));
        }
    }
    println!("{differ} of {} differ", drawn.len());
    assert!(differ * 100 <= drawn.len() * 3, "{differ} of {} differ", drawn.len());
}
