//! `lint` where people work: their folders, their interpreters, their encodings and notebooks, and
//! what it says when a script fails.

use crate::common::{assert_one_line, binary, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

const DRAW: &str = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('t')\n";

/// The findings of one file as JSON, with further arguments.
fn lint(file: &Path, more: &[&str]) -> Value {
    let path = file.to_str().unwrap();
    let output = run(&[&["lint", "--format", "json", path], more].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// The failure of a script and its help.
fn failure(dir: &Path, script: &str, more: &[&str]) -> (String, String) {
    let file = dir.join("fails.py");
    fs::write(&file, script).unwrap();
    let found = lint(&file, more);
    let text = |key: &str| found["error"][key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("help"))
}

#[test]
fn a_script_works_in_its_own_folder() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("project");
    fs::create_dir(&here).unwrap();
    fs::write(here.join("data.csv"), "month,sales\n1,2\n2,5\n").unwrap();
    fs::write(here.join("probe.py"), "NAVY = 'navy'\n").unwrap();
    fs::write(here.join("my.mplstyle"), "lines.linewidth: 3\n").unwrap();
    let script = "import os, sys\nfrom pathlib import Path\nimport numpy as np\nimport pandas as pd\n\
        import matplotlib.pyplot as plt\nfrom probe import NAVY\n\
        assert open('data.csv').read() == (Path(__file__).parent / 'data.csv').read_text()\n\
        assert os.path.dirname(os.path.abspath(sys.argv[0])) == os.getcwd()\n\
        assert sys.argv[1:] == ['--n', '3']\n\
        table = pd.read_csv('data.csv')\n\
        assert np.loadtxt('data.csv', delimiter=',', skiprows=1).shape == (2, 2)\n\
        plt.style.use('./my.mplstyle')\n\
        os.makedirs('out/deep', exist_ok=True)\n\
        table.to_csv('out/deep/copy.csv')\n\
        Path('out/note.txt').write_text('x')\n\
        with open('log.txt', 'a') as log: log.write('x')\n\
        plt.plot(table.month, table.sales, color=NAVY)\nplt.title('t')\nplt.savefig('out/chart.png')\n";
    let file = here.join("chart.py");
    fs::write(&file, script).unwrap();
    let found = lint(&file, &["--", "--n", "3"]);
    assert_eq!((&found["error"], &found["executed"]), (&Value::Null, &Value::Bool(true)));
    let mut names: Vec<_> =
        fs::read_dir(&here).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["chart.py", "data.csv", "my.mplstyle", "probe.py"], "nothing was written");
}

#[test]
fn other_folders_are_closed_until_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (here, data) = (dir.path().join("a/scripts"), dir.path().join("a/data"));
    for folder in [&here, &data] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(data.join("x.txt"), "1 2").unwrap();
    let script = format!("open('../data/x.txt')\n{DRAW}");
    let (message, help) = failure(&here, &script, &[]);
    assert_eq!(message, "PermissionError: [Errno 13] Permission denied: '../data/x.txt'");
    assert!(help.contains("--allow-read DIR") && help.contains(here.to_str().unwrap()), "{help}");
    assert_eq!(failure(&here, &script, &["--allow-read", data.to_str().unwrap()]).0, "");
    fs::write(dir.path().join("a/visual-sdpo.toml"), "allow-read = [\"data\"]\n").unwrap();
    assert_eq!(failure(&here, &script, &[]).0, "");
    // Named folders are open to reading only.
    let (message, _) = failure(&here, &format!("open('../data/y.txt', 'w')\n{DRAW}"), &[]);
    assert!(message.starts_with("PermissionError"), "{message}");
    assert!(!data.join("y.txt").exists());
}

#[test]
fn every_failure_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let check = |script: &str, message: &str, help: &str| {
        let found = failure(dir.path(), script, &["--timeout", "3"]);
        assert!(found.0.contains(message) && found.1.contains(help), "{script}: {found:?}");
    };
    check("import urllib.request as u\nu.urlopen('http://localhost/')", "Error", "no network");
    check("import socket\nsocket.create_connection(('1.1.1.1', 80))", "Error", "no network");
    check("import seaborn as sns\nsns.load_dataset('tips')", "", "to_csv");
    check("import no_such_package_x.y", "no_such_package_x", "--python PATH");
    check("import plotly.express as px", "plotly", "only figures of matplotlib");
    check("import pandas as pd\npd.read_csv('missing.csv')", "FileNotFoundError", "--allow-read");
    check("open('/etc/passwd')", "PermissionError", "--allow-read");
    check("n = int(input('n?'))", "EOFError", "no standard input");
    let argparse = "import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()";
    check(argparse, "SystemExit: 2", "lint FILE -- ARGUMENTS");
    check("import sys\nopen(sys.argv[1])", "IndexError", "lint FILE -- ARGUMENTS");
    check("import subprocess\nsubprocess.run(['ls'])", "PermissionError", "no other program");
    check("from multiprocessing import Pool\nPool(2)", "Error", "no other program");
    check("import os\nos.environ['DATA']", "KeyError", "environment variables");
    check("display(1)", "NameError", ".ipynb");
    check("import time\ntime.sleep(60)", "longer than 3 s", "--timeout SECONDS");
    check("a = bytearray(9 << 30)", "MemoryError", "--memory MIB");
    check("def draw():\n    pass\n", "without a figure", "calls none of them");
    let tex = "import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\nplt.title('$a$')\nplt.savefig('t.pdf')";
    check(tex, "", "no LaTeX");
    let output = run(&["lint", dir.path().join("fails.py").to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("= help: no LaTeX runs in the sandbox"), "{text}");
}

#[test]
fn scripts_and_pages_come_in_many_encodings() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.py");
    let draws = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let found = lint(&file, &[]);
        let mut texts = found["statements"].as_array().unwrap().iter().filter_map(|s| s["text"].as_str());
        texts.next_back().unwrap().to_owned()
    };
    let script = |title: &[u8], head: &str| {
        [head.as_bytes(), DRAW.as_bytes(), b"plt.xlabel('caf", title, b"')\n"].concat()
    };
    assert_eq!(draws(&script("é".as_bytes(), "\u{feff}")), "plt.xlabel('café')");
    assert_eq!(draws(&script(b"\xe9", "# -*- coding: latin-1 -*-\n")), "plt.xlabel('café')");
    fs::write(&file, script(b"\xe9", "")).unwrap();
    assert_one_line(&run(&["lint", file.to_str().unwrap()]), &["a.py", "is not UTF-8", "coding: latin-1"]);
}

#[test]
fn the_findings_of_a_notebook_are_at_lines_of_its_cells() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("n.ipynb");
    let cells = [
        "%matplotlib inline\n!pip install seaborn\nimport matplotlib.pyplot as plt",
        "%%bash\nls",
        "plt.plot([1, 2])",
        "fig, ax = plt.subplots(figsize=(3, 2))\nax.set_title('a title that is far too long for this small figure')",
    ];
    let cells: Vec<Value> =
        cells.iter().map(|c| serde_json::json!({"cell_type": "code", "source": c})).collect();
    fs::write(&file, serde_json::json!({"cells": cells, "nbformat": 4}).to_string()).unwrap();
    let found = lint(&file, &["--select", "text-clipped"]);
    assert_eq!(found["pages"].as_array().unwrap().len(), 2, "a figure for each of two cells");
    assert_eq!(found["defects"][0]["rule"], "chart/text-clipped", "{found}");
    assert_eq!(found["cells"].as_array().unwrap().len(), 4);
    let notes = found["notes"][0].as_str().unwrap();
    assert!(notes.starts_with("4 lines are commands of a notebook"), "{notes}");
    let path = file.to_str().unwrap();
    let text = String::from_utf8(run(&["lint", path, "--select", "text-clipped"]).stdout).unwrap();
    assert!(text.contains("n.ipynb:cell 4:2:1"), "{text}");
    let text =
        String::from_utf8(run(&["lint", path, "--format", "github", "--select", "text-clipped"]).stdout)
            .unwrap();
    assert!(text.contains("::cell 4, line 2: "), "{text}");
    let broken = serde_json::json!({"cells": [
        {"cell_type": "code", "source": "x = 1"}, {"cell_type": "code", "source": ["y = 2\n", "z = nothing"]}]});
    fs::write(&file, broken.to_string()).unwrap();
    let text = String::from_utf8(run(&["lint", path]).stdout).unwrap();
    assert!(text.contains("n.ipynb:cell 2:2:5"), "{text}");
}

#[test]
fn commands_of_notebooks_in_scripts_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("p.py");
    fs::write(&file, format!("# %%\n%matplotlib inline\n!pip install x\n# %%\n{DRAW}")).unwrap();
    let found = lint(&file, &[]);
    assert_eq!(found["error"], Value::Null, "{found}");
    assert!(found["notes"][0].as_str().unwrap().starts_with("2 lines are commands"), "{found}");
}

#[test]
fn other_files_are_told_what_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.R", "a.md", "a.png", "a.mhtml", "a.ps", "a.svg"] {
        let file = dir.path().join(name);
        fs::write(&file, "x <- 1\n").unwrap();
        assert_one_line(
            &run(&["lint", file.to_str().unwrap()]),
            &[name, "none of the files", ".ipynb", ".pptx"],
        );
    }
}

#[test]
fn folders_and_patterns_are_searched() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("a.py"), DRAW).unwrap();
    fs::write(dir.path().join("helper.py"), "import matplotlib\nX = 1\n").unwrap();
    fs::write(dir.path().join("sub/b.py"), DRAW).unwrap();
    let lint = |argument: &str| {
        let output = run(&["lint", "--format", "jsonl", dir.path().join(argument).to_str().unwrap()]);
        let lines = String::from_utf8(output.stdout).unwrap().lines().count();
        (output.status.code(), lines, String::from_utf8(output.stderr).unwrap())
    };
    let (code, lines, remarks) = lint("");
    assert_eq!((code, lines), (Some(0), 2));
    assert!(remarks.contains("1 script draws nothing"), "{remarks}");
    assert_eq!(lint("**/b.*").1, 1);
    assert_eq!(lint("*.html").0, Some(2));
}

#[test]
fn an_interpreter_without_matplotlib_is_an_error_that_names_others() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.py");
    fs::write(&file, DRAW).unwrap();
    // The interpreter that Debian has, which sees no package of this project.
    let lint = |python: &str| run(&["lint", file.to_str().unwrap(), "--python", python]);
    assert_one_line(&lint("/no/such/python"), &["/no/such/python", "no such file", "--python PATH"]);
    let venv = dir.path().join(".venv/bin");
    fs::create_dir_all(&venv).unwrap();
    fs::write(dir.path().join("pyproject.toml"), "").unwrap();
    fs::write(dir.path().join(".venv/pyvenv.cfg"), "home = /usr/bin\ninclude-system-site-packages = false\n")
        .unwrap();
    std::os::unix::fs::symlink("/usr/bin/python3", venv.join("python")).unwrap();
    let output = run(&["lint", file.to_str().unwrap()]);
    assert_one_line(&output, &[".venv/bin/python", "has no module", "visual-sdpo.toml"]);
    let active =
        binary().args(["lint", file.to_str().unwrap()]).env("VIRTUAL_ENV", "/nothing").output().unwrap();
    assert_one_line(&active, &[".venv/bin/python"]);
}

/// Charts under other versions of matplotlib; `VSDPO_PYTHONS` has interpreters with it, separated
/// by colons (docs/lint.md says how to make them).
#[test]
fn other_versions_of_matplotlib_draw_and_blame() {
    let Ok(pythons) = std::env::var("VSDPO_PYTHONS") else {
        eprintln!("skipped: VSDPO_PYTHONS names no interpreter");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.py");
    let script = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(3, 2))\n\
        ax.plot([1, 3, 2], label='one')\nax.legend()\n\
        ax.set_title('a title that is far too long for this small figure')\nfig.savefig('x.png')\n";
    fs::write(&file, script).unwrap();
    for python in pythons.split(':') {
        let found = lint(&file, &["--python", python, "--select", "text-clipped"]);
        assert_eq!(found["error"], Value::Null, "{python}: {found}");
        let blamed = found["statements"].as_array().unwrap().iter().find(|s| s["resp"] == 1.0);
        let text = blamed.and_then(|s| s["text"].as_str()).unwrap_or_default();
        assert!(text.starts_with("ax.set_title("), "{python}: {found}");
    }
}

#[test]
fn a_commit_hook_may_name_scripts_that_draw_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let (plain, idle, draws) = (
        file("setup.py", "raise SystemExit('not to be run')\n"),
        file("idle.py", "import matplotlib\n"),
        file("draws.py", DRAW),
    );
    assert_eq!(run(&["lint", &plain, &idle, &draws]).status.code(), Some(1));
    let output = run(&["lint", "--skip-undrawn", &plain, &idle, &draws]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(told.contains("1 script draws nothing"), "{told}");
    assert_eq!(run(&["lint", "--skip-undrawn", &plain]).status.code(), Some(0));
}
