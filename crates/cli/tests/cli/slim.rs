//! The build without default features contains no tensor, tokenizer or Arrow crate.

use std::process::Command;

/// The crates of a build, by `cargo tree`.
fn tree(features: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "-p", "vsdpo-cli", "-e", "normal", "--prefix", "none"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_slim_build_has_no_heavy_crate() {
    let (slim, whole) = (tree(&["--no-default-features"]), tree(&[]));
    assert!(slim.contains("vsdpo-render") && slim.contains("vsdpo-data") && slim.contains("maud"), "{slim}");
    let heavy = ["candle", "tokenizers", "arrow", "parquet", "zstd", "safetensors", "gemm"];
    for name in heavy.into_iter().chain(["tokio"]) {
        let found: Vec<&str> = slim.lines().filter(|line| line.starts_with(name)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    // The names are valid: the whole build contains every one of them.
    for name in heavy {
        assert!(whole.lines().any(|line| line.starts_with(name)), "{name} is not in the whole build");
    }
}
