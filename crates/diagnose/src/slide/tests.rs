//! Against the numbers of the released program and of docs/specs/aeslides.md, stored in
//! `fixtures/aeslides`, and against a second, literal form of the collision definition.

use super::imbalance::of_tree;
use super::tree::{Node, tree};
use super::whitespace::{REWARD, Step, contrast};
use super::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{LayoutKind, Rect, SlideElement, Visibility};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/aeslides")
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

struct Fixture {
    name: String,
    picture: Image,
    trees: Value,
    expected: Value,
}

fn fixtures() -> Vec<Fixture> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let rgba = image::open(path.join("render.png")).unwrap().into_rgba8();
        all.push(Fixture {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            picture: Image { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw().into() },
            trees: json(&path.join("tree.json")),
            expected: json(&path.join("expected.json")),
        });
    }
    assert_eq!(all.len(), 13);
    all
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn rect(value: &Value) -> Rect {
    serde_json::from_value(value.clone()).unwrap()
}

fn rects(value: &Value) -> Vec<Rect> {
    serde_json::from_value(value.clone()).unwrap()
}

fn close(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got}, not {want}");
}

/// A stored tree, with the flags that the released program gave it.
fn stored(value: &Value, nodes: &mut Vec<Node>) -> usize {
    let flag = |name: &str| value["flags"].as_array().unwrap().iter().any(|flag| flag == name);
    let place = nodes.len();
    nodes.push(Node {
        tag: value["tag"].as_str().unwrap().into(),
        rect: rect(&value["bbox"]),
        opacity: number(&value["opacity"]),
        text_len: number(&value["text_len"]) as u32,
        lines: rects(&value["text_rects"]),
        text_like: flag("text_like"),
        image_like: flag("image_like"),
        icon_like: flag("icon_like"),
        background_image: flag("has_background_image"),
        children: Vec::new(),
    });
    for child in value["children"].as_array().unwrap() {
        let child = stored(child, nodes);
        nodes[place].children.push(child);
    }
    place
}

/// The stored boxes of the collision definition, as a layout.
fn layout(fixture: &Fixture) -> SlideLayout {
    let elements = fixture.trees["boxes"].as_array().unwrap().iter().enumerate();
    let boxes = fixture.trees["boxes"].as_array().unwrap();
    let element = |(_, b): (usize, &Value)| {
        let n = |key: &str| number(&b[key]);
        let parent = b["parent"].as_i64().unwrap();
        let around = usize::try_from(parent).ok().map_or(1.0, |at| number(&boxes[at]["opacity"]));
        SlideElement {
            tag: b["tag"].as_str().unwrap().into(),
            parent: u32::try_from(parent).ok(),
            rect: Rect::new(n("x"), n("y"), n("w"), n("h")),
            // Stored is the product of all around it.
            opacity: if around > 0.0 { n("opacity") / around } else { 0.0 },
            visibility: if b["visible"] == true { Visibility::Visible } else { Visibility::Hidden },
            border: b["paint"] == true,
            clips: [b["clipx"] == true, b["clipy"] == true],
            placed: matches!(b["position"].as_str(), Some("absolute" | "fixed")),
            font_px: n("fs"),
            icon_font: b["icon"] == true,
            text_len: 100,
            text_rects: rects(&b["text"]),
            ..SlideElement::default()
        }
    };
    let height = number(&fixture.expected["ours"]["view_height"]);
    let elements = elements.map(element).collect();
    SlideLayout { width: 1280.0, height, full_height: height, elements, ..SlideLayout::default() }
}

#[test]
fn whitespace_agrees_with_the_released_program() {
    for fixture in fixtures() {
        let (name, want) = (&fixture.name, &fixture.expected["whitespace"]);
        let map = contrast(&fixture.picture);
        let pixels = map.values.len() as f64;
        let got = map.whitespace();
        for (got, key) in [(got.full, "content_ratio_full"), (got.crop, "content_ratio_crop")] {
            close(got, number(&want[key]), 5e-4, &format!("{name} {key}"));
        }
        let count = map.values.iter().filter(|value| **value > 0.05).count() as f64;
        close(count, number(&want["content_px_full"]), 5e-4 * pixels, &format!("{name} pixels"));
        for sample in want["map_samples"].as_array().unwrap() {
            let [row, column] = [0, 1].map(|i| number(&sample[i]) as usize);
            let got = f64::from(map.values[row * map.width + column]);
            close(got, number(&sample[2]), 2e-3, &format!("{name} at {row}, {column}"));
        }
        let reward = REWARD.of(number(&want["content_ratio_crop"]));
        close(reward, number(&fixture.expected["smoothstep_reward"]), 1e-12, name);
    }
}

#[test]
fn imbalance_agrees_with_the_released_program() {
    for fixture in fixtures() {
        for view in ["full_page", "fixed_720", "natural"] {
            // Absent is a tree that is the same as that of the full page.
            let same = fixture.trees[view].is_null();
            let stored_tree = &fixture.trees[if same { "full_page" } else { view }];
            let mut nodes = Vec::new();
            stored(stored_tree, &mut nodes);
            let want = &fixture.expected["centroid"][view];
            let heights = &fixture.expected["heights"];
            let height = match view {
                "full_page" => number(&heights["full_page"]),
                "fixed_720" => 720.0,
                _ => number(&fixture.expected["ours"]["view_height"]),
            };
            let got = of_tree(&nodes, [1280.0, height]).unwrap();
            for (got, key) in [
                (got.code, "score"),
                (got.paper, "score_paper_tolerances"),
                (got.offset[0], "offset_x_norm"),
                (got.offset[1], "offset_y_norm"),
            ] {
                let want = number(&want[key]);
                close(got, want, 1e-9 * want.abs().max(1e-3), &format!("{} {view} {key}", fixture.name));
            }
        }
    }
}

#[test]
fn collisions_agree_with_the_stored_ones() {
    let mut found = 0;
    for fixture in fixtures() {
        let (layout, want) = (layout(&fixture), &fixture.expected["ours"]["collision"]);
        let (items, got) = collision::collide(&layout);
        close(got.cost, number(&want["C"]), 1e-6, &fixture.name);
        for (kind, key) in
            [(items::ItemKind::Text, "T"), (items::ItemKind::Media, "M"), (items::ItemKind::Panel, "P")]
        {
            let count = items.items.iter().filter(|item| item.kind == kind).count();
            assert_eq!(count as f64, number(&want["items"][key]), "{} {key}", fixture.name);
        }
        let defects = want["defects"].as_array().unwrap();
        assert_eq!(got.clashes.len(), defects.len(), "{}", fixture.name);
        for (clash, want) in got.clashes.iter().zip(defects) {
            let kind = match clash.kind {
                ClashKind::Overlap => "overlap",
                ClashKind::Escape => "escape",
                ClashKind::Cut => "cut",
                ClashKind::OffSlide => "boundary",
            };
            assert_eq!(kind, want["type"], "{}", fixture.name);
            assert_eq!(u64::from(clash.element), want["a"].as_u64().unwrap(), "{}", fixture.name);
            if let Some(second) = want["b"].as_u64() {
                assert_eq!(clash.others, [second as u32], "{}", fixture.name);
            }
            close(clash.area, number(&want["area"]), 1e-3, &fixture.name);
            close(clash.severity, number(&want["severity"]), 1e-6, &fixture.name);
            found += 1;
        }
    }
    assert_eq!(found, 4, "the defects of three slides");
}

#[test]
fn shaping_agrees_with_the_released_program() {
    let vectors = json(&folder().join("reward_vectors.json"));
    let given = |value: &Value, key: &str, default: f64| value[key].as_f64().unwrap_or(default);
    let aspects = vectors["aspect_reward"].as_array().unwrap();
    for vector in aspects {
        let ratio = 16.0 / 9.0;
        let bounds = [given(vector, "flat_low_ar", ratio), given(vector, "flat_high_ar", ratio)];
        let [w, h, want] = ["w", "h", "value"].map(|key| number(&vector[key]));
        close(aspect::within(w, h, bounds), want, 1e-12, &vector.to_string());
    }
    let steps = vectors["smoothstep_reward"].as_array().unwrap();
    for vector in steps {
        let step = Step {
            scale: given(vector, "scale", REWARD.scale),
            lower: given(vector, "lower", REWARD.lower),
            upper: given(vector, "upper", REWARD.upper),
            gamma: given(vector, "gamma", REWARD.gamma),
        };
        close(step.of(number(&vector["x"])), number(&vector["value"]), 1e-12, &vector.to_string());
    }
    assert!(aspects.len() > 30 && steps.len() > 20);
    for (height, compliant) in [(718.9, false), (719.0, true), (721.0, true), (721.5, false)] {
        assert_eq!(aspect::compliant(1280.0, height), compliant, "{height}");
    }
}

#[test]
fn scores_are_those_of_the_stored_metrics() {
    for fixture in fixtures() {
        let ours = &fixture.expected["ours"];
        let metrics = SlideMetrics {
            height: number(&ours["natural_height"]),
            compliant: aspect::compliant(1280.0, number(&ours["natural_height"])),
            aspect_reward: aspect::reward(1280.0, number(&ours["natural_height"])),
            whitespace: whitespace(&fixture.picture),
            collision: Collision { clashes: vec![], cost: number(&ours["collision"]["C"]) },
            imbalance: Some(Imbalance {
                offset: [0.0; 2],
                code: number(&ours["d_code"]),
                paper: number(&ours["d_paper"]),
            }),
            without_wrapper: None,
            hacks: Hacks::default(),
        };
        let (scores, rewards) = (metrics.scores(), metrics.rewards());
        close(scores.aspect, number(&ours["axes"]["aspect"]), 0.0, &fixture.name);
        close(scores.collision, number(&ours["axes"]["collision"]), 1e-12, &fixture.name);
        close(scores.imbalance, number(&ours["axes"]["imbalance"]), 1e-12, &fixture.name);
        close(scores.mean(), number(&ours["avg"]), 2e-4, &fixture.name);
        close(rewards.aspect, number(&fixture.expected["aspect_reward"]), 1e-12, &fixture.name);
        close(rewards.whitespace, number(&fixture.expected["smoothstep_reward"]), 3e-3, &fixture.name);
        let nothing = SlideMetrics { imbalance: None, ..metrics };
        let (scores, rewards) = (nothing.scores(), nothing.rewards());
        assert_eq!((scores.collision, scores.imbalance), (0.0, 0.0));
        assert_eq!((rewards.whitespace, rewards.collision, rewards.imbalance), (0.0, 0.0, 0.0));
        assert_eq!(rewards.total(), rewards.aspect);
    }
}

fn element(tag: &str, parent: Option<u32>, rect: [f64; 4]) -> SlideElement {
    let font_px = 16.0;
    SlideElement { tag: tag.into(), parent, rect: rect.into(), opacity: 1.0, font_px, ..Default::default() }
}

fn slide(elements: Vec<SlideElement>) -> SlideLayout {
    SlideLayout { width: 1280.0, height: 720.0, full_height: 720.0, elements, ..SlideLayout::default() }
}

/// Two words on a slide of stripes.
#[test]
fn textures_and_hidden_text_are_signs() {
    let mut words = element("p", Some(2), [600.0, 350.0, 40.0, 16.0]);
    words.text_rects = vec![words.rect];
    words.text_len = 9;
    let mut frame = element("div", Some(1), [0.0, 0.0, 1280.0, 720.0]);
    frame.clips = [true; 2];
    let html = element("html", None, [0.0, 0.0, 1280.0, 720.0]);
    let body = element("body", Some(0), [0.0, 0.0, 1280.0, 720.0]);
    let mut layout = slide(vec![html, body, frame, words]);
    let stripe = |at: u32| if (at / 16).is_multiple_of(2) { [255u8; 4] } else { [200, 200, 200, 255] };
    let rgba: Vec<u8> = (0..1280 * 720).flat_map(|at| stripe(at % 1280)).collect();
    let striped = Image { width: 1280, height: 720, rgba: rgba.into() };
    let metrics = measure(&striped, &layout);
    assert_eq!(metrics.whitespace, Whitespace { full: 1.0, crop: 1.0 });
    // The text's box grown by 100 and 75 pixels is 240 x 166.
    let near = 240.0 * 166.0 / (1280.0 * 720.0);
    assert!(metrics.hacks.texture && !metrics.hacks.hides_text);
    close(metrics.hacks.stray, 1.0 - near, 1e-12, "stray");
    // The text's centre is 20 px left and 2 px above the middle, and weighs 640; its frame and the
    // slide have no text of their own, so it is alone.
    let [dx, dy] = metrics.imbalance.unwrap().offset;
    close(dx, -20.0 / 1280.0, 1e-12, "across");
    close(dy, -2.0 / 720.0, 1e-12, "down");
    layout.elements[3].text_rects[0].y = 712.0;
    let metrics = measure(&striped, &layout);
    // 8 of the 16 rows are hidden: half of the text, twice what is full severity.
    assert!(metrics.hacks.hides_text);
    close(metrics.collision.cost, 1.0, 0.0, "cut");
    let blank = Image { width: 1280, height: 720, rgba: vec![255; 1280 * 720 * 4].into() };
    assert_eq!(measure(&blank, &layout).hacks.stray, 0.0);
}

/// What no tree of a browser can be is still measured.
#[test]
fn layouts_that_make_no_sense_are_measured() {
    let image = Image { width: 0, height: 0, rgba: Vec::new().into() };
    for parents in [[Some(0), Some(7)], [None, Some(1)], [Some(1), Some(0)]] {
        let far = [f64::MAX, -1e300, 1e308, f64::MIN];
        let mut elements: Vec<SlideElement> =
            parents.iter().map(|parent| element("body", *parent, far)).collect();
        elements[0].text_rects = vec![far.into(), [f64::NAN; 4].into()];
        let layout = SlideLayout { height: f64::NAN, elements, ..SlideLayout::default() };
        let metrics = measure(&image, &layout);
        assert_eq!((metrics.compliant, metrics.aspect_reward), (false, 0.0));
        assert_eq!(metrics.imbalance, None);
    }
    assert_eq!(measure(&image, &SlideLayout::default()).collision, Collision::default());
}

/// A slide at random, of few and near boxes so that everything happens.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn rect(&mut self, most: u64) -> Rect {
        let [x, y] = [1400, 840].map(|side| self.below(side) as f64 - 60.0);
        Rect::new(x, y, self.below(most) as f64 / 2.0, self.below(most) as f64 / 2.0)
    }

    fn slide(&mut self) -> SlideLayout {
        let mut elements = vec![element("html", None, [0.0, 0.0, 1280.0, 720.0])];
        elements.push(element("body", Some(0), [0.0, 0.0, 1280.0, 720.0]));
        for i in 2..3 + self.below(14) {
            let tags = ["div", "p", "img", "i", "span", "svg"];
            let parent = 1 + self.below(i - 1);
            let around = elements[parent as usize].rect;
            let mut rect = self.rect(900);
            if self.one_in(2) {
                rect.x = around.x + self.below(40) as f64;
                rect.y = around.y + self.below(40) as f64;
            }
            let mut e = element(tags[self.below(6) as usize], Some(parent as u32), rect.into());
            e.opacity = [1.0, 1.0, 1.0, 0.2, 0.04][self.below(5) as usize];
            e.visibility = [Visibility::Visible, Visibility::Hidden][self.one_in(9) as usize];
            e.background = self.below(2) as f64;
            e.clips = [self.one_in(5), self.one_in(5)];
            e.placed = self.one_in(3);
            e.font_px = self.below(30) as f64;
            e.text_len = self.below(30) as u32;
            e.classes = ["", "Big-Icon", "material-symbols"][self.below(3) as usize].into();
            for _ in 0..self.below(3) {
                let mut line = self.rect(400);
                (line.x, line.y) = (rect.x + self.below(60) as f64, rect.y + self.below(60) as f64);
                (line.w, line.h) = (line.w + 1.0, line.h / 5.0 + 1.0);
                e.text_rects.push(line);
            }
            elements.push(e);
        }
        slide(elements)
    }
}

#[test]
fn collisions_agree_with_the_literal_definition_on_random_slides() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut kinds = std::collections::BTreeMap::new();
    for round in 0..4000 {
        let layout = random.slide();
        let (got, want) = (collision(&layout), literal::collision(&layout));
        let flat = |c: &Clash| (format!("{:?}", c.kind), c.element);
        let got_kinds: Vec<_> = got.clashes.iter().map(flat).collect();
        let want_kinds: Vec<_> = want.iter().map(|(kind, at, ..)| ((*kind).to_owned(), *at as u32)).collect();
        assert_eq!(got_kinds, want_kinds, "round {round}: {layout:?}");
        for (clash, (_, _, area, severity)) in got.clashes.iter().zip(&want) {
            close(clash.area, *area, 1e-6 * area.max(1.0), "area");
            close(clash.severity, *severity, 1e-9, "severity");
            *kinds.entry(format!("{:?}", clash.kind)).or_insert(0) += 1;
        }
    }
    assert!(kinds.len() == 4 && kinds.values().all(|count| *count > 300), "{kinds:?}");
}

/// The boxes of random slides weigh what a recursive reading of the definition says.
#[test]
fn imbalance_agrees_with_the_literal_definition_on_random_slides() {
    let mut random = Random(0xdead_beef_1234_5678);
    let mut shown = 0;
    for _ in 0..2000 {
        let mut layout = random.slide();
        for e in &mut layout.elements {
            (e.background_image, e.text_len) = (e.background > 0.5, e.text_len * 3);
        }
        let (got, want) = (imbalance(&layout), literal::imbalance(&layout));
        assert_eq!(got.is_some(), want.is_some(), "{layout:?}");
        let (Some(got), Some(want)) = (got, want) else { continue };
        close(got.offset[0], want[0], 1e-9, "across");
        close(got.offset[1], want[1], 1e-9, "down");
        let (dx, dy) = (want[0] / 0.05, want[1] / 0.15);
        close(got.paper, (dx * dx + dy * dy).sqrt(), 1e-9 * got.paper.max(1.0), "distance");
        shown += 1;
    }
    assert!(shown > 1000, "{shown}");
    let layout = slide(vec![element("html", None, [0.0; 4])]);
    assert!(tree(&layout).is_empty());
}

mod literal;

/// A deck's slide: its parts follow the root, the body and the box around all shapes.
fn deck(parts: Vec<SlideElement>) -> SlideLayout {
    let whole = [0.0, 0.0, 1280.0, 720.0];
    let roots = [("html", None), ("body", Some(0)), ("div", Some(1))];
    let roots = roots.map(|(tag, parent)| SlideElement { text_len: 9, ..element(tag, parent, whole) });
    SlideLayout { kind: LayoutKind::Deck, ..slide(roots.into_iter().chain(parts).collect()) }
}

/// A part of a deck: what it is, of which shape, on which part.
fn shape(tag: &str, id: u32, parent: u32, rect: [f64; 4]) -> SlideElement {
    let text_rects = if tag == "p" { vec![rect.into()] } else { vec![] };
    let background = if tag == "div" { 1.0 } else { 0.0 };
    let font_px = 100.0;
    let made = element(tag, Some(parent), rect);
    SlideElement { element: Some(id), placed: true, text_rects, background, font_px, ..made }
}

/// docs/specs/aeslides.md, 11: a shape's own text may not leave it, what stands on it must lie in
/// it by 95 %, and a badge need only be small.
#[test]
fn shapes_of_a_deck_collide_by_what_they_stand_on() {
    let card = || shape("div", 1, 2, [100.0, 100.0, 200.0, 100.0]);
    let found = |parts: Vec<SlideElement>| -> Vec<(ClashKind, u32, Vec<u32>, f64)> {
        let clashes = collision(&deck(parts)).clashes.into_iter();
        clashes.map(|c| (c.kind, c.element, c.others, c.severity)).collect()
    };
    // Its own text reaches 3 px over it: 3 of 20 rows, of which a quarter is full severity.
    let own = |y: f64| shape("p", 1, 3, [110.0, y, 50.0, 20.0]);
    assert_eq!(found(vec![card(), own(180.0)]), []);
    assert_eq!(found(vec![card(), own(182.0)]), []);
    let escapes = found(vec![card(), own(183.0)]);
    assert_eq!((escapes[0].0, escapes[0].1, &escapes[0].2[..]), (ClashKind::Escape, 3, &[4][..]));
    close(escapes[0].3, 3.0 / 20.0 / 0.25, 1e-12, "own text");
    // Another shape's text may reach over it by a twentieth.
    let other = |y: f64| shape("p", 2, 3, [110.0, y, 50.0, 80.0]);
    assert_eq!(found(vec![card(), own(101.0), other(123.9)]), []);
    let escapes = found(vec![card(), own(105.0), other(130.0)]);
    assert_eq!((escapes.len(), escapes[0].0, &escapes[0].2[..]), (1, ClashKind::Escape, &[5][..]));
    close(escapes[0].3, 10.0 / 80.0 / 0.25, 1e-12, "text of another shape");
    // So may not a shape with a text on it that leaves the card by a half.
    let inner = shape("div", 2, 3, [200.0, 110.0, 200.0, 50.0]);
    let words = shape("p", 2, 5, [210.0, 120.0, 50.0, 20.0]);
    let escapes = found(vec![card(), own(110.0), inner, words]);
    assert_eq!((escapes.len(), escapes[0].0, &escapes[0].2[..]), (1, ClashKind::Escape, &[5][..]));
    // Pictures that overlap without standing on one another; a small one is a badge.
    let picture = |id, rect| shape("img", id, 2, rect);
    let large = || picture(1, [100.0, 100.0, 200.0, 100.0]);
    assert_eq!(found(vec![large(), picture(2, [280.0, 80.0, 40.0, 40.0])]), []);
    let overlap = found(vec![large(), picture(2, [280.0, 80.0, 60.0, 60.0])]);
    assert_eq!((overlap[0].0, overlap[0].1, &overlap[0].2[..]), (ClashKind::Overlap, 3, &[4][..]));
}

#[test]
fn a_deck_has_an_imbalance_with_and_without_the_box_around_all() {
    let layout = deck(vec![SlideElement { text_len: 9, ..shape("p", 1, 2, [0.0, 310.0, 128.0, 100.0]) }]);
    let image = Image { width: 1280, height: 720, rgba: vec![255; 1280 * 720 * 4].into() };
    let metrics = measure(&image, &layout);
    // Alone the text's centre is 576 px left of the middle.
    close(metrics.without_wrapper.unwrap().offset[0], -576.0 / 1280.0, 1e-12, "without");
    let (all, own) = (1280.0 * 720.0, 128.0 * 100.0);
    let expected = -576.0 * own / (all + own) / 1280.0;
    close(metrics.imbalance.unwrap().offset[0], expected, 1e-12, "with");
    let page = SlideLayout { kind: LayoutKind::Html, ..layout };
    assert_eq!(measure(&image, &page).without_wrapper, None);
}
