//! Values by hand, identities, and gradients against finite differences of a reference in f64.

use super::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// A random problem of `rows` positions over a vocabulary of `vocabulary`.
struct Case {
    rows: usize,
    dim: usize,
    hidden_s: Vec<f32>,
    hidden_t: Vec<f32>,
    head: Vec<f32>,
    head_t: Option<Vec<f32>>,
    /// Hidden states, head and rate of the second teacher.
    second: Option<(Vec<f32>, Option<Vec<f32>>, f32)>,
    targets: Vec<u32>,
    ce: Vec<f32>,
    ref_kl: Vec<f32>,
    rl: Vec<f32>,
    advantage: Vec<f32>,
    old: Vec<f32>,
    engine: Vec<f32>,
    /// log p of the reference weights; empty without a penalty.
    reference: Vec<f32>,
}

impl Case {
    fn random(rows: usize, dim: usize, vocabulary: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = |n: usize, low: f32, high: f32| -> Vec<f32> {
            (0..n).map(|_| rng.random_range(low..high)).collect()
        };
        let (hidden_s, hidden_t) = (draw(rows * dim, -1.5, 1.5), draw(rows * dim, -1.5, 1.5));
        let head = draw(vocabulary * dim, -1.0, 1.0);
        let targets: Vec<u32> = draw(rows, 0.0, vocabulary as f32)
            .iter()
            .map(|&x| (x as u32).min(vocabulary as u32 - 1))
            .collect();
        let (ce, ref_kl, rl) = (draw(rows, 0.0, 0.3), draw(rows, 0.05, 0.5), draw(rows, 0.05, 0.3));
        let advantage = draw(rows, -1.0, 1.0);
        let (now, _) = token_logprobs(&hidden_s, &head, dim, &targets, 1.0).unwrap();
        let shift = |amount: Vec<f32>| now.iter().zip(amount).map(|(l, a)| l + a).collect::<Vec<_>>();
        let (old, engine) = (shift(draw(rows, -0.6, 0.4)), shift(draw(rows, -0.9, 0.5)));
        Self {
            rows,
            dim,
            hidden_s,
            hidden_t,
            head,
            head_t: None,
            second: None,
            targets,
            ce,
            ref_kl,
            rl,
            advantage,
            old,
            engine,
            reference: Vec::new(),
        }
    }

    fn input(&self) -> HeadInput<'_> {
        HeadInput {
            hidden_s: &self.hidden_s,
            hidden_t: Some(&self.hidden_t),
            head: &self.head,
            head_t: self.head_t.as_deref(),
            mix: self.second.as_ref().map(|(hidden, head, rate)| Mix {
                hidden,
                head: head.as_deref(),
                rate: *rate,
            }),
            dim: self.dim,
            targets: &self.targets,
            streams: Streams {
                ce: &self.ce,
                ref_kl: &self.ref_kl,
                rl: &self.rl,
                advantage: &self.advantage,
                logp_old: &self.old,
                logp_engine: &self.engine,
                logp_ref: &self.reference,
            },
        }
    }

    /// The rows `from..to` alone.
    fn part(&self, from: usize, to: usize) -> HeadInput<'_> {
        let all = self.input();
        let (d, s) = (self.dim, all.streams);
        HeadInput {
            hidden_s: &all.hidden_s[from * d..to * d],
            hidden_t: all.hidden_t.map(|h| &h[from * d..to * d]),
            targets: &all.targets[from..to],
            streams: Streams {
                ce: &s.ce[from..to],
                ref_kl: &s.ref_kl[from..to],
                rl: &s.rl[from..to],
                advantage: &s.advantage[from..to],
                logp_old: &s.logp_old[from..to],
                logp_engine: &s.logp_engine[from..to],
                logp_ref: s.logp_ref.get(from..to).unwrap_or_default(),
            },
            ..all
        }
    }

    /// log-probabilities of row t in f64, for changed hidden states and head.
    fn logs(&self, t: usize, hidden: &[f64], head: &[f64], tau: f64) -> Vec<f64> {
        let h = &hidden[t * self.dim..(t + 1) * self.dim];
        let z: Vec<f64> = head.chunks_exact(self.dim).map(|w| dot(w, h) / tau).collect();
        log_softmax(&z)
    }

    /// The total in f64, with everything detached taken from the unchanged problem.
    fn total(&self, hidden: &[f64], head: &[f64], cfg: &LossConfig) -> f64 {
        let tau = cfg.temperature as f64;
        let (base_h, base_w, teacher) = (f64s(&self.hidden_s), f64s(&self.head), f64s(&self.hidden_t));
        let mut losses = Components::default();
        for t in 0..self.rows {
            let y = self.targets[t] as usize;
            let (lp, base) = (self.logs(t, hidden, head, tau), self.logs(t, &base_h, &base_w, tau));
            let head = |own: Option<&Vec<f32>>| own.map_or_else(|| base_w.clone(), |w| f64s(w));
            let mut lq = self.logs(t, &teacher, &head(self.head_t.as_ref()), tau);
            if let Some((second, own, rate)) = &self.second {
                let r = f64::from(*rate);
                let more = self.logs(t, &f64s(second), &head(own.as_ref()), tau);
                lq =
                    log_softmax(&lq.iter().zip(more).map(|(a, b)| (1.0 - r) * a + r * b).collect::<Vec<_>>());
            }
            losses.ce -= self.ce[t] as f64 * lp[y];
            let clip = cfg.clip;
            let (a, r) = (self.advantage[t] as f64, (lp[y] - self.old[t] as f64).exp());
            let tis = (self.old[t] as f64 - self.engine[t] as f64).exp().min(clip.tis_cap as f64);
            let bounded = r.clamp(1.0 - clip.low as f64, 1.0 + clip.high as f64);
            let mut objective = (r * a).min(bounded * a);
            if a < 0.0 {
                objective = objective.max(clip.dual as f64 * a);
            }
            losses.grpo -= self.rl[t] as f64 * tis * objective;
            if let Some(&reference) = self.reference.get(t) {
                let d = reference as f64 - lp[y];
                losses.grpo += self.rl[t] as f64 * cfg.kl_ref as f64 * (d.exp() - d - 1.0);
            }
            let rho = match cfg.importance {
                Importance::Behaviour => (base[y] - self.engine[t] as f64).exp().min(cfg.is_clip as f64),
                Importance::Context => {
                    (lq[y] - base[y]).exp().clamp(1.0 / cfg.is_clip as f64, cfg.is_clip as f64)
                }
                Importance::None => 1.0,
            };
            let (d, d_base) = (divergence(&lp, &lq, &base, cfg), divergence(&base, &lq, &base, cfg));
            let shrink = cfg.outlier.map_or(1.0, |c| (c as f64 / d_base).min(1.0));
            losses.distill += self.ref_kl[t] as f64 * rho * shrink * d;
        }
        super::total(&losses, &cfg.weights)
    }
}

fn f64s(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| v as f64).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn log_softmax(z: &[f64]) -> Vec<f64> {
    let top = z.iter().copied().fold(f64::MIN, f64::max);
    let lse = top + z.iter().map(|x| (x - top).exp()).sum::<f64>().ln();
    z.iter().map(|x| x - lse).collect()
}

fn kl(lp: &[f64], lq: &[f64]) -> f64 {
    lp.iter().zip(lq).map(|(p, q)| p.exp() * (p - q)).sum()
}

/// The divergence in f64; the buckets come from `base`.
fn divergence(lp: &[f64], lq: &[f64], base: &[f64], cfg: &LossConfig) -> f64 {
    let bucket = |l: &[f64]| match cfg.support {
        Support::Full => l.to_vec(),
        Support::TopK(k) => {
            let mut order: Vec<usize> = (0..base.len()).collect();
            order.sort_by(|&a, &b| base[b].total_cmp(&base[a]));
            let rest: f64 = order[k..].iter().map(|&v| l[v].exp()).sum();
            order[..k].iter().map(|&v| l[v]).chain([rest.ln()]).collect()
        }
    };
    let (lp, lq) = (bucket(lp), bucket(lq));
    match cfg.divergence {
        Divergence::ReverseKl => kl(&lp, &lq),
        Divergence::ForwardKl => kl(&lq, &lp),
        Divergence::Jsd { alpha } => {
            let a = alpha as f64;
            let lm: Vec<f64> =
                lp.iter().zip(&lq).map(|(p, q)| ((1.0 - a) * p.exp() + a * q.exp()).ln()).collect();
            (1.0 - a) * kl(&lp, &lm) + a * kl(&lq, &lm)
        }
    }
}

fn close(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    let scale = want.iter().fold(0f64, |m, w| m.max(w.abs()));
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        assert!((g as f64 - w).abs() <= tolerance * scale, "{what}[{i}]: {g} instead of {w}, scale {scale}");
    }
}

/// Gradient of `f` by central differences.
fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-5;
    (0..x.len())
        .map(|i| {
            let at = |d: f64| {
                let mut y = x.to_vec();
                y[i] += d;
                f(&y)
            };
            (at(h) - at(-h)) / (2.0 * h)
        })
        .collect()
}

fn check_gradients(cfg: &LossConfig, seed: u64) {
    check_case(&Case::random(9, 5, 12, seed), cfg);
}

fn check_case(case: &Case, cfg: &LossConfig) {
    let out = fused_head(&case.input(), cfg, true).unwrap();
    let (h, w) = (f64s(&case.hidden_s), f64s(&case.head));
    let value = super::total(&out.loss, &cfg.weights);
    let want = case.total(&h, &w, cfg);
    assert!((value - want).abs() < 2e-6 * want.abs().max(1.0), "{cfg:?}: {value} instead of {want}");
    close(&out.dh, &differences(&h, |x| case.total(x, &w, cfg)), 2e-5, &format!("{cfg:?}: dh"));
    // The teacher shares the head, but as a constant: `total` takes its head from the unchanged
    // problem.
    let dhead = out.dhead.unwrap();
    close(&dhead, &differences(&w, |x| case.total(&h, x, cfg)), 2e-5, &format!("{cfg:?}: dW"));
}

fn only(ce: f64, distill: f64, grpo: f64) -> LossConfig {
    LossConfig { weights: Weights { ce, distill, grpo }, ..LossConfig::default() }
}

const DIVERGENCES: [Divergence; 3] =
    [Divergence::ReverseKl, Divergence::ForwardKl, Divergence::Jsd { alpha: 0.3 }];

#[test]
fn gradients_of_each_component() {
    check_gradients(&only(1.0, 0.0, 0.0), 1);
    check_gradients(&only(0.0, 1.0, 0.0), 2);
    check_gradients(&only(0.0, 0.0, 1.0), 3);
}

#[test]
fn gradients_of_every_divergence_and_support() {
    for divergence in DIVERGENCES {
        for support in [Support::Full, Support::TopK(4)] {
            for importance in [Importance::Behaviour, Importance::Context, Importance::None] {
                check_gradients(&LossConfig { divergence, support, importance, ..only(0.0, 1.0, 0.0) }, 4);
            }
        }
    }
}

#[test]
fn gradients_with_a_teacher_of_other_weights() {
    let mut case = Case::random(9, 5, 12, 20);
    case.head_t = Some(Case::random(9, 5, 12, 21).head);
    check_case(&case, &only(0.2, 1.0, 1.0));
}

#[test]
fn gradients_with_a_penalty_towards_the_reference() {
    let mut case = Case::random(9, 5, 12, 50);
    case.reference = Case::random(9, 5, 12, 50).old.iter().map(|l| l - 0.2).collect();
    // It acts where the advantage is 0 as well.
    case.advantage[3] = 0.0;
    for weight in [0.0, 0.7] {
        check_case(&case, &LossConfig { kl_ref: 0.3, ..only(0.0, weight, 2.0) });
    }
}

#[test]
fn the_penalty_towards_the_reference_by_hand() {
    // d = ln 2: 2 - ln 2 - 1 and 1 - 2; d = -ln 2: 1/2 + ln 2 - 1 and 1 - 1/2.
    for (reference, value, slope) in
        [(2f32.ln(), 0.306_853, -1.0), (-(2f32.ln()), 0.193_147, 0.5), (0.0, 0.0, 0.0)]
    {
        let (got, by) = grpo::k3(0.0, reference);
        assert!((got - value).abs() < 1e-6 && (by - slope).abs() < 1e-6, "{reference}: {got} {by}");
    }
}

#[test]
fn gradients_with_two_teachers() {
    for (seed, divergence) in DIVERGENCES.into_iter().enumerate() {
        let mut case = Case::random(9, 5, 12, 30 + seed as u64);
        let other = Case::random(9, 5, 12, 40 + seed as u64);
        // As in the trust region: the first has other weights, the second the student's.
        case.head_t = Some(other.head);
        case.second = Some((other.hidden_t, None, 0.3));
        check_case(&case, &LossConfig { divergence, temperature: 0.7, ..only(0.2, 1.0, 1.0) });
    }
}

/// One row over three tokens: logits (2, 0, 0) and (0, 2, 0) of the teachers, the student uniform.
#[test]
fn mixed_logits_by_hand() {
    let head = identity(3);
    let input = HeadInput {
        hidden_s: &[0.0; 3],
        hidden_t: Some(&[2.0, 0.0, 0.0]),
        head: &head,
        head_t: None,
        mix: Some(Mix { hidden: &[0.0, 2.0, 0.0], head: None, rate: 0.25 }),
        dim: 3,
        targets: &[0],
        streams: Streams { ref_kl: &[1.0], ..Streams::default() },
    };
    let forward = LossConfig { divergence: Divergence::ForwardKl, ..only(0.0, 1.0, 0.0) };
    let quarter = fused_head(&input, &forward, false).unwrap();
    // A quarter: U = (1.5, 0.5, 0), q = e^U / 7.130410 = (0.628532, 0.231224, 0.140244), and the
    // forward gradient is p - q.
    for (got, want) in
        quarter.dh.iter().zip([1.0 / 3.0 - 0.628_532, 1.0 / 3.0 - 0.231_224, 1.0 / 3.0 - 0.140_244])
    {
        assert!((got - want).abs() < 1e-5, "{:?}", quarter.dh);
    }
    // log q_0 = 1.5 - ln 7.130410.
    assert!((quarter.tokens.logp_teacher[0] - (1.5 - 7.130_41_f32.ln())).abs() < 1e-5);
}

#[test]
fn rates_0_and_1_are_the_two_teachers_alone() {
    let mut case = Case::random(700, 16, 64, 22);
    let other = Case::random(700, 16, 64, 23);
    case.head_t = Some(other.head);
    let cfg = only(0.0, 1.0, 0.0);
    let of = |case: &Case| fused_head(&case.input(), &cfg, true).unwrap();
    let same = |a: &HeadOutput, b: &HeadOutput| {
        assert_eq!((&a.dh, &a.dhead, a.loss), (&b.dh, &b.dhead, b.loss));
        assert_eq!(a.tokens.logp_teacher, b.tokens.logp_teacher);
    };
    let first = of(&case);
    case.second = Some((other.hidden_t.clone(), None, 0.0));
    same(&of(&case), &first);
    case.second = Some((other.hidden_t.clone(), None, 1.0));
    let mixed = of(&case);
    (case.hidden_t, case.head_t, case.second) = (other.hidden_t, None, None);
    let second = of(&case);
    same(&mixed, &second);
    assert!(first.dh != second.dh, "the two teachers differ");
}

#[test]
fn gradients_of_mixtures() {
    for (seed, divergence) in DIVERGENCES.into_iter().enumerate() {
        let mixed = LossConfig { divergence, temperature: 0.7, outlier: Some(0.5), ..only(0.5, 2.0, 3.0) };
        check_gradients(&mixed, 10 + seed as u64);
    }
}

/// With the identity as head, dh is G itself.
fn identity(n: usize) -> Vec<f32> {
    (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect()
}

#[test]
fn every_row_of_the_logit_gradient_sums_to_zero() {
    for divergence in DIVERGENCES {
        for support in [Support::Full, Support::TopK(7)] {
            let mut case = Case::random(20, 40, 40, 5);
            case.head = identity(40);
            let cfg = LossConfig { divergence, support, temperature: 1.3, ..only(0.7, 1.0, 2.0) };
            let out = fused_head(&case.input(), &cfg, false).unwrap();
            for row in out.dh.chunks_exact(40) {
                let size: f32 = row.iter().map(|g| g.abs()).sum();
                assert!(size > 1e-3 && row.iter().sum::<f32>().abs() < 1e-6 * size.max(1.0));
            }
        }
    }
}

#[test]
fn a_teacher_that_agrees_teaches_nothing() {
    for divergence in DIVERGENCES {
        for support in [Support::Full, Support::TopK(5)] {
            let mut case = Case::random(30, 8, 50, 6);
            case.hidden_t = case.hidden_s.clone();
            let cfg = LossConfig { divergence, support, ..only(0.0, 1.0, 0.0) };
            let out = fused_head(&case.input(), &cfg, true).unwrap();
            assert_eq!(out.loss.distill, 0.0);
            assert!(out.dh.iter().chain(&out.dhead.unwrap()).all(|&g| g == 0.0), "{cfg:?}");
        }
    }
}

/// Student (3/4, 1/4), teacher (1/2, 1/2), one row.
fn pair(divergence: Divergence) -> HeadOutput {
    let (s, t) = ([0.75f32.ln(), 0.25f32.ln()], [0.5f32.ln(), 0.5f32.ln()]);
    let input = HeadInput {
        hidden_s: &s,
        hidden_t: Some(&t),
        head: &identity(2),
        head_t: None,
        mix: None,
        dim: 2,
        targets: &[0],
        streams: Streams { ref_kl: &[1.0], ..Streams::default() },
    };
    fused_head(&input, &LossConfig { divergence, ..only(0.0, 1.0, 0.0) }, false).unwrap()
}

#[test]
fn directions_of_the_divergence_by_hand() {
    // KL(S || T) = 3/4 ln(3/2) + 1/4 ln(1/2); dz_0 = p (ln(3/2) - D).
    let reverse = pair(Divergence::ReverseKl);
    assert!((reverse.loss.distill - 0.130_812_036).abs() < 1e-7);
    assert!((reverse.dh[0] - 0.75 * (1.5f32.ln() - 0.130_812_04)).abs() < 1e-6);
    // KL(T || S) = 1/2 ln(2/3) + 1/2 ln 2; dz = p - q.
    let forward = pair(Divergence::ForwardKl);
    assert!((forward.loss.distill - 0.143_841_036).abs() < 1e-7);
    assert!((forward.dh[0] - 0.25).abs() < 1e-6 && (forward.dh[1] + 0.25).abs() < 1e-6);
    assert_eq!(reverse.tokens.live, [true]);
    assert!((reverse.tokens.logp[0] - 0.75f32.ln()).abs() < 1e-6);
    assert!((reverse.tokens.logp_teacher[0] - 0.5f32.ln()).abs() < 1e-6);
    // H(3/4) in nats.
    assert!((reverse.tokens.entropy[0] - 0.562_335_1).abs() < 1e-6);
}

#[test]
fn the_mixture_divergence_tends_to_both_directions() {
    let (reverse, forward) =
        (pair(Divergence::ReverseKl).loss.distill, pair(Divergence::ForwardKl).loss.distill);
    let near = |alpha: f32| pair(Divergence::Jsd { alpha }).loss.distill;
    assert!((near(0.001) / 0.001 - forward).abs() < 3e-3 * forward);
    assert!((near(0.999) / 0.001 - reverse).abs() < 3e-3 * reverse);
    // At a half: M = (5/8, 3/8).
    let half: f64 = 0.5 * (0.75 * (6.0f64 / 5.0).ln() + 0.25 * (2.0f64 / 3.0).ln())
        + 0.5 * (0.5 * (4.0f64 / 5.0).ln() + 0.5 * (4.0f64 / 3.0).ln());
    assert!((near(0.5) - half).abs() < 1e-7);
}

#[test]
fn small_divergences_keep_their_digits() {
    let mut case = Case::random(16, 24, 900, 7);
    for (t, s) in case.hidden_t.iter_mut().zip(&case.hidden_s) {
        *t = s + 2e-4 * *t;
    }
    let out = fused_head(&case.input(), &only(0.0, 1.0, 0.0), false).unwrap();
    let (s, t, w) = (f64s(&case.hidden_s), f64s(&case.hidden_t), f64s(&case.head));
    for row in 0..case.rows {
        let exact = kl(&case.logs(row, &s, &w, 1.0), &case.logs(row, &t, &w, 1.0));
        let got = out.tokens.kl[row] as f64;
        assert!(got >= 0.0 && exact < 1e-5, "{exact}");
        // The logits themselves carry 3e-7 of rounding, which bounds what can be asked.
        assert!((got - exact).abs() < 0.02 * exact + 1e-10, "row {row}: {got} instead of {exact}");
    }
}

#[test]
fn results_do_not_depend_on_the_cut_into_micro_batches() {
    // More rows than one chunk holds, so that chunks are crossed as well.
    let case = Case::random(1100, 16, 64, 8);
    let cfg = only(0.3, 1.0, 1.0);
    let whole = fused_head(&case.input(), &cfg, true).unwrap();
    for cuts in [&[0, 550, 1100][..], &[0, 1, 513, 700, 1100]] {
        let (mut loss, mut dh, mut dhead) = (Components::default(), Vec::new(), vec![0.0; case.head.len()]);
        for w in cuts.windows(2) {
            let part = fused_head(&case.part(w[0], w[1]), &cfg, true).unwrap();
            loss += part.loss;
            dh.extend(part.dh);
            for (sum, g) in dhead.iter_mut().zip(part.dhead.unwrap()) {
                *sum += g;
            }
        }
        close(&dh, &f64s(&whole.dh), 1e-5, "dh");
        close(&dhead, &f64s(whole.dhead.as_ref().unwrap()), 1e-5, "dW");
        let (a, b) = (super::total(&loss, &cfg.weights), super::total(&whole.loss, &cfg.weights));
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0));
    }
}

#[test]
fn rows_without_weight_are_dropped() {
    let mut case = Case::random(8, 5, 12, 9);
    for t in [1, 4, 5] {
        (case.ce[t], case.ref_kl[t], case.rl[t]) = (0.0, 0.0, 0.0);
    }
    // A policy-gradient weight with advantage 0 is no weight.
    (case.ce[7], case.ref_kl[7], case.advantage[7]) = (0.0, 0.0, 0.0);
    let out = fused_head(&case.input(), &only(1.0, 1.0, 1.0), true).unwrap();
    assert_eq!(out.tokens.live, [true, false, true, true, false, false, true, false]);
    for t in 0..8 {
        let row = &out.dh[t * 5..(t + 1) * 5];
        assert_eq!(row.iter().any(|&g| g != 0.0), out.tokens.live[t]);
        assert_eq!(out.tokens.logp[t].is_nan(), !out.tokens.live[t]);
    }
    // The others are as in the full problem.
    let alone = fused_head(&case.part(2, 4), &only(1.0, 1.0, 1.0), false).unwrap();
    close(&alone.dh, &f64s(&out.dh[10..20]), 1e-6, "dh");
}

#[test]
fn weights_of_a_rollout() {
    // Amplification 1 is plain distillation: 1 / (N_d T) each.
    assert_eq!(distill::weighted_kl(&[1.0; 5], 4), [0.05; 5]);
    // w = (1, 3, 0): Σ = 4.
    assert_eq!(distill::weighted_kl(&[1.0, 3.0, 0.0], 2), [0.125, 0.375, 0.0]);
    // Only proportions matter.
    assert_eq!(distill::weighted_kl(&[2.0, 6.0], 2), distill::weighted_kl(&[1.0, 3.0], 2));
    assert_eq!(distill::weighted_kl(&[0.0; 3], 2), [0.0; 3]);
    assert_eq!(ce::mean_over(&[true, false, true], 8), [0.125, 0.0, 0.125]);
}

#[test]
fn the_weighted_loss_is_the_weighted_mean_of_the_token_divergences() {
    let mut case = Case::random(6, 5, 12, 10);
    let weights = [1.0, 1.0, 3.0, 3.0, 1.0, 0.0];
    case.ref_kl = distill::weighted_kl(&weights, 1);
    let cfg = LossConfig { importance: Importance::None, ..only(0.0, 1.0, 0.0) };
    let out = fused_head(&case.input(), &cfg, false).unwrap();
    let kl = &out.tokens.kl;
    let sum: f64 = (0..5).map(|t| weights[t] as f64 * kl[t] as f64).sum();
    assert!((out.loss.distill - sum / 9.0).abs() < 1e-7);
    assert!(!out.tokens.rho[..5].iter().any(|&r| r != 1.0));
}

#[test]
fn buckets_never_exceed_the_full_divergence() {
    let case = Case::random(40, 8, 60, 11);
    let kls = |support| {
        let cfg = LossConfig { support, ..only(0.0, 1.0, 0.0) };
        fused_head(&case.input(), &cfg, false).unwrap()
    };
    let full = kls(Support::Full);
    let (few, many) = (kls(Support::TopK(3)), kls(Support::TopK(60)));
    for t in 0..40 {
        assert!(few.tokens.kl[t] < full.tokens.kl[t]);
        assert!((many.tokens.kl[t] - full.tokens.kl[t]).abs() < 1e-5);
    }
    close(&many.dh, &f64s(&full.dh), 1e-5, "a bucket for each entry");
}

#[test]
fn importance_weights_are_capped() {
    let mut case = Case::random(3, 5, 12, 12);
    let (now, _) = token_logprobs(&case.hidden_s, &case.head, 5, &case.targets, 1.0).unwrap();
    // Ratios e^0.1, e^-1 and e^3.
    case.engine = vec![now[0] - 0.1, now[1] + 1.0, now[2] - 3.0];
    let out = fused_head(&case.input(), &only(0.0, 1.0, 0.0), false).unwrap();
    for (got, want) in out.tokens.rho.iter().zip([0.1f32.exp(), (-1.0f32).exp(), 2.0]) {
        assert!((got - want).abs() < 1e-5);
    }
    // Without what the sampler said, tokens count as fresh.
    let streams = Streams { logp_old: &[], logp_engine: &[], ..case.input().streams };
    let fresh = fused_head(&HeadInput { streams, ..case.input() }, &only(0.0, 1.0, 1.0), false).unwrap();
    assert_eq!((fresh.tokens.rho, fresh.tokens.ratio), (vec![1.0; 3], vec![1.0; 3]));
    assert_eq!(fresh.tokens.tis, [1.0; 3]);
}

#[test]
fn outliers_are_scaled_not_clamped() {
    let case = Case::random(12, 5, 12, 13);
    let plain = fused_head(&case.input(), &only(0.0, 1.0, 0.0), false).unwrap();
    let limit = 0.4;
    let cfg = LossConfig { outlier: Some(limit), ..only(0.0, 1.0, 0.0) };
    let scaled = fused_head(&case.input(), &cfg, false).unwrap();
    let above = plain.tokens.kl.iter().filter(|&&d| d > limit).count();
    assert!(above > 0 && above < 12);
    assert_eq!(scaled.tokens.outlier_scaled, above);
    for t in 0..12 {
        let factor = (limit / plain.tokens.kl[t]).min(1.0) as f64;
        let want: Vec<f64> = plain.dh[t * 5..(t + 1) * 5].iter().map(|&g| g as f64 * factor).collect();
        close(&scaled.dh[t * 5..(t + 1) * 5], &want, 1e-5, "scaled row");
    }
}

#[test]
fn an_impossible_token_costs_the_floor_and_is_counted() {
    let input = HeadInput {
        hidden_s: &[0.0, 0.0],
        hidden_t: Some(&[0.0, -500.0]),
        head: &identity(2),
        head_t: None,
        mix: None,
        dim: 2,
        targets: &[1],
        streams: Streams { ref_kl: &[1.0], ..Streams::default() },
    };
    let out = fused_head(&input, &only(0.0, 1.0, 0.0), false).unwrap();
    // 1/2 ln(1/2) + 1/2 (ln(1/2) + 100), up to the terms that a floored teacher does not sum to 1.
    let want = 0.5f64.ln() + 50.0;
    assert!((out.loss.distill - want).abs() < 1e-3, "{}", out.loss.distill);
    assert_eq!(out.tokens.floored, 1);
    assert!(out.dh.iter().all(|g| g.is_finite()));
}

#[test]
fn a_broken_row_is_not_hidden() {
    let mut case = Case::random(4, 5, 12, 14);
    case.hidden_s[7] = f32::NAN;
    let out = fused_head(&case.input(), &only(1.0, 1.0, 1.0), false).unwrap();
    assert!(out.dh[5..10].iter().all(|g| g.is_nan()));
    assert!(out.dh[..5].iter().all(|g| g.is_finite()));
}

#[test]
fn log_probabilities_without_gradient_are_the_same() {
    let case = Case::random(700, 6, 40, 15);
    let (logp, entropy) = token_logprobs(&case.hidden_s, &case.head, 6, &case.targets, 0.8).unwrap();
    let cfg = LossConfig { temperature: 0.8, ..only(1.0, 0.0, 0.0) };
    let out = fused_head(&case.input(), &cfg, false).unwrap();
    assert_eq!((logp, entropy), (out.tokens.logp, out.tokens.entropy));
}

#[test]
fn the_total_is_linear_in_its_weights() {
    let losses = Components { ce: 2.0, distill: 0.5, grpo: -0.25 };
    assert_eq!(super::total(&losses, &Weights { ce: 0.0, distill: 1.0, grpo: 2.0 }), 0.0);
    assert_eq!(super::total(&losses, &Weights { ce: 1.0, distill: 0.0, grpo: 0.0 }), 2.0);
}

#[test]
fn refusals() {
    let case = Case::random(4, 5, 12, 16);
    let run = |input: &HeadInput<'_>, cfg: &LossConfig| fused_head(input, cfg, false).unwrap_err();
    let cfg = LossConfig::default();
    let short = HeadInput { hidden_s: &case.hidden_s[..5], ..case.input() };
    assert_eq!(run(&short, &cfg), LossError::Length { name: "hidden_s", got: 5, want: 20 });
    let foreign = HeadInput { targets: &[0, 1, 12, 3], ..case.input() };
    assert_eq!(run(&foreign, &cfg), LossError::Target { id: 12, position: 2, vocabulary: 12 });
    assert_eq!(run(&HeadInput { hidden_t: None, ..case.input() }, &cfg), LossError::NoTeacher);
    let jsd = LossConfig { divergence: Divergence::Jsd { alpha: 1.0 }, ..cfg };
    assert!(run(&case.input(), &jsd).to_string().contains("above 0 and below 1"));
    let mix = Some(Mix { hidden: &case.hidden_t, head: None, rate: 1.5 });
    let outside = run(&HeadInput { mix, ..case.input() }, &cfg);
    assert_eq!(outside, LossError::Setting { name: "mix.rate", value: 1.5, want: "0 to 1" });
    let mix = Some(Mix { hidden: &case.hidden_t[1..], head: None, rate: 0.5 });
    let short = run(&HeadInput { mix, ..case.input() }, &cfg);
    assert_eq!(short, LossError::Length { name: "mix.hidden", got: 19, want: 20 });
    let streams = Streams { advantage: &[], ..case.input().streams };
    assert!(run(&HeadInput { streams, ..case.input() }, &cfg).to_string().contains("advantage"));
}
