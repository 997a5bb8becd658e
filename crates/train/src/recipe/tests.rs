use super::*;
use crate::step::StepContext;

const SMALL: &str = "name = \"a\"\ndomain = \"chart\"\n";

fn parse(more: &str, sets: &[&str]) -> Result<Recipe, RecipeError> {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Recipe::parse(&format!("{SMALL}{more}"), &sets)
}

#[test]
fn defaults_are_filled_in_and_survive_a_round_trip() {
    let recipe = parse("", &[]).unwrap();
    assert_eq!(recipe.output_dir, Path::new("runs/a"));
    assert_eq!(recipe.distill.teacher, TeacherKind::Live, "the paper's teacher");
    assert_eq!((recipe.credit.amplify, recipe.grpo.weight, recipe.sft.weight), (3.0, 1.0, 0.0));
    assert_eq!(Recipe::parse(&recipe.to_toml(), &[]).unwrap(), recipe);
}

#[test]
fn overrides_reach_nested_keys_and_new_sections() {
    let sets = ["optim.lr = 1", "distill.channels=[\"rubric\"]", "name=b", "rollout.engine=local"];
    let recipe = parse("[optim]\nlr = 2.0\n", &sets).unwrap();
    assert_eq!((recipe.optim.lr, recipe.name.as_str()), (1.0, "b"));
    assert_eq!(recipe.distill.channels, [Channel::Rubric]);
    assert_eq!(recipe.output_dir, Path::new("runs/b"));
}

#[test]
fn every_problem_is_one_line_with_the_key() {
    let check = |more: &str, sets: &[&str], want: &str| {
        let got = parse(more, sets).expect_err(want).to_string();
        assert!(got.starts_with(want), "{got:?} does not begin with {want:?}");
        assert!(!got.contains('\n'), "{got:?}");
    };
    check("[optim]\nlrr = 1\n", &[], "optim.lrr: unknown field `lrr`, expected one of `lr`");
    check("[optim]\nlr = \"a\"\n", &[], "optim.lr: invalid type: string \"a\", expected f64");
    check("[data]\ntype = \"websight\"\nscore = 3\n", &[], "data.score: unknown field `score`");
    check(
        "[data]\ntype = \"nothing\"\n",
        &[],
        "data.type: no data set is called \"nothing\"; help: use \"mini\", ",
    );
    check("[data]\nlang = \"en\"\n", &[], "data.lang: invalid type: string \"en\", expected a sequence");
    check("steps = -1\n", &[], "steps: invalid value: integer `-1`, expected usize");
    check("[distill]\nteacher = \"me\"\n", &[], "distill.teacher: unknown variant `me`");
    check("[optim\n", &[], "line 3: not TOML");
    check("", &["optim.lr"], "--set optim.lr: no '='; help: write --set section.key=value");
    check("", &["name.x=1"], "--set name.x=1: not a section");
    check("", &["optim.lr=0"], "optim.lr: 0.0 cannot be used; help: write a number above 0");
    check("", &["credit.amplify=0.5"], "credit.amplify: 0.5 cannot be used; help: write at least 1");
    check("", &["distill.trust_rate=1.5"], "distill.trust_rate: 1.5 cannot be used; help: write a number in");
    check("", &["distill.trust_rate_end=-1"], "distill.trust_rate_end: -1.0 cannot be used");
    check("", &["optim.updates_per_batch=0"], "optim.updates_per_batch: 0 cannot be used; help: write at");
    check(
        "",
        &["optim.mini_batches=17"],
        "optim.mini_batches: 17 cannot be used; help: write at least 1 and",
    );
    check(
        "",
        &["grpo.kl_ref=0.1", "grpo.weight=0"],
        "grpo.kl_ref: 0.1 cannot be used; help: it is a part of",
    );
    check(
        "",
        &["eval.benchmark=own"],
        "eval.benchmark: \"own\" cannot be used; help: \"mini\" has tasks without",
    );
    check("", &["eval.rows=9"], "eval.rows: 9 cannot be used; help: write 0: \"mini\" has a split");
    let corpus = ["data.type=jsonl", "data.path=x", "eval.benchmark=own", "eval.rows=63"];
    check("", &corpus, "eval.rows: 63 cannot be used; help: write at least eval.tasks");
    check("", &["grpo.advantage=gdpo"], "grpo.advantage: unknown variant `gdpo`, expected one of `mean`");
    check("", &["reward.components=aeslides"], "reward.components: \"aeslides\" cannot be used; help: write");
    check("", &["reward.components=four"], "reward.components: unknown variant `four`, expected `axes` or");
    check("", &["stop.window=0"], "stop.window: 0 cannot be used; help: write at least 1");
    check("", &["stop.length_min=2"], "stop.length_min: 2.0 cannot be used; help: write a number in [0, 1]");
    check("", &["eval.stop_on_fall=false"], "eval.stop_on_fall: unknown field `stop_on_fall`");
    check("", &["rollout.group_size=1"], "rollout.group_size: 1 cannot be used; help: a group of one");
    check("", &["name=a/b"], "name: \"a/b\" cannot be used");
    check(
        "",
        &["data.type=mini", "data.language=html"],
        "data.language: \"html\" cannot be used; help: leave it out: only",
    );
    check("", &["domain=slide"], "eval.benchmark: \"mini-chart\" cannot be used; help: name the benchmark");
    check(
        "",
        &["data.type=mini", "data.domain=web"],
        "data.domain: \"web\" cannot be used; help: leave it out",
    );
    let web = ["domain=web", "eval.benchmark=mini-web"];
    check("", &web, "render.window: [1280, 720] cannot be used; help: the embedded world's pages");
    let corpus = ["domain=web", "eval.benchmark=mini-web", "data.type=websight", "data.path=x"];
    check("", &corpus, "render.window: [1280, 720] cannot be used; help: the embedded world's pages");
    check("[render]\nwindow = [0, 9]\n", &[], "render.window: [0, 9] cannot be used; help: write width");
    check(
        "",
        &["eval.benchmark=mini-web"],
        "eval.benchmark: \"mini-web\" cannot be used; help: name the benchmark",
    );
    let off = ["distill.weight=0", "grpo.weight=0"];
    check("", &off, "distill.weight: 0.0 cannot be used; help: give distill, grpo or sft");
}

#[test]
fn pages_are_chosen_by_keys_that_survive_a_round_trip() {
    let keys = "[data]\ntype = \"webcode2m\"\npath = \"data\"\nmin_score = 4\n\
        lang = [\"en\", \"de\"]\nmax_tokens = 4096\n";
    let recipe = parse(keys, &["data.min_score=-1", "domain=web", "eval.every=0"]).unwrap();
    assert_eq!(recipe.data.domain, vsdpo_artifact::Domain::Web, "the recipe's");
    let data = &recipe.data;
    assert_eq!((data.min_score, data.max_tokens, data.lang.len()), (Some(-1), Some(4096), 2));
    assert_eq!(Recipe::parse(&recipe.to_toml(), &[]).unwrap(), recipe);
    // They are for one data set alone, which is said when it is opened.
    let error =
        vsdpo_data::TaskStream::open(&parse("[data]\ntype = \"mini\"\nmax_tokens = 1\n", &[]).unwrap().data)
            .unwrap_err();
    assert!(error.to_string().starts_with("data.max_tokens: is given, but"), "{error}");
}

/// The divergences that are not plain names carry their number.
#[test]
fn divergence_and_support_are_those_of_the_loss() {
    use crate::loss::{Divergence, Support};
    let of = |text: &str| parse(&format!("[distill]\n{text}\n"), &[]).unwrap();
    let recipe = of("divergence = { jsd = { alpha = 0.5 } }\nsupport = { top_k = 64 }");
    assert_eq!(recipe.distill.divergence, Divergence::Jsd { alpha: 0.5 });
    assert_eq!(recipe.distill.support, Support::TopK(64));
    assert_eq!(Recipe::parse(&recipe.to_toml(), &[]).unwrap(), recipe);
    assert_eq!(of("divergence = \"forward_kl\"").distill.divergence, Divergence::ForwardKl);
    for (wrong, key) in [
        ("divergence = { jsd = { alpha = 1.0 } }", "distill.divergence"),
        ("support = { top_k = 0 }", "distill.support"),
    ] {
        let error = parse(&format!("[distill]\n{wrong}\n"), &[]).unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
    }
}

#[test]
fn the_trust_rate_moves_linearly_over_the_steps() {
    let rates = |keys: &str| {
        let recipe = parse(&format!("[distill]\nteacher = \"trust_region\"\n{keys}"), &[]).unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml(), &[]).unwrap(), recipe);
        [0, 2, 4].map(|step| recipe.distill.trust_rate_at(step, 5))
    };
    assert_eq!(rates(""), [0.5; 3]);
    assert_eq!(rates("trust_rate = 0.25\ntrust_rate_end = 0.75\n"), [0.25, 0.5, 0.75]);
    assert_eq!(parse("", &[]).unwrap().distill.trust_rate_at(0, 1), 0.5);
}

#[test]
fn warm_start_is_cross_entropy_alone() {
    let recipe = parse("[sft]\nwarm_start_steps = 2\n", &[]).unwrap();
    assert_eq!(recipe.loss_weights(1), Weights { ce: 1.0, distill: 0.0, grpo: 0.0 });
    assert_eq!(recipe.loss_weights(2), Weights { ce: 0.0, distill: 1.0, grpo: 1.0 });
    let samples = |step| StepContext::new(&recipe, step).samples();
    assert!(!samples(1) && samples(2));
}

/// The loss weights of each method, per shipped recipe; and every shipped file is read here.
#[test]
fn shipped_recipes_parse_and_have_the_loss_weights_of_their_method() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let recipe = Recipe::load(&path, &[]).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(recipe.name, file, "the file and the run have one name");
        let Weights { ce, distill, grpo } = recipe.loss_weights(recipe.sft.warm_start_steps);
        // The corpus recipes name folders that are not part of the project: they parse without
        // them.
        let method = file.strip_suffix("-qwen3vl").unwrap_or(&file);
        assert_eq!(recipe.data.dataset.is_generated(), method == file, "{file}");
        let want = match method.split_once('-').unwrap().1 {
            "sft" | "rft" => (1.0, 0.0, 0.0),
            "opsd" => (0.0, 1.0, 0.0),
            "grpo" => (0.0, 0.0, 1.0),
            "visual-sdpo" | "visual-sdpo-shuffled" => (0.0, 1.0, 1.0),
            other => panic!("no loss weights known for {other}"),
        };
        assert_eq!((ce, distill, grpo), want, "{file}");
        let reference = recipe.distill.context == ContextKind::Reference;
        assert_eq!(reference, method.ends_with("-opsd"), "{file}");
        found.push(file);
    }
    found.sort();
    let want = [
        "chart-grpo",
        "chart-grpo-qwen3vl",
        "chart-opsd",
        "chart-opsd-qwen3vl",
        "chart-rft",
        "chart-sft",
        "chart-sft-qwen3vl",
        "chart-visual-sdpo",
        "chart-visual-sdpo-qwen3vl",
        "chart-visual-sdpo-shuffled",
        "slide-grpo",
        "slide-opsd",
        "slide-rft",
        "slide-sft",
        "slide-visual-sdpo",
        "slide-visual-sdpo-shuffled",
        "web-grpo",
        "web-opsd",
        "web-rft",
        "web-sft",
        "web-visual-sdpo",
        "web-visual-sdpo-qwen3vl",
        "web-visual-sdpo-shuffled",
    ];
    assert_eq!(found, want);
}
