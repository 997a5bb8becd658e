//! `web-assets`: the files of `assets/web` again, from the npm packages that its lock file names.
//!
//! They are committed, so that pages draw with nothing to install; this command shows where they
//! come from, and is how they change. It needs `npm`, which only who changes them has to have.

use crate::{run, say};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Gets every package, checks it against its hash and copies the files that the lock file names.
pub fn assets(root: &Path) -> Result<()> {
    let folder = root.join("assets/web");
    let path = folder.join("lock.json");
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lock: Value = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
    // Beside the target: a rename must not cross file systems.
    let work = root.join("target/web-assets");
    for package in lock["packages"].as_array().with_context(|| format!("{}: no packages", path.display()))? {
        let said = |key: &str| package[key].as_str().with_context(|| format!("{package} has no `{key}`"));
        let (name, version) = (said("name")?, said("version")?);
        say(&format!("{name} {version}"));
        let unpacked = unpack(&work, &format!("{name}@{version}"), said("integrity")?)?;
        for file in package["files"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (from, to) = (unpacked.join(file), folder.join(name).join(file));
            std::fs::create_dir_all(to.parent().unwrap_or(&folder))?;
            std::fs::rename(&from, &to).with_context(|| format!("{name} {version} has no {file}"))?;
        }
    }
    say("assets/web is as its lock file says");
    Ok(())
}

/// Gets a package, given as `NAME@VERSION`, checks it against its hash, and returns the folder with
/// its files: the only one in `work`, which is made anew.
pub fn unpack(work: &Path, package: &str, integrity: &str) -> Result<PathBuf> {
    if work.exists() {
        std::fs::remove_dir_all(work)?;
    }
    std::fs::create_dir_all(work)?;
    let archive = pack(work, package, integrity)?;
    run(Command::new("tar").arg("-xzf").arg(work.join(archive)).current_dir(work))?;
    let folders = std::fs::read_dir(work)?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.into_iter().find(|path| path.is_dir()).with_context(|| format!("{package} holds no folder"))
}

/// The name of the package's archive, fetched into `folder`.
fn pack(folder: &Path, package: &str, integrity: &str) -> Result<String> {
    let out = Command::new("npm")
        .args(["pack", "--json", package])
        .current_dir(folder)
        .output()
        .context("cannot start npm; type: sudo apt-get install npm")?;
    let told: Value = serde_json::from_slice(&out.stdout)
        .with_context(|| format!("npm pack {package}: {}", String::from_utf8_lossy(&out.stderr)))?;
    let told = &told[0];
    if told["integrity"] != integrity {
        bail!("{package} has the hash {}, not {integrity}", told["integrity"]);
    }
    Ok(told["filename"].as_str().context("npm pack tells no file name")?.to_owned())
}
