//! Comparison of the network with transformers; `fixtures/parity/make_model.py` made the expected
//! values.

use candle_core::{D, Device, Tensor};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use vsdpo_policy::{
    GradientSums, Loading, Mode, PatchGrid, Policy, Prompt, Recompute, SampleConfig, Sequence, ops,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity")
}

fn model() -> Policy {
    Policy::load(&fixtures().join("model")).unwrap()
}

struct Case {
    prompt: Prompt,
    completion: Vec<u32>,
    facts: Value,
    logits: Vec<f32>,
}

fn numbers() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join("model_cases.safetensors"), &Device::Cpu).unwrap()
}

fn cases(policy: &Policy) -> Vec<(String, Case)> {
    let text = std::fs::read_to_string(fixtures().join("model_cases.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let numbers = numbers();
    let ids =
        |v: &Value| v.as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as u32).collect::<Vec<_>>();
    let one = |(name, facts): (&String, &Value)| {
        let mut pixels: Vec<f32> = numbers.get(&format!("{name}.pixels")).map_or(Vec::new(), flat);
        let images = facts["grids"].as_array().unwrap().iter().enumerate().map(|(i, grid)| {
            let grid: [usize; 3] =
                ids(grid).iter().map(|n| *n as usize).collect::<Vec<_>>().try_into().unwrap();
            let rest = pixels.split_off(
                grid.iter().product::<usize>() * policy.config().vision.as_ref().unwrap().patch_len(),
            );
            PatchGrid { patches: std::mem::replace(&mut pixels, rest), grid, hash: i as u64 }
        });
        let images: Vec<PatchGrid> = images.collect();
        let prompt = policy.prompt(ids(&facts["prompt"]), images).unwrap();
        let logits = flat(&numbers[&format!("{name}.logits")]);
        (name.clone(), Case { prompt, completion: ids(&facts["completion"]), facts: facts.clone(), logits })
    };
    value["cases"].as_object().unwrap().iter().map(one).collect()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn logits(policy: &Policy, sequences: &[Sequence], mode: Mode) -> Tensor {
    let hidden = policy.completion_hidden(sequences, mode).unwrap();
    ops::linear(&hidden, &policy.head(), None).unwrap()
}

#[test]
fn positions_equal_transformers() {
    let policy = model();
    for (name, case) in cases(&policy) {
        let want: Vec<[u32; 3]> = serde_json::from_value(case.facts["positions"].clone()).unwrap();
        assert_eq!(case.prompt.positions, want, "{name}");
        assert_eq!(u64::from(case.prompt.next_position), case.facts["next_position"], "{name}");
    }
}

#[test]
fn logits_equal_transformers_one_by_one_and_packed() {
    let policy = model();
    let cases = cases(&policy);
    let sequence = |c: &'static Case| Sequence { prompt: &c.prompt, completion: &c.completion };
    let cases: &'static [(String, Case)] = cases.leak();
    let all: Vec<Sequence> = cases.iter().map(|(_, c)| sequence(c)).collect();
    for mode in [Mode::Train, Mode::Infer] {
        let packed = flat(&logits(&policy, &all, mode));
        let want: Vec<f32> = cases.iter().flat_map(|(_, c)| c.logits.clone()).collect();
        assert!(worst(&packed, &want) <= 1e-4, "packed: {}", worst(&packed, &want));
    }
    for (name, case) in cases {
        let alone = flat(&logits(&policy, &[sequence(case)], Mode::Infer));
        assert!(worst(&alone, &case.logits) <= 1e-4, "{name}: {}", worst(&alone, &case.logits));
    }
}

#[test]
fn gradients_equal_pytorch() {
    let mut policy = model();
    policy.set_trainable(|_| true).unwrap();
    let cases = cases(&policy);
    let (_, case) = cases.iter().find(|(name, _)| name == "images").unwrap();
    let logits =
        logits(&policy, &[Sequence { prompt: &case.prompt, completion: &case.completion }], Mode::Train);
    let targets = Tensor::new(case.completion.as_slice(), &Device::Cpu).unwrap().unsqueeze(1).unwrap();
    let picked = logits.gather(&targets, 1).unwrap().squeeze(1).unwrap();
    let loss = (logits.log_sum_exp(D::Minus1).unwrap() - picked).unwrap().mean_all().unwrap();
    let want = case.facts["loss"].as_f64().unwrap() as f32;
    assert!((loss.to_scalar::<f32>().unwrap() - want).abs() < 1e-5 * want);
    let gradients = loss.backward().unwrap();
    let numbers = numbers();
    let mut compared = 0;
    for (name, var) in policy.parameters() {
        let Some(want) = numbers.get(&format!("grad.{name}")).map(flat) else { continue };
        let found = flat(gradients.get(var.as_tensor()).unwrap());
        let scale = want.iter().map(|g| g.abs()).fold(0.0, f32::max);
        assert!(worst(&found, &want) <= 1e-3 * scale, "{name}: {} of {scale}", worst(&found, &want));
        compared += 1;
    }
    assert_eq!(compared, 11);
}

#[test]
fn a_shared_prefix_changes_neither_states_nor_gradients() {
    let mut policy = model();
    policy.set_trainable(|_| true).unwrap();
    let cases = cases(&policy);
    let (_, case) = cases.iter().find(|(name, _)| name == "images").unwrap();
    let longer = |more: &[u32]| {
        let ids = [case.prompt.ids.as_slice(), more].concat();
        policy.prompt(ids, case.prompt.images.clone()).unwrap()
    };
    let (one, other) = (longer(&[7, 8, 9]), longer(&[7, 8, 5, 6]));
    let y = case.completion.as_slice();
    // One group with a shared prefix, longer prompts that share it too, and one that shares
    // nothing.
    let lone = policy.prompt(vec![3, 1, 4], Vec::new()).unwrap();
    let sequence = |prompt, completion| Sequence { prompt, completion };
    let all = [
        sequence(&case.prompt, y),
        sequence(&case.prompt, &y[..1]),
        sequence(&case.prompt, &y[1..]),
        sequence(&one, y),
        sequence(&other, &y[2..]),
        sequence(&lone, y),
    ];
    let run = |sequences: &[Sequence]| {
        let states = policy.completion_hidden(sequences, Mode::Train).unwrap();
        let gradients = states.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        // A sequence without images has no gradient for the vision tower.
        let of = |(_, var): &(String, candle_core::Var)| {
            gradients.get(var.as_tensor()).map_or_else(|| vec![0.0; var.elem_count()], flat)
        };
        (flat(&states), policy.parameters().iter().map(of).collect::<Vec<_>>())
    };
    let (states, gradients) = run(&all);
    let alone: Vec<_> = all.iter().map(|s| run(std::slice::from_ref(s))).collect();
    let want: Vec<f32> = alone.iter().flat_map(|(states, _)| states.clone()).collect();
    assert!(worst(&states, &want) <= 1e-5, "{}", worst(&states, &want));
    for (i, (name, _)) in policy.parameters().iter().enumerate() {
        let sum = |k: usize| alone.iter().map(|(_, g)| g[i][k]).sum::<f32>();
        let want: Vec<f32> = (0..gradients[i].len()).map(sum).collect();
        let scale = want.iter().map(|g| g.abs()).fold(1e-3, f32::max);
        assert!(
            worst(&gradients[i], &want) <= 1e-4 * scale,
            "{name}: {}",
            worst(&gradients[i], &want) / scale
        );
    }
}

#[test]
fn frozen_parameters_have_no_gradient() {
    let mut policy = model();
    policy.set_trainable(|name| name.contains("layers.1.")).unwrap();
    let cases = cases(&policy);
    let all: Vec<Sequence> =
        cases.iter().map(|(_, c)| Sequence { prompt: &c.prompt, completion: &c.completion }).collect();
    let loss = policy.completion_hidden(&all, Mode::Train).unwrap().sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    for (name, var) in policy.parameters() {
        let has = gradients.get(var.as_tensor()).is_some();
        assert_eq!(has, name.contains("layers.1."), "{name}");
    }
    assert_eq!(policy.trainable().count(), 11);
}

#[test]
fn greedy_tokens_equal_generate() {
    let policy = model();
    let config = SampleConfig { max_completion_tokens: 20, temperature: 0.0, ..Default::default() };
    let cases = cases(&policy);
    let prompts: Vec<Prompt> = cases.iter().map(|(_, c)| c.prompt.clone()).collect();
    let drawn = policy.sample(&prompts, 2, &config, 1).unwrap();
    for ((name, case), pair) in cases.iter().zip(drawn.chunks(2)) {
        let want: Vec<u32> = serde_json::from_value(case.facts["greedy"].clone()).unwrap();
        assert_eq!(pair[0].tokens, want, "{name}");
        assert_eq!(pair[1].tokens, want, "{name}, second of the group");
    }
}

#[test]
fn sampled_logprobs_equal_the_full_forward_pass() {
    let policy = model();
    let cases = cases(&policy);
    let prompts: Vec<Prompt> = cases.iter().map(|(_, c)| c.prompt.clone()).collect();
    // More tokens than one block of the cache.
    let config = SampleConfig { max_completion_tokens: 70, temperature: 1.0, ..Default::default() };
    let drawn = policy.sample(&prompts, 3, &config, 5).unwrap();
    for (i, completion) in drawn.iter().enumerate() {
        let full = policy.logprobs(&prompts[i / 3], &completion.tokens).unwrap();
        assert!(worst(&full, &completion.logprobs) <= 1e-4, "{i}: {}", worst(&full, &completion.logprobs));
        assert_eq!(completion.token_spans.len(), completion.tokens.len());
        assert_eq!(completion.finished, matches!(completion.tokens.last(), Some(256 | 258)));
        assert!(completion.finished || completion.tokens.len() == 70);
    }
    assert!(drawn.iter().any(|c| c.tokens != drawn[0].tokens));
    assert_eq!(drawn, policy.sample(&prompts, 3, &config, 5).unwrap());
    // A completion does not depend on the others of the call.
    assert_eq!(drawn[0].tokens, policy.sample(&prompts[..1], 1, &config, 5).unwrap()[0].tokens);
}

#[test]
fn the_feature_cache_is_invalidated_when_the_tower_changes() {
    let policy = model();
    let cases = cases(&policy);
    let (_, case) = cases.iter().find(|(name, _)| name == "image").unwrap();
    let sequence = [Sequence { prompt: &case.prompt, completion: &case.completion }];
    let first = flat(&policy.completion_hidden(&sequence, Mode::Infer).unwrap());
    let again = flat(&policy.completion_hidden(&sequence, Mode::Infer).unwrap());
    assert_eq!(first, again);
    let (_, bias) =
        policy.parameters().iter().find(|(n, _)| n == "model.visual.merger.linear_fc2.bias").unwrap();
    bias.set(&(bias.as_tensor() + 0.5).unwrap()).unwrap();
    let moved = flat(&policy.completion_hidden(&sequence, Mode::Infer).unwrap());
    assert!(worst(&first, &moved) > 1e-2);
}

#[test]
fn a_saved_model_loads_unchanged() {
    let policy = model();
    let dir = std::env::temp_dir().join(format!("vsdpo-save-{}", std::process::id()));
    policy.save(&dir).unwrap();
    // Saving a second time replaces the existing folder, which is also the source.
    Policy::load(&dir).unwrap().save(&dir).unwrap();
    let again = Policy::load(&dir).unwrap();
    assert_eq!(again.config(), policy.config());
    for ((name, a), (other, b)) in policy.parameters().iter().zip(again.parameters()) {
        assert_eq!(name, other);
        assert_eq!(flat(a), flat(b), "{name}");
    }
    let read = |path: &Path| std::fs::read(path).unwrap();
    for file in
        ["tokenizer.json", "chat_template.jinja", "generation_config.json", "preprocessor_config.json"]
    {
        assert_eq!(read(&dir.join(file)), read(&fixtures().join("model").join(file)), "{file}");
    }
    let rights = |name: &str| std::fs::metadata(dir.join(name)).unwrap().permissions();
    assert_eq!(rights("model.safetensors"), rights("config.json"));
    let header = read(&dir.join("model.safetensors"));
    assert!(String::from_utf8_lossy(&header[..200]).contains(r#"{"format":"pt"}"#));
    let config: Value = serde_json::from_slice(&read(&dir.join("config.json"))).unwrap();
    assert_eq!(config["dtype"], "float32");
    assert_eq!(config["transformers_version"], "5.23.0");
    assert!(!dir.join("model.safetensors.index.json").exists());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn errors_name_the_broken_file_or_tensor() {
    let dir = std::env::temp_dir().join(format!("vsdpo-broken-{}", std::process::id()));
    let message =
        |dir: &Path| Policy::load(dir).err().unwrap().to_string().replace(&dir.display().to_string(), "DIR");
    assert_eq!(
        message(&dir),
        "DIR is missing; help: give the folder of a Hugging Face model (Qwen3-VL, Qwen3 or Llama)"
    );
    model().save(&dir).unwrap();
    let weights = dir.join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    assert!(message(&dir).starts_with("DIR/model.safetensors: "), "{}", message(&dir));
    std::fs::remove_file(&weights).unwrap();
    assert_eq!(message(&dir), "DIR/model.safetensors is missing; help: download the whole model again");
    std::fs::write(&weights, &whole).unwrap();
    let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
    std::fs::write(
        dir.join("config.json"),
        config.replace(r#""intermediate_size": 96"#, r#""intermediate_size": 97"#),
    )
    .unwrap();
    let shape = message(&dir);
    let wanted = "tensor `model.language_model.layers.{0..2}.mlp.down_proj.weight` has shape [64, 96], \
                  but config.json requires [64, 97]";
    assert!(shape.contains(wanted) && shape.contains("mlp.up_proj"), "{shape}");
    std::fs::write(dir.join("config.json"), config.replace(r#""depth": 3"#, r#""depth": 4"#)).unwrap();
    assert!(
        message(&dir).contains("tensor `model.visual.blocks.3.norm1.weight` is missing"),
        "{}",
        message(&dir)
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

/// The whole tape against the pass of the trainer, which leaves the embedding off it: the sum over
/// two passes, with the vision tower and without, whole and block by block.
#[test]
fn a_training_pass_gives_the_gradients_of_the_whole_tape() {
    let mut policy = model();
    let cases = cases(&policy);
    let sequences: Vec<Sequence> =
        cases.iter().map(|(_, c)| Sequence { prompt: &c.prompt, completion: &c.completion }).collect();
    for tower in [true, false] {
        policy.set_trainable(|name| tower || !name.starts_with("model.visual")).unwrap();
        let hidden = policy.completion_hidden(&sequences, Mode::Train).unwrap();
        let seed: Vec<f32> = (0..hidden.elem_count()).map(|i| (i % 13) as f32 / 6.0 - 1.0).collect();
        let store = ops::backward(&hidden, &seed).unwrap();
        for recompute in [Recompute::None, Recompute::Block] {
            let mut sums = GradientSums::new(&policy);
            for _ in 0..2 {
                let pass = policy.training_pass(&sequences, recompute).unwrap();
                assert_eq!(flat(pass.hidden()), flat(&hidden));
                pass.backward(&seed, &mut sums).unwrap();
            }
            assert_eq!(sums.tensors().len(), policy.trainable().count());
            for ((name, var), sum) in policy.trainable().zip(sums.tensors()) {
                let want: Vec<f32> =
                    flat(store.get(var.as_tensor()).unwrap()).iter().map(|g| 2.0 * g).collect();
                let scale = want.iter().map(|g| g.abs()).fold(0.0, f32::max);
                let gap = worst(&flat(sum.as_ref().unwrap()), &want);
                assert!(gap <= 1e-5 * scale, "{recompute:?} {name}: {gap} of {scale}");
            }
        }
    }
}

#[test]
fn frozen_matrices_in_bf16_give_the_results_of_f32() {
    let full = model();
    let open = |how: Loading| Policy::open(&fixtures().join("model"), &how).unwrap();
    let half = open(Loading::frozen());
    assert!(half.head().tensor().is_none(), "the file holds bf16, which is kept");
    let cases = cases(&full);
    let all: Vec<Sequence> =
        cases.iter().map(|(_, c)| Sequence { prompt: &c.prompt, completion: &c.completion }).collect();
    let (a, b) = (logits(&full, &all, Mode::Infer), logits(&half, &all, Mode::Infer));
    assert!(worst(&flat(&a), &flat(&b)) <= 1e-6, "{}", worst(&flat(&a), &flat(&b)));
    for (name, case) in &cases {
        let of = |policy: &Policy| policy.logprobs(&case.prompt, &case.completion).unwrap();
        assert!(worst(&of(&full), &of(&half)) <= 1e-6, "{name}");
    }
    // Saved as they are, and read again without loss.
    let dir = tempfile::tempdir().unwrap();
    half.save(&dir.path().join("saved")).unwrap();
    let again = Policy::load(&dir.path().join("saved")).unwrap();
    for ((name, a), (other, b)) in full.parameters().iter().zip(again.parameters()) {
        assert_eq!(name, other);
        assert_eq!(flat(a), flat(b), "{name}");
    }
}

#[test]
fn gradients_pass_through_frozen_matrices_in_bf16() {
    let trains = |name: &str| name.contains("norm") || name.contains("layers.0.self_attn.q_proj");
    let mut full = model();
    full.set_trainable(trains).unwrap();
    let mut half = Policy::open(&fixtures().join("model"), &Loading::frozen()).unwrap();
    half.set_trainable(trains).unwrap();
    let cases = cases(&full);
    let (_, case) = cases.iter().find(|(name, _)| name == "images").unwrap();
    let sequence = [Sequence { prompt: &case.prompt, completion: &case.completion }];
    let gradients = |policy: &Policy| -> Vec<(String, Vec<f32>)> {
        let loss = logits(policy, &sequence, Mode::Train).sqr().unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        let of = |(name, var): (&str, &candle_core::Var)| {
            (name.to_string(), gradients.get(var.as_tensor()).map_or_else(Vec::new, flat))
        };
        policy.trainable().map(of).collect()
    };
    let (want, found) = (gradients(&full), gradients(&half));
    assert!(want.iter().any(|(name, _)| name.contains("q_proj")));
    for ((name, want), (other, found)) in want.iter().zip(&found) {
        assert_eq!(name, other);
        let scale = want.iter().map(|g| g.abs()).fold(1e-6, f32::max);
        assert!(worst(want, found) <= 1e-5 * scale, "{name}: {} of {scale}", worst(want, found));
    }
}

#[test]
fn few_rows_at_once_and_weights_in_place_give_the_same_tokens() {
    let policy = model();
    let half = Policy::open(&fixtures().join("model"), &Loading::frozen()).unwrap();
    let cases = cases(&policy);
    let prompts: Vec<Prompt> = cases.iter().map(|(_, c)| c.prompt.clone()).collect();
    let config = SampleConfig { max_completion_tokens: 40, ..Default::default() };
    let drawn = policy.sample(&prompts, 3, &config, 5).unwrap();
    for max_rows in [1, 2, 5] {
        let few = policy.sample(&prompts, 3, &SampleConfig { max_rows, ..config }, 5).unwrap();
        for (a, b) in few.iter().zip(&drawn) {
            assert_eq!(a.tokens, b.tokens, "{max_rows} rows");
        }
    }
    let in_place = half.sample(&prompts, 3, &config, 5).unwrap();
    for (a, b) in in_place.iter().zip(&drawn) {
        assert_eq!(a.tokens, b.tokens);
        assert!(worst(&a.logprobs, &b.logprobs) <= 1e-5);
    }
    // Keys and values in bf16: log-probabilities move by about 2^-8 of the logits.
    let rounded = SampleConfig { cache: vsdpo_policy::Dtype::Bf16, ..config };
    for (i, row) in policy.sample(&prompts, 3, &rounded, 5).unwrap().iter().enumerate() {
        let full = policy.logprobs(&prompts[i / 3], &row.tokens).unwrap();
        let gap = worst(&full, &row.logprobs);
        assert!(gap <= 5e-2, "{i}: {gap}");
        assert!(gap > 0.0 || row.tokens.len() < 2, "{i}: nothing was rounded");
    }
}
