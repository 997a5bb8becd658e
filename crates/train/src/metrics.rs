//! The numbers of one step, under the names that dashboards of the field know (TRL's where it has
//! one).
//!
//! Means over nothing are left out rather than written as 0.

use crate::batch::Batch;
use crate::recipe::Recipe;
use crate::stages::Experience;
use crate::update::UpdateReport;
use std::collections::BTreeMap;
use vsdpo_artifact::{Axis, Domain, Outcome};
use vsdpo_diagnose::{axes, reference_axes};
use vsdpo_render::RenderStats;

/// Metrics by name.
pub type Metrics = BTreeMap<String, f64>;

/// Everything that is known of a step but its times and budgets.
pub fn metrics(experience: &Experience, batch: &Batch, report: &UpdateReport, recipe: &Recipe) -> Metrics {
    let mut m = report.watched.clone();
    losses(&mut m, report);
    if !experience.rollouts.is_empty() {
        rewards(&mut m, experience);
        lengths(&mut m, experience);
        outcomes(&mut m, experience);
        credit(&mut m, experience);
    }
    tokens(&mut m, experience, batch, report);
    if recipe.rollout.max_prompt_tokens.is_some() {
        put(&mut m, "prompts/dropped_overlong", experience.overlong as f64);
    }
    put(&mut m, "distill/outlier_scaled", report.outliers as f64);
    let rhos = || report.scores.iter().flat_map(|s| &s.rho).filter(|rho| !rho.is_nan());
    put_mean(&mut m, "distill/rho_mean", rhos().map(|&rho| f64::from(rho)));
    put_mean(&mut m, "distill/rho_clipfrac", rhos().map(|&rho| flag(rho >= recipe.distill.is_clip)));
    m
}

/// How the renderer fared between two of its counts.
pub fn rendering(m: &mut Metrics, before: &RenderStats, after: &RenderStats) {
    let (ran, recalled) = (after.jobs - before.jobs, after.cache_hits - before.cache_hits);
    // What a page costs its browser is not known.
    if ran > 0 && after.cpu_seconds > 0.0 {
        put(m, "render/seconds", (after.cpu_seconds - before.cpu_seconds) / ran as f64);
    }
    if ran + recalled > 0 {
        put(m, "render/cache_hit", recalled as f64 / (ran + recalled) as f64);
    }
}

/// Writes the mean of the values, if there are any. NaN marks a token on which no stream acts.
fn put_mean(m: &mut Metrics, name: &str, values: impl IntoIterator<Item = f64>) {
    let (mut sum, mut n) = (0.0, 0usize);
    for value in values.into_iter().filter(|v| !v.is_nan()) {
        sum += value;
        n += 1;
    }
    if n > 0 {
        m.insert(name.to_owned(), sum / n as f64);
    }
}

fn put(m: &mut Metrics, name: &str, value: f64) {
    m.insert(name.to_owned(), value);
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn losses(m: &mut Metrics, r: &UpdateReport) {
    put(m, "loss", r.loss);
    put(m, "loss/distill", r.loss_distill);
    put(m, "loss/grpo", r.loss_grpo);
    put(m, "loss/ce", r.loss_ce);
    put(m, "grad_norm", r.grad_norm);
    put(m, "learning_rate", r.learning_rate);
    put(m, "optim/skipped", flag(r.skipped));
    put(m, "update/micro_batches", r.micro_batches as f64);
}

fn rewards(m: &mut Metrics, experience: &Experience) {
    put_mean(m, "reward", experience.rewards.iter().flatten().map(|&r| f64::from(r)));
    put(m, "reward/unscored", experience.rewards.iter().filter(|r| r.is_none()).count() as f64);
    let mut groups: Vec<Vec<f32>> = vec![Vec::new(); experience.tasks.len()];
    for (y, reward) in experience.rollouts.iter().zip(&experience.rewards) {
        groups[y.task].extend(reward);
    }
    let stds: Vec<f64> = groups.iter().map(|group| deviation(group)).collect();
    put_mean(m, "reward_std", stds.iter().copied());
    put_mean(m, "frac_reward_zero_std", stds.iter().map(|&s| flag(s < 1e-6)));
}

/// Sample standard deviation; 0 of fewer than two values.
fn deviation(values: &[f32]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

fn lengths(m: &mut Metrics, experience: &Experience) {
    let mut spread = |infix: &str, lengths: Vec<f64>| {
        if !lengths.is_empty() {
            let bound = |f: fn(f64, f64) -> f64| lengths.iter().copied().reduce(f).unwrap_or(0.0);
            put(m, &format!("completions/min_{infix}"), bound(f64::min));
            put(m, &format!("completions/max_{infix}"), bound(f64::max));
            put_mean(m, &format!("completions/mean_{infix}"), lengths);
        }
    };
    let all = &experience.rollouts;
    spread("length", all.iter().map(|y| y.tokens.len() as f64).collect());
    let ended = all.iter().filter(|y| y.finished);
    spread("terminated_length", ended.map(|y| y.tokens.len() as f64).collect());
    put_mean(m, "completions/clipped_ratio", all.iter().map(|y| flag(!y.finished)));
}

fn outcomes(m: &mut Metrics, experience: &Experience) {
    put_mean(m, "exec/success", experience.diagnoses.iter().map(|d| flag(d.executed)));
    put_mean(m, "defect_free", experience.diagnoses.iter().map(|d| flag(d.defect_free())));
    for outcome in &experience.outcomes {
        if let Outcome::Failed { error } = outcome {
            let name = format!("exec/error/{}", error.kind.name());
            *m.entry(name).or_default() += 1.0 / experience.outcomes.len() as f64;
        }
    }
    let of =
        |list: fn(Domain) -> &'static [Axis]| experience.tasks.first().map_or(&[][..], |t| list(t.domain));
    for &axis in of(axes).iter().chain(of(reference_axes)) {
        let satisfied = experience.diagnoses.iter().filter_map(|d| d.rubric.get(axis)?.satisfied);
        put_mean(m, &format!("rubric/{}", axis.name), satisfied.map(flag));
    }
}

fn credit(m: &mut Metrics, experience: &Experience) {
    let statements = || experience.credits.iter().flat_map(|c| &c.statements);
    put_mean(m, "credit/mapped_statement_fraction", statements().map(|s| flag(!s.elements.is_empty())));
    put_mean(m, "credit/flagged_statement_fraction", statements().map(|s| flag(s.resp > 0.0)));
}

/// Which tokens of a rollout stand in a statement with blame.
pub fn flagged(experience: &Experience, rollout: usize) -> Vec<bool> {
    statement_flags(experience, rollout).into_iter().map(|flag| flag == Some(true)).collect()
}

/// Whether the statement of each token of a rollout has blame; `None` outside statements.
pub(crate) fn statement_flags(experience: &Experience, rollout: usize) -> Vec<Option<bool>> {
    let (y, credit) = (&experience.rollouts[rollout], &experience.credits[rollout]);
    let of = vsdpo_credit::token_statements(credit, y.source(), y.code, &y.token_spans);
    of.into_iter().map(|s| s.map(|s| credit.statements[s].resp > 0.0)).collect()
}

/// What the losses saw per token.
fn tokens(m: &mut Metrics, experience: &Experience, batch: &Batch, report: &UpdateReport) {
    let mut kl: Vec<(f64, bool)> = Vec::new();
    let (mut gaps, mut weights) = (Vec::new(), Vec::new());
    let (mut entropies, mut drifts) = (Vec::new(), Vec::new());
    for (item, scores) in batch.items.iter().zip(&report.scores) {
        entropies.extend(scores.entropy.iter().map(|&h| f64::from(h)));
        let pairs = scores.logp.iter().zip(item.logprobs);
        drifts.extend(pairs.map(|(now, then)| f64::from(now - then)));
        let Some(rollout) = item.rollout.filter(|_| item.teacher.is_some()) else { continue };
        let flags = flagged(experience, rollout);
        kl.extend(scores.kl.iter().zip(&flags).map(|(&k, &f)| (f64::from(k), f)));
        let gap = scores.logp_teacher.iter().zip(&scores.logp).map(|(q, p)| f64::from(q - p));
        gaps.extend(gap.zip(flags));
        weights.extend(item.weights.iter().map(|&w| f64::from(w)));
    }
    put_mean(m, "entropy", entropies);
    put_mean(m, "sampling/sampling_logp_difference/mean", drifts.iter().map(|d| d.abs()));
    put_mean(m, "sampling/importance_sampling_ratio/mean", drifts.iter().map(|d| d.exp()));
    for (name, bound) in [("min", f64::min as fn(f64, f64) -> f64), ("max", f64::max)] {
        let bound = drifts.iter().map(|d| d.exp()).reduce(bound);
        m.extend(bound.map(|ratio| (format!("sampling/importance_sampling_ratio/{name}"), ratio)));
    }
    if let Some(most) = drifts.iter().map(|d| d.abs()).reduce(f64::max) {
        put(m, "sampling/sampling_logp_difference/max", most);
    }
    let rollouts = experience.rollouts.len();
    if rollouts > 0 {
        put(m, "distill/signal_fraction", batch.counts.distilled as f64 / rollouts as f64);
        put(m, "distill/dropped_truncated", batch.counts.truncated as f64);
        put(m, "distill/dropped_overlong", batch.counts.overlong as f64);
        put(m, "distill/dropped_unflagged", batch.counts.unflagged as f64);
        put(m, "distill/dropped_unreferenced", batch.counts.unreferenced as f64);
    }
    put_mean(m, "credit/w_mean", weights);
    put_mean(m, "credit/flagged_token_fraction", kl.iter().map(|&(_, f)| flag(f)));
    let of = |list: &[(f64, bool)], want: bool| -> Vec<f64> {
        list.iter().filter(|(_, f)| *f == want).map(|&(v, _)| v).collect()
    };
    for (name, want) in [("flagged", true), ("unflagged", false)] {
        put_mean(m, &format!("distill/kl_{name}"), of(&kl, want));
        put_mean(m, &format!("distill/gap_{name}"), of(&gaps, want));
    }
    let mut all: Vec<f64> = kl.into_iter().map(|(k, _)| k).filter(|k| !k.is_nan()).collect();
    put_mean(m, "distill/kl_mean", all.iter().copied());
    if !all.is_empty() {
        all.sort_by(f64::total_cmp);
        put(m, "distill/kl_p99", all[(all.len() - 1) * 99 / 100]);
    }
}
