//! What goes into a page's render and what comes out of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use vsdpo_artifact::Image;

/// How pages are drawn.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Pages drawn at the same time; at least 1.
    pub workers: usize,
    /// Wall-clock limit of one page.
    pub timeout: Duration,
    /// Pixels of a whole page.
    pub max_pixels: u64,
    /// Width and height of the window, in pixels; a page may be higher, and should not be wider.
    pub window: (u32, u32),
    /// Outcomes kept in memory; 0 turns the cache off.
    pub cache_entries: usize,
    /// Files that every page may use by name; those of its own folder come first.
    pub common: BTreeMap<String, Vec<u8>>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(10),
            max_pixels: 16 << 20,
            window: (1280, 720),
            cache_entries: 4096,
            common: BTreeMap::new(),
        }
    }
}

/// A page to draw.
#[derive(Clone, Debug)]
pub struct Page {
    /// The source, as bytes of UTF-8 (or of what its `meta` element says).
    pub html: Vec<u8>,
    /// The folder whose pictures, styles, scripts and fonts it may use by relative addresses.
    pub folder: Option<PathBuf>,
}

/// A page's picture.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The whole page.
    pub image: Image,
    /// Addresses that it asked for and did not get, or got only in part; names, for files of its
    /// folder.
    pub unmet: Vec<String>,
    /// Names of the files in its folder that it asked for, there or not; at most
    /// [`crate::MAX_BESIDE`].
    pub beside: Vec<String>,
}
