use super::*;

/// The metrics of a healthy step.
const HEALTHY: [(&str, f64); 4] = [
    ("exec/success", 0.9),
    ("completions/mean_length", 80.0),
    ("entropy", 0.4),
    ("sampling/sampling_logp_difference/mean", 0.001),
];

/// A value between -1 and 1 per step and name, the same in every run.
fn noise(step: usize, name: usize) -> f64 {
    let x = ((step * 7919 + name * 104_729) % 1009) as f64;
    (x * 12.9898).sin()
}

/// Runs `steps` healthy steps with noise, then steps with `name` set to `value`, at most 40; how
/// many of those it took, and why.
fn after(steps: usize, name: &str, value: f64) -> Option<(usize, String)> {
    let (mut rules, limits) = (StopRules::default(), StopSection::default());
    let healthy = |step: usize| -> Metrics {
        let noisy =
            HEALTHY.iter().enumerate().map(|(i, (k, v))| (k.to_string(), v * (1.0 + 0.1 * noise(step, i))));
        noisy.collect()
    };
    for step in 0..steps {
        assert_eq!(rules.step(&healthy(step), &limits), None, "step {step}");
    }
    (1..=40).find_map(|k| {
        let mut metrics = healthy(steps + k);
        metrics.insert(name.to_owned(), value);
        // What is remembered survives being written and read.
        let text = serde_json::to_string(&rules).unwrap();
        rules = serde_json::from_str(&text).unwrap();
        rules.step(&metrics, &limits).map(|why| (k, why))
    })
}

#[test]
fn a_noisy_healthy_run_goes_on() {
    assert_eq!(after(500, "entropy", 0.4), None);
    // What changes by less than the limits, for good.
    for (name, value) in [
        ("exec/success", 0.7),
        ("completions/mean_length", 55.0),
        ("completions/mean_length", 150.0),
        ("entropy", 0.05),
        ("sampling/sampling_logp_difference/mean", 0.025),
    ] {
        assert_eq!(after(30, name, value), None, "{name} {value}");
    }
}

#[test]
fn each_rule_of_a_step_ends_a_run_within_20_steps_and_names_itself() {
    for (name, value, key) in [
        ("exec/success", 0.0, "stop.exec_fall"),
        ("exec/success", 0.5, "stop.exec_fall"),
        ("completions/mean_length", 20.0, "stop.length_min"),
        ("completions/mean_length", 256.0, "stop.length_max"),
        ("entropy", 0.01, "stop.entropy_min"),
        ("sampling/sampling_logp_difference/mean", 0.1, "stop.logp_gap"),
    ] {
        let (steps, why) = after(30, name, value).unwrap_or_else(|| panic!("{name} {value} ends nothing"));
        assert!(steps <= 20, "{name} {value}: {steps} steps");
        assert!(
            why.contains(key) && why.starts_with("over the last 10 steps, ") && !why.contains('\n'),
            "{why}"
        );
    }
    let (_, why) = after(30, "exec/success", 0.0).unwrap();
    assert!(
        why.contains("of the rollouts executed, 9") && why.contains("the limit is a fall of 0.3"),
        "{why}"
    );
}

#[test]
fn a_run_that_never_executed_has_nothing_to_fall_from() {
    let (mut rules, limits) =
        (StopRules::default(), StopSection { exec_fall: 1.0, ..StopSection::default() });
    let step = |rules: &mut StopRules, exec: f64| {
        rules.step(&Metrics::from([("exec/success".to_owned(), exec)]), &limits)
    };
    assert!((0..50).all(|_| step(&mut rules, 0.01).is_none()));
    assert!((0..10).all(|_| step(&mut rules, 0.2).is_none()));
    let why = (0..20).find_map(|_| step(&mut rules, 0.0)).unwrap();
    assert!(why.contains("stop.exec_min"), "{why}");
}

#[test]
fn steps_that_sample_nothing_do_not_count() {
    let (mut rules, limits) = (StopRules::default(), StopSection::default());
    let cross_entropy = Metrics::from([("entropy".to_owned(), 9.0)]);
    assert!((0..50).all(|_| rules.step(&cross_entropy, &limits).is_none()));
    assert_eq!(rules, StopRules::default());
}

/// Evaluations as (execution rate, defect-free share); the interval of a share reaches 0.05 below.
fn evaluate(evals: &[(f64, f64)]) -> Vec<Option<String>> {
    let (mut rules, limits) = (StopRules::default(), StopSection::default());
    let mut best: Option<Best> = None;
    let one = |(step, &(exec, clean)): (usize, &(f64, f64))| {
        let now = Best { step, defect_free: clean, low: clean - 0.05, reward: 0.0 };
        let top = best.filter(|b| b.defect_free >= clean).unwrap_or(now);
        best = Some(top);
        rules.evaluated(exec, clean, top, &limits)
    };
    evals.iter().enumerate().map(one).collect()
}

#[test]
fn evaluations_end_a_run_on_execution_falls_and_zeros() {
    let check = |evals: &[(f64, f64)], key: Option<&str>| {
        let mut got = evaluate(evals);
        let last = got.pop().unwrap();
        assert!(got.iter().all(Option::is_none), "{evals:?}: {got:?}");
        match key {
            Some(key) => assert!(last.as_ref().is_some_and(|why| why.contains(key)), "{evals:?}: {last:?}"),
            None => assert_eq!(last, None, "{evals:?}"),
        }
    };
    check(&[(0.9, 0.1), (0.95, 0.2), (0.66, 0.3), (0.65, 0.4)], Some("stop.eval_exec_fall"));
    check(&[(0.9, 0.3), (0.9, 0.2), (0.9, 0.25), (0.9, 0.2), (0.9, 0.1)], Some("stop.eval_falls"));
    check(&[(0.9, 0.3), (0.9, 0.2), (0.9, 0.2), (0.9, 0.1)], None);
    // Two falls that may be chance, and a third one that is not.
    check(&[(0.9, 0.3), (0.9, 0.28), (0.9, 0.26)], None);
    check(&[(0.9, 0.3), (0.9, 0.28), (0.9, 0.26), (0.9, 0.24)], Some("stop.eval_falls"));
    // Twice nothing is a fall from a share that the run reached itself, even where its interval
    // reaches 0, and from that of the base where the interval does not.
    check(&[(0.9, 0.03), (0.9, 0.0)], None);
    check(&[(0.9, 0.03), (0.9, 0.0), (0.9, 0.0)], None);
    check(&[(0.9, 0.06), (0.9, 0.0), (0.9, 0.0)], Some("no attempt was free of defects, 6 %"));
    check(&[(0.9, 0.02), (0.9, 0.03), (0.9, 0.0), (0.9, 0.0)], Some("no attempt was free of defects, 3 %"));
    check(&[(0.9, 0.0), (0.9, 0.0), (0.9, 0.0), (0.9, 0.1), (0.9, 0.0)], None);
}
