//! The files of a command line: names, folders and patterns.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Files that are taken from one folder or pattern at most.
const MAX_FILES: usize = 100_000;
/// Suffixes of files that are taken from a folder.
const SUFFIXES: &[&str] = &["py", "ipynb", "html", "htm", "xhtml", "pptx"];
/// Folders that hold what others wrote.
const SKIPPED: &[&str] = &["node_modules", "__pycache__", "site-packages"];
/// Words without one of which a script of a folder cannot draw.
const DRAWS: &[&str] = &[
    "matplotlib",
    "pylab",
    "seaborn",
    "pandas",
    "plotnine",
    "pptx",
    "networkx",
    "geopandas",
    "xarray",
    "sns.",
    "plot(",
];

/// A file to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: PathBuf,
    /// Whether it was named; a script of a folder may draw nothing.
    pub named: bool,
}

/// The files that one argument means, in the order of their names.
///
/// # Errors
/// A folder that cannot be read, a folder or a pattern without a file.
pub fn found(argument: &Path) -> Result<Vec<Found>> {
    let shown = argument.display();
    let mut paths = Vec::new();
    if argument.is_dir() {
        walk(argument, &mut paths).with_context(|| format!("cannot read the folder `{shown}`"))?;
        if paths.is_empty() {
            bail!(
                "the folder `{shown}` has no file to check; help: files with these suffixes are checked: {}",
                SUFFIXES.join(", ")
            );
        }
    } else if argument.exists() || argument == Path::new("-") || !is_pattern(argument) {
        return Ok(vec![Found { path: argument.to_owned(), named: true }]);
    } else {
        let parts: Vec<Component<'_>> = argument.components().collect();
        matching(PathBuf::new(), &parts, &mut paths).with_context(|| format!("cannot search `{shown}`"))?;
        if paths.is_empty() {
            bail!("no file matches `{shown}`; help: `*` stands for a part of a name, `**` for folders");
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths.into_iter().map(|path| Found { path, named: false }).collect())
}

/// Whether a script of a folder can draw at all; any other one is not run.
pub fn can_draw(text: &str) -> bool {
    DRAWS.iter().any(|word| text.contains(word))
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?'])
}

/// All files below a folder that are checked.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type()?;
        // Links to folders may lead back.
        if kind.is_dir()
            && !name.starts_with('.')
            && !SKIPPED.contains(&name.as_str())
            && !path.join("pyvenv.cfg").is_file()
        {
            // A folder below that is closed to us is left out.
            let _ = walk(&path, paths);
        } else if !kind.is_dir() && is_checked(&path) && paths.len() < MAX_FILES {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_checked(path: &Path) -> bool {
    let suffix = path.extension().map_or(String::new(), |e| e.to_string_lossy().to_ascii_lowercase());
    SUFFIXES.contains(&suffix.as_str())
}

/// The files below `base` whose names match these parts of a pattern.
fn matching(base: PathBuf, parts: &[Component<'_>], paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        if base.is_file() && paths.len() < MAX_FILES {
            paths.push(base);
        }
        return Ok(());
    };
    let pattern = part.as_os_str().to_string_lossy();
    if !pattern.contains(['*', '?']) {
        return matching(base.join(part), rest, paths);
    }
    let folder = if base.as_os_str().is_empty() { Path::new(".") } else { base.as_path() };
    if pattern == "**" {
        matching(base.clone(), rest, paths)?;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = base.join(&name);
        if pattern == "**" {
            if entry.file_type()?.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                matching(below, parts, paths)?;
            }
        } else if matches(pattern.as_bytes(), name.as_bytes())
            && (!name.starts_with('.') || pattern.starts_with('.'))
        {
            matching(below, rest, paths)?;
        }
    }
    Ok(())
}

/// Whether a name matches a pattern of `*` and `?`, without trying every split.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_give_the_files_that_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a.py",
            "b.txt",
            "sub/c.ipynb",
            "sub/d.HTML",
            "node_modules/e.html",
            ".git/f.py",
            "venv/pyvenv.cfg",
            "venv/g.py",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let names = |argument: &str| -> Vec<String> {
            let all = found(&dir.path().join(argument)).unwrap();
            all.iter().map(|f| f.path.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(""), ["a.py", "sub/c.ipynb", "sub/d.HTML"]);
        assert_eq!(names("*.py"), ["a.py"]);
        assert_eq!(names("**/*.ipynb"), ["sub/c.ipynb"]);
        assert_eq!(names("s?b/*"), ["sub/c.ipynb", "sub/d.HTML"]);
        assert_eq!(
            found(Path::new("no-such.py")).unwrap(),
            [Found { path: "no-such.py".into(), named: true }]
        );
        assert!(found(&dir.path().join("*.pptx")).unwrap_err().to_string().contains("no file matches"));
        assert!(found(&dir.path().join(".git")).is_ok());
    }

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches(b"a*b?c", b"axxbyc") && matches(b"*", b"") && matches(b"**a", b"aa"));
        assert!(!matches(b"a*b", b"abc") && !matches(b"?", b""));
        assert!(!matches(b"a*a*a*a*a*b", &[b'a'; 64]));
    }
}
