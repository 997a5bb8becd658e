"""LibreOffice in this process, by its C interface LibreOfficeKit (`LibreOfficeKit.h` of its sources).

Both structures begin with their size and a table of functions; only the first entries, which no release has
moved since 6.0, are named here.
"""

import ctypes
import json
import os
import re

OFFICE = "destroy documentLoad getError documentLoadWithOptions freeError registerCallback getFilterTypes"
OFFICE += " setOptionalFeatures setDocumentPassword getVersionInfo"
DOCUMENT = "destroy saveAs getDocumentType getParts"
PRESENTATION = 2  # LOK_DOCTYPE_PRESENTATION
# No question is ever asked, no macro runs.
LOAD = b"Batch=1,EnableMacrosExecution=false,MacroSecurityLevel=3"
LIBRARIES = "libmergedlo.so", "libsofficeapp.so"

# Settings of the profile. The last version that ran decides whether the office runs its long first start.
SETTINGS = (
    ("Setup/Product", "ooSetupLastVersion", "{version}"),
    ("Office.Common/Misc", "FirstRun", "false"),
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Impress/Content/Update", "Link", "false"),
    ("Office.Recovery/AutoSave", "Enabled", "false"),
    ("Office.Common/Save/Document", "CreateBackup", "false"),
    ("Office.Common/Misc", "UseLocking", "false"),
    ("Office.Common/Misc", "UseOpenCL", "false"),
    ("Office.Java/VirtualMachine", "Enable", "false"),
)


class Failed(Exception):
    """The office refused a deck, with its own words."""


def _table(names):
    fields = [("size", ctypes.c_size_t)] + [(name, ctypes.c_void_p) for name in names.split()]
    table = type("Table", (ctypes.Structure,), {"_fields_": fields})
    return type("Object", (ctypes.Structure,), {"_fields_": [("table", ctypes.POINTER(table))]})


_Office, _Document = _table(OFFICE), _table(DOCUMENT)


def _calls(kind, pointer, **types):
    """The named functions of an object as Python functions that pass the object itself."""
    table = ctypes.cast(pointer, ctypes.POINTER(kind)).contents.table.contents
    made = {}
    for name, (result, *arguments) in types.items():
        call = ctypes.CFUNCTYPE(result, ctypes.c_void_p, *arguments)(getattr(table, name))
        made[name] = lambda *given, call=call: call(pointer, *given)
    return made


def write_profile(folder, program):
    """Puts the settings into a new profile; returns its URL."""
    with open(os.path.join(program, "bootstraprc")) as file:
        found = re.search(r"^ProductKey=.* (\S+)$", file.read(), re.MULTILINE)
    version = found.group(1) if found else ""
    items = (
        f'<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{value.format(version=version)}</value></prop></item>"
        for path, name, value in SETTINGS
    )
    os.makedirs(os.path.join(folder, "user"))
    with open(os.path.join(folder, "user", "registrymodifications.xcu"), "w") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n' + "\n".join(items) + "\n</oor:items>\n")
    return "file://" + folder


class Office:
    """The office; one per process."""

    def __init__(self, program, profile):
        """Starts it from the folder of its program with a profile that only this process uses."""
        path = next(path for name in LIBRARIES if os.path.isfile(path := os.path.join(program, name)))
        hook = ctypes.CDLL(path).libreofficekit_hook_2
        hook.restype, hook.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
        pointer = hook(program.encode(), profile.encode())
        if not pointer:
            raise Failed("LibreOfficeKit gave no office")
        text = ctypes.c_char_p
        self.calls = _calls(
            _Office,
            pointer,
            documentLoadWithOptions=(ctypes.c_void_p, text, text),
            getError=(ctypes.c_void_p,),
            getVersionInfo=(ctypes.c_void_p,),
        )
        # The only function without the office as its first argument.
        table = ctypes.cast(pointer, ctypes.POINTER(_Office)).contents.table.contents
        self.free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(table.freeError)

    def version(self):
        """Name and version, such as `LibreOffice 7.4.7.2`."""
        facts = json.loads(self._text("getVersionInfo"))
        return f"{facts['ProductName']} {facts['ProductVersion']}{facts['ProductExtension']}"

    def _text(self, name):
        """A string that the office allocated; it must be freed by it."""
        address = self.calls[name]()
        if not address:
            return ""
        value = ctypes.string_at(address).decode("utf-8", "replace")
        self.free(address)
        return value

    def export(self, deck, pdf, most):
        """Writes the first `most` slides of the file `deck`, hidden ones too, as the file `pdf`.

        Returns the number of slides that the deck has. Raises `Failed`."""
        pointer = self.calls["documentLoadWithOptions"](url(deck), LOAD)
        if not pointer:
            raise Failed(self._text("getError") or "the file could not be loaded")
        text = ctypes.c_char_p
        document = _calls(
            _Document,
            pointer,
            destroy=(None,),
            saveAs=(ctypes.c_int, text, text, text),
            getDocumentType=(ctypes.c_int,),
            getParts=(ctypes.c_int,),
        )
        try:
            if document["getDocumentType"]() != PRESENTATION:
                raise Failed("the file is no presentation")
            slides = document["getParts"]()
            if slides > 0 and not document["saveAs"](url(pdf), b"pdf", options(min(slides, most))):
                raise Failed(self._text("getError") or "the slides could not be written")
            return slides
        finally:
            document["destroy"]()


def url(path):
    return ("file://" + path).encode()


def options(pages):
    """What the PDF holds: pictures without loss, at most at twice the pixels of the raster, and nothing beside the slides."""
    values = {
        "PageRange": ("string", f"1-{pages}"),
        "ExportHiddenSlides": ("boolean", "true"),
        "UseLosslessCompression": ("boolean", "true"),
        "ReduceImageResolution": ("boolean", "true"),
        "MaxImageResolution": ("long", "200"),
        "ExportBookmarks": ("boolean", "false"),
        "ExportNotes": ("boolean", "false"),
        "ExportNotesPages": ("boolean", "false"),
        "ExportFormFields": ("boolean", "false"),
        "UseTaggedPDF": ("boolean", "false"),
    }
    return json.dumps({name: {"type": kind, "value": value} for name, (kind, value) in values.items()}).encode()
