//! Decks drawn by the real office. These tests need LibreOffice, which `cargo xtask setup`
//! installs.

mod office_support;

use office_support::{deck, write_decks};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vsdpo_artifact::{ExecError, FailureKind};
use vsdpo_render::{Office, OfficePages, RenderConfig, SLIDE_WIDTH};

type Outcome = Result<OfficePages, ExecError>;

fn office(workers: usize, timeout: u64) -> Office {
    let config = RenderConfig { workers, timeout: Duration::from_secs(timeout), ..RenderConfig::default() };
    Office::open(config).unwrap_or_else(|e| panic!("these tests draw decks for real: {e}"))
}

fn decks(port: u16) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_decks(folder.path(), port);
    folder
}

fn render(office: &Office, folder: &TempDir, name: &str) -> Outcome {
    office.render(&deck(folder.path(), name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn drawn(office: &Office, folder: &TempDir, name: &str) -> OfficePages {
    render(office, folder, name).unwrap_or_else(|e| panic!("{name}: {}", e.message))
}

/// PDFium orders letters by where they stand, which mixes texts that lie on each other.
#[test]
fn words_of_texts_on_each_other_are_told_apart() {
    let (office, folder) = (office(1, 60), decks(9));
    let pages = drawn(&office, &folder, "crossed");
    let words: Vec<&str> = pages.pages[0].words.iter().map(|word| word.text.as_str()).collect();
    let drawn = "slide 0 alpha beta gamma delta one two three four";
    assert_eq!(words, drawn.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_slide_has_its_pixels_and_words() {
    let (office, folder) = (office(1, 60), decks(9));
    let pages = drawn(&office, &folder, "box");
    assert_eq!((pages.total, pages.pages.len(), pages.notes.len()), (1, 1, 0));
    let page = &pages.pages[0];
    assert_eq!((page.image.width, page.image.height), (SLIDE_WIDTH, 720));
    // The red box covers the pixels 100 to 300 and 300 to 400.
    for (x, y, inside) in [
        (101, 301, true),
        (298, 398, true),
        (200, 350, true),
        (98, 350, false),
        (302, 350, false),
        (200, 298, false),
        (200, 402, false),
    ] {
        let want = if inside { [255, 0, 0, 255] } else { [255; 4] };
        assert_eq!(page.image.pixel(x, y), want, "at {x}, {y}");
    }
    // 30 points of 960 on 1280 pixels are 40; the text box begins at (500, 300) with insets of 9.6
    // and 4.8 pixels.
    let word = page.words.iter().find(|word| word.text == "measured").expect("the word is there");
    assert!((word.size - 40.0).abs() < 0.1, "{word:?}");
    assert!(
        (word.frame.x0 - 509.6).abs() < 1.5 && word.frame.y0 > 303.0 && word.frame.y1 < 360.0,
        "{word:?}"
    );
    assert!(word.ink.x0 >= word.frame.x0 - 1.0 && word.ink.x1 <= word.frame.x1 + 1.0, "{word:?}");
    assert!(page.words.iter().any(|word| word.text == "漢字"), "{:?}", page.words);
    // The ink box of a word holds every dark pixel of it.
    let dark = |x: u32, y: u32| page.image.pixel(x, y)[0] < 128;
    let (mut left, mut right) = (u32::MAX, 0);
    for y in word.frame.y0 as u32..word.frame.y1 as u32 {
        for x in (word.frame.x0 as u32 - 4..word.frame.x1 as u32 + 2).filter(|&x| dark(x, y)) {
            (left, right) = (left.min(x), right.max(x));
        }
    }
    assert!(
        (left as f32 - word.ink.x0).abs() <= 1.5 && (right as f32 - word.ink.x1).abs() <= 1.5,
        "{word:?}"
    );
}

#[test]
fn pictures_are_equal_between_runs_and_offices() {
    let folder = decks(9);
    let first = office(1, 60);
    let pages = drawn(&first, &folder, "ten");
    assert_eq!((pages.total, pages.pages.len()), (10, 10), "hidden slides are drawn");
    assert!(pages.pages[3].words.iter().any(|word| word.text == "3"), "in their place");
    drawn(&first, &folder, "picture");
    assert!(drawn(&first, &folder, "ten") == pages, "the second time");
    assert!(drawn(&office(1, 60), &folder, "ten") == pages, "in another office");
}

#[test]
fn sizes_are_those_of_the_slides_and_limits_hold() {
    let folder = decks(9);
    let config = RenderConfig {
        workers: 1,
        timeout: Duration::from_secs(60),
        max_slides: 4,
        ..RenderConfig::default()
    };
    let office = Office::open(config).unwrap();
    assert_eq!(drawn(&office, &folder, "standard").pages[0].image.height, 960);
    let few = drawn(&office, &folder, "ten");
    assert_eq!((few.total, few.pages.len()), (10, 4));
    assert_eq!(few.notes, ["only the first 4 of 10 slides were drawn"]);
    let tall = render(&office, &folder, "tall").unwrap_err();
    assert_eq!(tall.kind, FailureKind::Limit, "{}", tall.message);
    assert!(tall.message.contains("1280 x 17920"), "{}", tall.message);
    for bytes in [&b""[..], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<html>"] {
        assert_eq!(office.render(bytes).unwrap().unwrap_err().kind, FailureKind::Exception);
    }
}

/// Name of a deck, and the failures that it may come to besides a picture. Which of them depends
/// on the machine's speed where there are several.
const HOSTILE: [(&str, bool, &[FailureKind]); 15] = [
    ("truncated", false, &[FailureKind::Exception]),
    ("no-parts", false, &[FailureKind::Exception]),
    ("no-slide-part", true, &[]),
    ("half-a-slide", true, &[]),
    ("picture-corrupt", true, &[]),
    ("picture-of-400-million-pixels", true, &SLOW),
    ("groups-20000-deep", true, &SLOW),
    ("text-of-2-mb", false, &SLOW),
    ("zip-bomb", true, &SLOW),
    ("entities", true, &SLOW),
    ("shapes-of-1e9-emu", true, &[]),
    ("slides-5000", true, &SLOW),
    ("linked-file", true, &[]),
    ("linked-port", true, &[]),
    ("macros", true, &[]),
];
const SLOW: [FailureKind; 3] = [FailureKind::Timeout, FailureKind::Memory, FailureKind::Crash];

#[test]
fn hostile_decks_give_a_record_each_and_leave_the_pool_usable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = decks(listener.local_addr().unwrap().port());
    let (office, patient) = (office(1, 20), office(1, 120));
    let alone = drawn(&patient, &folder, "one");
    for (name, draws, kinds) in HOSTILE {
        match render(&office, &folder, name) {
            Ok(pages) => {
                assert!(draws, "{name} was drawn");
                let secret = |p: &[u8; 4]| p[0] > 200 && p[1] < 60 && p[2] > 200;
                let shown =
                    pages.pages.iter().any(|page| page.image.rgba.as_chunks::<4>().0.iter().any(secret));
                assert!(!shown, "{name} shows the file beside it");
                if name == "slides-5000" {
                    assert_eq!((pages.total, pages.pages.len()), (5000, 64));
                }
            }
            Err(error) => assert!(kinds.contains(&error.kind), "{name}: {:?} {}", error.kind, error.message),
        }
        // The same office if it lives, a new one if it was replaced.
        assert!(drawn(&office, &folder, "one") == alone, "after {name}");
    }
    assert!(listener.accept().is_err(), "somebody came through the network");
    let file = render(&office, &folder, "entity-of-a-file");
    let root =
        |pages: &OfficePages| pages.pages.iter().any(|p| p.words.iter().any(|w| w.text.contains("root:")));
    assert!(!file.as_ref().is_ok_and(root), "an entity shows a file");
}

#[test]
fn a_killed_office_costs_one_deck_at_most() {
    let (office, folder) = (office(1, 60), decks(9));
    let pages = drawn(&office, &folder, "one");
    let [pid] = office.worker_pids()[..] else { panic!("one office waits") };
    // SAFETY: sends a signal to a child of this process that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) }, 0);
    assert!(drawn(&office, &folder, "one") == pages, "an office that died between two decks costs none");
    let [next] = office.worker_pids()[..] else { panic!("one office waits") };
    assert_ne!(next, pid);
    let before = Instant::now();
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| render(&office, &folder, "text-of-2-mb"));
        // It is killed while it works on the deck, and so is the fresh one of the second attempt.
        while !busy.is_finished() {
            std::thread::sleep(Duration::from_millis(300));
            for pid in office.worker_pids().into_iter().filter(|pid| worked(*pid)) {
                // SAFETY: as above; the process ends in no other way while the deck takes minutes.
                unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
            }
        }
        let error = busy.join().unwrap().unwrap_err();
        assert!(SLOW.contains(&error.kind), "{:?} {}", error.kind, error.message);
    });
    assert!(before.elapsed() < Duration::from_secs(180));
    assert!(drawn(&office, &folder, "one") == pages, "the next deck is drawn as always");
    let stats = office.stats();
    assert_eq!((stats.jobs, stats.failures), (4, 1));
    assert!(stats.restarts >= 2 && stats.cpu_seconds > 0.0, "{stats:?}");
}

/// Whether a process has used more than a second: it has started and works.
fn worked(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().nth(11).map(str::parse::<u64>));
    matches!(ticks, Some(Some(Ok(ticks))) if ticks > 100)
}

#[test]
fn nothing_stays_behind() {
    let folder = decks(9);
    let office = office(1, 60);
    drawn(&office, &folder, "one");
    let [pid] = office.worker_pids()[..] else { panic!("one office waits") };
    let python = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let script = python.split('\0').find(|word| word.ends_with("office.py")).unwrap().to_owned();
    assert!(std::path::Path::new(&script).is_file());
    drop(office);
    assert!(!std::path::Path::new(&script).exists(), "the folder of the pool is gone");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "so is its process");
}
