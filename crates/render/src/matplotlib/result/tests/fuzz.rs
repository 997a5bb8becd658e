//! A fuzzer for everything that is read from a dead process: frames of almost the right form,
//! spoilt in structure and in single bytes. Nothing may panic, and whatever is accepted must keep
//! every promise of [`Element`], [`Rendered`] and [`ExecError`]. As a test it tries [`SHORT`]
//! inputs; `VSDPO_FUZZ_INPUTS` asks for more, `VSDPO_FUZZ_SEED` for others.

mod inputs;

use crate::matplotlib::result::*;
use crate::python::buffer::*;
use inputs::input;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use vsdpo_artifact::FailureKind;

const SHORT: u64 = 200_000;
const SOURCE: &str = "plt.title('é')\nplt.plot([1, 2])  # 漢字\n";

/// Everything that the rest of the program relies on. Written apart from the checks of the parser.
fn promises(outcome: &Outcome) -> Result<(), String> {
    let holds = |ok: bool, what: &str| if ok { Ok(()) } else { Err(format!("{what}: {outcome:?}")) };
    let plain = |t: &str, lines: bool| {
        let ok = |c: char| !c.is_control() || (lines && (c == '\n' || c == '\t'));
        t.chars().all(|c| {
            ok(c) && !"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".contains(c)
        })
    };
    let length = |t: &str| t.chars().count();
    match outcome {
        Outcome::Failed { error } => {
            let kind = !matches!(error.kind, FailureKind::Timeout | FailureKind::Crash);
            holds(kind, "a kind of ours")?;
            holds(plain(&error.message, false) && length(&error.message) <= 2000, "message")?;
            holds(plain(&error.traceback, true) && length(&error.traceback) <= 8000, "traceback")?;
            holds(error.span.is_none_or(|s| s.text(SOURCE).is_some()), "span")
        }
        Outcome::Rendered(r) => {
            holds((1..=64).contains(&r.pages.len()), "pages")?;
            for Page { image, .. } in &r.pages {
                let sides = (1..=65_535).contains(&image.width) && (1..=65_535).contains(&image.height);
                holds(sides, "sides")?;
                let area = image.width as usize * image.height as usize;
                holds(area <= 16 << 20 && image.rgba.len() == area * 4, "pixels")?;
            }
            holds(r.elements.len() <= 20_000 && r.notes.len() <= 32, "counts")?;
            holds(r.notes.iter().all(|n| plain(n, true) && length(n) <= 2000), "notes")?;
            for (i, e) in r.elements.iter().enumerate() {
                element_promises(e, i, r).or_else(|what| holds(false, what))?;
            }
            Ok(())
        }
    }
}

fn element_promises(e: &Element, i: usize, r: &Rendered) -> Result<(), &'static str> {
    let holds = |ok: bool, what: &'static str| if ok { Ok(()) } else { Err(what) };
    let Some(Page { image, .. }) = r.pages.get(e.page as usize) else { return Err("page") };
    let (w, h) = (image.width as f32, image.height as f32);
    // A comparison with NaN is false, so these also ask for numbers.
    let upright = |b: Region| b.x0 <= b.x1 && b.y0 <= b.y1;
    let near = |x: f32, y: f32| x >= -4.0 * w && x <= 5.0 * w && y >= -4.0 * h && y <= 5.0 * h;
    let b = e.region;
    holds(e.id as usize == i, "id")?;
    holds(upright(b) && b.x0 >= 0.0 && b.y0 >= 0.0 && b.x1 <= w && b.y1 <= h, "region")?;
    holds(e.layout.is_none_or(|b| upright(b) && near(b.x0, b.y0) && near(b.x1, b.y1)), "layout")?;
    holds(e.points.len() <= 512 && e.points.iter().all(|p| near(p[0], p[1])), "points")?;
    holds(e.values.len() <= 64 && e.values.iter().all(|v| v.is_finite()), "values")?;
    holds(e.stack.len() <= 64 && e.stack.iter().all(|s| s.text(SOURCE).is_some()), "stack")?;
    let fine =
        |t: &Option<String>| t.as_ref().is_none_or(|t| t.chars().count() <= 2000 && !t.contains('\u{1b}'));
    holds(fine(&e.text) && fine(&e.label) && fine(&e.pattern), "texts")?;
    holds(e.font_px.is_none_or(f32::is_finite) && e.rotation.is_none_or(f32::is_finite), "numbers")?;
    holds(e.axis.is_none_or(|a| "xyz".contains(a)), "axis")?;
    let link = |id: Option<u32>, fits: fn(&Element) -> bool| {
        id.is_none_or(|id| r.elements.get(id as usize).is_some_and(fits))
    };
    holds(link(e.parent, |p| p.parent.is_none()), "parent")?;
    holds(link(e.axes, |a| a.kind == ElementKind::Axes), "axes")
}

/// The class of an answer, for the count: what was accepted, or the rule that was broken.
fn class(answer: &Result<Outcome, Refused>) -> String {
    match answer {
        Ok(Outcome::Rendered(r)) if r.elements.is_empty() => "rendered, empty".into(),
        Ok(Outcome::Rendered(_)) => "rendered".into(),
        Ok(Outcome::Failed { .. }) => "failed".into(),
        Err(Refused::Absent) => "absent".into(),
        Err(Refused::Broken(why)) => {
            let why = match why.split_once(": ") {
                Some((head, rest)) if head.starts_with("element") => rest,
                Some((head, _)) => head,
                None => why,
            };
            let mut class: String = why.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            while class.contains("##") {
                class = class.replace("##", "#");
            }
            class
        }
    }
}

/// Tries inputs `from..to`; counts the classes of answers.
fn try_inputs(seed: u64, from: u64, to: u64) -> BTreeMap<String, u64> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(BUFFER_BYTES).unwrap();
    let mut counts = BTreeMap::new();
    for i in from..to {
        let (head, records) = input(seed, i);
        file.write_all_at(&head, 0).unwrap();
        file.write_all_at(&records, RECORDS_AT).unwrap();
        let answer = catch_unwind(AssertUnwindSafe(|| read(&file, SOURCE)));
        let answer = answer.unwrap_or_else(|_| panic!("input {i} of seed {seed} makes the parser panic"));
        if let Some(why) = answer.as_ref().ok().and_then(|o| promises(o).err()) {
            panic!("input {i} of seed {seed} is accepted with a broken promise: {why}");
        }
        let class = class(&answer);
        match counts.get_mut(&class) {
            Some(count) => *count += 1,
            None => drop(counts.insert(class, 1)),
        }
    }
    counts
}

#[test]
fn no_input_breaks_the_parser_or_its_promises() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().unwrap());
    let inputs = number("VSDPO_FUZZ_INPUTS").unwrap_or(SHORT);
    let seed = number("VSDPO_FUZZ_SEED").unwrap_or(1);
    let began = std::time::Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let counts = std::thread::scope(|scope| {
        let part = |t: u64| inputs * t / threads;
        let workers: Vec<_> =
            (0..threads).map(|t| scope.spawn(move || try_inputs(seed, part(t), part(t + 1)))).collect();
        let mut all = BTreeMap::new();
        for worker in workers {
            for (class, n) in worker.join().unwrap() {
                *all.entry(class).or_insert(0) += n;
            }
        }
        all
    });
    let count = |class: &str| counts.get(class).copied().unwrap_or(0);
    eprintln!("{inputs} inputs in {:.1} s: {counts:#?}", began.elapsed().as_secs_f32());
    // What is never accepted tests no promise, and a rule that is never met is not tested either.
    assert!(count("rendered") > inputs / 8 && count("failed") > inputs / 20, "{counts:#?}");
    for class in [
        "absent",
        "malformed records",
        "the result has no valid header",
        "bytes of records",
        "bytes for #x# pixels",
        "ids must count from #",
        "a box that is not upright",
        "too many spans, values or points",
        "an axis that is not x, y or z",
        "a part of a part",
        "a reference to no element",
        "axes that are none",
        "a span outside the source",
        "a failure that only the supervisor can report",
    ] {
        assert!(counts.keys().any(|c| c.contains(class)), "{class} is never met: {counts:#?}");
    }
}

#[test]
fn the_promises_can_be_broken() {
    let element = Element::new(0, ElementKind::Title, Region::new(0.0, 0.0, 1.0, 1.0));
    let outcome = |change: fn(&mut Element)| {
        let mut element = element.clone();
        change(&mut element);
        let image = Image { width: 2, height: 2, rgba: vec![0; 16].into() };
        Outcome::Rendered(Rendered::of_page(image, vec![element]))
    };
    assert_eq!(promises(&outcome(|_| ())), Ok(()));
    let spoilt: [fn(&mut Element); 9] = [
        |e| e.id = 1,
        |e| e.region.x1 = 3.0,
        |e| e.region.x0 = f32::NAN,
        |e| e.points = vec![[0.0, f32::INFINITY]],
        |e| e.values = vec![f64::NAN],
        |e| e.axis = Some('\u{1b}'),
        |e| e.parent = Some(0),
        |e| e.axes = Some(0),
        |e| e.text = Some("\u{1b}".into()),
    ];
    for change in spoilt {
        assert!(promises(&outcome(change)).is_err(), "{:?}", outcome(change));
    }
}
