//! How a task asks for boxes and letters to be set: boxes in a row with a gap, letters of a size, a
//! colour and a spacing.

use super::missing_content::ShownTexts;
use super::visible::VisibleText;
use crate::requirements::{COLOUR, Requirement, Unmet};
use crate::scene::{distance, hex, quote};
use vsdpo_artifact::{BoxRow, Element, Letters, Region};

/// Pixels by which a gap may differ from the required one: browsers round boxes to pixels.
const GAP: f32 = 1.5;
/// Share of the lower of two boxes that must be beside the other one.
const BESIDE: f32 = 0.5;
/// Pixels by which a font size or a spacing may differ.
const SIZE: f32 = 0.5;

/// The requirement that some boxes stand in a row, if they do not. Texts that are not shown are
/// left out: the requirement of the text reports them.
pub(super) fn row(shown: &ShownTexts, row: &BoxRow) -> Option<Unmet> {
    let texts: Vec<(&str, &VisibleText)> =
        row.texts.iter().filter_map(|text| Some((text.as_str(), shown.alone(text).next()?))).collect();
    let region = |e: &Element| e.layout.unwrap_or(e.region);
    let boxes: Vec<Region> = (0..texts.len()).map(|i| region(own_box(shown, &texts, i))).collect();
    boxes.windows(2).zip(texts.windows(2)).find_map(|(boxes, texts)| {
        let [(a, first), (b, next)] = [(boxes[0], texts[0].0), (boxes[1], texts[1].0)];
        let beside = a.y1.min(b.y1) - a.y0.max(b.y0) >= BESIDE * a.height().min(b.height());
        let (gap, wanted) = (b.x0 - a.x1, row.gap);
        let unmet =
            |short: String, sentence: String| Unmet { requirement: Requirement::Row, short, sentence };
        let (short, long) = ((quote(first, 24), quote(next, 24)), (quote(first, 60), quote(next, 60)));
        if !beside || gap < -GAP {
            return Some(unmet(
                format!("{} not right of {}", short.1, short.0),
                format!("the box of {} does not stand to the right of that of {}", long.1, long.0),
            ));
        }
        ((gap - wanted).abs() > GAP).then(|| {
            unmet(
                format!("gap {gap:.0}px"),
                format!("the gap from {} to {} is {gap:.0} px, not {wanted:.0}", long.0, long.1),
            )
        })
    })
}

/// The largest element around a text that holds none of the others.
fn own_box<'a>(shown: &ShownTexts<'_, 'a>, texts: &[(&str, &VisibleText<'a>)], i: usize) -> &'a Element {
    let text = texts[i].1.element;
    let holds_another = |e: &Element| {
        texts.iter().enumerate().any(|(j, (_, other))| j != i && shown.page.is_inside(other.element, e))
    };
    shown.page.around(text).take_while(|e| !holds_another(e)).last().unwrap_or(text)
}

/// The requirement that a text is set in certain letters, if it is shown in others only.
pub(super) fn letters(shown: &ShownTexts, wanted: &Letters) -> Option<Unmet> {
    let mut first = None;
    for text in shown.alone(&wanted.text) {
        match other_letters(text, wanted) {
            None => return None,
            Some(other) => first = first.or(Some(other)),
        }
    }
    first.map(|(is, not)| Unmet {
        requirement: Requirement::Letters,
        short: format!("{} {is}", quote(&wanted.text, 24)),
        sentence: format!("the letters of {} are {is}, not {not}", quote(&wanted.text, 60)),
    })
}

/// In what the letters of a text differ: as they are, and as they should be.
fn other_letters(text: &VisibleText, wanted: &Letters) -> Option<(String, String)> {
    let color = text.element.color.map_or([0; 3], |[r, g, b, _]| [r, g, b]);
    let (size, spacing) = (text.font(), text.facts.spacing.unwrap_or(0.0));
    let differs = |is: f32, wanted: Option<f32>| wanted.filter(|wanted| (is - wanted).abs() > SIZE);
    if let Some(wanted) = differs(size, wanted.size) {
        return Some((format!("{size:.0}px"), format!("{wanted:.0}px")));
    }
    if let Some(wanted) = differs(spacing, wanted.spacing) {
        return Some((format!("spaced {spacing:.0}px"), format!("{wanted:.0}px")));
    }
    let wanted = wanted.color.filter(|wanted| distance(color, *wanted) > COLOUR)?;
    Some((hex(color), hex(wanted)))
}

#[cfg(test)]
mod tests {
    use crate::rules::web::missing_content::check;
    use crate::scene::Scene;
    use crate::testing::*;
    use vsdpo_artifact::{BoxRow, Letters, Requirements};

    fn expect(elements: Vec<Made>, required: &Requirements, observed: &str) {
        let rendered = Picture::new(200, 100, [255; 3]).rendered(elements);
        let result = check(&Scene::new(&rendered, 0, Some(required)));
        assert_eq!(result.observed, observed);
        assert_eq!(result.score, Some(if observed == "all" { 1.0 } else { 0.0 }));
    }

    #[test]
    fn boxes_stand_in_a_row_with_their_gap() {
        // Two boxes of 40 x 30 pixels in a third one, each with its text.
        let boxes = |second: [f32; 4]| {
            let [x0, y0, x1, _] = second;
            vec![
                block(0, "div", [0.0, 0.0, 190.0, 90.0]),
                block(1, "div", [10.0, 10.0, 50.0, 40.0]).inside(0),
                words(2, "Cats", [12.0, 12.0, 45.0, 26.0]).inside(1),
                block(3, "div", second).inside(0),
                words(4, "Dogs", [x0 + 2.0, y0 + 2.0, x1 - 5.0, y0 + 16.0]).inside(3),
            ]
        };
        let row = BoxRow { texts: vec!["Cats".into(), "Dogs".into()], gap: 8.0 };
        let required = Requirements { rows: vec![row], ..Requirements::default() };
        expect(boxes([58.0, 10.0, 98.0, 40.0]), &required, "all");
        expect(boxes([58.0, 24.0, 98.0, 54.0]), &required, "all");
        expect(boxes([58.0, 26.0, 98.0, 56.0]), &required, "'Dogs' not right of 'Cats'");
        expect(boxes([10.0, 48.0, 50.0, 78.0]), &required, "'Dogs' not right of 'Cats'");
        expect(boxes([60.0, 10.0, 98.0, 40.0]), &required, "gap 10px");
    }

    #[test]
    fn letters_have_their_size_colour_and_spacing() {
        let text = || words(0, "Cats", [12.0, 12.0, 45.0, 26.0]).colored([0, 128, 128, 255]).sized(12.0);
        let like = |size, color, spacing| Requirements {
            letters: vec![Letters { text: "Cats".into(), size, color, spacing }],
            ..Requirements::default()
        };
        expect(vec![text()], &like(Some(12.0), Some([0, 128, 128]), Some(0.0)), "all");
        expect(vec![text()], &like(Some(16.0), None, None), "'Cats' 12px");
        expect(vec![text()], &like(None, Some([220, 20, 60]), None), "'Cats' #008080");
        expect(vec![text()], &like(None, None, Some(4.0)), "'Cats' spaced 0px");
        expect(vec![text().spaced(4.0)], &like(None, None, Some(4.0)), "all");
        // A second text with the same words may have the required letters.
        let second = words(1, "Cats", [12.0, 52.0, 45.0, 66.0]).sized(16.0);
        expect(vec![text(), second], &like(Some(16.0), None, None), "all");
    }
}
