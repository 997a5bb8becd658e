//! Unpacks the benchmark from Parquet (`SALT-NLP/Design2Code-hf`) into the form of its published
//! folder.

use crate::files;
use crate::report::Reporter;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use vsdpo_artifact::Domain;
use vsdpo_data::{Corpus, DESIGN2CODE_PLACEHOLDER as PLACEHOLDER, DataConfig, DataSet, in_parquet};

/// Rows that are read at once: the page size with which `datasets` writes columns.
const ROWS: u64 = 100;

/// Returns `data` if it is a folder of pages, else a folder in `out` with its rows: `N.html` and
/// `N.png` for row N, counted from 1 over all files. The Parquet files lack names and the
/// placeholder picture, which is copied from their folder.
pub fn unpacked(data: &Path, out: &Path, reporter: &dyn Reporter) -> Result<PathBuf> {
    if !in_parquet(data) {
        return Ok(data.to_owned());
    }
    let config = DataConfig {
        dataset: DataSet::Design2Code,
        path: data.into(),
        domain: Domain::Web,
        ..DataConfig::default()
    };
    let corpus = Corpus::open(&config, &mut |_| ())?;
    let folder = out.join("testset");
    let cannot = || format!("cannot write the folder `{}`", folder.display());
    if folder.exists() {
        // Rows of an earlier run.
        std::fs::remove_dir_all(&folder).with_context(cannot)?;
    }
    files::make_folder(&folder)?;
    let rows: Vec<u64> = (0..corpus.len()).collect();
    for rows in rows.chunks(ROWS as usize) {
        for (row, record) in rows.iter().zip(corpus.records(rows)?) {
            let file = |ending| folder.join(format!("{}.{ending}", row + 1));
            std::fs::write(file("html"), record.reference.unwrap_or_default()).with_context(cannot)?;
            for picture in &record.pictures {
                std::fs::write(file("png"), corpus.picture(picture)?).with_context(cannot)?;
            }
        }
    }
    let beside = if data.is_dir() { data } else { data.parent().unwrap_or(Path::new(".")) };
    if std::fs::copy(beside.join(PLACEHOLDER), folder.join(PLACEHOLDER)).is_err() {
        reporter.note(&format!(
            "note: `{}` holds no {PLACEHOLDER}, which pages show for pictures: copy it there",
            beside.display()
        ));
    }
    Ok(folder)
}
