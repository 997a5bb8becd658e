//! Every stage from screenshots to numbers on the fixtures, compared with the benchmark's results.

use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_artifact::{Image, TextBlock};
use vsdpo_score::design2code::blocks::{Screenshots, blocks};
use vsdpo_score::design2code::items::Item;
use vsdpo_score::design2code::pair::{PairedBlocks, compare};
use vsdpo_score::design2code::shrink::picture;

/// A pair of pages.
struct Case {
    folder: PathBuf,
    expected: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/design2code");
        let mut all = Vec::new();
        for entry in std::fs::read_dir(fixtures).expect("fixtures").flatten() {
            if let Ok(text) = std::fs::read_to_string(entry.path().join("expected.json")) {
                let expected = serde_json::from_str(&text).expect("JSON");
                all.push(Self { folder: entry.path(), expected });
            }
        }
        assert_eq!(all.len(), 13, "pairs");
        all
    }

    fn image(&self, name: &str) -> Image {
        let path = self.folder.join("stages").join(name);
        let image = image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).to_rgba8();
        Image { width: image.width(), height: image.height(), rgba: image.into_raw().into() }
    }

    fn blocks(&self, side: &str) -> Vec<TextBlock> {
        let path = self.folder.join("stages").join(format!("{side}_items.json"));
        let items: Vec<(String, String)> =
            serde_json::from_str(&std::fs::read_to_string(path).expect("items")).expect("JSON");
        let items: Vec<Item> = items.into_iter().map(|(text, color)| Item { text, color }).collect();
        let shots = Screenshots {
            plain: self.image(&format!("{side}.png")),
            recolored: self.image(&format!("{side}_p.png")),
            shifted: self.image(&format!("{side}_p_1.png")),
        };
        blocks(&items, &shots)
    }

    fn compared(&self) -> PairedBlocks {
        compare(self.blocks("cand"), self.blocks("ref"))
    }
}

fn numbers<const N: usize>(value: &Value) -> [f64; N] {
    let all: Vec<f64> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    all.try_into().unwrap()
}

fn expected_blocks(value: &Value) -> Vec<TextBlock> {
    let block = |v: &Value| TextBlock {
        text: v["text"].as_str().unwrap().into(),
        bbox: numbers(&v["bbox"]),
        color: numbers(&v["color"]),
    };
    value.as_array().unwrap().iter().map(block).collect()
}

#[test]
fn blocks_equal_the_benchmarks() {
    for case in Case::all() {
        for side in ["ref", "cand"] {
            let want = expected_blocks(&case.expected[side]["blocks"]);
            assert_eq!(case.blocks(side), want, "{} {side}", case.expected["case"]);
        }
    }
}

#[test]
fn merges_pairs_and_scores_equal_the_benchmarks() {
    let mut worst = 0.0f64;
    for case in Case::all() {
        let (e, name) = (&case.expected, &case.expected["case"]);
        let got = case.compared();
        assert_eq!(got.comparison.refs, expected_blocks(&e["ref"]["final_blocks"]), "{name}");
        assert_eq!(got.comparison.cand, expected_blocks(&e["cand"]["final_blocks"]), "{name}");
        let pairs = e["assignment"].as_array().unwrap().iter().map(numbers::<2>);
        let pairs: Vec<_> = pairs.map(|[a, b]| (a as usize, b as usize)).collect();
        assert_eq!(got.pairs, pairs, "{name}");
        for (masks, side) in [(&got.ref_masks, "ref"), (&got.cand_masks(), "cand")] {
            let want: Vec<[f64; 4]> =
                e[side]["clip_mask_boxes"].as_array().unwrap().iter().map(numbers).collect();
            assert_eq!(*masks, want, "{name} {side}");
        }
        let scores = got.comparison.scores;
        for (key, score) in [
            ("block_match", scores.block_match),
            ("text", scores.text),
            ("position", scores.position),
            ("color", scores.color),
            ("overall_without_clip", scores.overall(0.0)),
        ] {
            let want = e[key].as_f64().unwrap();
            worst = worst.max((score - want).abs());
            assert!((score - want).abs() < 1e-9, "{name} {key}: {score} is not {want}");
        }
    }
    println!("largest difference {worst:e}");
}

#[test]
fn clip_gets_the_benchmarks_pictures() {
    for case in Case::all() {
        let got = case.compared();
        for (masks, side) in [(&got.ref_masks, "ref"), (&got.cand_masks(), "cand")] {
            let picture = picture(&case.image(&format!("{side}.png")), masks);
            let want = case.image(&format!("clip224_{side}.png"));
            let pixels = picture.rgba.iter().zip(want.rgba.iter());
            let other = pixels.filter(|(a, b)| a != b).count();
            assert_eq!((picture.width, picture.height, other), (224, 224, 0), "{}", case.expected["case"]);
        }
    }
}
