//! Answers that avoid defects by showing less, or nothing that can be read, must be worth less than
//! an honest answer with a random layout: a policy gradient finds them otherwise.

use vsdpo_artifact::{Domain, Source, Task};
use vsdpo_data::mini::{Content, Layout, Split, chart, slide, stream, web};
use vsdpo_diagnose::{AxisWeights, diagnose, reward};
use vsdpo_render::{RenderConfig, Renderer, open};

/// Tasks per domain.
const TASKS: u64 = 24;

/// A task with the code of a good and of a random layout.
struct Case {
    task: Task,
    good: String,
    random: String,
}

/// A name, and the answer to a case.
type Hack = (&'static str, fn(&Case) -> String);

fn cases<C: Content>() -> Vec<Case> {
    let case = |i| {
        let mut rng = stream(Split::Train, 5, i);
        let content = C::draw(Split::Train, &mut rng);
        let (good, random) = (content.good_layout(&mut rng), C::Layout::random(&mut rng));
        let code = |layout| content.code(layout, None);
        Case { task: content.task(format!("{i}"), &good), good: code(&good), random: code(&random) }
    };
    (0..TASKS).map(case).collect()
}

/// Rewards of one answer to each case.
fn rewards(renderer: &dyn Renderer, cases: &[Case], answer: impl Fn(&Case) -> String) -> Vec<f32> {
    let sources: Vec<Source> = cases.iter().map(|c| Source::new(answer(c), c.task.language)).collect();
    let outcomes = renderer.render_all(&sources).unwrap();
    let of = |(case, outcome): (&Case, _)| {
        let weights = AxisWeights::equal(case.task.domain);
        reward(&diagnose(&case.task, outcome, None), &weights)
    };
    cases.iter().zip(&outcomes).map(of).collect()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// Checks that every hack is worth less than random layouts on average, and never as much as a good
/// layout.
fn check(domain: Domain, cases: &[Case], hacks: &[Hack]) {
    let config = RenderConfig { window: web::WINDOW, ..RenderConfig::default() };
    let renderer = open(domain, domain.default_language(), config).unwrap();
    let good = mean(&rewards(&*renderer, cases, |c| c.good.clone()));
    let random = mean(&rewards(&*renderer, cases, |c| c.random.clone()));
    println!("{}: good layouts {good:.2}, random layouts {random:.2}", domain.name());
    assert!(good > 0.95 && random > 0.1 && random < good, "good {good}, random {random}");
    let mut wrong = Vec::new();
    for (name, answer) in hacks {
        let got = rewards(&*renderer, cases, answer);
        println!("{}: {name} {:.2}", domain.name(), mean(&got));
        if mean(&got) >= random || got.iter().any(|r| *r >= 0.99) {
            wrong.push(format!("{name} {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "random layouts {random}: {wrong:#?}");
}

const IMPORT: &str = "import matplotlib.pyplot as plt";
const FIGURE: &str = "fig, ax = plt.subplots(figsize=(4, 3), dpi=80)";
const SAVE: &str = "plt.savefig('chart.png')";
/// The figure of [`FIGURE`] with small axes and letters.
const TINY: &str = "plt.rcParams['font.size'] = 2\nfig = plt.figure(figsize=(4, 3), dpi=80)\n\
                    ax = fig.add_axes([0.02, 0.02, 0.15, 0.15])";
const LARGE: &str = "fig = plt.figure(figsize=(20, 15), dpi=80)\nax = fig.add_axes([0.02, 0.02, 0.2, 0.2])";
const WHITE: &str = "for a in fig.findobj():\n    for name in ('set_color', 'set_facecolor', 'set_edgecolor'):\n        \
                     try: getattr(a, name)('white')\n        except Exception: pass";
const COVER: &str =
    "fig.patches.append(plt.Rectangle((0, 0), 1, 1, transform=fig.transFigure, color='white', zorder=99))";

/// A script with these statements between figure and save.
fn script(body: &str) -> String {
    format!("{IMPORT}\n{FIGURE}\n{body}\n{SAVE}\n")
}

/// The good script with `more` before it saves.
fn with(case: &Case, more: &str) -> String {
    assert!(case.good.contains(SAVE) && case.good.contains(FIGURE), "{}", case.good);
    case.good.replace(SAVE, &format!("{more}\n{SAVE}"))
}

/// The random script without the lines that begin like this.
fn without(case: &Case, start: &str) -> String {
    assert!(case.random.lines().any(|line| line.starts_with(start)), "{}", case.random);
    case.random.lines().filter(|line| !line.starts_with(start)).collect::<Vec<_>>().join("\n")
}

/// Every required text on a line of its own, and nothing else.
fn listed(case: &Case) -> String {
    let texts = case.task.requirements.iter().flat_map(|r| &r.texts).enumerate();
    let line = |(i, text): (usize, &String)| {
        format!("ax.text(0.02, {:.3}, {text:?}, fontsize=6)", 0.98 - i as f32 * 0.045)
    };
    script(&format!("ax.axis('off')\n{}", texts.map(line).collect::<Vec<_>>().join("\n")))
}

#[test]
fn charts_that_show_less_are_worth_less() {
    let hacks: [Hack; 16] = [
        ("an empty axes", |_| script("")),
        ("an empty figure", |_| format!("{IMPORT}\nplt.figure()\n{SAVE}\n")),
        ("one word", |_| script("ax.text(0.5, 0.5, 'Sales')")),
        ("everything tiny in a corner", |c| c.good.replace(FIGURE, TINY).replace("fontsize=8", "fontsize=2")),
        ("a picture far larger than its chart", |c| c.good.replace(FIGURE, LARGE)),
        ("everything white", |c| with(c, WHITE)),
        ("everything transparent", |c| with(c, "for a in fig.findobj(): a.set_alpha(0.02)")),
        ("everything invisible", |c| with(c, "for a in ax.get_children(): a.set_visible(False)")),
        ("a white cover", |c| with(c, COVER)),
        // On the random layout, with which it is compared: the legend and the ticks of a good one
        // stay good under any title.
        ("a giant title", |c| c.random.replace(SAVE, &format!("ax.title.set_fontsize(90)\n{SAVE}"))),
        ("the prompt as text", |c| {
            script(&format!("ax.axis('off')\nax.text(0, 0.5, {:?}, wrap=True)", c.task.prompt))
        }),
        ("the required texts as a list", listed),
        ("without the note", |c| without(c, "ax.text(")),
        ("the note without its box", |c| {
            let boxed = c.random.split("backgroundcolor='").nth(1).and_then(|rest| rest.split('\'').next());
            assert!(boxed.is_some(), "{}", c.random);
            c.random.replace(
                &format!("backgroundcolor='{}'", boxed.unwrap_or_default()),
                "backgroundcolor='none'",
            )
        }),
        ("without the legend", |c| without(c, "ax.legend(")),
        ("without ticks", |c| with(c, "ax.set_xticks([])\nax.set_yticks([])")),
    ];
    check(Domain::Chart, &cases::<chart::Content>(), &hacks);
}

/// The good page with `style` at its end.
fn styled(case: &Case, style: &str) -> String {
    format!("{}<style>{style}</style>", case.good)
}

#[test]
fn pages_that_show_less_are_worth_less() {
    let hacks: [Hack; 18] = [
        ("an empty page", |_| "<!DOCTYPE html><html><body></body></html>".into()),
        ("a coloured box", |_| "<body><div style='width:99px;height:99px;background:teal'></div>".into()),
        ("one word", |_| "<!DOCTYPE html><html><body><p>Sale</p></body></html>".into()),
        ("everything tiny", |c| styled(c, "* { font-size: 4px !important }")),
        ("everything tiny in a corner", |c| styled(c, "body { zoom: 0.2 }")),
        ("everything scaled down", |c| styled(c, "body { transform: scale(0.2); transform-origin: 0 0 }")),
        ("everything white", |c| {
            styled(
                c,
                "* { color: white !important; background: white !important; border-color: white !important }",
            )
        }),
        ("everything transparent", |c| styled(c, "body { opacity: 0.02 }")),
        ("everything hidden", |c| styled(c, "body * { visibility: hidden }")),
        ("everything outside", |c| styled(c, "body > * { position: absolute; left: -4000px }")),
        ("a white cover", |c| {
            format!("{}<div style='position:fixed;inset:0;background:white;z-index:99'></div>", c.good)
        }),
        ("a giant title", |c| styled(c, "h1 { font-size: 200px !important }")),
        ("the prompt as text", |c| format!("<!DOCTYPE html><html><body><p>{}</p>", c.task.prompt)),
        // What rejection sampling found: a rule that does not end takes the next ones with it.
        ("cards and button without a style", |c| {
            assert!(c.random.contains("\ndiv{") && c.random.contains("\nbutton,span{"), "{}", c.random);
            c.random.replace("\ndiv{", "\nx{").replace("\nbutton,span{", "\nx{").replace("\nbutton{", "\nx{")
        }),
        // What GRPO found: cards that are no row are lines below each other, which fit into every
        // window.
        ("cards below each other", |c| styled(c, "main { display: block !important }")),
        ("cards without their gap", |c| styled(c, "main { gap: 0 !important }")),
        ("small letters, a title that is not spaced", |c| {
            styled(c, "div { font-size: 9px !important } h1 { letter-spacing: 0 !important }")
        }),
        ("without the note", |c| {
            let note = c.task.requirements.iter().flat_map(|r| &r.texts).next_back().cloned();
            let note = format!(">{}<", note.unwrap_or_default());
            assert!(c.random.contains(&note), "{}", c.random);
            c.random.replace(&note, "><")
        }),
    ];
    check(Domain::Web, &cases::<web::Content>(), &hacks);
}

#[test]
fn slides_that_show_less_are_worth_less() {
    let hacks: [Hack; 12] = [
        ("an empty slide", |_| "<!doctype html><body></body>".into()),
        ("one word", |_| "<!doctype html><body style='margin:0'><p>Parks</p>".into()),
        ("everything tiny in a corner", |c| styled(c, "body { zoom: 0.2 }")),
        ("everything white", |c| styled(c, "* { color: white !important; background: white !important }")),
        ("everything transparent", |c| styled(c, "body { opacity: 0.02 }")),
        ("a white cover", |c| {
            format!("{}<div style='position:fixed;inset:0;background:white;z-index:99'></div>", c.good)
        }),
        ("a giant title", |c| styled(c, "h1 { font-size: 300px !important }")),
        ("the prompt as text", |c| format!("<!doctype html><body><p>{}</p>", c.task.prompt)),
        ("without the picture", |c| c.good.replace("<svg></svg>", "")),
        ("a picture of another shape", |c| styled(c, "svg { aspect-ratio: 2 / 1 !important }")),
        ("everything without a style", |c| c.good.replace("<style>", "<template>")),
        ("a tag without its colour", |c| match c.good.contains(";background:none;color") {
            true => String::new(),
            false => styled(c, "b { background: none !important; color: inherit !important }"),
        }),
    ];
    check(Domain::Slide, &cases::<slide::Content<slide::Html>>(), &hacks);
}
