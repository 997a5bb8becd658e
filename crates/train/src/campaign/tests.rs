use super::*;
use crate::eval::TaskScores;
use crate::testing::{StubRenderer, write_policy};

fn repository(domain: Domain, arms: Vec<Arm>, set: &[&str]) -> Campaign {
    Campaign {
        command: "visual-sdpo reproduce chart".into(),
        domain,
        recipes: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes"),
        main: arms[0].name.clone(),
        reached: None,
        arms,
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        seeds: 2,
        tasks: 4,
        split: Split::Test,
        out: "runs/x".into(),
    }
}

/// The recipes of arms must differ in more than their folder: an override without effect is a
/// mistake in the table.
fn check_arms(domain: Domain, arms: Vec<Arm>) {
    let campaign = repository(domain, arms, &[]);
    let mut recipes: Vec<(String, Recipe)> = Vec::new();
    for trial in campaign.plan().unwrap().into_iter().filter(|t| t.seed == 1 && t.arm.kind == Kind::Trained) {
        let recipe = Recipe { output_dir: PathBuf::new(), name: String::new(), ..trial.recipe };
        if let Some((other, _)) = recipes.iter().find(|(_, other)| *other == recipe) {
            panic!("{} and {other} are the same run", trial.arm.name);
        }
        recipes.push((trial.arm.name, recipe));
    }
}

#[test]
fn every_arm_of_the_tables_has_a_recipe_of_its_own() {
    for domain in [Domain::Chart, Domain::Web] {
        check_arms(domain, reproduce());
        for factor in &FACTORS {
            let models = match factor.name {
                "policy-size" => vec!["models/a".into(), "models/b".into()],
                _ => vec![],
            };
            check_arms(domain, ablate(factor.name, domain, &models).unwrap());
        }
    }
    let plan = repository(Domain::Chart, reproduce(), &[]).plan().unwrap();
    assert_eq!(plan.len(), 2 + 2 * 13, "what is not trained is evaluated once");
    let of = |name: &str| &plan.iter().find(|t| t.arm.name == name).unwrap().recipe;
    assert_eq!((of(MAIN).credit.amplify, of("visual-sdpo-1").credit.amplify), (3.0, 1.0));
    assert_eq!(of(MAIN).output_dir, Path::new("runs/x/visual-sdpo-s1"));
    let budget = |name: &str| plan.iter().find(|t| t.arm.name == name).unwrap().budget();
    assert_eq!((budget("base"), budget("sft-gold"), budget("grpo")), ((0, 0), (0, 4800), (4800, 0)));
    assert_eq!((budget("opsd-gold"), budget(MAIN)), ((4800, 2400), (4800, 0)));
}

#[test]
fn a_corpus_has_no_gold_references_and_no_constant_answer() {
    let corpus = ["data.type=jsonl", "data.path=x", "eval.benchmark=own", "eval.rows=96"];
    let plan = repository(Domain::Chart, reproduce(), &corpus).plan().unwrap();
    let names: Vec<&str> = plan.iter().filter(|t| t.seed == 1).map(|t| t.arm.name.as_str()).collect();
    assert!(names.contains(&"sft-realistic") && names.contains(&"base"), "{names:?}");
    assert!(!names.iter().any(|n| n.contains("gold") || *n == "best-constant"), "{names:?}");
}

#[test]
fn what_cannot_be_planned_says_why_in_one_line() {
    let check = |campaign: &Campaign, words: &[&str]| {
        let error = campaign.plan().unwrap_err().to_string();
        assert!(!error.contains('\n') && words.iter().all(|w| error.contains(w)), "{error}");
    };
    let of = |set: &[&str]| repository(Domain::Chart, reproduce(), set);
    check(&of(&["seed=3"]), &["--set seed", "help: give --seeds"]);
    check(&of(&["credit.amplify=3"]), &["--set credit.amplify: the arm \"visual-sdpo-1\" sets it itself"]);
    check(&of(&["optim.lrr=3"]), &["optim.lrr: unknown field"]);
    check(&Campaign { main: "x".into(), ..of(&[]) }, &["--arms", "\"x\"; help: add it"]);
    check(
        &Campaign { recipes: "nowhere".into(), ..of(&[]) },
        &["nowhere/chart-", "help: start in a checkout"],
    );
    let error = |name: &str, models: &[PathBuf]| ablate(name, Domain::Chart, models).unwrap_err().to_string();
    assert!(
        error("nothing", &[]).contains("help: use credit, location, render"),
        "{}",
        error("nothing", &[])
    );
    assert!(error("policy-size", &["a/m".into(), "b/m".into()]).contains("--models"));
    assert!(error("beta", &["a".into()]).contains("leave it out"));
}

/// A campaign in the stub world: base, best constant and two trained arms.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["model", "recipes"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        write_policy(&folder.path().join("model"));
        let recipe = format!(
            "name = \"a\"\ndomain = \"chart\"\nsteps = 3\n[policy]\nmodel = {:?}\n[rollout]\nprompts_per_step = 2\n\
             group_size = 2\nmax_completion_tokens = 8\n[optim]\nlr = 1e-3\nwarmup_steps = 1\n[eval]\nevery = 2\n\
             tasks = 2\n[stop]\nenabled = false\n[checkpoint]\nevery = 1\n",
            folder.path().join("model")
        );
        std::fs::write(folder.path().join("recipes/chart-a.toml"), recipe).unwrap();
        Self { folder }
    }

    fn campaign(&self, out: &str) -> Campaign {
        let arm = |name: &str, kind, set: &[&str]| Arm {
            name: name.into(),
            label: name.to_uppercase(),
            recipe: "a".into(),
            set: set.iter().map(|s| (*s).to_owned()).collect(),
            kind,
            world_only: kind == Kind::Constant,
        };
        Campaign {
            command: "visual-sdpo reproduce chart --seeds 2".into(),
            domain: Domain::Chart,
            recipes: self.folder.path().join("recipes"),
            arms: vec![
                arm("base", Kind::Base, &[]),
                arm("constant", Kind::Constant, &[]),
                arm("grpo", Kind::Trained, &["distill.weight=0"]),
                arm("main", Kind::Trained, &[]),
            ],
            main: "main".into(),
            reached: Some("grpo".into()),
            set: vec![],
            seeds: 2,
            tasks: 3,
            split: Split::Test,
            out: self.folder.path().join(out),
        }
    }
}

/// Runs until the end, or until so many training steps; the third value counts trials that were not
/// found finished.
fn go(campaign: &Campaign, mut steps: usize) -> Result<(Results, bool, usize), TrainError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, mut begun) = (stop.clone(), 0);
    let on_event = &mut |event: &Event| match event {
        Event::Begun { .. } => begun += 1,
        Event::Step(report) if report.eval.is_none() => {
            steps = steps.saturating_sub(1);
            flag.store(steps == 0, Ordering::Relaxed);
        }
        Event::Step(_) | Event::Tested { .. } | Event::Results(_) => {}
    };
    let open = &|_: &Recipe| Ok(Environment::without_references(Box::new(StubRenderer)));
    let (results, finished) = run(campaign, Hooks { stop, open, on_event })?;
    Ok((results, finished, begun))
}

/// Without times.
fn timeless(mut results: Results) -> Results {
    results.arms.iter_mut().for_each(|arm| arm.counts.seconds = 0.0);
    results
}

#[test]
fn a_campaign_that_is_cut_anywhere_gives_the_same_table() {
    let world = World::new();
    let (straight, finished, begun) = go(&world.campaign("straight"), usize::MAX).unwrap();
    assert!(finished);
    assert_eq!((begun, straight.done), (6, (6, 6)));
    let grpo = straight.arms.iter().find(|arm| arm.name == "grpo").unwrap();
    assert_eq!((grpo.counts.rollouts, grpo.seeds.as_slice()), (12.0, &[1, 2][..]));
    assert_eq!(grpo.curve.iter().map(|p| p.0).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(straight.arms[0].seeds, [1], "the base is evaluated once");
    assert_eq!(straight.arms[0].versus["reward"].seeds, 2, "and compared with every seed");

    let cut = world.campaign("cut");
    let (partial, finished, begun) = go(&cut, 2).unwrap();
    assert!(!finished && begun == 3 && partial.done == (2, 6), "{begun} {:?}", partial.done);
    // Between the last step and the test; in the next run; while a recipe is written.
    assert_eq!(go(&cut, 1).unwrap().0.done, (2, 6));
    assert!(cut.out.join("grpo-s1/checkpoints/step-3").exists());
    assert_eq!(go(&cut, 1).unwrap().0.done, (3, 6));
    std::fs::create_dir(cut.out.join("grpo-s2")).unwrap();
    std::fs::write(cut.out.join("grpo-s2/recipe.toml.partial"), "name = \"").unwrap();
    let (again, finished, _) = go(&cut, usize::MAX).unwrap();
    assert!(finished);
    assert_eq!(timeless(again), timeless(straight.clone()));
    let folder = cut.out.join("main-s2");
    let tested = std::fs::read_to_string(folder.join("test.json")).unwrap();
    let (_, finished, begun) = go(&cut, usize::MAX).unwrap();
    assert!(finished && begun == 0, "nothing is computed again");
    assert!(folder.join("checkpoints/step-3/model.safetensors").is_file());
    assert!(!folder.join("checkpoints/step-3/resume").exists() && !folder.join("checkpoints/best").exists());

    // Other tasks: the weights are evaluated again, nothing is trained.
    let more = Campaign { tasks: 5, ..cut.clone() };
    let (results, _, begun) = go(&more, 1).unwrap();
    assert_eq!((begun, results.tasks, results.done), (6, 5, (6, 6)));
    let back = go(&cut, usize::MAX).unwrap();
    assert_eq!(timeless(back.0), timeless(straight));
    assert_eq!(std::fs::read_to_string(folder.join("test.json")).unwrap(), tested);
}

#[test]
fn runs_of_other_settings_models_or_processes_are_not_mixed() {
    let world = World::new();
    let campaign = Campaign { seeds: 1, ..world.campaign("out") };
    go(&campaign, 4).unwrap();
    let error = |campaign: &Campaign| go(campaign, usize::MAX).unwrap_err().to_string();
    let with = |set: &str| Campaign { set: vec![set.into()], ..campaign.clone() };
    assert!(error(&with("optim.lr=0.5")).contains("begun with optim.lr = 0.001, now 0.5"));
    assert!(error(&with("steps=2")).contains("the finished run had steps = 3, now 2"));
    let held = lock(&campaign.out).unwrap();
    assert!(error(&campaign).contains("another process is at work there; help: wait"));
    drop(held);
    let model = world.folder.path().join("model/model.safetensors");
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    assert!(error(&campaign).contains("began with other weights"));
}

/// A test whose defect-free shares are given.
fn test(trial: &Trial, campaign: &Campaign, defect_free: &[f64]) -> Test {
    let n = defect_free.len();
    let point = |step: usize, v: f64| Point {
        step,
        rollouts: 4 * step as u64,
        defect_free: v,
        reward: v,
        good: None,
    };
    let end = defect_free.iter().sum::<f64>() / n as f64;
    let mut trained =
        Trained { steps: 3, step: 3, curve: vec![point(0, 0.0), point(3, end)], ..trial.untrained() };
    trained.counts.rollouts = 12.0;
    trained.stopped = (trial.arm.name == "grpo" && trial.seed == 2).then(|| "it | fell".to_owned());
    let scores = TaskScores {
        exec: vec![1.0; n],
        defect_free: defect_free.to_vec(),
        reward: vec![0.5; n],
        axes: BTreeMap::from([("legend".to_owned(), defect_free.to_vec())]),
        ..TaskScores::default()
    };
    Test {
        arm: trial.arm.name.clone(),
        seed: trial.seed,
        settings: trial.settings(campaign),
        trained,
        scores,
    }
}

/// By hand: the main arm has 3/4 and 4/4, the base 1/4, grpo 2/4 and 1/4. Its differences to grpo
/// are 0.25 and 0.75: mean 0.5, deviation 0.3536, t = 2 with one degree of freedom.
#[test]
fn the_table_by_hand() {
    let world = World::new();
    let campaign = world.campaign("none");
    let plan = campaign.plan().unwrap();
    let values = |trial: &Trial| -> &[f64] {
        match (trial.arm.name.as_str(), trial.seed) {
            ("base", _) => &[1.0, 0.0, 0.0, 0.0],
            ("grpo", 1) => &[1.0, 1.0, 0.0, 0.0],
            ("grpo", _) => &[0.0, 1.0, 0.0, 0.0],
            ("main", 1) => &[1.0, 1.0, 1.0, 0.0],
            ("main", _) => &[1.0, 1.0, 1.0, 1.0],
            _ => &[0.0; 4],
        }
    };
    let tests: Vec<Option<Test>> = plan.iter().map(|t| Some(test(t, &campaign, values(t)))).collect();
    let results = Results::of(&campaign, &plan, &tests);
    let of = |name: &str| results.arms.iter().find(|arm| arm.name == name).unwrap();
    let score = &of("main").scores["defect_free"];
    assert_eq!((score.mean.mean, score.by_seed.as_slice()), (0.875, &[0.75, 1.0][..]));
    assert!((score.sd.unwrap() - 0.125 * 2f64.sqrt()).abs() < 1e-12);
    let grpo = &of("grpo").versus["defect_free"];
    let t = grpo.t_test.unwrap();
    assert_eq!((grpo.over_tasks.mean, t.difference.mean, t.freedom), (0.5, 0.5, 1));
    assert!((t.t.unwrap() - 2.0).abs() < 1e-12 && (t.p - 0.295167).abs() < 1e-6, "{t:?}");
    assert_eq!(grpo.sign_flip, 0.5, "all but two of the four sums are closer to 0");
    // Three comparisons: base t = 5, constant t = 7, grpo t = 2.
    let p =
        |name: &str| (of(name).versus["defect_free"].t_test.unwrap().p, of(name).versus["defect_free"].holm);
    assert_eq!(p("constant").1, Some(3.0 * p("constant").0));
    assert_eq!(p("grpo").1, Some(p("grpo").0));
    assert!(of("main").versus.is_empty());
    // The main arm goes from 0 to 0.875 in 12 rollouts; grpo ends at 0.375 after 12.
    let reach = &results.reach[0];
    assert_eq!((reach.score.as_str(), reach.end), ("defect_free", 0.375));
    assert!((reach.share.unwrap() - 0.375 / 0.875).abs() < 1e-12);

    let text = markdown(&results);
    for want in [
        "`visual-sdpo reproduce chart --seeds 2`: 2 seeds, 4 test tasks (mini-chart). Last checkpoints",
        "| arm | seeds | executes | defect-free | reward |\n",
        "| **MAIN** | 2 | 100.0 ± 0.0 [100, 100] | 87.5 ± 17.7 [",
        "| BASE | – | 100.0 [100, 100] | 25.0 [",
        "| GRPO | +50.0 | [-267.7, 367.7] | 0.2952 | 0.2952 | 0.5000 | [",
        "cannot give less than 0.5000 with 2 seeds",
        "- `grpo` ends at defect-free 37.5: 5 of its 12: 43 %",
        "- GRPO, seed 2, step 3: it | fell",
    ] {
        assert!(text.contains(want), "{want:?} is not in\n{text}");
    }
    // What is not finished, or answered other tasks, does not count.
    let mut some = tests.clone();
    some[3] = None;
    some[0].as_mut().unwrap().settings.tasks = 99;
    let partial = Results::of(&campaign, &plan, &some);
    assert_eq!((partial.done, partial.arms.len()), ((4, 6), 3));
    assert!(markdown(&partial).contains("**unfinished: 4 of 6 runs**"));
    let nothing = Results::of(&campaign, &plan, &vec![None; 6]);
    assert!(nothing.arms.is_empty() && markdown(&nothing).contains("unfinished: 0 of 6"));
}
