use super::*;
use crate::{Policy, SampleConfig, SaveDtype, SaveOptions, Sequence};
use std::path::Path;
use vsdpo_artifact::{Content, Image, Message, Role};

const Q: &str = "model.language_model.layers.1.self_attn.q_proj";

fn mini() -> Policy {
    Policy::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/mini")).unwrap()
}

fn lora(targets: &[&str]) -> LoraConfig {
    let targets = targets.iter().map(|t| (*t).to_owned()).collect();
    LoraConfig { rank: 3, alpha: 6.0, targets, ..LoraConfig::default() }
}

/// Every linear layer of both towers.
fn everywhere() -> LoraConfig {
    let targets = [
        LoraConfig::default().targets,
        ["qkv", "attn.proj", "linear_fc1", "linear_fc2"].map(str::to_owned).into(),
    ];
    LoraConfig {
        modules_to_save: vec!["q_norm".into(), "merger.norm".into()],
        targets: targets.concat(),
        ..lora(&[])
    }
}

/// A policy whose adapter changes what it says.
fn adapted(config: &LoraConfig) -> Policy {
    let mut policy = mini();
    policy.add_adapter(config, 4).unwrap();
    shake(&policy);
    policy
}

fn shake(policy: &Policy) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
    for (name, var) in policy.changing().iter().filter(|(name, _)| !name.ends_with(A)) {
        let low = if name.ends_with(B) { -0.05 } else { 0.8 };
        let values: Vec<f32> = (0..var.elem_count()).map(|_| rng.random_range(low..low + 0.1)).collect();
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    policy.changed().unwrap();
}

fn messages() -> Vec<Message> {
    let image = Image { width: 64, height: 48, rgba: [200, 40, 90, 255].repeat(64 * 48).into() };
    let text = "A line chart of 1, 3, 2.".to_owned();
    vec![Message { role: Role::User, content: vec![Content::Image(image), Content::Text(text)] }]
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn hidden(policy: &Policy, mode: Mode) -> Tensor {
    let prompt = policy.encode(&messages()).unwrap();
    let completion: Vec<u32> = (20..50).collect();
    policy.completion_hidden(&[Sequence { prompt: &prompt, completion: &completion }], mode).unwrap()
}

#[test]
fn a_new_adapter_changes_nothing_and_alone_trains() {
    let base = mini();
    let mut policy = mini();
    policy.add_adapter(&lora(&["q_proj", "v_proj"]), 4).unwrap();
    assert_eq!(values(&hidden(&policy, Mode::Infer)), values(&hidden(&base, Mode::Infer)));
    policy.set_trainable(|_| true).unwrap();
    let names: Vec<&str> = policy.trainable().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 4 * 2 * 2);
    assert!(names.iter().all(|name| name.ends_with(A) || name.ends_with(B)));
    let y = hidden(&policy, Mode::Train);
    let store = ops::backward(&y, &vec![0.1; y.elem_count()]).unwrap();
    let reached = |var: &Var| store.get(var.as_tensor()).is_some();
    assert!(policy.trainable().all(|(_, var)| reached(var)));
    assert!(policy.parameters().iter().all(|(_, var)| !reached(var)));
}

#[test]
fn copies_share_the_frozen_weights_and_a_silent_one_is_off() {
    let mut policy = mini();
    policy.add_adapter(&lora(&["q_proj"]), 4).unwrap();
    let copy = policy.frozen_copy().unwrap();
    assert!(policy.parameters().iter().zip(copy.parameters()).all(|(a, b)| a.1.id() == b.1.id()));
    let on = |p: &Policy| p.weights().adapted(&format!("{Q}.weight"), Mode::Infer).is_some();
    assert!(on(&policy) && !on(&copy));
    let before = values(&hidden(&copy, Mode::Infer));
    shake(&policy);
    assert_eq!(values(&hidden(&copy, Mode::Infer)), before, "the copy has its own adapter");
    copy.copy_from(&policy).unwrap();
    assert!(on(&copy));
    assert_eq!(values(&hidden(&copy, Mode::Infer)), values(&hidden(&policy, Mode::Infer)));
    assert_eq!(copy.trainable().count(), 0);
}

/// With A the identity and alpha the rank, `y = (W + B) x`: B is a dense update of W.
#[test]
fn an_adapter_of_full_rank_is_the_dense_update() {
    let mut dense = mini();
    dense.set_trainable(|name| name == format!("{Q}.weight")).unwrap();
    let mut policy = mini();
    let config = LoraConfig { rank: 160, alpha: 160.0, targets: vec![Q.into()], ..LoraConfig::default() };
    policy.add_adapter(&config, 4).unwrap();
    let [(_, a), (_, b)] = policy.changing() else { panic!("one pair") };
    a.set(&Tensor::eye(160, candle_core::DType::F32, &Device::Cpu).unwrap()).unwrap();
    let gradient = |policy: &Policy, var: &Var| {
        let y = hidden(policy, Mode::Train);
        let seed: Vec<f32> = (0..y.elem_count()).map(|i| (i % 7) as f32 - 3.0).collect();
        ops::backward(&y, &seed).unwrap().get(var.as_tensor()).unwrap().clone()
    };
    let (_, w) = dense.trainable().next().unwrap();
    let (dw, db) = (gradient(&dense, w), gradient(&policy, b));
    let scale = values(&dw).iter().fold(0f32, |m, v| m.max(v.abs()));
    assert!(worst(&values(&dw), &values(&db)) <= 1e-4 * scale, "{}", worst(&values(&dw), &values(&db)));
    let step = (dw * (-0.01 / f64::from(scale))).unwrap();
    w.set(&(w.as_detached_tensor() + &step).unwrap()).unwrap();
    b.set(&step).unwrap();
    let (want, got) = (values(&hidden(&dense, Mode::Infer)), values(&hidden(&policy, Mode::Infer)));
    assert!(worst(&want, &got) <= 1e-4, "{}", worst(&want, &got));
    assert!(worst(&want, &values(&hidden(&mini(), Mode::Infer))) > 1e-3, "the step is too small to see");
}

#[test]
fn the_sampler_agrees_with_the_training_pass() {
    let policy = adapted(&everywhere());
    let prompt = policy.encode(&messages()).unwrap();
    let config = SampleConfig { max_completion_tokens: 24, ..Default::default() };
    let base = mini().sample(std::slice::from_ref(&prompt), 3, &config, 1).unwrap();
    let sampled = policy.sample(std::slice::from_ref(&prompt), 3, &config, 1).unwrap();
    assert!(base.iter().zip(&sampled).any(|(a, b)| a.tokens != b.tokens));
    for y in &sampled {
        let scored = policy.logprobs(&prompt, &y.tokens).unwrap();
        assert!(worst(&y.logprobs, &scored) <= 1e-4, "{}", worst(&y.logprobs, &scored));
    }
}

#[test]
fn dropout_acts_in_training_alone_and_repeats_with_its_seed() {
    let mut config = lora(&["q_proj", "down_proj"]);
    let plain = adapted(&config);
    config.dropout = 0.4;
    let policy = adapted(&config);
    assert_eq!(values(&hidden(&policy, Mode::Infer)), values(&hidden(&plain, Mode::Infer)));
    policy.set_dropout_seed(1);
    let first = values(&hidden(&policy, Mode::Train));
    assert!(worst(&first, &values(&hidden(&plain, Mode::Train))) > 1e-3);
    assert_eq!(first, values(&hidden(&policy, Mode::Train)));
    policy.set_dropout_seed(2);
    assert!(worst(&first, &values(&hidden(&policy, Mode::Train))) > 1e-3);
}

#[test]
fn a_saved_adapter_has_the_keys_of_peft_and_loads_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let policy = adapted(&everywhere());
    let dir = folder.path().join("adapter");
    policy.save_changes(&dir, SaveOptions::default()).unwrap();
    let found = candle_core::safetensors::load(dir.join("adapter_model.safetensors"), &Device::Cpu).unwrap();
    assert_eq!(found.len(), policy.changing().len());
    for key in [
        "base_model.model.model.language_model.layers.1.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.language_model.layers.1.self_attn.q_norm.weight",
        "base_model.model.model.visual.blocks.1.attn.qkv.lora_B.weight",
        "base_model.model.model.visual.merger.norm.bias",
    ] {
        assert!(found.contains_key(key), "{key}");
    }
    // The folder names its model, so that it loads alone.
    assert!(is_adapter_folder(&dir));
    let again = Policy::load(&dir).unwrap();
    assert_eq!(again.adapter(), policy.adapter());
    let (a, b) = (hidden(&policy, Mode::Infer), hidden(&again, Mode::Infer));
    assert_eq!(values(&a), values(&b));
    // Read back, it is set and not added.
    policy.read_back(&dir).unwrap();
    policy.read_back(&dir).unwrap();
    assert_eq!(values(&a), values(&hidden(&policy, Mode::Infer)));
    let mut twice = again;
    assert!(twice.load_adapter(&dir).unwrap_err().to_string().contains("has an adapter already; help:"));
    let other = adapted(&lora(&["q_proj"]));
    assert!(other.read_back(&dir).unwrap_err().to_string().contains("another adapter's settings"));
}

#[test]
fn a_merged_model_is_saved_in_shards_and_in_bf16() {
    let folder = tempfile::tempdir().unwrap();
    let policy = adapted(&everywhere());
    let want = values(&hidden(&policy, Mode::Infer));
    for (dtype, tolerance) in [(SaveDtype::F32, 1e-4), (SaveDtype::Bf16, 0.2)] {
        let dir = folder.path().join("merged");
        policy.save_as(&dir, SaveOptions { dtype, shard_bytes: 2_000_000 }).unwrap();
        let shards = std::fs::read_dir(&dir).unwrap().flatten();
        let shards = shards.filter(|e| e.file_name().to_string_lossy().ends_with(".safetensors")).count();
        assert!(shards >= 3, "{shards}");
        let got = values(&hidden(&Policy::load(&dir).unwrap(), Mode::Infer));
        assert!(worst(&got, &want) <= tolerance, "{dtype:?}: {}", worst(&got, &want));
        let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
        assert!(config.contains(if dtype == SaveDtype::F32 { "\"float32\"" } else { "\"bfloat16\"" }));
    }
}

#[test]
fn settings_that_do_not_fit_name_the_key_and_the_remedy() {
    let refused = |config: LoraConfig| mini().add_adapter(&config, 1).unwrap_err().to_string();
    let cases = [
        (LoraConfig { rank: 0, ..lora(&["q_proj"]) }, "lora: rank: 0 cannot be used; help: write 1 to 4096"),
        (
            LoraConfig { dropout: 1.0, ..lora(&["q_proj"]) },
            "lora: dropout: 1 cannot be used; help: write a number",
        ),
        (
            lora(&["query"]),
            "lora: targets: \"query\" is no linear layer of this model; help: name linear layers",
        ),
        (lora(&["lm_head"]), "lora: targets: \"lm_head\" is no linear layer of this model; help: "),
        (LoraConfig { modules_to_save: vec!["lm_head".into()], ..lora(&["q_proj"]) }, "tie_word_embeddings"),
        (LoraConfig { modules_to_save: vec!["q_proj".into()], ..lora(&["q_proj"]) }, "is a target as well"),
        (lora(&[]), "nothing would train"),
    ];
    for (config, want) in cases {
        let error = refused(config);
        assert!(error.contains(want) && error.contains("help: "), "{error}");
    }
}

#[test]
fn broken_adapters_name_the_file_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("adapter");
    adapted(&lora(&["q_proj"])).save_changes(&dir, SaveOptions::default()).unwrap();
    let path = dir.join("adapter_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, want) in [
        ("\"use_dora\": false", "\"use_dora\": true", "key `use_dora` is true; only false is supported"),
        ("\"bias\": \"none\"", "\"bias\": \"all\"", "key `bias` is \"all\""),
        ("\"q_proj\"", "\"v_proj\"", ".self_attn.v_proj.lora_A.weight` is missing"),
        ("\"r\": 3", "\"r\": 4", "has shape [3, 160], but"),
        ("LORA", "IA3", "key `peft_type` is \"IA3\""),
    ] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = mini().load_adapter(&dir).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    // A pattern: what is adapted follows from the tensors.
    let pattern = text.replace("[\n    \"q_proj\"\n  ]", "\".*q_proj\"");
    std::fs::write(&path, &pattern).unwrap();
    let mut policy = mini();
    policy.load_adapter(&dir).unwrap();
    assert_eq!(policy.adapter().unwrap().targets.len(), 4);
    let nowhere = pattern.replace("assets/mini", "assets/none");
    std::fs::write(&path, nowhere).unwrap();
    let error = Policy::load(&dir).err().unwrap().to_string();
    assert!(
        error.contains("base_model_name_or_path") && error.contains("help: give the model's folder"),
        "{error}"
    );
}
