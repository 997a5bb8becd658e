//! The rules of the house, as tests: crate edges, sizes of rooms, addresses of equations, what may
//! not be named.

#[path = "../src/results.rs"]
mod results;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files over 400 lines without tests, each with a reason.
const LONG_FILES: [(&str, &str); 0] = [];
/// Functions over 50 lines or 5 parameters, each with its file or folder, and a reason.
const LONG_FUNCTIONS: [(&str, &str, &str); 8] = [
    (
        "crates/policy/src/ops/",
        "cpu_fwd",
        "its parameters are those of the tensor library's trait for three operands",
    ),
    (
        "crates/train/src/loss/row.rs",
        "distilled",
        "one pass over a row; the slope of each divergence is inlined into its loop",
    ),
    ("crates/python/src/task.rs", "new", KEYWORDS),
    ("crates/python/src/pool.rs", "new", KEYWORDS),
    ("crates/python/src/messages.rs", "teacher_messages", KEYWORDS),
    ("crates/python/src/credit.rs", "statement_weights", KEYWORDS),
    ("crates/python/src/task.rs", "mini_tasks", KEYWORDS),
    ("crates/python/src/credit.rs", "statements", KEYWORDS),
];
/// Why functions of the Python module have many parameters.
const KEYWORDS: &str = "its parameters are the keyword arguments of a function in Python";
/// Lines of code that a comment beside them may be longer than, in columns.
const COMMENT_COLUMNS: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file below `dir` with this ending, with its path from the root.
fn files(dir: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())).flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.push((name, read(&path)));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} file in {dir}");
    found
}

fn rust_files() -> Vec<(String, String)> {
    let mut all = files("crates", "rs");
    all.extend(files("xtask", "rs"));
    all
}

/// Those that the renderers run and those of the package.
fn python_files() -> Vec<(String, String)> {
    let mut all = files("crates/render/python", "py");
    all.extend(files("python", "py"));
    all
}

/// The part of a file before its unit tests; nothing of a file that only holds tests.
fn without_tests<'a>(name: &str, text: &'a str) -> &'a str {
    if name.contains("/tests/") || name.ends_with("tests.rs") {
        return "";
    }
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

#[test]
fn stage_crates_know_the_vocabulary_only() {
    let composers = ["score", "report", "train", "python", "cli"];
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/").flatten() {
        let name = entry.file_name().into_string().expect("plain names");
        let manifest = read(&entry.path().join("Cargo.toml"));
        let plain = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        let edges: Vec<&str> = plain
            .lines()
            .filter_map(|l| l.strip_prefix("vsdpo-"))
            .filter_map(|l| l.split(['.', ' ']).next())
            .collect();
        assert!(!edges.iter().any(|e| ["cli", "python"].contains(e)), "{name} depends on a program");
        if !composers.contains(&name.as_str()) {
            assert!(edges.iter().all(|e| *e == "artifact"), "{name} is a stage but depends on {edges:?}");
        }
    }
}

#[test]
fn only_render_and_setup_spawn_processes() {
    for (name, text) in files("crates", "rs") {
        let allowed = ["crates/render/", "crates/setup/"].iter().any(|part| name.starts_with(part))
            || name.contains("/tests/")
            || name.contains("/examples/");
        let code = without_tests(&name, &text);
        assert!(
            allowed || !code.contains("process::Command"),
            "{name} spawns processes; that is for render and setup"
        );
    }
}

#[test]
fn pure_crates_touch_no_clock_file_or_randomness() {
    let forbidden = ["std::fs", "std::time", "rand::", "std::env", "std::net", "std::process"];
    for dir in ["artifact", "context", "diagnose", "credit"].map(|name| format!("crates/{name}/src")) {
        for (name, text) in files(&dir, "rs") {
            for word in forbidden {
                assert!(
                    !without_tests(&name, &text).contains(word),
                    "{name} uses {word}; this crate is pure"
                );
            }
        }
    }
}

#[test]
fn rooms_are_small() {
    for (name, text) in rust_files() {
        let lines = without_tests(&name, &text).lines().count();
        let excused = LONG_FILES.iter().any(|(file, _)| *file == name);
        assert!(lines <= 400 || excused, "{name} has {lines} lines without tests; 400 is the limit");
    }
}

#[test]
fn the_training_loop_fits_on_one_screen() {
    let text = read(&root().join("crates/train/src/run.rs"));
    assert!(text.lines().count() <= 120, "run.rs has {} lines", text.lines().count());
}

#[test]
fn functions_are_short_and_take_few_parameters() {
    let mut long = Vec::new();
    for (name, text) in rust_files() {
        for function in functions(without_tests(&name, &text)) {
            let excused =
                LONG_FUNCTIONS.iter().any(|(file, f, _)| name.starts_with(file) && *f == function.name);
            if (function.lines > 50 || function.parameters > 5) && !excused {
                long.push(format!(
                    "{name}: {} has {} lines, {} parameters",
                    function.name, function.lines, function.parameters
                ));
            }
        }
    }
    assert!(long.is_empty(), "the limits are 50 lines and 5 parameters:\n{}", long.join("\n"));
}

#[test]
fn python_files_are_small_and_their_functions_short() {
    let mut long = Vec::new();
    for (name, text) in python_files() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > 400 {
            long.push(format!("{name} has {} lines; 400 is the limit", lines.len()));
        }
        for (i, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let Some(function) = line.trim_start().strip_prefix("def ") else { continue };
            let inside = |l: &&str| l.trim().is_empty() || l.len() - l.trim_start().len() > indent;
            let body = lines[i + 1..].iter().take_while(|l| inside(l) || l.trim_start().starts_with(')'));
            let body: Vec<&&str> = body.collect();
            let length = 1 + body.iter().rposition(|l| !l.trim().is_empty()).map_or(0, |last| last + 1);
            if length > 50 {
                let name_of = function.split('(').next().unwrap_or_default();
                long.push(format!("{name}: {name_of} has {length} lines; 50 is the limit"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn modules_have_one_style() {
    for (name, _) in rust_files() {
        let style = !name.ends_with("/mod.rs") || name.contains("/tests/") || name.contains("/examples/");
        assert!(style, "{name}: a module with children is x.rs beside x/");
    }
}

#[test]
fn comments_are_narrow() {
    let mut wide = Vec::new();
    for (name, text) in rust_files() {
        for (i, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let table = comment.trim_start_matches(['/', '!', ' ']).starts_with(['|', '{', '[']);
            let address = comment.contains("://");
            let columns = line.chars().count();
            if comment.starts_with("//") && columns > COMMENT_COLUMNS && !table && !address {
                wide.push(format!("{name}:{}: {columns} columns", i + 1));
            }
        }
    }
    assert!(wide.is_empty(), "comments have at most {COMMENT_COLUMNS} columns:\n{}", wide.join("\n"));
}

/// A path that a comment cites: one of a folder of this repository, with a file's ending.
#[test]
fn cited_paths_exist() {
    let roots = ["crates/", "docs/", "fixtures/", "recipes/", "assets/", "xtask/", "python/"];
    let mut missing = Vec::new();
    let mut cited = rust_files();
    cited.extend(python_files());
    cited.extend(files("docs", "md"));
    for page in ["README.md", "ARCHITECTURE.md"] {
        cited.push((page.into(), read(&root().join(page))));
    }
    for (name, text) in cited {
        for line in text.lines() {
            let comment = line.trim_start();
            let speaks = name.ends_with(".md") || comment.starts_with("//") || comment.starts_with('#');
            let words =
                line.split(|c: char| c.is_whitespace() || "`()\"',;<>".contains(c)).filter(|_| speaks);
            for word in words.map(|w| w.trim_end_matches(['.', ':'])) {
                let file = [".rs", ".md", ".py", ".toml", ".lock", ".json", ".jsonl", ".png"]
                    .iter()
                    .any(|end| word.ends_with(end));
                let ours = roots.iter().any(|r| word.starts_with(r)) && !word.contains(['*', '{', '…']);
                if ours && file && !root().join(word).exists() {
                    missing.push(format!("{name} cites {word}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

struct Function {
    name: String,
    lines: usize,
    parameters: usize,
}

/// Functions by indentation, as rustfmt lays them out.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else { continue };
        let close = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[i..].iter().position(|l| *l == close) else { continue };
        // What a trait only declares has no end of its own.
        let declared = lines[i..=i + length].iter().find(|l| l.ends_with([';', '{']));
        if declared.is_some_and(|l| l.ends_with(';')) {
            continue;
        }
        let body = lines[i..=i + length].join("\n");
        found.push(Function { name, lines: length + 1, parameters: parameters(&body) });
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line;
    for prefix in ["pub ", "pub(crate) ", "pub(super) ", "const ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    Some(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_string())
}

/// Parameters of a function other than `self`: colons at depth one of its parameter list that are
/// not paths.
fn parameters(function: &str) -> usize {
    let Some(open) = function.find("fn ").and_then(|f| function[f..].find('(').map(|p| f + p)) else {
        return 0;
    };
    let (mut depth, mut count) = (0i32, 0);
    let bytes = function.as_bytes();
    for i in open..bytes.len() {
        match bytes[i] {
            b'(' | b'[' | b'{' => depth += 1,
            b'<' => depth += 1,
            b'>' if bytes[i - 1] != b'-' => depth -= 1,
            b')' | b']' | b'}' => depth -= 1,
            b':' if depth == 1 && bytes[i - 1] != b':' && bytes.get(i + 1) != Some(&b':') => count += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    count
}

/// Every home of a numbered equation: a doc comment that begins `Eq. (n)`.
fn equations() -> BTreeMap<u32, Vec<String>> {
    let mut homes: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (name, text) in rust_files().into_iter().chain(files("crates/render/python", "py")) {
        for line in text.lines() {
            let Some(rest) = line.trim_start().strip_prefix("/// Eq. (") else { continue };
            let number = rest.split(')').next().and_then(|n| n.parse().ok());
            homes.entry(number.unwrap_or_else(|| panic!("{name}: {line}"))).or_default().push(name.clone());
        }
    }
    homes
}

#[test]
fn every_equation_has_one_home_and_the_index_names_it() {
    let homes = equations();
    let index = read(&root().join("ARCHITECTURE.md"));
    for n in 1..=8 {
        let of = homes.get(&n).cloned().unwrap_or_default();
        assert_eq!(of.len(), 1, "equation {n} has the homes {of:?}; it needs exactly one");
        let row = index.lines().find(|l| l.starts_with(&format!("| ({n})")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for equation {n}"));
        assert!(
            row.contains(&of[0]),
            "ARCHITECTURE.md says of equation {n}: {row}\nbut its home is {}",
            of[0]
        );
    }
}

#[test]
fn the_readme_shows_the_results() {
    let readme = read(&root().join("README.md"));
    let expected =
        results::with_table(&root(), &readme).expect("the marks of the table and readable results");
    assert_eq!(readme, expected, "README.md does not show docs/results; run `cargo xtask results`");
}

#[test]
fn recipes_are_named_after_their_files() {
    for (name, text) in files("recipes", "toml") {
        let stem = Path::new(&name).file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(text.contains(&format!("name = \"{stem}\"")), "{name} does not set name = \"{stem}\"");
    }
}

#[test]
fn nothing_names_a_machine_or_a_registry_host() {
    // Put together here so that this file does not contain them.
    let words = [
        ["/wo", "rk/"],
        ["pypi", ".org"],
        ["crates", ".io"],
        ["pythonhosted", ".org"],
        ["/ro", "ot/"],
        ["deb.", "debian"],
    ];
    let mut all = rust_files();
    for (dir, ending) in [
        ("crates/render/python", "py"),
        ("crates/render/python", "lock"),
        ("python", "py"),
        ("python", "pyi"),
        ("python", "lock"),
        ("recipes", "toml"),
        (".ci", ""),
        ("docs", "md"),
    ] {
        if ending.is_empty() {
            all.push((".ci/run".into(), read(&root().join(".ci/run"))));
        } else if root().join(dir).is_dir()
            && (dir != "docs" || root().join("docs").read_dir().is_ok_and(|mut d| d.next().is_some()))
        {
            all.extend(files(dir, ending));
        }
    }
    for page in ["README.md", "ARCHITECTURE.md"] {
        all.push((page.into(), read(&root().join(page))));
    }
    for (name, text) in all {
        for word in words {
            let word = word.concat();
            assert!(!text.contains(&word), "{name} names {word}");
        }
    }
}
