//! Measures the heap: an open corpus keeps offsets but no rows, and reading from Parquet keeps no
//! row groups.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use vsdpo_data::{Corpus, DataConfig, DataSet};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with the same arguments; the counters are
// atomics.
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

/// The counters are shared by the whole process, so only one test may run at a time.
static TURN: Mutex<()> = Mutex::new(());

const ROWS: usize = 20_000;

#[test]
fn an_open_json_corpus_keeps_only_offsets_in_memory() {
    let _turn = TURN.lock();
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let code = "x = 1\\n".repeat(200);
    for i in 0..ROWS {
        writeln!(text, "{{\"id\": {i}, \"prompt\": \"chart {i}\", \"completion\": \"{code}\"}}").unwrap();
    }
    let bytes = text.len();
    std::fs::write(dir.path().join("train.jsonl"), text).unwrap();
    let config = DataConfig { dataset: DataSet::Jsonl, path: dir.path().to_owned(), ..DataConfig::default() };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let corpus = Corpus::open(&config, &mut |_| {}).unwrap();
    let held = LIVE.load(Ordering::Relaxed) - before;
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert_eq!(corpus.len(), ROWS as u64);
    assert!(bytes > 28_000_000, "{bytes}");
    // 16 bytes per row, and paths.
    assert!(held < ROWS * 16 + 4096, "{held} bytes are held");
    // Growing the index copies it once; the read buffer and one row are added.
    assert!(peak < 2_500_000, "{peak} bytes at most");
    assert_eq!(corpus.record(12_345).unwrap().prompt, "chart 12345");
}

/// Writes 20,000 pages with incompressible pictures of 4 kB, 100 rows per row group.
#[cfg(feature = "parquet")]
fn write_pages(path: &std::path::Path) {
    use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
    use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
    use std::sync::Arc;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(100));
    let mut writer: Option<ArrowWriter<std::fs::File>> = None;
    let mut state = 1u64;
    for first in (0..ROWS).step_by(100) {
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let files: BinaryArray =
            (0..100).map(|_| Some((0..512).flat_map(|_| noise()).collect::<Vec<u8>>())).collect();
        let image = StructArray::try_from(vec![("bytes", Arc::new(files) as ArrayRef)]).unwrap();
        let pages: StringArray = (first..first + 100).map(|i| Some(format!("<p>page {i}</p>"))).collect();
        let columns = [("image", Arc::new(image) as ArrayRef), ("text", Arc::new(pages) as ArrayRef)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let writer = writer.get_or_insert_with(|| {
            let file = std::fs::File::create(path).unwrap();
            ArrowWriter::try_new(file, batch.schema(), Some(properties.clone().build())).unwrap()
        });
        writer.write(&batch).unwrap();
    }
    writer.unwrap().close().unwrap();
}

#[cfg(feature = "parquet")]
#[test]
fn reading_a_step_needs_memory_for_its_rows_and_one_row_group() {
    let _turn = TURN.lock();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train.parquet");
    write_pages(&path);
    let size = std::fs::metadata(&path).unwrap().len() as usize;
    assert!(size > 80_000_000, "{size}");
    let domain = vsdpo_artifact::Domain::Web;
    let config = DataConfig { dataset: DataSet::WebSight, path, domain, ..DataConfig::default() };
    let start = || {
        let live = LIVE.load(Ordering::Relaxed);
        PEAK.store(live, Ordering::Relaxed);
        live
    };
    let before = start();
    let corpus = Corpus::open(&config, &mut |_| {}).unwrap();
    let held = LIVE.load(Ordering::Relaxed) - before;
    assert_eq!(corpus.len(), ROWS as u64);
    // 24 bytes for each of 200 row groups, and paths, but not the footer.
    assert!(held < 200 * 24 * 2 + 1024, "{held} bytes are held");
    let before = start();
    let rows: Vec<u64> = (0..16).map(|i| 1234 * i).collect();
    let records = corpus.records(&rows).unwrap();
    let peak = PEAK.load(Ordering::Relaxed) - before;
    println!("file of {size} bytes: {held} bytes held, at most {peak} in a step of 16 rows");
    assert_eq!(records[3].reference.as_deref(), Some("<p>page 3702</p>"));
    // The pictures of a row group take 0.4 MB, the rows of the step 0.07 MB, and the footer with
    // 200 row groups 0.3 MB.
    assert!(peak < 3_000_000, "{peak} bytes at most");
}
