//! Reading what is not theirs, writing where they must not, tricks with paths and descriptors.

use crate::list::{Attack, Layer::*, Sees::*};
use std::path::Path;
use vsdpo_artifact::FailureKind;

/// Opens every path; raises the last refusal, or names the path that opened.
fn opens(paths: &str, mode: &str) -> String {
    format!(
        "last = None\nfor path in {paths}:\n  \
           try: open(path, '{mode}')\n  \
           except FileNotFoundError: continue\n  \
           except PermissionError as e: last = e; continue\n  \
           raise RuntimeError('opened ' + path)\n\
         raise last"
    )
}

pub fn attacks(secret: &Path) -> Vec<Attack> {
    let mut attacks = reading(secret);
    attacks.extend(writing(secret));
    attacks.extend(filling());
    attacks
}

fn reading(secret: &Path) -> Vec<Attack> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let secret = secret.display();
    vec![
        Attack::new("read a file that every user may read", Landlock, NoAccess, opens(&format!("['{secret}', '{manifest}']"), "rb")),
        Attack::new("read the system's accounts", Landlock, NoAccess, opens("['/etc/passwd', '/etc/shadow', '/etc/hostname']", "rb")),
        Attack::new("list the root folder", Landlock, NoAccess, "import os\nos.listdir('/')"),
        Attack::new("list the folders of all jobs", Landlock, NoAccess, "import os\nos.listdir('../..')"),
        Attack::new(
            "walk over /proc for memory, environments and arguments",
            Landlock,
            NoAccess,
            "import os\nwho = ['self', 'thread-self', '1', str(os.getpid()), str(os.getppid()), *map(str, range(2, 4000))]\n".to_string()
                + &opens("[f'/proc/{p}/{f}' for p in who for f in ('mem', 'environ', 'cmdline', 'maps', 'status')]", "rb"),
        ),
        Attack::new("write one's own memory by its file", Landlock, NoAccess, opens("['/proc/self/mem']", "r+b")),
        Attack::new(
            "follow the parent's links in /proc",
            Landlock,
            NoAccess,
            "import os\nlast = None\nfor link in ('exe', 'cwd', 'root', 'fd/0', 'fd/3', 'ns/net'):\n  \
               try: raise RuntimeError(os.readlink(f'/proc/{os.getppid()}/{link}'))\n  \
               except PermissionError as e: last = e\nraise last",
        ),
        Attack::new("open the devices", Landlock, NoAccess, opens("['/dev/mem', '/dev/kmsg', '/dev/vda', '/dev/sda', '/dev/tty', '/dev/userfaultfd', '/dev/fuse', '/dev/ptmx', '/dev/shm/x']", "rb")),
        Attack::new(
            "a path descriptor of a folder as a way in",
            Landlock,
            NoAccess,
            "import os\nfd = os.open('/etc', os.O_PATH | os.O_DIRECTORY)\nos.fchdir(fd)\nos.open('passwd', os.O_RDONLY, dir_fd=fd)",
        ),
        Attack::new(
            "the output and the results of other jobs",
            Landlock,
            NoAccess,
            "import os\nothers = [p for p in range(os.getppid(), os.getpid() + 50) if p != os.getpid()]\n".to_string()
                + &opens("[f'/proc/{p}/fd/{n}' for p in others for n in range(12)]", "rb"),
        ),
        Attack::new(
            "find the source of the fork server by its modules",
            Landlock,
            NoAccess,
            "import sys\nmine = sys.modules['vsdpo_probe'].__file__\nopen(mine).read()",
        ),
    ]
}

fn writing(secret: &Path) -> Vec<Attack> {
    let folder = secret.parent().expect("a file lies in a folder").display();
    let secret = secret.display();
    let python =
        |name, layer, sees, body: String| Attack::new(name, layer, sees, format!("import os, numpy\n{body}"));
    vec![
        python(
            "change the source of the fork server, which later children import",
            Landlock,
            NoAccess,
            // A folder of the same user is first met as a read-only mount.
            "import sys\ntry: open(sys.modules['vsdpo_probe'].__file__, 'a').write('raise SystemExit')\n\
             except OSError as e: raise PermissionError(13, str(e)) if e.errno == 30 else e"
                .into(),
        ),
        python(
            "create a file in a folder open to all",
            Landlock,
            NoAccess,
            format!("open('{folder}/new', 'w')"),
        ),
        python("change a file open to all", Landlock, NoAccess, format!("open('{secret}', 'r+')")),
        python("change a library", Landlock, NoAccess, "open(numpy.__file__, 'a')".into()),
        python("delete a file", Landlock, NoAccess, format!("os.unlink('{secret}')")),
        python("make a folder", Landlock, NoAccess, format!("os.mkdir('{folder}/new')")),
        python("rename a file", Landlock, NoAccess, format!("os.rename('{secret}', '{secret}2')")),
        python("empty a file by its path", Seccomp, NotPermitted, format!("os.truncate('{secret}', 0)")),
        python(
            "empty a file by opening it to read",
            Seccomp,
            NotPermitted,
            format!("os.open('{secret}', os.O_RDONLY | os.O_TRUNC)"),
        ),
        python(
            "open a file to read, write and empty",
            Landlock,
            NoAccess,
            format!("os.open('{secret}', os.O_RDWR | os.O_TRUNC)"),
        ),
        python(
            "leave a file beside the scratch folder, outside its size limit",
            Mounts,
            Raises("[Errno"),
            "open('../left', 'w').write('x')".into(),
        )
        .bare(Landlock, NoAccess),
        python(
            "write into the scratch folders of other slots",
            Landlock,
            NoAccess,
            "home = os.environ.get('HOME') or os.getcwd()\n\
             mine = os.path.basename(os.path.dirname(home))\nlast = None\n\
             for i in range(8):\n  \
               if f'slot{i}' == mine: continue\n  \
               try: open(f'{home}/../../slot{i}/w/x', 'w')\n  \
               except PermissionError as e: last = e; continue\n  \
               except FileNotFoundError: continue\n  \
               raise RuntimeError(f'wrote into slot {i}')\nraise last"
                .into(),
        ),
        python(
            "a symbolic link out of the scratch folder",
            Seccomp,
            NotPermitted,
            "os.symlink('/etc/passwd', 'x')".into(),
        ),
        python("a hard link to a library", Seccomp, NotPermitted, "os.link(os.__file__, 'x')".into()),
        python("a named pipe", Seccomp, NotPermitted, "os.mkfifo('x')".into()),
        python("a device", Seccomp, NotPermitted, "os.mknod('x', 0o20666, os.makedev(1, 1))".into()),
        python(
            "a file without a name, to give it one elsewhere",
            Seccomp,
            NotPermitted,
            format!(
                "fd = os.open('.', os.O_TMPFILE | os.O_RDWR)\nos.link(f'/proc/self/fd/{{fd}}', '{folder}/x')"
            ),
        )
        .bare(Landlock, NoAccess),
        python(
            "rename out of the scratch folder",
            Mounts,
            Raises("[Errno 18]"),
            format!("open('x', 'w')\nos.rename('x', '{folder}/x')"),
        )
        .bare(Landlock, NoAccess),
        python("change modes", Seccomp, NotPermitted, format!("os.chmod('{secret}', 0)")),
        python("change owners", Seccomp, NotPermitted, format!("os.chown('{secret}', os.getuid(), -1)")),
        python("change times", Seccomp, NotPermitted, format!("os.utime('{secret}', (0, 0))")),
        python(
            "set extended attributes",
            Seccomp,
            NotPermitted,
            format!("os.setxattr('{secret}', 'user.x', b'x')"),
        ),
        python("another root folder", Seccomp, NotPermitted, "os.chroot('.')".into()),
    ]
}

/// Files as a way to use up the machine.
fn filling() -> Vec<Attack> {
    let full = Raises("No space left");
    vec![
        Attack::new(
            "a file of 5 GB without contents",
            Limits,
            Raises("File too large"),
            "open('x', 'wb').truncate(5 << 30)",
        )
        .bare(Landlock, NoAccess),
        Attack::new(
            "files of 144 MB in all",
            Mounts,
            full,
            "for i in range(9): open(f'f{i}', 'wb').write(bytes(16 << 20))",
        )
        .bare(Landlock, NoAccess),
        Attack::new("3000 files", Mounts, full, "for i in range(3000): open(f'f{i}', 'w').close()")
            .bare(Landlock, NoAccess),
        Attack::new(
            "3000 folders, each inside the last",
            Mounts,
            full,
            "import os\nfor i in range(3000):\n  os.mkdir('d')\n  os.chdir('d')",
        )
        .bare(Landlock, NoAccess),
        Attack::new(
            "1000 open files",
            Limits,
            Raises("Too many open files"),
            "import os\nkept = [open(os.__file__) for _ in range(1000)]",
        ),
        Attack::new(
            "pictures without end into a buffer",
            Limits,
            Ends(FailureKind::Memory, ""),
            "import io\nimport matplotlib.pyplot as plt\nb = io.BytesIO()\nplt.plot([1])\nwhile True: b.write(bytes(1 << 24))",
        ),
    ]
}
