"""The user's environment: a script that a person wrote runs in its own folder, with the user's packages.

Everything here runs in the fork server or in its child before the sandbox is closed; it runs nothing of the script.
"""

import ctypes
import os
import sys

from vsdpo_kernel import CLONE_NEWNS, MS_NODEV, MS_NOSUID, check, libc

SYS_LANDLOCK_ADD_RULE, RULE_PATH_BENEATH = 445, 1
OURS = os.path.dirname(os.path.abspath(__file__))  # from which no script imports


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


class User:
    """What the supervisor orders for scripts with a folder: a place of each slot for what they write, and their
    rights in the folder without and with such a place."""

    def __init__(self, orders):
        self.layers, self.rights = orders["layers"], orders["rights"]
        self.runner = None
        self.readable = {None: True}  # folder -> whether the user ids of scripts can read it

    def places(self, runner):
        """All that this interpreter imports from, and where its packages keep their data."""
        self.runner = runner.__name__
        paths = [path for path in sys.path if path and path != OURS]
        paths += [os.path.join(prefix, part) for prefix in (sys.prefix, sys.base_prefix) for part in ("lib", "share")]
        for finder in sys.meta_path:  # packages that setuptools has installed in place
            mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
            paths += mapping.values() if isinstance(mapping, dict) else ()
        return paths

    def look_at(self, folder, can_read):
        if folder not in self.readable:
            self.readable[folder] = can_read(folder)

    def enter(self, policy, request, rules):
        """Makes the process look as if the user had started the script: it is in its folder, which it may read, and
        modules come from there. It keeps the user's id where no other can read the folder."""
        folder, slot = request["folder"], request["slot"]
        if folder is not None:
            self.open_folder(policy, folder, self.layers[slot], rules)
        if not self.readable[folder]:
            policy.uid = None
        sys.path[:] = ([folder] if folder else []) + [path for path in sys.path if path != OURS]
        sys.modules.pop(self.runner, None)  # a name that the script's own modules may have
        scratch = policy.scratch[slot]
        os.environ.update(HOME=scratch, TMPDIR=scratch, HDF5_USE_FILE_LOCKING="FALSE")

    def open_folder(self, policy, folder, layer, rules):
        """Goes to the folder. Where the system lets us, a layer lies over it that keeps what the script writes and
        goes with the process; else the folder can only be read."""
        os.chdir(folder)
        rights = self.rights[0]
        try:
            if policy.tmpfs:
                lay_over(layer, policy.tmpfs)
                os.chdir(folder)
                rights = self.rights[1]
        except OSError:
            pass
        if policy.landlock:
            here = os.open(".", os.O_PATH | os.O_DIRECTORY)
            rule = PathBeneath(rights, here)
            check(libc.syscall(SYS_LANDLOCK_ADD_RULE, rules, RULE_PATH_BENEATH, ctypes.byref(rule), 0), "landlock")
            os.close(here)


def lay_over(layer, size):
    """Mounts a writable layer over the working folder, for this process alone."""
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV)
    check(libc.unshare(CLONE_NEWNS), "unshare")
    check(libc.mount(b"tmpfs", layer.encode(), b"tmpfs", flags, size.encode()), "mount")
    for name in ("upper", "work"):
        os.mkdir(f"{layer}/{name}")
    os.chmod(f"{layer}/upper", 0o777)
    options = f"lowerdir=.,upperdir={layer}/upper,workdir={layer}/work"
    if libc.mount(b"overlay", b".", b"overlay", flags, options.encode()) != 0:
        # Outside the first user namespace the marks of a layer are attributes of the user.
        check(libc.mount(b"overlay", b".", b"overlay", flags, f"{options},userxattr".encode()), "mount")
