//! Which fork server a script needs: read off its import lines, without running it.

use std::collections::BTreeSet;

/// Packages that the light fork server holds, beside Python's own modules.
const LIGHT: [&str; 9] =
    ["matplotlib", "numpy", "PIL", "cycler", "contourpy", "kiwisolver", "dateutil", "packaging", "pyparsing"];

/// Whether a script needs the full fork server: it imports something that the light one does not
/// hold, or draws in three dimensions. A wrong guess costs time, never a failure: both can import
/// everything.
pub(crate) fn needs_full(source: &str, stdlib: &BTreeSet<String>) -> bool {
    let three_d = source.contains("mplot3d") || source.contains("'3d'") || source.contains("\"3d\"");
    three_d || imported(source).any(|name| !LIGHT.contains(&name) && !stdlib.contains(name))
}

/// Top-level names in `import a.b as c, d` and `from a.b import c`.
fn imported(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| line.split(';')).flat_map(|statement| {
        let statement = statement.trim_start();
        let names: Vec<&str> = if let Some(rest) = statement.strip_prefix("import ") {
            rest.split(',').collect()
        } else if let Some(rest) = statement.strip_prefix("from ") {
            vec![rest]
        } else {
            vec![]
        };
        names.into_iter().map(top_level).filter(|name| !name.is_empty())
    })
}

fn top_level(name: &str) -> &str {
    let name = name.trim_start();
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_import_lines_choose_the_server() {
        let stdlib: BTreeSet<String> = ["math", "random", "datetime"].map(String::from).into();
        let check = |source: &str, full: bool| assert_eq!(needs_full(source, &stdlib), full, "{source:?}");
        check("import matplotlib.pyplot as plt\nimport numpy as np, math\nfrom datetime import date", false);
        check("import matplotlib; import pandas as pd", true);
        check("    import seaborn", true);
        check("from mpl_toolkits.axes_grid1 import make_axes_locatable", true);
        check("fig.add_subplot(projection='3d')", true);
        check("# import pandas", false);
        check("important = 1\nfromage = 2\nimport\nfrom", false);
        check("", false);
    }
}
