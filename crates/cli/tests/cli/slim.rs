//! The build without default features and the Python module contain no tensor, tokenizer or Arrow
//! crate.

use std::process::Command;

/// The crates of a package, by `cargo tree`.
fn tree(package: &str, features: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "-p", package, "-e", "normal", "--prefix", "none"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_slim_builds_have_no_heavy_crate() {
    let (slim, whole) = (tree("vsdpo-cli", &["--no-default-features"]), tree("vsdpo-cli", &[]));
    let module = tree("vsdpo-python", &[]);
    assert!(slim.contains("vsdpo-render") && slim.contains("vsdpo-data") && slim.contains("maud"), "{slim}");
    assert!(module.contains("vsdpo-render") && module.contains("pyo3"), "{module}");
    let heavy = ["candle", "tokenizers", "arrow", "parquet", "zstd", "safetensors", "gemm"];
    for name in heavy {
        let found = slim.lines().chain(module.lines()).filter(|line| line.starts_with(name));
        assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
    }
    // The program has a runtime for `mcp`, whose library needs one; the module has none.
    assert_eq!(module.lines().filter(|line| line.starts_with("tokio")).collect::<Vec<_>>(), [""; 0]);
    // The names are valid: the whole build contains every one of them.
    for name in heavy {
        assert!(whole.lines().any(|line| line.starts_with(name)), "{name} is not in the whole build");
    }
}
