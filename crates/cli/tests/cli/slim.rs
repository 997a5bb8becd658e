//! The build for people who only check artifacts carries no tensor, tokenizer or Arrow crate.

use std::process::Command;

#[test]
fn the_slim_build_is_slim() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "-p",
            "vsdpo-cli",
            "--no-default-features",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tree.contains("vsdpo-render") && tree.contains("maud"), "{tree}");
    for heavy in ["candle", "tokenizers", "arrow", "parquet", "safetensors", "gemm", "tokio"] {
        let found: Vec<&str> = tree.lines().filter(|line| line.starts_with(heavy)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
