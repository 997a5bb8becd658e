//! Attacks from a script whose own folder is open to reading: out of that folder, and on it.

use crate::HONEST;
use crate::list::{Attack, Layer::*, Sees::*};
use std::path::{Path, PathBuf};

/// A folder of a script, which any user may read and write, with a link that leads out of it.
pub struct Open {
    folder: tempfile::TempDir,
}

impl Open {
    pub fn plant(secret: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        crate::open_to_all(folder.path(), 0o777);
        let data = folder.path().join("data.txt");
        std::fs::write(&data, "data").unwrap();
        crate::open_to_all(&data, 0o666);
        std::os::unix::fs::symlink(secret, folder.path().join("link")).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// What a script has changed in its folder, which it only seems to write.
    pub fn wrong(&self) -> Option<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let text = std::fs::read_to_string(self.folder.path().join("data.txt"));
        (names != ["data.txt", "link"] || !matches!(&text, Ok(t) if t == "data"))
            .then(|| format!("the script's folder was changed: {names:?} {text:?}"))
    }
}

pub fn attacks(secret: &Path) -> Vec<Attack> {
    let name = secret.parent().and_then(Path::file_name).expect("a file lies in a folder").to_string_lossy();
    let draws = |name, text: &str| Attack::new(name, Mounts, Draws, format!("{text}\n{HONEST}"));
    vec![
        Attack::new("read through a link of the open folder", Landlock, NoAccess, "open('link').read()"),
        Attack::new("write through a link of the open folder", Landlock, NoAccess, "open('link', 'r+')"),
        Attack::new(
            "read beside the open folder",
            Landlock,
            NoAccess,
            format!("open('../{name}/secret').read()"),
        ),
        Attack::new("write beside the open folder", Landlock, NoAccess, "open('../new', 'w')"),
        Attack::new("list the folder around the open one", Landlock, NoAccess, "import os\nos.listdir('..')"),
        draws(
            "read and write in the open folder",
            "assert open('data.txt').read() == 'data'\nopen('data.txt', 'w').write('x')\nopen('new', 'w').write('x')",
        ),
        draws("make folders in the open folder", "import os\nos.makedirs('a/b')"),
        Attack::new(
            "write into what keeps the writes of another slot",
            Landlock,
            NoAccess,
            "import os\nhome = os.environ['HOME']\nlast = None\nfor i in range(8):\n  \
               try: open(f'{home}/../../slot{i}.layer/upper/x', 'w')\n  \
               except PermissionError as e: last = e; continue\n  \
               except FileNotFoundError: last = PermissionError(13, 'Permission denied')\n\
             raise last",
        ),
    ]
}
