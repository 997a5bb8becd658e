//! Comparison of CLIP's image encoder with transformers; `fixtures/parity/make_clip.py` made the
//! expected values.

use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::path::Path;
use vsdpo_artifact::Image;
use vsdpo_policy::{ClipModel, PolicyError};

fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/clip.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same as `bytes_of` in the script: the top byte of splitmix64, signed.
fn byte(at: u64) -> i8 {
    let z = at.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 56) as u8 as i8
}

/// The same as `weight` in the script.
fn weight(name: &str, shape: &[usize]) -> Vec<f32> {
    let fnv = |h: u64, byte: &u8| (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    let seed = name.as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, fnv);
    let count = shape.iter().product::<usize>() as u64;
    let values = (0..count).map(|i| f32::from(byte(seed.wrapping_add(i))));
    if shape.len() <= 1 {
        let norm = ["norm.weight", "norm1.weight", "norm2.weight"].iter().any(|end| name.ends_with(end));
        values.map(|v| v / 512.0 + if norm { 1.0 } else { 0.0 }).collect()
    } else {
        let fan_in: usize = shape[1..].iter().product();
        let spread = (-6.0 - f32::from((usize::BITS - fan_in.leading_zeros()) as u8 / 2)).exp2();
        values.map(|v| v * spread).collect()
    }
}

/// Converts to f16 by shifting bits, which is exact because every value of [`weight`] is a small
/// integer over a power of two.
fn half(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let (sign, exponent) = ((bits >> 16 & 0x8000) as u16, (bits >> 23 & 0xFF) as i32 - 127);
    let mantissa = bits & 0x007F_FFFF;
    let magnitude = match exponent {
        -127 => 0,
        -14..=15 => ((exponent + 15) as u16) << 10 | (mantissa >> 13) as u16,
        // Subnormal numbers store the leading one.
        _ => ((mantissa | 0x0080_0000) >> (-14 - exponent + 13)) as u16,
    };
    (sign | magnitude).to_le_bytes()
}

/// The same as `picture` in the script.
fn picture(width: u32, height: u32) -> Image {
    let pixel = |x: u32, y: u32| {
        let value = |c: u32| ((x * (c + 3) + y * (5 - c)) ^ (x * y / 7)) as u8;
        [value(0), value(1), value(2), 255]
    };
    let rgba: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Image { width, height, rgba: rgba.into() }
}

/// Writes the model folder of a case.
fn write(case: &Value, folder: &Path) {
    std::fs::write(folder.join("config.json"), case["config"].to_string()).unwrap();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = case["shapes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, shape)| {
            let shape: Vec<usize> =
                shape.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let bytes = weight(name, &shape).into_iter().flat_map(half).collect();
            (name.clone(), shape, bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F16, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn features_and_cosines_equal_transformers() {
    let fixture = fixture();
    let sizes = fixture["sizes"].as_array().unwrap().iter().map(numbers);
    let pictures: Vec<Image> = sizes.map(|s| picture(s[0] as u32, s[1] as u32)).collect();
    for (name, case) in fixture["cases"].as_object().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        write(case, folder.path());
        let clip = ClipModel::load(folder.path()).unwrap();
        let found = clip.embed(&pictures.iter().collect::<Vec<_>>()).unwrap();
        let cosine =
            |a: usize, b: usize| f64::from(found[a].iter().zip(&found[b]).map(|(a, b)| a * b).sum::<f32>());
        for (got, want) in
            [cosine(0, 1), cosine(0, 2), cosine(1, 2)].into_iter().zip(numbers(&case["cosines"]))
        {
            assert!((got - want).abs() < 1e-5, "{name}: cosine {got}, expected {want}");
        }
        for (got, want) in found.iter().zip(case["features"].as_array().unwrap()) {
            let worst = got.iter().zip(numbers(want)).map(|(g, w)| (f64::from(*g) - w).abs());
            let worst = worst.fold(0.0, f64::max);
            assert!(worst < 1e-5, "{name}: a feature is off by {worst}");
        }
    }
}

#[test]
fn errors_name_the_invalid_file_key_or_tensor() {
    let fixture = fixture();
    let case = &fixture["cases"]["small gelu"];
    let folder = tempfile::tempdir().unwrap();
    let message = |folder: &Path| match ClipModel::load(folder) {
        Ok(_) => panic!("an invalid folder loaded"),
        Err(error) => error.to_string(),
    };
    assert!(
        message(folder.path())
            .contains("config.json is missing; help: give the folder of a Hugging Face CLIP model")
    );
    std::fs::write(folder.path().join("config.json"), case["config"].to_string()).unwrap();
    std::fs::write(folder.path().join("pytorch_model.bin"), "").unwrap();
    let pickled = message(folder.path());
    assert!(pickled.contains("save_pretrained") && !pickled.contains('\n'), "{pickled}");
    write(case, folder.path());
    let mut config = case["config"].clone();
    config["vision_config"]["hidden_act"] = "tanh".into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    assert!(message(folder.path()).contains("vision_config.hidden_act"));
    config["vision_config"]["hidden_act"] = "gelu".into();
    config["vision_config"]["num_hidden_layers"] = 9.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    assert!(matches!(ClipModel::load(folder.path()), Err(PolicyError::Tensors { .. })));
}
