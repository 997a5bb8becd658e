#![doc = include_str!("low_contrast.md")]

use super::contrast::{self, ONE_GROUND};
use super::visible::VisiblePage;
use super::{RuleResult, defect};
use crate::contrast::Contrast;
use crate::scene::{Scene, and_others, content, listed, quote};
use vsdpo_artifact::{Defect, Element};

pub(super) const SUMMARY: &str = "a text has too little contrast with its background";
pub(in crate::rules) const PROPERTIES: [&str; 8] = [
    "color",
    "background-color",
    "background",
    "background-image",
    "opacity",
    "-webkit-text-fill-color",
    "font-size",
    "font-weight",
];

pub(in crate::rules) fn check(scene: &Scene) -> RuleResult {
    let page = VisiblePage::of(scene);
    let mut found: Vec<Contrast> = page.texts.iter().filter_map(|t| contrast::of(&page, t)).collect();
    if found.is_empty() {
        return RuleResult::not_evaluated("no text");
    }
    found.sort_by(|a, b| a.margin().total_cmp(&b.margin()));
    // Texts of one colour on one background are one finding: one style sets them. A gradient is one
    // background.
    let mut groups: Vec<(&Contrast, Vec<&Element>)> = Vec::new();
    for s in &found {
        match groups
            .iter_mut()
            .find(|(first, _)| (first.ink, first.fails()) == (s.ink, s.fails()) && alike(first, s))
        {
            Some((_, texts)) => texts.push(s.element),
            None => groups.push((s, vec![s.element])),
        }
    }
    let failing: Vec<&(&Contrast, Vec<&Element>)> = groups.iter().filter(|(s, _)| s.fails()).collect();
    let describe = |(s, texts): &(&Contrast, Vec<&Element>), max| {
        format!("{} {}", and_others(quote(content(s.element), max), texts.len()), s.colours())
    };
    let observed = listed(groups.iter().map(|g| describe(g, 12)).collect());
    let defects = failing.iter().map(|g| {
        let found = defect(&g.1, format!("low contrast: {}", describe(g, 40)));
        Defect { level: g.0.level(), help: g.0.help(), ..found }
    });
    RuleResult::counted(defects.collect(), observed)
}

fn alike(a: &Contrast, b: &Contrast) -> bool {
    a.ground.iter().zip(b.ground).all(|(a, b)| a.abs_diff(b) <= ONE_GROUND)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::scene::Scene;
    use crate::testing::*;
    use vsdpo_artifact::Requirements;

    /// A text of one colour on a ground: a fifth of its letters' height is inked.
    fn expect(
        made: impl Fn(Made) -> Made,
        ink: [u8; 3],
        ground: [u8; 3],
        observed: &str,
        score: Option<f32>,
    ) {
        let mut picture = Picture::new(200, 100, ground);
        picture.fill([12, 12, 40, 16], ink);
        let text = made(words(0, "Sales", [10.0, 8.0, 50.0, 31.0]).colored([ink[0], ink[1], ink[2], 255]));
        let result = picture.with_scene(vec![text], check);
        assert_eq!((result.observed.as_str(), result.score), (observed, score));
    }

    #[test]
    fn text_needs_4_5_and_large_or_bold_text_3() {
        expect(|t| t, [0; 3], [255; 3], "'Sales' #000000 on #ffffff 21.0", Some(1.0));
        expect(|t| t, [0x77; 3], [255; 3], "'Sales' #777777 on #ffffff 4.4", Some(0.5));
        expect(|t| t.sized(24.0), [0x77; 3], [255; 3], "'Sales' #777777 on #ffffff 4.4", Some(1.0));
        expect(|t| t.sized(19.0).bold(), [0x77; 3], [255; 3], "'Sales' #777777 on #ffffff 4.4", Some(1.0));
        expect(|t| t.disabled(), [0x77; 3], [255; 3], "no text", None);
        let asked = Requirements { texts: vec!["Sales".into()], ..Requirements::default() };
        let text =
            || vec![words(0, "Sales", [10.0, 8.0, 50.0, 31.0]).colored([0x77, 0x77, 0x77, 255]).disabled()];
        let mut picture = Picture::new(200, 100, [255; 3]);
        picture.fill([12, 12, 40, 16], [0x77; 3]);
        let rendered = picture.rendered(text());
        let judged = |asked| check(&Scene::new(&rendered, 0, asked)).defects.len();
        assert_eq!((judged(None), judged(Some(&asked))), (0, 1));
        expect(|t| t, [20, 20, 60], [10, 10, 50], "'Sales' #14143c on #0a0a32 1.0", Some(0.5));
    }

    #[test]
    fn a_gradient_is_one_background() {
        let on = |second: u8| {
            let mut picture = Picture::new(200, 100, [240; 3]);
            picture.fill([0, 34, 200, 100], [second; 3]);
            let text = |id, y: f32| words(id, "Pale", [10.0, y, 50.0, y + 23.0]).colored([255; 4]);
            picture.with_scene(vec![text(0, 8.0), text(1, 40.0)], check).defects.len()
        };
        assert_eq!([240, 220, 200].map(on), [1, 1, 2]);
    }

    #[test]
    fn texts_of_one_style_are_one_finding() {
        let picture = Picture::new(200, 100, [255; 3]);
        let text = |id, y: f32| words(id, "Pale", [10.0, y, 50.0, y + 23.0]).colored([240, 240, 240, 255]);
        let result = picture.with_scene(vec![text(0, 8.0), text(1, 40.0)], check);
        assert_eq!(result.observed, "'Pale' +1 #f0f0f0 on #ffffff 1.1");
        assert_eq!((result.defects.len(), result.score), (1, Some(0.5)));
    }

    #[test]
    fn soft_edges_of_letters_are_no_ground() {
        // Letters two pixels wide with an edge of a pixel on both sides, on a gradient.
        let on = |alpha: u8| {
            let mut picture = Picture::new(200, 100, [255; 3]);
            for x in 0..200 {
                let ground = [100 + x as u8 / 2, 20, 60 + x as u8 / 2];
                let ink = crate::scene::over([255, 255, 255, alpha], ground);
                let edge = std::array::from_fn(|i| ground[i].midpoint(ink[i]));
                let color = match x % 6 {
                    0 | 1 => ink,
                    2 | 5 => edge,
                    _ => ground,
                };
                picture.fill([x, 0, x + 1, 100], color);
            }
            let text = words(0, "Settings", [10.0, 8.0, 70.0, 31.0]).colored([255, 255, 255, alpha]);
            picture.with_scene(vec![text], check)
        };
        assert_eq!(on(255).observed, "'Settings' #ffffff on #77144f 10.5");
        assert_eq!(on(180).observed, "'Settings' #d7bacb on #77144f 5.8");
    }

    #[test]
    fn initials_under_a_portrait_are_not_seen() {
        let initials = || words(0, "YZ", [10.0, 10.0, 40.0, 33.0]).colored([240, 240, 240, 255]);
        let portrait = block(1, "img", [5.0, 5.0, 45.0, 45.0]).inside(0);
        let picture = Picture::new(200, 100, [255; 3]);
        let observed = |made| picture.with_scene(made, check).observed;
        assert_eq!(observed(vec![initials(), portrait.clone()]), "no text");
        let above = initials().placed("relative");
        assert_eq!(observed(vec![above, portrait]), "'YZ' #f0f0f0 on #ffffff 1.1");
    }
}
