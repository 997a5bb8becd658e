use super::*;
use crate::stages::Experience;
use crate::testing::{batch, experience, recipe, write_policy};

struct World {
    folder: tempfile::TempDir,
    policy: Policy,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    write_policy(&model);
    World { policy: Policy::load(&model).unwrap(), folder }
}

/// The batch as one update.
fn parts<'i>(batch: &'i Batch) -> Vec<Part<'i>> {
    batch.items.iter().map(|item| Part { item, old: &[] }).collect()
}

/// All gradients as one list, after cutting the batch by `budget` tokens.
fn gradients(
    world: &World,
    teacher: &Teacher,
    experience: &Experience,
    budget: usize,
) -> (Components, Vec<f32>, usize) {
    let recipe = recipe(world.folder.path(), &["sft.weight=0.5"]);
    let batch = batch(&world.policy, experience, &recipe);
    let context = StepContext::new(&recipe, 0);
    let config = loss_config(&context);
    let mut sum = Gradients::new(&world.policy, teacher, &config, &context).unwrap();
    let (parts, items) = (parts(&batch), batch.items.iter().collect::<Vec<_>>());
    let cuts = micro_batches(&items, budget);
    for cut in &cuts {
        sum.add(&parts[cut.clone()]).unwrap();
    }
    let all =
        sum.grads.tensors().iter().flatten().flat_map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    (sum.losses, all.collect(), cuts.len())
}

#[test]
fn loss_and_gradient_do_not_depend_on_micro_batches() {
    let world = world();
    let experience = experience(&world.policy, &recipe(world.folder.path(), &[]));
    let (whole, want, one) = gradients(&world, &Teacher::Live { base: None }, &experience, usize::MAX);
    assert_eq!(one, 1);
    assert!(want.len() > 10_000 && whole.distill > 0.0 && whole.ce > 1.0, "{whole:?}");
    let scale = want.iter().fold(0f32, |m, g| m.max(g.abs()));
    for budget in [1, 400, 900] {
        let (losses, got, cuts) = gradients(&world, &Teacher::Live { base: None }, &experience, budget);
        assert!(cuts > 1);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs().max(1e-3);
        assert!(close(losses.distill, whole.distill), "{losses:?} {whole:?}");
        assert!(close(losses.grpo, whole.grpo) && close(losses.ce, whole.ce), "{losses:?} {whole:?}");
        let worst = got.iter().zip(&want).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(worst <= 1e-5 * scale, "budget {budget}: {worst} of {scale}");
    }
}

#[test]
fn micro_batches_cover_the_items_in_order() {
    let world = world();
    let recipe = recipe(world.folder.path(), &[]);
    let experience = experience(&world.policy, &recipe);
    let batch = batch(&world.policy, &experience, &recipe);
    let cost = batch.items[0].cost();
    let items: Vec<&Item> = batch.items.iter().collect();
    let cuts = micro_batches(&items, 2 * cost);
    let covered: Vec<usize> = cuts.iter().cloned().flatten().collect();
    assert_eq!(covered, (0..batch.items.len()).collect::<Vec<_>>());
    assert!(cuts.iter().all(|c| c.len() == 1 || batch.items[c.clone()].iter().map(Item::cost).sum::<usize>() <= 2 * cost));
    assert!(micro_batches(&[], 10).is_empty());
}

#[test]
fn a_teacher_with_the_same_weights_and_prompt_agrees() {
    let world = world();
    let recipe = recipe(world.folder.path(), &["grpo.weight=0"]);
    let experience = experience(&world.policy, &recipe);
    let mut batch = batch(&world.policy, &experience, &recipe);
    batch.items.iter_mut().for_each(|i| i.teacher = i.teacher.take().map(|_| i.prompt.clone()));
    let context = StepContext::new(&recipe, 0);
    let config = loss_config(&context);
    for teacher in
        [Teacher::Live { base: None }, Teacher::Base(Box::new(world.policy.frozen_copy().unwrap()))]
    {
        let mut sum = Gradients::new(&world.policy, &teacher, &config, &context).unwrap();
        sum.add(&parts(&batch)).unwrap();
        assert!(sum.losses.distill.abs() < 1e-9, "{:?}", sum.losses);
    }
}

/// A frozen teacher keeps its own head: with tied embeddings the student's moves away from it.
#[test]
fn a_frozen_teacher_scores_with_its_own_head() {
    let world = world();
    let recipe = recipe(world.folder.path(), &["grpo.weight=0", "distill.teacher=base"]);
    let experience = experience(&world.policy, &recipe);
    let teacher = Teacher::begin(&recipe, &world.policy).unwrap();
    let batch = batch(&world.policy, &experience, &recipe);
    let item = batch.items.iter().position(|i| i.teacher.is_some()).unwrap();
    let prompt = batch.items[item].teacher.as_ref().unwrap();
    let want = world.policy.logprobs(prompt, &batch.items[item].tokens).unwrap();
    for (_, var) in world.policy.trainable() {
        var.set(&(var.as_tensor() * 1.5).unwrap()).unwrap();
    }
    let context = StepContext::new(&recipe, 0);
    let config = loss_config(&context);
    let mut sum = Gradients::new(&world.policy, &teacher, &config, &context).unwrap();
    sum.add(&parts(&batch)).unwrap();
    let got = &sum.scores[item].logp_teacher;
    let worst = got.iter().zip(&want).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst < 1e-4, "{worst}");
    assert!(sum.scores[item].kl.iter().all(|&k| k > 0.0));
}

#[test]
fn a_step_lowers_the_loss_it_was_taken_on() {
    let world = world();
    let recipe = recipe(world.folder.path(), &["sft.weight=1", "optim.warmup_steps=0", "optim.lr=3e-3"]);
    let weights = crate::loss::Weights { ce: 1.0, distill: 0.0, grpo: 0.0 };
    let context = StepContext { weights, ..StepContext::new(&recipe, 0) };
    let experience = experience(&world.policy, &recipe);
    let batch = Batch::assemble(&world.policy, &experience, &context).unwrap();
    let mut adam = optimizer(&recipe, &world.policy).unwrap();
    let mut losses = Vec::new();
    for _ in 0..12 {
        let report =
            update(&world.policy, &Teacher::Live { base: None }, &batch, &mut adam, &context).unwrap();
        assert_eq!(report.loss, report.loss_ce);
        losses.push(report.loss);
    }
    // A random policy of 420 ids begins near ln 420 = 6.04.
    assert!((losses[0] - 6.04).abs() < 0.2, "{losses:?}");
    assert!(losses[11] < losses[0] - 0.5, "{losses:?}");
}

/// Losses, gradients and the teacher's log-probabilities of one batch with a teacher.
fn one_batch(world: &World, sets: &[&str], teacher: &Teacher) -> (f64, Vec<f32>, Vec<f32>) {
    let recipe = recipe(world.folder.path(), sets);
    let experience = experience(&world.policy, &recipe);
    let batch = batch(&world.policy, &experience, &recipe);
    let context = StepContext::new(&recipe, 0);
    let config = loss_config(&context);
    let mut sum = Gradients::new(&world.policy, teacher, &config, &context).unwrap();
    sum.add(&parts(&batch)).unwrap();
    let grads =
        sum.grads.tensors().iter().flatten().flat_map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    let taught = sum.scores.iter().flat_map(|s| s.logp_teacher.clone()).filter(|q| !q.is_nan());
    (sum.losses.distill, grads.collect(), taught.collect())
}

#[test]
fn a_trust_region_of_rate_0_is_the_base_and_of_rate_1_the_live_teacher() {
    let world = world();
    let frozen = |scale: f64| {
        let copy = Box::new(world.policy.frozen_copy().unwrap());
        copy.parameters().iter().for_each(|(_, var)| var.set(&(var.as_tensor() * scale).unwrap()).unwrap());
        copy
    };
    let trust = |rate: &str| {
        let sets = ["grpo.weight=0", "distill.teacher=trust_region", rate];
        one_batch(&world, &sets, &Teacher::TrustRegion(frozen(1.3)))
    };
    let alone = |teacher: &Teacher| one_batch(&world, &["grpo.weight=0"], teacher);
    let (base, live) = (alone(&Teacher::Base(frozen(1.3))), alone(&Teacher::Live { base: None }));
    assert!(trust("distill.trust_rate=0") == base, "rate 0 is the frozen teacher bit for bit");
    assert!(trust("distill.trust_rate=1") == live, "rate 1 is the live teacher bit for bit");
    assert!(base.0 != live.0, "the two teachers differ");
    // Weights that are on no tape give the same gradient: the live half of the teacher is a
    // constant.
    assert!(live == alone(&Teacher::Base(frozen(1.0))), "a frozen copy of the same weights");
    // Between the ends, the teacher is between the two.
    let half = trust("distill.trust_rate=0.5");
    assert!(half.0 != base.0 && half.0 != live.0);
    let between = half.2.iter().zip(base.2.iter().zip(&live.2));
    let inside = between.filter(|(h, (b, l))| **h >= b.min(**l) - 1e-4).count();
    assert_eq!(inside, half.2.len(), "the normaliser of mixed logits is never above the mixed normalisers");
}

/// The drift is measured in the student's context, for every teacher, and is the same number.
#[test]
fn every_teacher_reports_the_drift_from_the_base() {
    let world = world();
    let recipe = |more: &str| recipe(world.folder.path(), &["grpo.weight=0", more]);
    let plain = recipe("steps=4");
    let experience = experience(&world.policy, &plain);
    let kinds = ["live", "base", "ema", "trust_region"].map(|kind| format!("distill.teacher={kind}"));
    let begun: Vec<Teacher> =
        kinds.iter().map(|kind| Teacher::begin(&recipe(kind), &world.policy).unwrap()).collect();
    let batch = batch(&world.policy, &experience, &plain);
    let drift = |teacher: &Teacher, recipe: &Recipe| {
        let context = StepContext::new(recipe, 0);
        // The update moves the weights; they are put back for the next teacher.
        let mut adam = optimizer(recipe, &world.policy).unwrap();
        let before = world.policy.frozen_copy().unwrap();
        let report = update(&world.policy, teacher, &batch, &mut adam, &context).unwrap();
        world.policy.copy_from(&before).unwrap();
        report.watched.get("drift/kl_base").copied()
    };
    for (teacher, kind) in begun.iter().zip(&kinds) {
        let drift = drift(teacher, &recipe(kind));
        assert!(drift.is_some_and(|kl| kl < 1e-9), "{kind} before the first step: {drift:?}");
    }
    for (_, var) in world.policy.trainable() {
        var.set(&(var.as_tensor() * 1.5).unwrap()).unwrap();
    }
    let moved: Vec<Option<f64>> = begun.iter().zip(&kinds).map(|(t, k)| drift(t, &recipe(k))).collect();
    assert!(moved[0] > Some(0.005) && moved.iter().all(|m| *m == moved[0]), "{moved:?}");
    let off = recipe("monitor.drift=false");
    assert_eq!(drift(&Teacher::begin(&off, &world.policy).unwrap(), &off), None);
}

/// A recipe, an experience with different rewards in every group, and their batch.
fn graded(world: &World, sets: &[&str]) -> (Recipe, Experience) {
    let recipe = recipe(world.folder.path(), &[&["distill.truncated=keep"], sets].concat());
    let mut experience = experience(&world.policy, &recipe);
    experience.rollouts.iter_mut().for_each(|y| y.finished = true);
    experience.rewards = (0..9).map(|i| Some((i % 3) as f32 / 2.0)).collect();
    (recipe, experience)
}

#[test]
fn mini_batches_hold_whole_prompts_and_cover_the_batch_in_every_pass() {
    let world = world();
    let sets = ["sft.weight=1", "optim.updates_per_batch=3", "optim.mini_batches=2"];
    let (recipe, experience) = graded(&world, &sets);
    let batch = batch(&world.policy, &experience, &recipe);
    let context = StepContext::new(&recipe, 0);
    let updates = plan::updates(&batch.items, &context);
    assert_eq!(updates.len(), 6);
    for pass in updates.chunks(2) {
        let mut all: Vec<usize> = pass.iter().flat_map(|u| u.items.iter().copied()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..batch.items.len()).collect::<Vec<_>>());
        let scales: Vec<f32> = pass.iter().map(|u| u.scale).collect();
        assert_eq!(scales, [3.0, 1.5], "one prompt of three, then two");
        let prompts =
            |u: &Update| u.items.iter().map(|&i| std::ptr::from_ref(batch.items[i].prompt)).collect();
        let sets: [std::collections::HashSet<_>; 2] = [prompts(&pass[0]), prompts(&pass[1])];
        assert!(sets[0].is_disjoint(&sets[1]) && (sets[0].len(), sets[1].len()) == (1, 2));
    }
    assert_eq!(updates, plan::updates(&batch.items, &context), "the same in a resumed run");
    let firsts: std::collections::HashSet<_> = (0..20)
        .map(|step| plan::updates(&batch.items, &StepContext::new(&recipe, step))[0].items.clone())
        .collect();
    assert_eq!(firsts.len(), 3, "shuffled anew in every step");
}

#[test]
fn the_ratio_is_1_with_one_update_and_is_bounded_with_several() {
    let world = world();
    let (_, experience) = graded(&world, &["distill.weight=0"]);
    let before = world.policy.frozen_copy().unwrap();
    let run = |sets: &[&str]| {
        let sets = [&["distill.weight=0", "optim.warmup_steps=0", "optim.lr=0.02"], sets].concat();
        let recipe = recipe(world.folder.path(), &sets);
        let batch = batch(&world.policy, &experience, &recipe);
        let mut adam = optimizer(&recipe, &world.policy).unwrap();
        let teacher = Teacher::begin(&recipe, &world.policy).unwrap();
        let context = StepContext::new(&recipe, 0);
        let report = update(&world.policy, &teacher, &batch, &mut adam, &context).unwrap();
        world.policy.copy_from(&before).unwrap();
        (report, adam.steps())
    };
    let (one, steps) = run(&[]);
    assert!(steps == 1 && !one.watched.contains_key("clip_ratio/region_mean"));
    let (several, steps) = run(&["optim.updates_per_batch=4"]);
    assert_eq!(steps, 4);
    assert!(several.watched["clip_ratio/region_mean"] > 0.0, "{:?}", several.watched);
    assert_eq!(several.micro_batches, 4 * one.micro_batches);
    // The scores are those of the weights that sampled.
    for (a, b) in one.scores.iter().zip(&several.scores) {
        assert!(a.logp.iter().zip(&b.logp).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    let (split, steps) = run(&["optim.mini_batches=3"]);
    assert!(steps == 3 && split.scores.iter().all(|s| !s.logp.is_empty()));
    // A bound so tight that every moved token meets it, and one that none meets.
    let tight = ["optim.updates_per_batch=2", "grpo.clip_low=0.0", "grpo.clip_high=0.0"];
    let loose =
        ["optim.updates_per_batch=2", "grpo.clip_low=0.99", "grpo.clip_high=1e6", "grpo.dual_clip=1e6"];
    let [tight, loose] = [run(&tight).0, run(&loose).0].map(|r| r.watched["clip_ratio/region_mean"]);
    assert!(tight > 0.2 && loose == 0.0, "{tight} {loose}");
}

/// With a scale of prompts over prompts, the mean gradient over the mini-batches of a pass is the
/// gradient of the batch.
#[test]
fn mini_batches_average_to_the_batch() {
    let world = world();
    let (recipe, experience) = graded(&world, &["sft.weight=0.5", "optim.mini_batches=3"]);
    let batch = batch(&world.policy, &experience, &recipe);
    let context = StepContext::new(&recipe, 1);
    let (config, teacher) = (loss_config(&context), Teacher::Live { base: None });
    let gradient = |items: &[usize], scale: f32| {
        let mut sum = Gradients::new(&world.policy, &teacher, &config, &context).unwrap();
        sum.scale = scale;
        let parts: Vec<Part> = items.iter().map(|&i| Part { item: &batch.items[i], old: &[] }).collect();
        sum.add(&parts).unwrap();
        let flat = sum
            .grads
            .tensors()
            .iter()
            .flatten()
            .flat_map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        flat.collect::<Vec<f32>>()
    };
    let whole = gradient(&(0..batch.items.len()).collect::<Vec<_>>(), 1.0);
    let mut mean = vec![0.0; whole.len()];
    for update in plan::updates(&batch.items, &context) {
        let part = gradient(&update.items, update.scale);
        mean.iter_mut().zip(part).for_each(|(m, g)| *m += g / 3.0);
    }
    let scale = whole.iter().fold(0f32, |m, g| m.max(g.abs()));
    let worst = mean.iter().zip(&whole).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(scale > 0.0 && worst <= 1e-5 * scale, "{worst} of {scale}");
}

#[test]
fn a_penalty_towards_the_base_acts_on_every_rollout() {
    let world = world();
    let sets = ["distill.weight=0", "grpo.kl_ref=0.5", "monitor.drift=false"];
    let (recipe, mut experience) = graded(&world, &sets);
    // No advantage anywhere: the penalty alone moves the weights.
    experience.rewards = vec![Some(0.5); 9];
    let batch = batch(&world.policy, &experience, &recipe);
    assert_eq!(batch.items.len(), 9);
    let teacher = Teacher::begin(&recipe, &world.policy).unwrap();
    let report = |seen: &mut f64| {
        let context = StepContext::new(&recipe, 5);
        let mut adam = optimizer(&recipe, &world.policy).unwrap();
        let report = update(&world.policy, &teacher, &batch, &mut adam, &context).unwrap();
        *seen = report.watched["kl"];
        report
    };
    let (mut still, mut moved) = (1.0, 0.0);
    assert!(report(&mut still).grad_norm < 1e-4 && still < 1e-9, "{still}");
    for (_, var) in world.policy.trainable() {
        var.set(&(var.as_tensor() * 1.5).unwrap()).unwrap();
    }
    let pulled = report(&mut moved);
    assert!(moved > 1e-3 && pulled.grad_norm > 1e-3, "{moved} {}", pulled.grad_norm);
    assert!((pulled.loss - 0.5 * moved).abs() < 1e-4, "L_GRPO is the penalty alone: {} {moved}", pulled.loss);
}

/// Losses and all gradients, in order, of a step of this recipe; several micro-batches.
fn step_of(world: &World, experience: &Experience, sets: &[&str]) -> (Components, Vec<f32>) {
    let recipe = recipe(world.folder.path(), sets);
    let batch = batch(&world.policy, experience, &recipe);
    let context = StepContext::new(&recipe, 0);
    let config = loss_config(&context);
    let mut sum = Gradients::new(&world.policy, &Teacher::Live { base: None }, &config, &context).unwrap();
    let (parts, items) = (parts(&batch), batch.items.iter().collect::<Vec<_>>());
    for cut in micro_batches(&items, 400) {
        sum.add(&parts[cut]).unwrap();
    }
    let all = sum.grads.tensors().iter().flatten();
    (sum.losses, all.flat_map(|g| g.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect())
}

#[test]
fn recomputed_blocks_give_the_same_loss_and_gradient() {
    let mut world = world();
    let experience = experience(&world.policy, &recipe(world.folder.path(), &[]));
    for lora in [false, true] {
        match lora {
            false => world.policy.set_trainable(|_| true).unwrap(),
            true => {
                let config = vsdpo_policy::LoraConfig { dropout: 0.2, ..Default::default() };
                world.policy.add_adapter(&config, 1).unwrap();
            }
        }
        let (losses, want) = step_of(&world, &experience, &["sft.weight=0.5"]);
        let (again, got) = step_of(&world, &experience, &["sft.weight=0.5", "optim.recompute=block"]);
        assert_eq!(losses, again);
        assert!(want.len() > 8_000 && want.iter().any(|g| *g != 0.0), "{}", want.len());
        let scale = want.iter().fold(0f32, |m, g| m.max(g.abs()));
        let worst = got.iter().zip(&want).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(got.len() == want.len() && worst <= 1e-6 * scale, "{worst} of {scale}");
    }
}
