//! `fcntl` and `flock`: locks, leases, owners of descriptors. They reach other processes, or the
//! memory of the kernel, without opening anything forbidden.

use crate::list::{Attack, Layer::*, Sees::*};

pub fn attacks() -> Vec<Attack> {
    let new = |name, body: &str| {
        Attack::new(name, Seccomp, NotPermitted, format!("import fcntl, os, signal\n{body}"))
    };
    vec![
        new(
            "a million locks on ranges: memory of the kernel that no limit counts",
            "file = open(os.__file__, 'rb')\n\
             for i in range(1_000_000, 0, -1): fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 2 * i)",
        ),
        new("lock a library against everybody", "fcntl.flock(open(os.__file__), fcntl.LOCK_EX)"),
        new(
            "a lease on a library: whoever opens it waits for the holder",
            "fcntl.fcntl(open(os.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
        ),
        new(
            "watch a folder by signals",
            "fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)",
        ),
        new(
            "a kill signal to the fork server by the owner of a pipe",
            "r, w = os.pipe()\n\
             fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())\n\
             fcntl.fcntl(r, 10, signal.SIGKILL)  # F_SETSIG\n\
             fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)\n\
             os.write(w, b'x')",
        ),
        new(
            "a kill signal to every job by the owner of a pipe",
            "r, w = os.pipe()\n\
             for pid in range(os.getppid() + 1, os.getpid() + 50):\n  \
               if pid == os.getpid(): continue\n  \
               try: fcntl.fcntl(r, fcntl.F_SETOWN, pid)\n  \
               except ProcessLookupError: continue\n  \
               fcntl.fcntl(r, 10, signal.SIGKILL)\n  \
               fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)\n  \
               os.write(w, b'x')",
        ),
        new(
            "60 pipes of a megabyte each, filled",
            "kept = []\n\
             for i in range(60):\n  \
               r, w = os.pipe()\n  \
               kept.append((r, w))\n  \
               fcntl.fcntl(w, 1031, 1 << 20)  # F_SETPIPE_SZ\n  \
               os.write(w, bytes(1 << 20))",
        ),
        new(
            "seal the result buffer against the supervisor",
            "fcntl.fcntl(1, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)",
        ),
    ]
}
