//! What the tests, the soak and the bench of the office share: the decks.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the decks of `crates/render/tests/office_decks.py` into a folder. Those that reach out
/// ask this port.
pub fn write_decks(folder: &Path, port: u16) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let home = std::env::var_os("VSDPO_HOME").map_or_else(|| root.to_owned(), PathBuf::from);
    let script = root.join("crates/render/tests/office_decks.py");
    let mut command = Command::new(home.join(".venv/bin/python"));
    let status = command.args(["-I", "-B"]).arg(script).arg(folder).arg(port.to_string()).status();
    assert!(status.is_ok_and(|status| status.success()), "the decks could not be made");
}

/// The bytes of a deck.
pub fn deck(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name).with_extension("pptx")).unwrap_or_else(|e| panic!("{name}: {e}"))
}
