//! What the tests of the probe share: the pool, and the fixtures.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use vsdpo_artifact::{Element, Language, Outcome, Rendered, Source};
use vsdpo_render::{ChartRenderer, RenderConfig, Renderer};

/// Root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// One pool for all tests of a program that run at the same time; it ends with the last of them.
pub fn pool() -> Arc<ChartRenderer> {
    static POOL: Mutex<Weak<ChartRenderer>> = Mutex::new(Weak::new());
    let mut shared = POOL.lock().unwrap_or_else(|e| e.into_inner());
    shared.upgrade().unwrap_or_else(|| {
        let config =
            RenderConfig { timeout: Duration::from_secs(60), cache_entries: 0, ..RenderConfig::default() };
        let pool = ChartRenderer::start(config);
        let pool = Arc::new(pool.unwrap_or_else(|e| panic!("these tests render for real: {e}")));
        *shared = Arc::downgrade(&pool);
        pool
    })
}

/// The fixture scripts: name and source, by name.
#[allow(dead_code)] // each test program uses a part of this module
pub fn fixtures() -> Vec<(String, String)> {
    let folder = root().join("fixtures/chart/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "py"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 20, "only {} fixture scripts", scripts.len());
    scripts
}

/// Renders a script that must succeed.
#[allow(dead_code)]
pub fn rendered(source: &str) -> Rendered {
    match pool().render(&Source::new(source, Language::Python)).unwrap() {
        Outcome::Rendered(rendered) => rendered,
        Outcome::Failed { error } => panic!("failed with {error:?}:\n{source}"),
    }
}

/// The source texts of an element's stack, innermost first.
#[allow(dead_code)]
pub fn stack<'a>(source: &'a str, element: &Element) -> Vec<&'a str> {
    element.stack.iter().map(|span| span.text(source).expect("a span on character boundaries")).collect()
}
