"""A person's script: what it finds about itself, what it may seem to write, and the parts of a notebook."""

import builtins
import io
import os
import pathlib
import sys

class Script:
    """What the supervisor tells of a script: its path, its arguments, and where the cells of a notebook begin."""

    def __init__(self, told):
        self.path, self.args, self.cells = told["path"], told["args"], told["cells"]

    def parts(self, source):
        """The pieces of the source that run one after the other, each on its own lines."""
        if not self.cells:
            return [source.decode("utf-8")]
        ends = [*self.cells[1:], len(source)]
        before = [source.count(b"\n", 0, start) for start in self.cells]
        return ["\n" * n + source[a:b].decode("utf-8") for n, a, b in zip(before, self.cells, ends)]

    def introduce(self, main):
        """Gives the script its name and arguments, and a notebook the functions that notebooks have."""
        if self.cells:
            del main.__dict__["__file__"]
            sys.argv = ["notebook"]
            builtins.display, builtins.get_ipython = display, Shell
        else:
            main.__dict__["__file__"] = self.path
            sys.argv = [self.path, *self.args]
        drop_writes(os.getcwd() + os.sep)
        if "matplotlib" in sys.modules and os.path.isfile("matplotlibrc"):
            read_settings("matplotlibrc")


class Shell:
    """In place of the running notebook, whose commands do nothing here."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def display(*objects, **kwargs):
    """Shows figures, as a notebook does; other objects are no pictures."""
    from matplotlib.figure import Figure

    for shown in objects:
        if isinstance(shown, Figure):
            shown.show()


def drop_writes(folder):
    """What a script may not write into its own folder is dropped instead of ending the script: on its author's
    machine it could, and nobody reads the file. Usually a layer over the folder takes it."""
    builtins.open = io.open = dropping(io.open, folder)
    os.mkdir = ignoring(os.mkdir, folder)
    accessor = getattr(pathlib, "_NormalAccessor", None)  # Python 3.9 and 3.10 keep functions of their own
    if hasattr(accessor, "mkdir"):
        accessor.mkdir = staticmethod(os.mkdir)


def dropping(inner, folder):
    def open(file, mode="r", *args, **kwargs):
        try:
            return inner(file, mode, *args, **kwargs)
        except OSError as error:
            writes = isinstance(mode, str) and set(mode) & set("wax")
            if not writes or isinstance(file, int) or not denied(error, file, folder):
                raise
            kwargs.pop("opener", None)
            return inner(os.devnull, mode.replace("x", "w"), *args[:4], **kwargs)

    return open


def ignoring(inner, folder):
    def mkdir(path, *args, **kwargs):
        try:
            return inner(path, *args, **kwargs)
        except OSError as error:
            if not denied(error, path, folder):
                raise
            MADE.add(os.path.abspath(os.fsdecode(path)))

    return mkdir


MADE = set()  # folders that the script believes to have made


def denied(error, path, folder):
    """Whether the sandbox refused a place below the folder: no right, a file system that is read-only, or a folder
    that is missing because making it was refused."""
    whole = os.path.abspath(os.fsdecode(path))
    refused = error.errno in (1, 13, 30) or error.errno == 2 and os.path.dirname(whole) in MADE
    return refused and whole.startswith(folder)


def read_settings(path):
    """Takes over a matplotlibrc; one that matplotlib cannot read changes nothing, as at its own start."""
    import matplotlib  # decks do without

    try:
        matplotlib.rc_file(path)
    except Exception:
        pass


def use_configuration():
    """Takes over the settings and styles of the user, which lie where our folder of matplotlib does not."""
    home = os.environ.get("HOME")
    base = os.environ.get("XDG_CONFIG_HOME") or (home and os.path.join(home, ".config"))
    folder = base and os.path.join(base, "matplotlib")
    if not folder or not os.path.isdir(folder):
        return
    read_settings(os.path.join(folder, "matplotlibrc"))
    from matplotlib import style

    styles = os.path.join(folder, "stylelib")
    if os.path.isdir(styles):
        style.core.USER_LIBRARY_PATHS.append(styles)
        style.reload_library()
