//! AdamW with global-norm clipping and a warm-up, in one pass over each parameter.
//!
//! Moments are f32 or 8-bit and stay where they are; parameters change in place, so whoever shares
//! their storage sees the new values. A step whose gradient norm is not finite changes nothing and
//! is counted.
//!
//! Not done: parameter groups, parameters other than f32 on the CPU.

mod moments;
mod schedule;
mod state;

pub use moments::MomentKind;
pub use schedule::Schedule;

use moments::{BLOCK, Moments, ROOTS, SIGNED};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Storage, Tensor, Var};
use rayon::prelude::*;
use std::sync::Mutex;
use vsdpo_policy::ops::simd;

/// Elements handled by one task. Fixed, so that the norm does not depend on the number of threads.
const TASK: usize = 1 << 15;

/// Settings of [`AdamW`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConfig {
    /// Learning rate at the end of the warm-up.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, of every parameter.
    pub weight_decay: f64,
    /// Bound of the global gradient norm; 0 is no bound.
    pub max_grad_norm: f64,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// How moments are stored.
    pub moments: MomentKind,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            lr: 1e-6,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            schedule: Schedule::Constant { warmup: 10 },
            moments: MomentKind::F32,
        }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepInfo {
    /// Norm of all gradients together, before clipping.
    pub grad_norm: f64,
    /// Learning rate of the step.
    pub lr: f64,
    /// The norm was not finite, so nothing changed.
    pub skipped: bool,
}

/// Gradients or a state that do not fit the parameters.
#[derive(Debug, thiserror::Error)]
pub enum OptimError {
    /// A parameter or gradient in a form that is not supported.
    #[error("optimizer: `{name}` is {got}, want contiguous f32 on the CPU")]
    Form {
        /// The parameter.
        name: String,
        /// What it is.
        got: String,
    },
    /// A gradient, or a saved moment, of the wrong shape.
    #[error("optimizer: `{name}` has shape {got:?}, want {want:?}")]
    Shape {
        /// The parameter or the state's tensor.
        name: String,
        /// Its shape.
        got: Vec<usize>,
        /// The parameter's.
        want: Vec<usize>,
    },
    /// As many gradients as parameters are needed.
    #[error("optimizer: {got} gradients for {want} parameters")]
    Count {
        /// Gradients given.
        got: usize,
        /// Parameters.
        want: usize,
    },
    /// A saved state lacks a tensor.
    #[error("optimizer: the saved state has no `{name}`; it belongs to another model or version")]
    Missing {
        /// The tensor.
        name: String,
    },
    /// The tensor library failed.
    #[error("optimizer: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// One parameter with its moments.
struct Slot {
    name: String,
    var: Var,
    moments: Moments,
}

/// Adam with decoupled weight decay, the same arithmetic as PyTorch's.
pub struct AdamW {
    cfg: AdamWConfig,
    slots: Vec<Slot>,
    steps: usize,
    skipped: usize,
}

impl AdamW {
    /// An optimizer of `parameters`, whose order is the order of the gradients.
    ///
    /// # Errors
    /// If a parameter is not contiguous f32 on the CPU.
    pub fn new<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a Var)>,
        cfg: AdamWConfig,
    ) -> Result<Self, OptimError> {
        let slot = |(name, var): (&str, &Var)| {
            check_form(name, var)?;
            let moments = Moments::zeros(cfg.moments, var.elem_count());
            Ok(Slot { name: name.to_owned(), var: var.clone(), moments })
        };
        let slots = parameters.into_iter().map(slot).collect::<Result<_, OptimError>>()?;
        Ok(Self { cfg, slots, steps: 0, skipped: 0 })
    }

    /// This optimizer's gradients out of a backward pass, in its order.
    pub fn gradients(&self, store: &GradStore) -> Vec<Option<Tensor>> {
        self.slots.iter().map(|s| store.get(&s.var).cloned()).collect()
    }

    /// Moves every parameter that has a gradient, at the next step of the schedule.
    ///
    /// # Errors
    /// If the gradients do not fit the parameters. Then nothing has changed.
    pub fn step(&mut self, gradients: &[Option<Tensor>]) -> Result<StepInfo, OptimError> {
        self.step_at(gradients, self.steps + 1)
    }

    /// The same with the learning rate of step `at` of the schedule, from 1: where one step of a
    /// run takes several of these, or moments began anew in the middle of it.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_at(&mut self, gradients: &[Option<Tensor>], at: usize) -> Result<StepInfo, OptimError> {
        let gradients = self.checked(gradients)?;
        let mut squares = 0.0;
        for grad in gradients.iter().flatten() {
            squares += with_slice(grad, squared_norm)?;
        }
        let grad_norm = squares.sqrt();
        let k = self.steps + 1;
        let lr = self.cfg.lr * self.cfg.schedule.share(at);
        if !grad_norm.is_finite() {
            self.skipped += 1;
            return Ok(StepInfo { grad_norm, lr, skipped: true });
        }
        let factors = Factors::new(&self.cfg, lr, k, grad_norm);
        for (slot, grad) in self.slots.iter_mut().zip(&gradients) {
            let Some(grad) = grad else { continue };
            with_slice(grad, |grad| {
                let update = Update { factors, state: Mutex::new((grad, &mut slot.moments)) };
                slot.var.inplace_op1(&update)
            })??;
        }
        self.steps = k;
        Ok(StepInfo { grad_norm, lr, skipped: false })
    }

    /// Forgets both moments, as if no step had been made: where the loss changes, the second moment
    /// of the old one would scale the steps of the new one.
    pub fn reset(&mut self) {
        for slot in &mut self.slots {
            slot.moments.reset();
        }
        self.steps = 0;
    }

    /// Steps that moved the parameters, since the moments began.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Steps that were skipped for a norm that was not finite.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The gradients, contiguous, if they fit the parameters.
    fn checked(&self, gradients: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>, OptimError> {
        if gradients.len() != self.slots.len() {
            return Err(OptimError::Count { got: gradients.len(), want: self.slots.len() });
        }
        let one = |(slot, grad): (&Slot, &Option<Tensor>)| {
            let Some(grad) = grad else { return Ok(None) };
            let dense = grad.contiguous()?;
            check_form(&slot.name, &dense)?;
            check_shape(&slot.name, &dense, slot.var.dims())?;
            Ok(Some(dense))
        };
        self.slots.iter().zip(gradients).map(one).collect()
    }
}

fn check_form(name: &str, t: &Tensor) -> Result<(), OptimError> {
    if t.dtype() == DType::F32 && t.device().is_cpu() && t.is_contiguous() {
        return Ok(());
    }
    let got = format!("{:?} on {:?}, strides {:?}", t.dtype(), t.device().location(), t.stride());
    Err(OptimError::Form { name: name.to_owned(), got })
}

fn check_shape(name: &str, t: &Tensor, want: &[usize]) -> Result<(), OptimError> {
    if t.dims() == want {
        return Ok(());
    }
    Err(OptimError::Shape { name: name.to_owned(), got: t.dims().to_vec(), want: want.to_vec() })
}

/// Calls `f` with the elements of a contiguous f32 CPU tensor.
fn with_slice<R>(t: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R, OptimError> {
    let (storage, layout) = t.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(data)) => {
            let from = layout.start_offset();
            Ok(f(&data[from..from + t.elem_count()]))
        }
        _ => Err(OptimError::Form { name: "gradient".to_owned(), got: format!("{:?}", t.dtype()) }),
    }
}

/// Σ x^2: f32 within a task, f64 across tasks, in order.
fn squared_norm(x: &[f32]) -> f64 {
    let parts: Vec<f32> = x.par_chunks(TASK).map(|c| simd::vectorised(|| simd::dot(c, c))).collect();
    parts.iter().map(|&p| p as f64).sum()
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Factors {
    /// Scales gradients down to the allowed norm.
    clip: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    /// 1 - lr * weight_decay.
    keep: f32,
    /// lr / (1 - beta1^k).
    rate: f32,
    /// 1 / sqrt(1 - beta2^k).
    root: f32,
}

impl Factors {
    fn new(cfg: &AdamWConfig, lr: f64, k: usize, norm: f64) -> Self {
        let clip = if cfg.max_grad_norm > 0.0 { (cfg.max_grad_norm / (norm + 1e-6)).min(1.0) } else { 1.0 };
        let correction = |beta: f64| 1.0 - beta.powf(k as f64);
        Self {
            clip: clip as f32,
            beta1: cfg.beta1 as f32,
            beta2: cfg.beta2 as f32,
            eps: cfg.eps as f32,
            keep: (1.0 - lr * cfg.weight_decay) as f32,
            rate: (lr / correction(cfg.beta1)) as f32,
            root: (1.0 / correction(cfg.beta2).sqrt()) as f32,
        }
    }

    #[inline(always)]
    fn apply(&self, param: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32]) {
        let n = param.len();
        let (grad, first, second) = (&grad[..n], &mut first[..n], &mut second[..n]);
        for i in 0..n {
            let g = grad[i] * self.clip;
            first[i] += (1.0 - self.beta1) * (g - first[i]);
            second[i] = self.beta2 * second[i] + (1.0 - self.beta2) * g * g;
            let step = self.rate * first[i] / (second[i].sqrt() * self.root + self.eps);
            param[i] = param[i] * self.keep - step;
        }
    }
}

impl Factors {
    /// [`apply`](Self::apply) with both moments as codes and scales, block by block.
    fn apply_coded(&self, param: &mut [f32], grad: &[f32], first: Coded, second: Coded) {
        let (mut m, mut v) = ([0f32; BLOCK], [0f32; BLOCK]);
        let blocks = param.chunks_mut(BLOCK).zip(grad.chunks(BLOCK));
        let first = first.0.chunks_mut(BLOCK).zip(first.1);
        let second = second.0.chunks_mut(BLOCK).zip(second.1);
        for ((param, grad), ((mc, ms), (vc, vs))) in blocks.zip(first.zip(second)) {
            let n = param.len();
            let (m, v) = (&mut m[..n], &mut v[..n]);
            SIGNED.decode(mc, *ms, m);
            ROOTS.decode(vc, *vs, v);
            v.iter_mut().for_each(|r| *r *= *r);
            self.apply(param, grad, m, v);
            v.iter_mut().for_each(|v| *v = v.sqrt());
            *ms = SIGNED.encode(m, mc, 0);
            *vs = ROOTS.encode(v, vc, 1);
        }
    }
}

/// Codes and the scales of their blocks.
type Coded<'a> = (&'a mut [u8], &'a mut [f32]);

/// Gradient and moments of the parameter being moved.
type State<'a> = (&'a [f32], &'a mut Moments);

/// The update of one parameter, as candle's way to its storage.
struct Update<'a> {
    factors: Factors,
    /// Behind a lock because candle passes the op by shared reference.
    state: Mutex<State<'a>>,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(data) = storage else { candle_core::bail!("adamw: parameter is not f32") };
        let from = layout.start_offset();
        let param = &mut data[from..from + layout.shape().elem_count()];
        let mut state = self.state.lock().unwrap_or_else(|broken| broken.into_inner());
        let (grad, moments) = &mut *state;
        let tasks = param.par_chunks_mut(TASK).zip(grad.par_chunks(TASK));
        match moments {
            Moments::F32 { first, second } => {
                let moments = first.par_chunks_mut(TASK).zip(second.par_chunks_mut(TASK));
                tasks.zip(moments).for_each(|((p, g), (m, v))| {
                    simd::vectorised(
                        #[inline(always)]
                        || self.factors.apply(p, g, m, v),
                    );
                });
            }
            Moments::Blocks8 { first, second } => {
                let first = first.codes.par_chunks_mut(TASK).zip(first.scales.par_chunks_mut(TASK / BLOCK));
                let second =
                    second.codes.par_chunks_mut(TASK).zip(second.scales.par_chunks_mut(TASK / BLOCK));
                tasks
                    .zip(first.zip(second))
                    .for_each(|((p, g), (m, v))| self.factors.apply_coded(p, g, m, v));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use std::collections::HashMap;

    fn var(values: &[f32]) -> Var {
        Var::from_slice(values, values.len(), &Device::Cpu).unwrap()
    }

    fn grad(values: &[f32]) -> Option<Tensor> {
        Some(Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap())
    }

    fn check(v: &Var, want: &[f32], tolerance: f32) {
        let got = v.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() <= tolerance, "{got:?} instead of {want:?}");
        }
    }

    fn saved(optimizer: &AdamW) -> HashMap<String, Tensor> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optimizer.safetensors");
        optimizer.save(&path).unwrap();
        candle_core::safetensors::load(&path, &Device::Cpu).unwrap()
    }

    /// A noisy gradient of |p - target|^2 / 2 whose scale differs between the blocks.
    fn noisy(p: &Var, target: &[f32], k: usize) -> Option<Tensor> {
        let p = p.to_vec1::<f32>().unwrap();
        let of = |i: usize| {
            let noise = ((i * 131 + k * 71) % 97) as f32 / 48.0 - 1.0;
            (p[i] - target[i] + 0.1 * noise) * 10f32.powi((i / 1000) as i32 % 5 - 3)
        };
        grad(&(0..p.len()).map(of).collect::<Vec<_>>())
    }

    /// The distance to the target after 200 steps with both kinds of moments: within 5 % of each
    /// other, and the parameters within 1 % of the way.
    #[test]
    fn moments_of_8_bits_go_the_way_of_f32() {
        let n = 10_000;
        let target: Vec<f32> = (0..n).map(|i| (i % 23) as f32 / 11.0 - 1.0).collect();
        let run = |kind: MomentKind| {
            let v = var(&vec![0.0; n]);
            let mut optim = AdamW::new([("p", &v)], AdamWConfig { moments: kind, ..plain(0.02) }).unwrap();
            let far = |v: &Var| -> f64 {
                let p = v.to_vec1::<f32>().unwrap();
                p.iter().zip(&target).map(|(p, t)| f64::from((p - t).powi(2))).sum()
            };
            let begin = far(&v);
            let mut half = 1.0;
            for k in 0..200 {
                optim.step(&[noisy(&v, &target, k)]).unwrap();
                half = if k == 40 { far(&v) / begin } else { half };
            }
            (half, far(&v) / begin, v.to_vec1::<f32>().unwrap())
        };
        let (f32s, coded) = (run(MomentKind::F32), run(MomentKind::Blocks8));
        assert!((f32s.0 - coded.0).abs() <= 0.05 * f32s.0, "{} {}", f32s.0, coded.0);
        assert!(coded.1 < 0.01 && f32s.1 < 0.01, "{} {}", f32s.1, coded.1);
        let gap: f64 = f32s.2.iter().zip(&coded.2).map(|(a, b)| f64::from((a - b).abs())).sum();
        let way: f64 = target.iter().map(|t| f64::from(t.abs())).sum();
        assert!(gap > 0.0 && gap <= 0.01 * way, "{gap} of {way}");
    }

    #[test]
    fn saved_moments_of_8_bits_continue_bit_for_bit() {
        let n = 5000;
        let target = vec![1.0; n];
        let cfg = AdamWConfig { moments: MomentKind::Blocks8, ..plain(0.05) };
        let (v, w) = (var(&vec![0.0; n]), var(&[1.0]));
        let mut whole = AdamW::new([("p", &v), ("q", &w)], cfg).unwrap();
        whole.step(&[noisy(&v, &target, 0), grad(&[0.5])]).unwrap();
        let state = saved(&whole);
        assert_eq!(
            (state["p.exp_avg.codes"].dims(), state["p.exp_avg_sq.scales"].dims()),
            (&[5000][..], &[20][..])
        );
        assert_eq!(state["q.exp_avg"].dims(), [1], "small parameters stay f32");
        let copies = (var(&v.to_vec1::<f32>().unwrap()), var(&w.to_vec1::<f32>().unwrap()));
        let mut resumed = AdamW::new([("p", &copies.0), ("q", &copies.1)], cfg).unwrap();
        resumed.restore(&state).unwrap();
        for k in 1..4 {
            whole.step(&[noisy(&v, &target, k), grad(&[0.1])]).unwrap();
            resumed.step(&[noisy(&copies.0, &target, k), grad(&[0.1])]).unwrap();
        }
        assert_eq!(v.to_vec1::<f32>().unwrap(), copies.0.to_vec1::<f32>().unwrap());
        assert_eq!(MomentKind::Blocks8.bytes(1 << 20), 2 * ((1 << 20) + 4 * (1 << 12)));
    }

    fn plain(lr: f64) -> AdamWConfig {
        let schedule = Schedule::Constant { warmup: 0 };
        AdamWConfig { lr, max_grad_norm: 0.0, schedule, ..AdamWConfig::default() }
    }

    #[test]
    fn two_steps_by_hand() {
        let v = var(&[1.0]);
        let mut optim = AdamW::new([("p", &v)], plain(0.1)).unwrap();
        // After the bias correction the first step is lr * g / |g|.
        optim.step(&[grad(&[0.5])]).unwrap();
        check(&v, &[0.9], 1e-6);
        // m = 0.9 * 0.05 + 0.1 * -1, v = 0.999 * 0.00025 + 0.001 * 1.
        let (m, s): (f64, f64) = (-0.055 / 0.19, 0.001_249_75 / (1.0 - 0.999f64.powi(2)));
        optim.step(&[grad(&[-1.0])]).unwrap();
        check(&v, &[(0.9 - 0.1 * m / s.sqrt()) as f32], 1e-6);
    }

    /// Numbers printed by PyTorch 2.15.0 (`torch.optim.AdamW`, `clip_grad_norm_` at 1) for these
    /// gradients, lr 0.01 after three steps of warm-up, betas 0.9 and 0.99, weight decay 0.1.
    #[test]
    fn agrees_with_pytorch() {
        let want: [(f64, [f32; 4], [f32; 2]); 6] = [
            (2.371_181_2, [0.496_500_02, -0.996_333_36, 1.996, 0.253_25], [0.996_333_36, -0.496_500_02]),
            (
                1.711_724_3,
                [0.489_997_3, -0.989_037_04, 1.989_006_2, 0.251_672_9],
                [0.989_166_7, -0.489_536_9],
            ),
            (
                1.728_277_9,
                [0.480_167_4, -0.978_056_2, 1.978_506_9, 0.254_146_7],
                [0.978_857_1, -0.479_055_55],
            ),
            (
                1.964_688_3,
                [0.470_158_37, -0.967_103_66, 1.967_795_1, 0.253_044_04],
                [0.969_108_34, -0.468_602_06],
            ),
            (
                2.345_741,
                [0.459_980_46, -0.956_269_1, 1.956_832_5, 0.254_172_03],
                [0.959_973_04, -0.458_265_96],
            ),
            (
                2.849_756_2,
                [0.449_675_23, -0.945_635_56, 1.945_627_3, 0.253_513_5],
                [0.951_458_2, -0.448_130_37],
            ),
        ];
        let (p, q) = (var(&[0.5, -1.0, 2.0, 0.25]), var(&[1.0, -0.5]));
        let schedule = Schedule::Constant { warmup: 3 };
        let cfg =
            AdamWConfig { lr: 0.01, beta2: 0.99, weight_decay: 0.1, schedule, ..AdamWConfig::default() };
        let mut optim = AdamW::new([("p", &p), ("q", &q)], cfg).unwrap();
        for (i, (norm, want_p, want_q)) in want.into_iter().enumerate() {
            let k = (i + 1) as f32;
            let sign = if i % 2 == 0 { -1.0 } else { 1.0 };
            let grads = [grad(&[0.3 * k, -0.2, 0.05 * k * k, sign]), grad(&[2.0 / k, -0.7])];
            let info = optim.step(&grads).unwrap();
            assert!((info.grad_norm - norm).abs() < 1e-6, "step {k}: norm {}", info.grad_norm);
            check(&p, &want_p, 5e-7);
            check(&q, &want_q, 5e-7);
        }
    }

    #[test]
    fn a_saved_state_continues_bit_for_bit() {
        let grads = |k: usize| vec![grad(&[0.1 * k as f32, -0.3, 0.7]), None];
        let build = |v: &Var, w: &Var| AdamW::new([("p", v), ("q", w)], plain(0.05)).unwrap();
        let (v, w) = (var(&[1.0, 2.0, 3.0]), var(&[4.0]));
        let mut whole = build(&v, &w);
        whole.step(&grads(1)).unwrap();
        whole.step(&[grad(&[f32::NAN, 0.0, 0.0]), None]).unwrap();
        let (copy, other) = (var(&v.to_vec1::<f32>().unwrap()), var(&[4.0]));
        let mut resumed = build(&copy, &other);
        resumed.restore(&saved(&whole)).unwrap();
        assert_eq!((resumed.steps(), resumed.skipped()), (1, 1));
        for k in 2..5 {
            assert_eq!(whole.step(&grads(k)).unwrap(), resumed.step(&grads(k)).unwrap());
        }
        assert_eq!(v.to_vec1::<f32>().unwrap(), copy.to_vec1::<f32>().unwrap());
        // No gradient, no change.
        assert_eq!(w.to_vec1::<f32>().unwrap(), [4.0]);
    }

    #[test]
    fn after_a_reset_the_first_step_is_that_of_a_new_optimizer() {
        let (v, w) = (var(&[1.0, 2.0]), var(&[1.0, 2.0]));
        let cfg = AdamWConfig { schedule: Schedule::Constant { warmup: 4 }, ..plain(0.1) };
        let mut used = AdamW::new([("p", &v)], cfg).unwrap();
        for _ in 0..3 {
            used.step(&[grad(&[5.0, -5.0])]).unwrap();
        }
        v.set(&w.as_detached_tensor()).unwrap();
        used.reset();
        assert_eq!(used.steps(), 0);
        let mut fresh = AdamW::new([("p", &w)], cfg).unwrap();
        for k in [3, 4, 9] {
            let gradient = [grad(&[0.01, 0.02])];
            let info = used.step_at(&gradient, k).unwrap();
            assert_eq!(info, fresh.step_at(&gradient, k).unwrap());
            assert!((info.lr - 0.1 * (k as f64 / 4.0).min(1.0)).abs() < 1e-12);
        }
        assert_eq!(v.to_vec1::<f32>().unwrap(), w.to_vec1::<f32>().unwrap());
    }

    #[test]
    fn a_norm_that_is_not_finite_changes_nothing() {
        let v = var(&[1.0, 2.0]);
        let mut optim = AdamW::new([("p", &v)], plain(0.1)).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(optim.step(&[grad(&[0.1, bad])]).unwrap().skipped);
        }
        assert_eq!((optim.steps(), optim.skipped()), (0, 2));
        check(&v, &[1.0, 2.0], 0.0);
        optim.step(&[grad(&[0.1, 0.1])]).unwrap();
        check(&v, &[0.9, 1.9], 1e-6);
    }

    #[test]
    fn gradients_come_in_the_order_of_the_parameters() {
        let (v, w) = (var(&[1.0, 2.0]), var(&[3.0, 4.0]));
        let optim = AdamW::new([("w", &w), ("v", &v)], plain(0.1)).unwrap();
        let store = (v.as_tensor() * 2.0).unwrap().sum_all().unwrap().backward().unwrap();
        let grads = optim.gradients(&store);
        assert!(grads[0].is_none());
        assert_eq!(grads[1].as_ref().unwrap().to_vec1::<f32>().unwrap(), [2.0, 2.0]);
    }

    #[test]
    fn refusals() {
        let v = var(&[1.0, 2.0]);
        let mut optim = AdamW::new([("p", &v)], plain(0.1)).unwrap();
        assert!(matches!(optim.step(&[]), Err(OptimError::Count { got: 0, want: 1 })));
        assert!(matches!(optim.step(&[grad(&[1.0])]), Err(OptimError::Shape { .. })));
        assert!(matches!(optim.restore(&HashMap::new()), Err(OptimError::Missing { .. })));
        let half = Var::zeros(2, DType::BF16, &Device::Cpu).unwrap();
        assert!(matches!(AdamW::new([("h", &half)], plain(0.1)), Err(OptimError::Form { .. })));
    }
}
