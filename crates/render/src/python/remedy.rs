//! What the author of a script can do about its failure: one table, from facts to a line of help.
//!
//! The facts come from the script's process and are a claim like all of its report; they decide
//! nothing but which of these lines is printed.

use crate::text::clean_line;
use serde::Deserialize;
use vsdpo_artifact::{ExecError, FailureKind};

const MAX_NAME: usize = 200;

/// What a process tells about the failure of a person's script.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// Names of the exception's class and of its bases.
    classes: Vec<String>,
    /// Names of the modules that were running, outermost first.
    modules: Vec<String>,
    /// Names that the innermost code of the script uses.
    uses: Vec<String>,
    /// The module or the name that is missing.
    name: Option<String>,
    /// The file that the exception is about.
    path: Option<String>,
    /// The system's number of the error.
    errno: Option<i32>,
    /// The status with which the script ended itself.
    status: Option<i64>,
    /// Plotting libraries other than matplotlib that the script has imported.
    plotters: Vec<String>,
    /// Whether the script draws through functions that it never calls.
    uncalled: bool,
}

impl Facts {
    fn is_a(&self, class: &str) -> bool {
        self.classes.iter().any(|name| name == class)
    }

    /// Whether one of these modules, or a part of one, was running.
    fn ran(&self, modules: &[&str]) -> bool {
        let inside = |name: &String, module: &&str| {
            name.strip_prefix(*module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.modules.iter().any(|name| modules.iter().any(|module| inside(name, module)))
    }

    fn uses(&self, name: &str) -> bool {
        self.uses.iter().any(|used| used == name)
    }

    fn lacks(&self, names: &[&str]) -> bool {
        self.name.as_ref().is_some_and(|name| names.contains(&name.split('.').next().unwrap_or(name)))
    }
}

/// Plotting libraries that draw without matplotlib.
const PLOTTERS: &[&str] = &[
    "plotly",
    "bokeh",
    "altair",
    "holoviews",
    "hvplot",
    "pygal",
    "pyecharts",
    "vispy",
    "pyqtgraph",
    "lets_plot",
];
const NETWORK: &[&str] = &[
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "urllib3",
    "requests",
    "httpx",
    "aiohttp",
    "ftplib",
    "smtplib",
    "fsspec.implementations.http",
    "botocore",
    "websockets",
];
const PROCESSES: &[&str] = &[
    "subprocess",
    "multiprocessing",
    "concurrent.futures.process",
    "joblib",
    "pexpect",
    "ray",
    "dask.multiprocessing",
];
const ARGUMENTS: &[&str] =
    &["argparse", "click", "typer", "fire", "docopt", "optparse", "getopt", "absl.app"];
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;

/// When a row applies, and its help. `{python}`, `{name}`, `{path}` and `{folders}` are filled in.
type Row = (fn(&Facts) -> bool, &'static str);

/// The first row that applies counts.
const ROWS: &[Row] = &[
    (
        |f| f.ran(&["matplotlib.texmanager", "matplotlib.dviread", "matplotlib.backends.backend_pgf"]),
        "no LaTeX runs in the sandbox: set `text.usetex` to False for the check; matplotlib's own mathtext draws `$\\alpha$` without it",
    ),
    (
        |f| f.ran(&["seaborn.utils"]) && (f.ran(NETWORK) || f.is_a("URLError")),
        "scripts have no network, and `load_dataset` downloads: save the table once, `sns.load_dataset(NAME).to_csv(\"NAME.csv\")`, and read it with `pd.read_csv(\"NAME.csv\")`",
    ),
    (
        |f| f.ran(NETWORK) || f.is_a("URLError") || f.is_a("gaierror"),
        "scripts have no network: download the data once, save it beside the script, and read that file",
    ),
    (
        |f| f.is_a("ModuleNotFoundError") && f.lacks(PLOTTERS),
        "only figures of matplotlib (and of what draws with it, such as seaborn or pandas) are checked, and {name} draws without it",
    ),
    (
        |f| f.is_a("ModuleNotFoundError"),
        "the script ran under {python}, which has no module {name}: install it there, or choose another interpreter with --python PATH, `python = \"PATH\"` in visual-sdpo.toml, or by activating a virtual environment; modules of your own are found beside the script and in PYTHONPATH",
    ),
    (
        |f| f.is_a("ImportError"),
        "the script ran under {python}: choose another interpreter with --python PATH, `python = \"PATH\"` in visual-sdpo.toml, or by activating a virtual environment",
    ),
    (
        |f| f.ran(ARGUMENTS) && (f.is_a("SystemExit") || f.is_a("UsageError")),
        "give the script its arguments after `--`: visual-sdpo lint FILE -- ARGUMENTS",
    ),
    (
        |f| f.uses("argv") && (f.is_a("IndexError") || f.is_a("ValueError") || f.is_a("SystemExit")),
        "give the script its arguments after `--`: visual-sdpo lint FILE -- ARGUMENTS",
    ),
    (
        |f| f.is_a("SystemExit"),
        "the script ended itself with a status other than 0; figures are checked if it ends with 0 or without `sys.exit`",
    ),
    (
        |f| f.is_a("EOFError") && (f.uses("input") || f.uses("stdin")),
        "scripts have no standard input: take the value from an argument (visual-sdpo lint FILE -- ARGUMENTS) or a file beside the script",
    ),
    (
        |f| f.ran(PROCESSES) || f.uses("fork") || f.uses("popen"),
        "scripts start no other program or process in the sandbox: run it before, and read its result from a file beside the script; for pools, use one process (`n_jobs=1`) or threads",
    ),
    (
        |f| f.ran(&["tkinter"]) || f.is_a("TclError"),
        "scripts have no display: figures of matplotlib are drawn without one, and windows of other toolkits are not checked",
    ),
    (
        |f| f.ran(&["sqlite3"]) || f.is_a("OperationalError") && f.uses("connect"),
        "the sandbox gives no file locks: open the database with `sqlite3.connect(\"file:NAME?immutable=1\", uri=True)`",
    ),
    (
        |f| f.errno == Some(EPERM),
        "the sandbox refuses this system call (processes, sockets, signals, file locks, modes and owners of files)",
    ),
    (
        |f| f.is_a("OSError") && f.errno == Some(EACCES),
        "scripts may read {folders}, and write in their own folder (what they write is dropped): open a further folder to reading with --allow-read DIR, or `allow-read = [\"DIR\"]` in visual-sdpo.toml",
    ),
    (
        |f| f.is_a("OSError") && f.errno == Some(ENOENT),
        "relative paths begin at the script's folder, and scripts may read {folders}: check the path, or open a further folder with --allow-read DIR",
    ),
    (
        |f| f.is_a("KeyError") && f.modules.last().is_some_and(|module| module == "os"),
        "the sandbox hides environment variables: use `os.environ.get(NAME, DEFAULT)`, or an argument (visual-sdpo lint FILE -- ARGUMENTS)",
    ),
    (
        |f| f.is_a("NameError") && f.lacks(&["display", "get_ipython"]),
        "{name} exists in notebooks only: check the .ipynb file itself, or import it with `from IPython.display import display`",
    ),
    (
        |f| f.is_a("no-figure") && !f.plotters.is_empty(),
        "only figures of matplotlib are checked, and the script draws with {name}",
    ),
    (
        |f| f.is_a("no-figure") && f.uncalled,
        "the script defines functions and calls none of them: call the one that draws, for example under `if __name__ == \"__main__\":`",
    ),
    (
        |f| f.is_a("no-figure"),
        "a figure counts if the script saves it, shows it or leaves it open: `plt.close` before `savefig` drops it",
    ),
];

/// The help for these facts, with places that [`Place::fill`] knows.
pub(crate) fn remedy(facts: &Facts) -> Option<String> {
    let (_, help) = ROWS.iter().find(|(applies, _)| applies(facts))?;
    let name = facts.name.as_deref().or(facts.plotters.first().map(String::as_str)).unwrap_or_default();
    Some(help.replace("{name}", &format!("`{}`", clean_line(name, MAX_NAME))))
}

/// Where a script ran, for messages.
pub(crate) struct Place {
    /// The interpreter with its version.
    pub python: String,
    /// Whether it is the user's own.
    pub own: bool,
    /// The folders that the script could read.
    pub folders: Vec<String>,
}

impl Place {
    /// Completes the help of a failure that happened here.
    pub fn complete(&self, error: &mut ExecError) {
        let help = error.help.take().or_else(|| of_limit(error.kind).map(str::to_owned));
        error.help = help.map(|help| self.fill(&help));
    }

    fn fill(&self, help: &str) -> String {
        // Nobody installs into the environment of this program.
        let help = match self.own {
            true => help.to_owned(),
            false => {
                help.replace("install it there, or choose another interpreter", "choose your own interpreter")
            }
        };
        let which = if self.own { "" } else { ", the one that comes with visual-sdpo" };
        let folders = match self.folders.as_slice() {
            [] => "no folder".to_owned(),
            some => some.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", "),
        };
        help.replace("{python}", &format!("{}{which}", self.python)).replace("{folders}", &folders)
    }
}

/// The help for a limit, which the supervisor finds.
fn of_limit(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Timeout => Some("allow it more time with --timeout SECONDS"),
        FailureKind::Memory => Some("allow it more memory with --memory MIB, or plot fewer points"),
        FailureKind::Crash => {
            Some("`os._exit` and crashes of compiled packages end a script without a figure")
        }
        FailureKind::Syntax | FailureKind::Exception | FailureKind::NoFigure | FailureKind::Limit => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(facts: Facts) -> String {
        remedy(&facts).unwrap_or_default()
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_row_that_applies_counts() {
        let facts = |classes: &[&str], modules: &[&str]| Facts {
            classes: list(classes),
            modules: list(modules),
            ..Facts::default()
        };
        let url = list(&["URLError", "OSError"]);
        assert!(help(Facts { classes: url.clone(), ..Facts::default() }).contains("no network"));
        let seaborn = Facts {
            modules: list(&["__main__", "seaborn.utils", "urllib.request"]),
            ..facts(&["URLError"], &[])
        };
        assert!(help(seaborn).contains("load_dataset"));
        let missing = |name: &str| Facts {
            name: Some(name.into()),
            ..facts(&["ModuleNotFoundError", "ImportError"], &[])
        };
        assert!(help(missing("plotly.express")).contains("only figures of matplotlib"));
        assert!(help(missing("geopandas")).contains("{python}, which has no module `geopandas`"));
        let closed = Facts { errno: Some(EACCES), ..facts(&["PermissionError", "OSError"], &["__main__"]) };
        assert!(help(closed).contains("--allow-read"));
        let denied = Facts { errno: Some(EPERM), ..facts(&["PermissionError", "OSError"], &["subprocess"]) };
        assert!(help(denied).contains("no other program"));
        assert_eq!(remedy(&facts(&["ValueError"], &["__main__"])), None);
        assert!(!facts(&[], &["sockets"]).ran(NETWORK) && facts(&[], &["socket"]).ran(NETWORK));
    }

    #[test]
    fn the_place_is_filled_in() {
        let place =
            Place { python: "/x/python (Python 3.9.2)".into(), own: true, folders: list(&["/a", "/b"]) };
        let mut error = ExecError::new(FailureKind::Exception, "m");
        error.help = Some("{python} reads {folders}".into());
        place.complete(&mut error);
        assert_eq!(error.help.as_deref(), Some("/x/python (Python 3.9.2) reads `/a`, `/b`"));
        let mut late = ExecError::new(FailureKind::Timeout, "m");
        place.complete(&mut late);
        assert!(late.help.unwrap().contains("--timeout"));
        let mut other = ExecError::new(FailureKind::Exception, "m");
        place.complete(&mut other);
        assert_eq!(other.help, None);
    }
}
