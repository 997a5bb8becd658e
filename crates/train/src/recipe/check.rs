//! The ranges of a recipe's values, and the pairs of values that contradict each other.

use super::{Advantage, Components, LoraSection, Recipe, RecipeError, Trainable};
use crate::loss::{Divergence, Support};
use vsdpo_artifact::Domain;
use vsdpo_diagnose::AxisWeights;

/// The first value that cannot be used.
pub(super) fn check(r: &Recipe) -> Result<(), RecipeError> {
    run(r)?;
    r.policy.lora.as_ref().map_or(Ok(()), |l| lora(l, r.policy.trainable))?;
    sampling(r)?;
    losses(r)?;
    distill(r)?;
    optim(r)?;
    stop(r)?;
    components(r)?;
    together(r)
}

/// An error where `ok` is false.
fn need(
    ok: bool,
    key: &'static str,
    value: impl std::fmt::Debug,
    help: &'static str,
) -> Result<(), RecipeError> {
    let problem = format!("{value:?} cannot be used");
    if ok { Ok(()) } else { Err(RecipeError::Value { key, problem, help }) }
}

/// Whether a factor of a loss can be used.
fn weight(w: f32) -> bool {
    w >= 0.0 && w.is_finite()
}

fn run(r: &Recipe) -> Result<(), RecipeError> {
    let plain = !r.name.is_empty() && !r.name.starts_with('.') && !r.name.contains(['/', '\\', '\0']);
    need(plain, "name", &r.name, "write a name without slashes that does not begin with a dot")?;
    need(
        r.data.domain == r.domain,
        "data.domain",
        r.data.domain.name(),
        "leave it out: tasks are of the recipe's domain",
    )?;
    let world = r.world();
    let language = r.data.language().name();
    need(world.is_some(), "data.language", language, "leave it out: only slides have two languages")?;
    need(i64::try_from(r.seed).is_ok(), "seed", r.seed, "write a number below 2^63")?;
    need(r.steps >= 1, "steps", r.steps, "write at least 1")?;
    match r.evaluated().filter(|_| r.eval.every > 0) {
        Some(evaluated) => need(
            Some(evaluated) == world,
            "eval.benchmark",
            evaluated.benchmark(),
            "name the benchmark of the recipe's own domain; eval.every = 0 turns it off",
        )?,
        None => own_rows(r)?,
    }
    need(r.eval.tasks >= 1, "eval.tasks", r.eval.tasks, "write at least 1; eval.every = 0 turns it off")?;
    let t = r.eval.temperature;
    need(t >= 0.0 && t.is_finite(), "eval.temperature", t, "write at least 0 (0 is greedy)")?;
    let generated = r.data.dataset.is_generated();
    need(
        !generated || r.eval.rows == 0,
        "eval.rows",
        r.eval.rows,
        "write 0: \"mini\" has a split for evaluation",
    )?;
    need(r.checkpoint.keep >= 1, "checkpoint.keep", r.checkpoint.keep, "write at least 1")?;
    let size = r.checkpoint.shard_gb;
    need((0.001..=1e6).contains(&size), "checkpoint.shard_gb", size, "write GB, at least 0.001")
}

/// The rows of a corpus that are set apart for its evaluation.
fn own_rows(r: &Recipe) -> Result<(), RecipeError> {
    let (e, generated) = (&r.eval, r.data.dataset.is_generated());
    let own = e.every > 0 && r.evaluated().is_none();
    need(!own || !generated, "eval.benchmark", "own", "\"mini\" has tasks without end: name its benchmark")?;
    need(!own || e.rows >= e.tasks as u64, "eval.rows", e.rows, "write at least eval.tasks")
}

fn lora(l: &LoraSection, trainable: Trainable) -> Result<(), RecipeError> {
    need((1..=4096).contains(&l.rank), "policy.lora.rank", l.rank, "write 1 to 4096")?;
    let alpha = l.alpha > 0.0 && l.alpha.is_finite();
    need(alpha, "policy.lora.alpha", l.alpha, "write a number above 0; twice the rank is usual")?;
    let dropout = (0.0..1.0).contains(&l.dropout);
    need(dropout, "policy.lora.dropout", l.dropout, "write a number in [0, 1); 0 is none")?;
    let some = !(l.targets.is_empty() && l.modules_to_save.is_empty());
    need(some, "policy.lora.targets", &l.targets, "name linear layers, such as q_proj and v_proj")?;
    let text = trainable == Trainable::Text;
    let help =
        "leave it out: with [policy.lora] only the adapter trains; name vision layers in policy.lora.targets";
    need(text, "policy.trainable", trainable, help)
}

fn sampling(r: &Recipe) -> Result<(), RecipeError> {
    let (s, d) = (&r.rollout, &r.render);
    need(s.prompts_per_step >= 1, "rollout.prompts_per_step", s.prompts_per_step, "write at least 1")?;
    need(s.group_size >= 1, "rollout.group_size", s.group_size, "write at least 1")?;
    need(
        s.max_completion_tokens >= 1,
        "rollout.max_completion_tokens",
        s.max_completion_tokens,
        "write at least 1",
    )?;
    need(
        s.temperature > 0.0 && s.temperature.is_finite(),
        "rollout.temperature",
        s.temperature,
        "write a number above 0",
    )?;
    need(s.max_rows != Some(0), "rollout.max_rows", s.max_rows, "write at least 1, or leave it out")?;
    let (limit, pixels) = (s.max_prompt_tokens, r.policy.max_pixels);
    need(limit != Some(0), "rollout.max_prompt_tokens", limit, "write at least 1, or leave it out")?;
    let some = pixels.is_none_or(|pixels| pixels >= 1024);
    need(some, "policy.max_pixels", pixels, "write at least 1024 (32 x 32), or leave it out")?;
    need(s.top_p > 0.0 && s.top_p <= 1.0, "rollout.top_p", s.top_p, "write a number in (0, 1]")?;
    need(d.workers >= 1, "render.workers", d.workers, "write at least 1")?;
    need(d.memory_mb >= 64, "render.memory_mb", d.memory_mb, "write at least 64")?;
    let window = d.window.iter().all(|side| (16..=8192).contains(side));
    need(window, "render.window", d.window, "write width and height in pixels, 16 to 8192 each")?;
    let time = d.timeout_s > 0.0 && d.timeout_s <= 3600.0;
    need(time, "render.timeout_s", d.timeout_s, "write seconds in (0, 3600]")
}

fn losses(r: &Recipe) -> Result<(), RecipeError> {
    let g = &r.grpo;
    need(
        r.credit.amplify >= 1.0 && r.credit.amplify.is_finite(),
        "credit.amplify",
        r.credit.amplify,
        "write at least 1 (1 is uniform)",
    )?;
    need(weight(g.weight), "grpo.weight", g.weight, "write at least 0 (0 is off)")?;
    need(weight(r.sft.weight), "sft.weight", r.sft.weight, "write at least 0 (0 is off)")?;
    need((0.0..1.0).contains(&g.clip_low), "grpo.clip_low", g.clip_low, "write a number in [0, 1)")?;
    need(g.clip_high >= 0.0, "grpo.clip_high", g.clip_high, "write at least 0")?;
    need(g.dual_clip > 1.0, "grpo.dual_clip", g.dual_clip, "write a number above 1")?;
    need(weight(g.kl_ref), "grpo.kl_ref", g.kl_ref, "write at least 0 (0 is off)")?;
    let read = g.kl_ref == 0.0 || g.weight > 0.0;
    need(read, "grpo.kl_ref", g.kl_ref, "it is a part of L_GRPO: give grpo.weight a value above 0 as well")
}

fn distill(r: &Recipe) -> Result<(), RecipeError> {
    let d = &r.distill;
    need(weight(d.weight), "distill.weight", d.weight, "write at least 0 (0 is off)")?;
    need(!d.channels.is_empty(), "distill.channels", &d.channels, "name \"image\", \"rubric\" or both")?;
    let mixed = match d.divergence {
        Divergence::ReverseKl | Divergence::ForwardKl => true,
        Divergence::Jsd { alpha } => alpha > 0.0 && alpha < 1.0,
    };
    need(mixed, "distill.divergence", d.divergence, "write jsd.alpha in (0, 1)")?;
    let some = d.support != Support::TopK(0);
    need(some, "distill.support", d.support, "write top_k of at least 1, or \"full\"")?;
    need(d.ema_rate > 0.0 && d.ema_rate <= 1.0, "distill.ema_rate", d.ema_rate, "write a number in (0, 1]")?;
    let rates = [("distill.trust_rate", Some(d.trust_rate)), ("distill.trust_rate_end", d.trust_rate_end)];
    for (key, rate) in rates {
        let rate = rate.unwrap_or_default();
        need((0.0..=1.0).contains(&rate), key, rate, "write a number in [0, 1]")?;
    }
    need(d.is_clip >= 1.0, "distill.is_clip", d.is_clip, "write at least 1")?;
    need(weight(d.outlier), "distill.outlier", d.outlier, "write at least 0 (0 is off)")?;
    need(d.max_prompt_tokens >= 1, "distill.max_prompt_tokens", d.max_prompt_tokens, "write at least 1")
}

fn optim(r: &Recipe) -> Result<(), RecipeError> {
    let o = &r.optim;
    need(o.lr > 0.0 && o.lr.is_finite(), "optim.lr", o.lr, "write a number above 0")?;
    need(o.max_grad_norm > 0.0, "optim.max_grad_norm", o.max_grad_norm, "write a number above 0")?;
    need((0.0..1.0).contains(&o.beta1), "optim.beta1", o.beta1, "write a number in [0, 1)")?;
    need((0.0..1.0).contains(&o.beta2), "optim.beta2", o.beta2, "write a number in [0, 1)")?;
    need(o.eps > 0.0, "optim.eps", o.eps, "write a number above 0")?;
    need(o.weight_decay >= 0.0, "optim.weight_decay", o.weight_decay, "write at least 0")?;
    let (updates, parts) = (o.updates_per_batch, o.mini_batches);
    need(updates >= 1, "optim.updates_per_batch", updates, "write at least 1")?;
    need(
        (1..=r.rollout.prompts_per_step).contains(&parts),
        "optim.mini_batches",
        parts,
        "write at least 1 and at most rollout.prompts_per_step",
    )?;
    need(o.micro_batch_tokens >= 1, "optim.micro_batch_tokens", o.micro_batch_tokens, "write at least 1")
}

fn stop(r: &Recipe) -> Result<(), RecipeError> {
    let s = &r.stop;
    need(s.window >= 1, "stop.window", s.window, "write at least 1")?;
    need(s.eval_falls >= 1, "stop.eval_falls", s.eval_falls, "write at least 1")?;
    for (key, fall) in [("stop.exec_fall", s.exec_fall), ("stop.eval_exec_fall", s.eval_exec_fall)] {
        need(fall > 0.0 && fall <= 1.0, key, fall, "write a number in (0, 1]; 1 is never")?;
    }
    let least = [
        ("stop.exec_min", s.exec_min),
        ("stop.length_min", s.length_min),
        ("stop.entropy_min", s.entropy_min),
    ];
    for (key, share) in least {
        need((0.0..=1.0).contains(&share), key, share, "write a number in [0, 1]; 0 is never")?;
    }
    need(s.length_max >= 1.0, "stop.length_max", s.length_max, "write at least 1; inf is never")?;
    need(s.logp_gap > 0.0, "stop.logp_gap", s.logp_gap, "write a number above 0; inf is never")
}

fn together(r: &Recipe) -> Result<(), RecipeError> {
    let small = <[u32; 2]>::from(vsdpo_data::mini::web::WINDOW);
    let embedded = match r.domain {
        Domain::Web => {
            let evaluated = r.eval.every > 0 && r.evaluated().is_some();
            r.data.dataset.is_generated() || evaluated
        }
        Domain::Chart | Domain::Slide => false,
    };
    need(
        !embedded || r.render.window == small,
        "render.window",
        r.render.window,
        "the embedded world's pages, also those of [eval], are made for [320, 240]: write that, or eval.benchmark = \"own\"",
    )?;
    let weights = &r.reward.weights;
    if !weights.is_empty()
        && let Err(error) = AxisWeights::named(r.domain, weights)
    {
        return Err(RecipeError::Key { key: "reward.weights".into(), message: error.to_string() });
    }
    need(
        r.reward.clip.is_none() || r.reward.reference,
        "reward.clip",
        &r.reward.clip,
        "set reward.reference = true as well, or leave it out: CLIP compares with references",
    )?;
    let any = r.distill.weight > 0.0 || r.grpo.weight > 0.0 || r.sft.weight > 0.0;
    let warm_only = r.sft.warm_start_steps >= r.steps;
    let o = &r.optim;
    need(
        o.warmup_steps.saturating_add(o.decay_steps) <= r.steps || o.decay_steps == 0,
        "optim.decay_steps",
        o.decay_steps,
        "write less than steps - optim.warmup_steps, or 0 for none",
    )?;
    need(any || warm_only, "distill.weight", 0.0, "give distill, grpo or sft a weight above 0")?;
    need(
        r.grpo.weight == 0.0 || r.rollout.group_size >= 2,
        "rollout.group_size",
        r.rollout.group_size,
        "a group of one has no advantage: write at least 2, or grpo.weight = 0",
    )
}

/// Components other than the default need who reads them, and slides.
fn components(r: &Recipe) -> Result<(), RecipeError> {
    let key = "reward.components";
    match r.reward.components {
        Components::Axes => Ok(()),
        Components::AeSlides => {
            let slides = match r.domain {
                Domain::Slide => true,
                Domain::Chart | Domain::Web => false,
            };
            need(slides, key, "aeslides", "write \"axes\": AeSlides is about slides alone")?;
            let read = r.grpo.advantage == Advantage::Decoupled;
            need(read, key, "aeslides", "set grpo.advantage = \"decoupled\" as well: nothing else reads it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rewards_of_slides_need_decoupled_advantages() {
        let text = "name = \"a\"\ndomain = \"chart\"\n[grpo]\nadvantage = \"decoupled\"\n";
        let mut recipe = Recipe::parse(text, &[]).unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml(), &[]).unwrap(), recipe);
        recipe.reward.components = Components::AeSlides;
        assert!(components(&recipe).unwrap_err().to_string().contains("about slides alone"));
        recipe.domain = Domain::Slide;
        assert!(components(&recipe).is_ok());
        recipe.grpo.advantage = Advantage::BatchStd;
        let error = components(&recipe).unwrap_err().to_string();
        assert!(
            error.starts_with("reward.components: \"aeslides\" cannot be used; help: set grpo.adv"),
            "{error}"
        );
    }
}
