"""Files as a script meets them on an ordinary machine, as far as scores can tell.

A chart script saves its picture, mostly under a name of its own, sometimes under a path. In the sandbox only the
scratch folder can be written, on some machines not even that. A file that could not be opened for writing, in a
folder that exists, is kept in memory instead and forgotten with the process.
"""

import builtins
import io
import os

real_open = builtins.open


class Discarded(io.RawIOBase):
    """A file that counts and forgets. Enough for a PDF, which is only ever appended to."""

    def __init__(self):
        self.at = 0

    def writable(self):
        return True

    def tell(self):
        return self.at

    def write(self, data):
        self.at += len(data)
        return len(data)


class Files:
    """`target` is the picture that the benchmark adds to a script; `saved` tells that it came to be."""

    def __init__(self, target):
        self.target = target
        self.saved = False

    def install(self):
        builtins.open = io.open = self.open

    def open(self, file, mode="r", *args, **kwargs):
        writing = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writing and isinstance(file, str) and file == self.target:
            self.saved = True
            return Discarded()
        try:
            return real_open(file, mode, *args, **kwargs)
        except OSError:
            if not writing or not in_a_folder(file):
                raise
            return io.BytesIO() if "b" in mode else io.StringIO()


def in_a_folder(file):
    return isinstance(file, (str, os.PathLike)) and os.path.isdir(os.path.dirname(os.path.abspath(file)))
