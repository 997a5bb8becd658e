//! Compares every op with a composition of candle's own ops (values and gradients) and with central
//! finite differences.

use super::*;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng, rngs::StdRng};

const CPU: Device = Device::Cpu;

fn random(shape: &[usize], seed: u64) -> Var {
    let mut rng = StdRng::seed_from_u64(seed);
    let n = shape.iter().product();
    let data: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    Var::from_vec(data, shape, &CPU).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * w.abs().max(1.0), "{what}[{i}]: {g}, expected {w}");
    }
}

/// Fixed weights that reduce any output to a scalar whose gradient differs between elements.
fn weights(t: &Tensor) -> Vec<f32> {
    (0..t.elem_count()).map(|i| ((i * 7 % 11) as f32 - 4.5) / 5.0).collect()
}

fn scalar(t: &Tensor) -> f64 {
    values(t).iter().zip(weights(t)).map(|(&y, w)| y as f64 * w as f64).sum()
}

/// Compares values and gradients of `op` with `slow`, and the gradients with finite differences.
fn check(
    inputs: &[Var],
    op: impl Fn(&[Tensor]) -> Result<Tensor>,
    slow: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let tracked: Vec<Tensor> = inputs.iter().map(|v| v.as_tensor().clone()).collect();
    let (y, z) = (op(&tracked).unwrap(), slow(&tracked).unwrap());
    assert_eq!(y.dims(), z.dims());
    close(&values(&y), &values(&z), 2e-5, "value");
    let weight = Tensor::from_vec(weights(&z), z.shape(), &CPU).unwrap();
    let want = (&z * weight).unwrap().sum_all().unwrap().backward().unwrap();
    let got = backward(&y, &weights(&y)).unwrap();
    for (i, v) in inputs.iter().enumerate() {
        let (g, w) = (values(got.get(v).unwrap()), values(want.get(v).unwrap()));
        close(&g, &w, 1e-4, &format!("gradient of input {i}"));
        differences(inputs, i, &g, &op);
        untracked(&tracked, i, &op);
    }
}

/// Compares `grad` with central differences at a few elements of input `i`.
fn differences(inputs: &[Var], i: usize, grad: &[f32], op: &impl Fn(&[Tensor]) -> Result<Tensor>) {
    let base = values(&inputs[i]);
    let at = |j: usize, h: f32| {
        let mut data = base.clone();
        data[j] += h;
        let mut tensors: Vec<Tensor> = inputs.iter().map(|v| v.as_detached_tensor()).collect();
        tensors[i] = Tensor::from_vec(data, inputs[i].shape(), &CPU).unwrap();
        scalar(&op(&tensors).unwrap())
    };
    let step = (base.len() / 17).max(1);
    for j in (0..base.len()).step_by(step) {
        let h = 1e-2;
        let slope = ((at(j, h) - at(j, -h)) / (2.0 * h as f64)) as f32;
        assert!(
            (slope - grad[j]).abs() < 3e-3 * slope.abs().max(1.0),
            "gradient of input {i}[{j}]: {}, expected {slope}",
            grad[j]
        );
    }
}

/// Checks that if only input `i` is tracked, only it gets a gradient, and the same one.
fn untracked(tracked: &[Tensor], i: usize, op: &impl Fn(&[Tensor]) -> Result<Tensor>) {
    let full = backward(&op(tracked).unwrap(), &weights(&op(tracked).unwrap())).unwrap();
    let mut mixed: Vec<Tensor> = tracked.iter().map(|t| t.detach()).collect();
    mixed[i] = tracked[i].clone();
    let y = op(&mixed).unwrap();
    let grads = backward(&y, &weights(&y)).unwrap();
    assert_eq!(values(grads.get(&tracked[i]).unwrap()), values(full.get(&tracked[i]).unwrap()));
    // The store also has an entry for the seed op, which is not an input.
    let leaves = grads.get_ids().filter(|&&id| mixed.iter().any(|t| t.id() == id)).count();
    assert_eq!(leaves, 1);
}

#[test]
fn linear_with_and_without_bias() {
    let inputs = [random(&[2, 5, 7], 1), random(&[3, 7], 2), random(&[3], 3)];
    let slow = |t: &[Tensor]| t[0].flatten_to(1)?.matmul(&t[1].t()?)?.reshape((2, 5, 3));
    check(&inputs[..2], |t| linear(&t[0], &t[1], None), slow);
    check(&inputs, |t| linear(&t[0], &t[1], Some(&t[2])), |t| slow(t)?.broadcast_add(&t[2]));
}

#[test]
fn frozen_weight_gets_no_gradient_product() {
    let (x, w) = (random(&[4, 3], 1), random(&[2, 3], 2));
    let frozen = w.as_detached_tensor();
    let y = linear(&x, &frozen, None).unwrap();
    let grads = backward(&y, &[1.0; 8]).unwrap();
    assert!(grads.get(&frozen).is_none());
    assert!(grads.get(&x).is_some());
}

#[test]
fn rms_norm_rows() {
    for shape in [&[6, 20][..], &[3, 2, 16]] {
        let c = shape[shape.len() - 1];
        let inputs = [random(shape, 4), random(&[c], 5)];
        check(
            &inputs,
            |t| rms_norm(&t[0], &t[1], 1e-6),
            |t| {
                let mean = t[0].sqr()?.mean_keepdim(D::Minus1)?;
                t[0].broadcast_div(&(mean + 1e-6)?.sqrt()?)?.broadcast_mul(&t[1])
            },
        );
    }
}

#[test]
fn layer_norm_rows() {
    let inputs = [random(&[6, 20], 4), random(&[20], 5), random(&[20], 6)];
    check(
        &inputs,
        |t| layer_norm(&t[0], &t[1], &t[2], 1e-5),
        |t| {
            let centred = t[0].broadcast_sub(&t[0].mean_keepdim(1)?)?;
            let var = centred.sqr()?.mean_keepdim(1)?;
            let hat = centred.broadcast_div(&(var + 1e-5)?.sqrt()?)?;
            hat.broadcast_mul(&t[1])?.broadcast_add(&t[2])
        },
    );
}

#[test]
fn gated_linear_equals_separate_ops() {
    let inputs = [random(&[2, 5, 7], 26), random(&[9, 7], 27), random(&[9, 7], 28)];
    let half = |x: &Tensor, w: &Tensor| x.flatten_to(1)?.matmul(&w.t()?)?.reshape((2, 5, 9));
    let slow = |t: &[Tensor]| half(&t[0], &t[1])?.silu()? * half(&t[0], &t[2])?;
    check(&inputs, |t| gated_linear(&t[0], &t[1], &t[2]), slow);
    assert!(gated_linear(&inputs[0], &inputs[1], &random(&[8, 7], 1)).is_err());
}

#[test]
fn activations() {
    let x = [random(&[5, 33], 7)];
    check(&x, |t| silu(&t[0]), |t| t[0].silu());
    check(&x, |t| gelu_tanh(&t[0]), |t| t[0].gelu());
    check(&x, |t| gelu(&t[0]), |t| t[0].gelu_erf());
}

#[test]
fn activations_far_from_zero() {
    let x = Tensor::new(&[-100f32, -20.0, 20.0, 100.0], &CPU).unwrap();
    for y in [silu(&x), gelu(&x), gelu_tanh(&x)] {
        close(&values(&y.unwrap()), &[0.0, 0.0, 20.0, 100.0], 1e-5, "tail");
    }
}

#[test]
fn rope_rotates_pairs() {
    let angles = random(&[5, 4], 9);
    let tables = Tensor::cat(&[angles.as_tensor(), angles.as_tensor()], 1).unwrap().detach();
    let (cos, sin) = (tables.cos().unwrap(), tables.sin().unwrap());
    check(
        &[random(&[5, 3, 8], 10)],
        |t| rope(&t[0], &cos, &sin),
        |t| {
            let (a, b) = (t[0].narrow(2, 0, 4)?, t[0].narrow(2, 4, 4)?);
            let half = Tensor::cat(&[&b.neg()?, &a], 2)?;
            let (c, s) = (cos.unsqueeze(1)?, sin.unsqueeze(1)?);
            t[0].broadcast_mul(&c)? + half.broadcast_mul(&s)?
        },
    );
}

#[test]
fn embedding_adds_repeated_ids() {
    let table = random(&[6, 4], 11);
    let ids = [2u32, 5, 2, 0];
    let index = Tensor::new(&ids, &CPU).unwrap();
    check(std::slice::from_ref(&table), |t| embedding(&t[0], &ids), |t| t[0].index_select(&index, 0));
    assert!(embedding(&table, &[6]).unwrap_err().to_string().contains("id 6"));
}

/// Attention of one sequence at a time, with repeated keys and candle's own ops.
fn slow_attention(t: &[Tensor], segments: &[usize], causal: bool) -> Result<Tensor> {
    let (heads, kv, d) = (t[0].dim(1)?, t[1].dim(1)?, t[0].dim(2)?);
    let mut parts = Vec::new();
    for w in segments.windows(2).filter(|w| w[0] < w[1]) {
        let len = w[1] - w[0];
        let part = |x: &Tensor| x.narrow(0, w[0], len)?.transpose(0, 1)?.contiguous();
        let repeat = |x: Tensor| {
            x.unsqueeze(1)?.expand((kv, heads / kv, len, d))?.contiguous()?.reshape((heads, len, d))
        };
        let (q, k, v) = (part(&t[0])?, repeat(part(&t[1])?)?, repeat(part(&t[2])?)?);
        let mut scores = (q.matmul(&k.t()?.contiguous()?)? / (d as f64).sqrt())?;
        if causal {
            let mask: Vec<f32> =
                (0..len * len).map(|i| if i % len > i / len { f32::NEG_INFINITY } else { 0.0 }).collect();
            scores = scores.broadcast_add(&Tensor::from_vec(mask, (len, len), &CPU)?)?;
        }
        let e = scores.broadcast_sub(&scores.max_keepdim(2)?.detach())?.exp()?;
        let p = e.broadcast_div(&e.sum_keepdim(2)?)?;
        parts.push(p.matmul(&v)?.transpose(0, 1)?.contiguous()?);
    }
    Tensor::cat(&parts, 0)
}

#[test]
fn attention_with_groups_and_ragged_segments() {
    let segments = [0usize, 1, 1, 8, 13];
    for (heads, kv) in [(6, 2), (3, 3), (4, 1)] {
        let inputs = [random(&[13, heads, 8], 12), random(&[13, kv, 8], 13), random(&[13, kv, 8], 14)];
        for causal in [true, false] {
            let op = |t: &[Tensor]| attention(&t[0], &t[1], &t[2], &alone(&segments), causal);
            check(&inputs, op, |t| slow_attention(t, &segments, causal));
        }
    }
}

/// Segments without prefixes, from cumulative lengths.
fn alone(lengths: &[usize]) -> Vec<Segment> {
    lengths.windows(2).map(|w| Segment::alone(w[0]..w[1])).collect()
}

#[test]
fn a_shared_prefix_equals_a_copy_per_sequence() {
    // Rows 0..5 are the prefix of two sequences, which continue in 5..8 and 8..10; 10..12 is a
    // sequence without a prefix. The comparison repeats the prefix rows in each sequence.
    let inputs = [random(&[12, 4, 6], 31), random(&[12, 2, 6], 32), random(&[12, 2, 6], 33)];
    let after = |rows| Segment { rows, prefix: 0..5 };
    let segments = [Segment::alone(0..5), after(5..8), after(8..10), Segment::alone(10..12)];
    let rows = |range: std::ops::Range<u32>| Tensor::from_iter(range, &CPU).unwrap();
    let whole = |t: &[Tensor]| -> Result<Tensor> {
        let pick = |t: &Tensor| Tensor::cat(&[t.narrow(0, 0, 8)?, t.narrow(0, 0, 5)?, t.narrow(0, 8, 4)?], 0);
        let laid = t.iter().map(pick).collect::<Result<Vec<_>>>()?;
        let y = slow_attention(&laid, &[0, 8, 15, 17], true)?;
        Tensor::cat(&[y.index_select(&rows(0..8), 0)?, y.index_select(&rows(13..17), 0)?], 0)
    };
    check(&inputs, |t| attention(&t[0], &t[1], &t[2], &segments, true), whole);
}

#[test]
fn attention_over_several_tiles() {
    let inputs = [random(&[301, 2, 4], 15), random(&[301, 1, 4], 16), random(&[301, 1, 4], 17)];
    for causal in [true, false] {
        let op = |t: &[Tensor]| attention(&t[0], &t[1], &t[2], &alone(&[0, 250, 301]), causal);
        check(&inputs, op, |t| slow_attention(t, &[0, 250, 301], causal));
    }
}

#[test]
fn results_do_not_depend_on_the_thread_count() {
    let inputs = [random(&[3000, 64], 21), random(&[64], 22), random(&[64, 64], 23)];
    let run = || {
        let y = rms_norm(&inputs[0], &inputs[1], 1e-6).unwrap();
        let y = linear(&y, &inputs[2], Some(&inputs[1])).unwrap();
        let grads = backward(&y, &weights(&y)).unwrap();
        inputs.iter().flat_map(|v| values(grads.get(v).unwrap())).map(f32::to_bits).collect::<Vec<_>>()
    };
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    assert_eq!(pool(1).install(run), pool(3).install(run));
}

#[test]
fn errors_say_how_to_fix_them() {
    let x = random(&[4, 6], 24);
    let half = x.to_dtype(DType::F16).unwrap();
    assert!(silu(&half).unwrap_err().to_string().contains("to_dtype(F32)"));
    let turned = x.t().unwrap();
    assert!(silu(&turned).unwrap_err().to_string().contains("contiguous()"));
    assert!(linear(&x, &random(&[3, 5], 1), None).unwrap_err().to_string().contains("does not match"));
    let q = random(&[4, 2, 8], 25);
    assert!(attention(&q, &q, &q, &alone(&[0, 3]), true).unwrap_err().to_string().contains("segments"));
    assert!(backward(&x, &[0.0; 3]).is_err());
}

/// Dropout of an input of ones is its mask.
fn mask(shape: &[usize], dropout: Dropout) -> Tensor {
    let c = shape[shape.len() - 1];
    let ones = Tensor::ones(shape, DType::F32, &CPU).unwrap();
    let (zero, one) =
        (Tensor::zeros((c, c), DType::F32, &CPU).unwrap(), Tensor::eye(c, DType::F32, &CPU).unwrap());
    let low = LowRank { a: &one, b: &one, scale: 1.0, dropout: Some(dropout) };
    adapted_linear(&ones, &zero, None, low).unwrap()
}

#[test]
fn adapted_linear_equals_two_products() {
    let (w, bias) = (random(&[3, 7], 4).as_detached_tensor(), random(&[3], 5).as_detached_tensor());
    let inputs = [random(&[5, 7], 1), random(&[2, 7], 2), random(&[3, 2], 3)];
    for dropout in [None, Some(Dropout { rate: 0.3, seed: 9 })] {
        let mask = dropout.map_or(Tensor::ones((5, 7), DType::F32, &CPU).unwrap(), |d| mask(&[5, 7], d));
        check(
            &inputs,
            |t| adapted_linear(&t[0], &w, Some(&bias), LowRank { a: &t[1], b: &t[2], scale: 1.5, dropout }),
            |t| {
                let low = ((&t[0] * &mask)?.matmul(&t[1].t()?)?.matmul(&t[2].t()?)? * 1.5)?;
                t[0].matmul(&w.t()?)?.broadcast_add(&bias)? + low
            },
        );
    }
    let bad = LowRank { a: &inputs[2], b: &inputs[1], scale: 1.0, dropout: None };
    assert!(adapted_linear(&inputs[0], &w, None, bad).is_err());
}

#[test]
fn dropout_keeps_the_mean_and_follows_its_seed() {
    let (a, b) = (Dropout { rate: 0.25, seed: 1 }, Dropout { rate: 0.25, seed: 2 });
    let [first, second] = [a, b].map(|d| values(&mask(&[400, 50], d)));
    let zeros = first.iter().filter(|v| **v == 0.0).count() as f32 / first.len() as f32;
    assert!((zeros - 0.25).abs() < 0.01, "{zeros}");
    assert!(first.iter().all(|v| *v == 0.0 || (*v - 4.0 / 3.0).abs() < 1e-6));
    let both = first.iter().zip(&second).filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f32;
    assert!((both / first.len() as f32 - 0.0625).abs() < 0.01, "masks of two seeds are independent");
}

#[test]
fn gated_is_the_gate_of_swiglu() {
    let inputs = [random(&[4, 6], 1), random(&[4, 6], 2)];
    check(&inputs, |t| gated(&t[0], &t[1]), |t| t[0].silu()? * &t[1]);
    assert!(gated(&inputs[0], &random(&[6, 4], 1)).is_err());
}
