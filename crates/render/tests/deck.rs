//! python-pptx scripts in the pool: who answers for which shape, that recording changes nothing,
//! and hostile scripts.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use vsdpo_artifact::{Domain, Element, FailureKind, Language, Outcome, Rendered, Source};
use vsdpo_render::{DeckRenderer, RenderConfig, Renderer, open, pptx};

static POOL: LazyLock<DeckRenderer> = LazyLock::new(|| {
    let config = RenderConfig { timeout: Duration::from_secs(20), workers: 2, ..RenderConfig::default() };
    DeckRenderer::start(config).unwrap_or_else(|e| panic!("these tests run scripts for real: {e}"))
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn outcome(script: &str) -> Outcome {
    POOL.render(&Source::new(script, Language::Python)).unwrap()
}

fn rendered(script: &str) -> Rendered {
    match outcome(script) {
        Outcome::Rendered(rendered) => rendered,
        Outcome::Failed { error } => panic!("{error:?}"),
    }
}

fn named<'a>(rendered: &'a Rendered, name: &str) -> &'a Element {
    let with = |e: &&Element| e.shape.as_ref().is_some_and(|s| s.name == name);
    rendered.elements.iter().find(with).unwrap_or_else(|| panic!("no shape {name}: {rendered:?}"))
}

/// The calls that made an element, innermost first.
fn made<'a>(script: &'a str, element: &Element) -> Vec<&'a str> {
    element.stack.iter().map(|span| span.text(script).unwrap()).collect()
}

/// What changed an element later: the name of the change and the innermost call or statement.
fn edits<'a>(script: &'a str, element: &Element) -> Vec<(String, &'a str)> {
    let edits = &element.shape.as_ref().unwrap().edits;
    edits.iter().map(|e| (e.what.clone(), e.stack[0].text(script).unwrap())).collect()
}

const SCRIPT: &str = r#"from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches, Pt

prs = Presentation()
prs.slide_width = Inches(13.333)
slide = prs.slides.add_slide(prs.slide_layouts[1])
slide.shapes.title.text = "Überblick"


def card(left, text):
    box = slide.shapes.add_textbox(Inches(left), Inches(2), Inches(2), Inches(1))
    box.text_frame.text = text
    box.name = text
    return box


for i, word in enumerate(["one", "two"]):
    last = card(1 + 3 * i, word)
last.left = Inches(5)
last.text_frame.paragraphs[0].font.size = Pt(30)
last._element.txBody.bodyPr.set("anchor", "ctr")
data = CategoryChartData()
data.categories = ["a", "b"]
data.add_series("s", (1, 2))
chart = slide.placeholders[1].insert_chart(XL_CHART_TYPE.PIE, data) if False else slide.shapes.add_chart(
    XL_CHART_TYPE.PIE, Inches(1), Inches(4), Inches(3), Inches(3), data)
chart.chart.has_legend = True
prs.save("first.pptx")
slide.background.fill.solid()
prs.save("second.pptx")
"#;

#[test]
fn every_shape_knows_who_made_it_and_who_changed_it() {
    let rendered = rendered(SCRIPT);
    let title = named(&rendered, "Title 1");
    assert_eq!(made(SCRIPT, title), ["prs.slides.add_slide(prs.slide_layouts[1])"]);
    let changes = edits(SCRIPT, title);
    assert!(changes.iter().any(|(what, by)| what == "t" && *by == "slide.shapes.title.text"), "{changes:?}");
    let two = named(&rendered, "two");
    let call = "slide.shapes.add_textbox(Inches(left), Inches(2), Inches(2), Inches(1))";
    assert_eq!(made(SCRIPT, two), [call, "card(1 + 3 * i, word)"]);
    let changes = edits(SCRIPT, two);
    let by = |what: &str| changes.iter().filter(|(w, _)| w == what).map(|(_, by)| *by).collect::<Vec<_>>();
    assert_eq!(by("off"), ["last.left"]);
    assert_eq!(by("sz"), ["last.text_frame.paragraphs[0].font.size"]);
    assert_eq!(by("anchor"), ["last._element.txBody.bodyPr.set(\"anchor\", \"ctr\")"]);
    assert_eq!(by("name"), ["box.name"]);
    let one = edits(SCRIPT, named(&rendered, "one"));
    assert!(one.iter().all(|(what, _)| what != "off" && what != "sz"), "{one:?}");
    let chart =
        rendered.elements.iter().find(|e| made(SCRIPT, e).first().is_some_and(|c| c.contains("add_chart")));
    let chart = edits(SCRIPT, chart.unwrap());
    assert!(chart.iter().any(|(what, by)| what == "legend" && *by == "chart.chart.has_legend"), "{chart:?}");
    let page = &rendered.elements[0];
    assert_eq!(made(SCRIPT, page), ["prs.slides.add_slide(prs.slide_layouts[1])"]);
    let changes = edits(SCRIPT, page);
    assert!(changes.contains(&("sldSz".into(), "prs.slide_width")), "{changes:?}");
    assert!(changes.iter().any(|(_, by)| *by == "slide.background.fill.solid()"), "{changes:?}");
    // The last deck is judged: the one with a background.
    assert_eq!(rendered.notes, ["of 2 saved decks the last one, \"second.pptx\", is judged"]);
    assert_eq!((rendered.pages.len(), rendered.pages[0].image.height), (1, 720));
    assert!(rendered.elements.iter().all(|e| !e.stack.is_empty()));
}

#[test]
fn decks_reach_us_however_they_are_saved() {
    let head = "from pptx import Presentation\nimport io\nprs = Presentation()\ns = prs.slides.add_slide(prs.slide_layouts[6])\n";
    let ways = [
        "prs.save('a.pptx')",
        "prs.save('/mnt/data/presentation.pptx')",
        "f = io.BytesIO()\nprs.save(f)\nassert f.getvalue()[:2] == b'PK'",
        "f = io.BytesIO()\nprs.save(f)\nopen('b.pptx', 'wb').write(f.getvalue())",
        "import pathlib, os\nos.makedirs('out/deep')\nprs.save(pathlib.Path('out/deep/c.pptx'))",
        "prs.save('a.pptx')\nagain = Presentation('a.pptx')\nagain.slides.add_slide(again.slide_layouts[6])\nagain.save('a.pptx')",
    ];
    for (i, way) in ways.iter().enumerate() {
        let pages = rendered(&format!("{head}{way}\n")).pages.len();
        assert_eq!(pages, if i == 5 { 2 } else { 1 }, "{way}");
    }
    // A file that was changed after the last save is the one that counts.
    let later = "prs.save('a.pptx')\nimport zipfile, time\ntime.sleep(0.05)\n\
        with zipfile.ZipFile('a.pptx') as old, zipfile.ZipFile('z.pptx', 'w') as new:\n\
        \x20   for n in old.namelist():\n\
        \x20       new.writestr(n, old.read(n).replace(b'<p:cSld>', b'<p:cSld name=\"x\">'))\n";
    assert_eq!(rendered(&format!("{head}{later}")).pages.len(), 1);
    let failed = |tail: &str| outcome(&format!("{head}{tail}")).error().unwrap().clone();
    assert_eq!(failed("prs").kind, FailureKind::NoFigure);
    let missing = failed("prs.save('nowhere/a.pptx')");
    assert!(missing.message.starts_with("FileNotFoundError"), "{missing:?}");
    let wrong = failed("s.shapes.title.text = 'x'");
    assert!(wrong.message.starts_with("AttributeError") && wrong.span.is_some(), "{wrong:?}");
    let empty = failed("open('a.pptx', 'wb').write(b'no archive')");
    assert!(empty.message.contains("no .pptx package"), "{empty:?}");
    assert_eq!(
        outcome("from pptx import Presentation\nPresentation().save('a.pptx')").error().unwrap().kind,
        FailureKind::NoFigure
    );
    assert_eq!(outcome("prs = (").error().unwrap().kind, FailureKind::Syntax);
}

fn parts(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = archive.file_names().map(|n| n.unwrap().into_owned()).collect();
    let part = |name: String| {
        let mut bytes = Vec::new();
        archive.by_name(&name).unwrap().read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(part).collect()
}

/// The parts of a deck are those that the script writes in a plain Python process; only the times
/// in the archive, and in workbooks of charts and the document's properties, differ.
#[test]
fn recording_changes_no_part() {
    let folder = root().join("fixtures/decks");
    let mut compared = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|e| e != "py") || name == "facts" {
            continue;
        }
        let script = std::fs::read_to_string(&path).unwrap();
        let plain = tempfile::tempdir().unwrap();
        let python =
            Command::new(root().join(".venv/bin/python")).arg(&path).current_dir(plain.path()).status();
        assert!(python.unwrap().success(), "{name}");
        let plain = parts(&std::fs::read(plain.path().join(format!("{name}.pptx"))).unwrap());
        let ours = parts(&POOL.file(&script).unwrap().unwrap_or_else(|e| panic!("{name}: {e:?}")));
        assert_eq!(plain.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>(), "{name}");
        for (part, bytes) in &plain {
            if part.ends_with(".xlsx") || part == "docProps/core.xml" {
                continue;
            }
            assert!(*bytes == ours[part], "{part} of {name} differs");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared} parts");
}

#[test]
fn hostile_scripts_fail_alone() {
    let honest = "from pptx import Presentation\np = Presentation()\np.slides.add_slide(p.slide_layouts[6])\np.save('a.pptx')\n";
    let pool = RenderConfig {
        timeout: Duration::from_secs(3),
        workers: 1,
        cache_entries: 0,
        ..RenderConfig::default()
    };
    let pool = open(Domain::Slide, Language::Python, pool).unwrap();
    let run = |script: &str| pool.render(&Source::new(script, Language::Python)).unwrap();
    let attacks = [
        ("while True: pass", FailureKind::Timeout),
        ("import os; os._exit(0)", FailureKind::Crash),
        ("open('/etc/passwd').read()", FailureKind::Exception),
        ("import subprocess; subprocess.run(['ls'])", FailureKind::Exception),
        ("import socket; socket.create_connection(('127.0.0.1', 80))", FailureKind::Exception),
        ("x = bytearray(10 << 30)", FailureKind::Memory),
        ("raise SystemExit(3)", FailureKind::Exception),
        ("import vsdpo_deck.saves as s\ns.SAVES.last = b'PK' * 1000", FailureKind::Limit),
        ("import vsdpo_deck.saves as s\ns.SAVES.last = bytes(200 << 20)", FailureKind::Limit),
    ];
    for (attack, kind) in attacks {
        let outcome = run(attack);
        assert_eq!(outcome.error().map(|e| e.kind), Some(kind), "{attack}: {outcome:?}");
        assert!(run(honest).rendered().is_some(), "after {attack}");
    }
    // Forged records: stacks outside the source are refused, shapes that do not exist are nobody's.
    let forged = format!(
        "{honest}import vsdpo_deck.saves as s\ns.SAVES.slides = [{{'part': 'ppt/slides/slide1.xml', 'made': 7, 'edits': [], 'shapes': []}}]\n"
    );
    assert_eq!(run(&forged).error().unwrap().kind, FailureKind::Limit);
    let huge = "from pptx import Presentation\np = Presentation()\ns = p.slides.add_slide(p.slide_layouts[6])\n\
        for i in range(3): s.shapes.add_textbox(10**9, -10**9, 10**9, 10**9).text_frame.text = 'x'\np.save('a.pptx')\n";
    let outcome = run(huge);
    let elements = &outcome.rendered().unwrap().elements;
    assert!(elements.iter().all(|e| e.layout.unwrap().x1 <= 5.0 * 1280.0), "{elements:?}");
}

#[test]
fn files_of_scripts_are_read_as_any_file() {
    let file = POOL.file(SCRIPT).unwrap().unwrap();
    let deck = pptx::read(&file).unwrap();
    assert_eq!((deck.faults.len(), deck.slides.len()), (0, 1));
}
