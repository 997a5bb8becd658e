//! An adapter saved by PEFT against transformers with PEFT; `fixtures/parity/make_adapter.py` made
//! the expected values. `python/tests/test_adapter.py` tests the other direction.

use candle_core::Device;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vsdpo_policy::{Loading, PatchGrid, Policy};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join(name)).unwrap()).unwrap()
}

/// log p of the completions of every case under a policy, with what PEFT computed.
fn pairs(policy: &Policy) -> Vec<(String, Vec<f32>, Vec<f32>)> {
    let numbers =
        candle_core::safetensors::load(fixtures().join("model_cases.safetensors"), &Device::Cpu).unwrap();
    let (cases, expected) = (json("model_cases.json"), json("adapter_cases.json"));
    let one = |(name, facts): (&String, &Value)| {
        let ids: Vec<u32> = serde_json::from_value(facts["prompt"].clone()).unwrap();
        let completion: Vec<u32> = serde_json::from_value(facts["completion"].clone()).unwrap();
        let grids: Vec<[usize; 3]> = serde_json::from_value(facts["grids"].clone()).unwrap();
        let pixels = numbers.get(&format!("{name}.pixels"));
        let mut pixels: Vec<f32> = pixels.map_or(Vec::new(), |p| p.flatten_all().unwrap().to_vec1().unwrap());
        let images = grids.iter().enumerate().map(|(i, grid)| {
            let rest = pixels.split_off(
                grid.iter().product::<usize>() * policy.config().vision.as_ref().unwrap().patch_len(),
            );
            PatchGrid { patches: std::mem::replace(&mut pixels, rest), grid: *grid, hash: i as u64 }
        });
        let prompt = policy.prompt(ids, images.collect()).unwrap();
        let want: Vec<f32> = serde_json::from_value(expected["logprobs"][name].clone()).unwrap();
        (name.clone(), policy.logprobs(&prompt, &completion).unwrap(), want)
    };
    cases["cases"].as_object().unwrap().iter().map(one).collect()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn an_adapter_of_peft_gives_the_log_probabilities_of_transformers() {
    let policy =
        Policy::load_with(&fixtures().join("model"), Some(&fixtures().join("adapter")), &Loading::default())
            .unwrap();
    let pairs = pairs(&policy);
    assert_eq!(pairs.len(), 3);
    for (name, got, want) in &pairs {
        assert!(worst(got, want) <= 1e-4, "{name}: {}", worst(got, want));
    }
    let base = self::pairs(&policy.without_adapter());
    assert!(base.iter().all(|(_, base, want)| worst(base, want) > 0.1), "the adapter changes little");
}

#[test]
fn a_merged_model_says_the_same() {
    let policy =
        Policy::load_with(&fixtures().join("model"), Some(&fixtures().join("adapter")), &Loading::default())
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    policy.save(&folder.path().join("merged")).unwrap();
    let merged = Policy::load(&folder.path().join("merged")).unwrap();
    assert!(merged.adapter().is_none());
    for (name, got, want) in pairs(&merged) {
        assert!(worst(&got, &want) <= 1e-4, "{name}: {}", worst(&got, &want));
    }
}
