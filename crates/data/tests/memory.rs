//! Opening a corpus keeps offsets, not rows: the heap is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use vsdpo_data::{Corpus, DataConfig};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with the same arguments; the counters are atomics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

const ROWS: usize = 20_000;

#[test]
fn twenty_thousand_rows_are_held_by_their_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let code = "x = 1\\n".repeat(200);
    for i in 0..ROWS {
        writeln!(text, "{{\"id\": {i}, \"prompt\": \"chart {i}\", \"completion\": \"{code}\"}}").unwrap();
    }
    let bytes = text.len();
    std::fs::write(dir.path().join("train.jsonl"), text).unwrap();
    let config = DataConfig { kind: "jsonl".into(), path: dir.path().to_owned(), ..DataConfig::default() };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let corpus = Corpus::open(&config, &mut |_| {}).unwrap();
    let held = LIVE.load(Ordering::Relaxed) - before;
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert_eq!(corpus.len(), ROWS as u64);
    assert!(bytes > 28_000_000, "{bytes}");
    // 16 bytes a row, and paths.
    assert!(held < ROWS * 16 + 4096, "{held} bytes are held");
    // While the index grows it is copied once; the read buffer and one row come on top.
    assert!(peak < 2_500_000, "{peak} bytes at most");
    assert_eq!(corpus.record(12_345).unwrap().prompt, "chart 12345");
}
