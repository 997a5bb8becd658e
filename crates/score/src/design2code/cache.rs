//! Cached text blocks of references, which are the same for every candidate.

use crate::files::{self, hash_bytes};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use vsdpo_artifact::{Image, TextBlock};
use vsdpo_render::MAX_BESIDE;

/// The data of one page that the metric compares.
pub struct PageText {
    /// The text blocks.
    pub blocks: Vec<TextBlock>,
    /// The plain screenshot. `None` for a page from the cache, whose `features` are stored if they
    /// are needed.
    pub plain: Option<Image>,
    /// CLIP's vector of the screenshot without texts.
    pub features: Option<Vec<f32>>,
    /// URLs that it requested and did not get.
    pub unmet: Vec<String>,
    /// The files of its folder that it requested.
    pub beside: Beside,
    /// Screenshots that failed once.
    pub retried: usize,
}

/// The files of its folder that a page requested, by name: the hash of each, `None` if it does not
/// exist.
pub type Beside = BTreeMap<String, Option<String>>;

/// The requested files with their present hashes.
pub fn beside<'a>(folder: Option<&Path>, names: impl IntoIterator<Item = &'a String>) -> Beside {
    let content = |name: &String| Some(hash_bytes(&[&std::fs::read(folder?.join(name)).ok()?]));
    names.into_iter().map(|name| (name.clone(), content(name))).collect()
}

/// Whether the requested files have the hashes `then`, and none was left out of the list.
pub fn unchanged(folder: Option<&Path>, then: &Beside) -> bool {
    then.len() < MAX_BESIDE && beside(folder, then.keys()) == *then
}

/// A folder of cached references.
pub struct ReferenceCache {
    folder: PathBuf,
    hits: AtomicUsize,
}

/// A page as a file. Numbers are stored as their bits: text would round them.
#[derive(Serialize, Deserialize)]
struct Stored {
    blocks: Vec<StoredBlock>,
    features: Option<Vec<u32>>,
    unmet: Vec<String>,
    beside: Beside,
}

#[derive(Serialize, Deserialize)]
struct StoredBlock {
    text: String,
    bbox: [u64; 4],
    color: [u64; 3],
}

impl ReferenceCache {
    /// The references in a cache folder.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be made.
    pub fn open(cache: &Path) -> Result<Self> {
        let folder = cache.join("design2code");
        files::make_folder(&folder)?;
        Ok(Self { folder, hits: AtomicUsize::new(0) })
    }

    /// References that were found.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// The reference of a key, if it is cached and the files that it requested have not changed.
    pub fn get(&self, key: &str, folder: Option<&Path>) -> Option<PageText> {
        let stored: Stored = serde_json::from_slice(&std::fs::read(self.path(key)).ok()?).ok()?;
        let holds = unchanged(folder, &stored.beside);
        self.hits.fetch_add(usize::from(holds), Ordering::Relaxed);
        holds.then(|| stored.into())
    }

    /// Stores a reference.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn put(&self, key: &str, page: &PageText) -> Result<()> {
        files::replace(&self.path(key), &serde_json::to_vec(&Stored::from(page))?)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

impl From<&PageText> for Stored {
    fn from(page: &PageText) -> Self {
        let block = |b: &TextBlock| StoredBlock {
            text: b.text.clone(),
            bbox: b.bbox.map(f64::to_bits),
            color: b.color.map(f64::to_bits),
        };
        let bits = |features: &Vec<f32>| features.iter().map(|v| v.to_bits()).collect();
        Self {
            blocks: page.blocks.iter().map(block).collect(),
            features: page.features.as_ref().map(bits),
            unmet: page.unmet.clone(),
            beside: page.beside.clone(),
        }
    }
}

impl From<Stored> for PageText {
    fn from(stored: Stored) -> Self {
        let block = |b: StoredBlock| TextBlock {
            text: b.text,
            bbox: b.bbox.map(f64::from_bits),
            color: b.color.map(f64::from_bits),
        };
        Self {
            blocks: stored.blocks.into_iter().map(block).collect(),
            plain: None,
            features: stored.features.map(|bits| bits.into_iter().map(f32::from_bits).collect()),
            unmet: stored.unmet,
            beside: stored.beside,
            retried: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back_until_a_file_that_it_requested_changes() {
        let dir = tempfile::tempdir().unwrap();
        let pages = tempfile::tempdir().unwrap();
        std::fs::write(pages.path().join("rick.jpg"), b"one").unwrap();
        let names = ["rick.jpg".to_owned(), "gone.png".to_owned()];
        let page = PageText {
            blocks: vec![TextBlock { text: "é".into(), bbox: [1.0 / 3.0; 4], color: [0.1, 0.7, 254.5] }],
            plain: None,
            features: Some(vec![0.1, -1e-30]),
            unmet: vec!["gone.png".into()],
            beside: beside(Some(pages.path()), &names),
            retried: 1,
        };
        let cache = ReferenceCache::open(dir.path()).unwrap();
        cache.put("k", &page).unwrap();
        let got = cache.get("k", Some(pages.path())).unwrap();
        assert_eq!((&got.blocks, &got.features), (&page.blocks, &page.features));
        assert_eq!((&got.unmet, &got.beside), (&page.unmet, &page.beside));
        assert!(cache.get("other", Some(pages.path())).is_none());
        std::fs::write(pages.path().join("gone.png"), b"new").unwrap();
        assert!(cache.get("k", Some(pages.path())).is_none());
        std::fs::remove_file(pages.path().join("gone.png")).unwrap();
        assert!(cache.get("k", Some(pages.path())).is_some());
        std::fs::write(pages.path().join("rick.jpg"), b"two").unwrap();
        assert!(cache.get("k", Some(pages.path())).is_none());
    }

    #[test]
    fn a_copy_of_a_folder_is_known_and_a_folder_with_another_picture_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str, picture: &[u8]| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("a.png"), picture).unwrap();
            folder
        };
        let (first, copy, other) =
            (folder("first", b"red"), folder("copy", b"red"), folder("other", b"blue"));
        let page = PageText {
            blocks: Vec::new(),
            plain: None,
            features: None,
            unmet: Vec::new(),
            beside: beside(Some(&first), &["a.png".to_owned()]),
            retried: 0,
        };
        let cache = ReferenceCache::open(&dir.path().join("cache")).unwrap();
        cache.put("k", &page).unwrap();
        assert!(cache.get("k", Some(&copy)).is_some());
        assert!(cache.get("k", Some(&other)).is_none());
    }
}
