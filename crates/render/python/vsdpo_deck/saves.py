"""The decks that a script saves: the bytes of the last one, and where each was saved to."""

import functools
import io
import os
import time

from pptx.opc.package import OpcPackage

from vsdpo_deck import blame
from vsdpo_probe.blame import STATE

MAX_NAMES = 64
CLOCK_NS = 20_000_000  # times of files lag behind the clock by up to a tick of the kernel


class Saves:
    def __init__(self, instrument):
        self.instrument = instrument
        self.names = []
        self.last = None  # bytes of the deck that is judged
        self.slides, self.edits = [], []
        self.written = None  # path and time of the file with these bytes
        self.begun = time.time_ns()  # a folder of the user may have earlier decks

    def add(self, package, name, data):
        if len(self.names) < MAX_NAMES:
            self.names.append(name)
        self.last, self.written = data, None
        if self.instrument:
            self.slides, self.edits = blame.table(package), blame.deck_edits(package)

    def collect(self, folder):
        """Looks for a deck that was written in another way, after the last save that was seen."""
        newest = None
        for path, _, files in os.walk(folder):
            for file in files:
                whole = os.path.join(path, file)
                if not file.lower().endswith(".pptx") or os.path.islink(whole):
                    continue
                found = os.stat(whole).st_mtime_ns, os.path.relpath(whole, folder)
                if found[0] >= self.begun - CLOCK_NS:
                    newest = max(newest or found, found)
        if newest is None or (self.written and newest[0] <= self.written):
            return
        if self.last is not None and self.written is None:
            return  # the last save went to a stream or outside: which came first cannot be told
        with open(os.path.join(folder, newest[1]), "rb") as file:
            self.last = file.read()
        self.names.append(newest[1])


SAVES = Saves(True)


def install():
    inner = OpcPackage.save

    @functools.wraps(inner)
    def save(self, pkg_file):
        buffer = io.BytesIO()
        muted = STATE.muted
        STATE.muted = muted + 1
        try:
            inner(self, buffer)
        finally:
            STATE.muted = muted
        data = buffer.getvalue()
        if not isinstance(pkg_file, (str, os.PathLike)):
            pkg_file.write(data)
            SAVES.add(self, "", data)
            return
        path = os.fspath(pkg_file)
        written = write(path, data)
        SAVES.add(self, os.path.basename(path), data)
        SAVES.written = written

    OpcPackage.save = save


def write(path, data):
    """Writes the file as the script asked; the time of the file, None if it could not be written. Folders outside
    are closed to every script, and those of its author's machine do not exist here, which is no fault of the
    script; a missing folder beside it is."""
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        if os.path.isabs(path) or isinstance(error, PermissionError):
            return None
        raise
    return os.stat(path).st_mtime_ns
