//! Comparison with transformers 5's Qwen3-VL processor: template, ids, patches, whole prompts.
//! fixtures/parity/front/make_front.py made the expected values.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vsdpo_artifact::{Content, Image, Message, Role};
use vsdpo_policy::{ChatTemplate, Front, ImageProcessor, TextTokenizer};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/front")
}

fn expected(part: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(fixtures().join("expected.json")).unwrap();
    let cases = serde_json::from_str::<Value>(&text).unwrap()[part].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "expected.json has no cases for {part}");
    cases
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The same image as `picture` in make_front.py.
fn picture(width: u32, height: u32, alpha: bool) -> Image {
    let value = |x: u64, y: u64, c: u64| -> u8 {
        if c == 3 && !alpha {
            255
        } else if y % 16 < 6 {
            ((x * 3 + y * 2 + c * 40) % 256) as u8
        } else if x % 32 < 20 {
            if (x / 7 + y / 5 + c).is_multiple_of(3) { 255 } else { 0 }
        } else {
            (((x * 7919 + y * 104_729 + c * 1_299_709) * 2_654_435_761 % (1 << 32)) >> 24) as u8
        }
    };
    let (w, h) = (u64::from(width), u64::from(height));
    let rgba: Vec<u8> =
        (0..h).flat_map(|y| (0..w).flat_map(move |x| (0..4).map(move |c| value(x, y, c)))).collect();
    Image { width, height, rgba: Arc::from(rgba) }
}

/// The CRC-32 of zlib.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    })
}

#[test]
fn texts_have_the_ids_of_transformers_and_decode_to_themselves() {
    let tokenizer = TextTokenizer::load(&fixtures().join("model")).unwrap();
    for case in expected("texts") {
        let text = case["text"].as_str().unwrap();
        let found = tokenizer.encode(text).unwrap();
        assert_eq!(found, ids(&case["ids"]), "ids of {text:?}");
        assert_eq!(tokenizer.decode(&found).0, case["decoded"].as_str().unwrap(), "decoding of {text:?}");
    }
}

#[test]
fn conversations_render_as_with_the_published_template() {
    let template = ChatTemplate::load(&fixtures().join("model")).unwrap();
    for case in expected("chats") {
        let found = template.render_context(&case["context"]).unwrap();
        assert_eq!(found, case["rendered"].as_str().unwrap(), "case {}", case["name"]);
    }
}

#[test]
fn images_have_the_patches_of_transformers_bit_for_bit() {
    for case in expected("pictures") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), case["config"].to_string()).unwrap();
        let processor = ImageProcessor::load(folder.path()).unwrap();
        let size = |key: &str| case[key].as_u64().unwrap() as u32;
        let found =
            processor.patches(&picture(size("width"), size("height"), case["alpha"] == true)).unwrap();
        let name = &case["name"];
        let grid: Vec<usize> = ids(&case["grid"]).iter().map(|&n| n as usize).collect();
        assert_eq!(found.grid.as_slice(), grid, "grid of {name}");
        assert_eq!(ids(&case["shape"]), [found.rows() as u32, processor.patch_len() as u32], "{name}");
        for sample in case["samples"].as_array().unwrap() {
            let at = sample[0].as_u64().unwrap() as usize * processor.patch_len()
                + sample[1].as_u64().unwrap() as usize;
            assert_eq!(found.patches[at], sample[2].as_f64().unwrap() as f32, "value {at} of {name}");
        }
        let sum: f64 = found.patches.iter().map(|&v| f64::from(v)).sum();
        assert!((sum / found.patches.len() as f64 - case["mean"].as_f64().unwrap()).abs() < 1e-9, "{name}");
        let crc = crc32(found.patches.iter().flat_map(|v| v.to_le_bytes()));
        assert_eq!(u64::from(crc), case["crc32"].as_u64().unwrap(), "bits of {name}");
    }
}

#[test]
fn whole_prompts_have_the_ids_of_transformers() {
    let front = Front::load(&fixtures().join("model")).unwrap();
    for case in expected("prompts") {
        let mut sizes = case["sizes"].as_array().unwrap().iter().map(ids);
        let mut piece = |json: &Value| match json["type"].as_str() {
            Some("image") => {
                let size = sizes.next().unwrap();
                Content::Image(picture(size[0], size[1], false))
            }
            _ => Content::Text(json["text"].as_str().unwrap().into()),
        };
        let mut messages = Vec::new();
        for message in case["messages"].as_array().unwrap() {
            let role: Role = serde_json::from_value(message["role"].clone()).unwrap();
            let content = match &message["content"] {
                Value::String(text) => vec![Content::Text(text.clone())],
                list => list.as_array().unwrap().iter().map(&mut piece).collect(),
            };
            messages.push(Message::new(role, content));
        }
        let found = front.encode(&messages).unwrap();
        assert_eq!(found.ids, ids(&case["ids"]), "case {}", case["name"]);
        let features: usize = found.images.iter().map(|g| front.processor().unwrap().placeholders(g)).sum();
        let pad = front.tokenizer().image_pad();
        let placeholders = found.ids.iter().filter(|&&id| Some(id) == pad).count();
        assert_eq!(features, placeholders, "case {}", case["name"]);
    }
}
