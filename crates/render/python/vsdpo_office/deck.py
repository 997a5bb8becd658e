"""What a .pptx file states before the office opens it: its slide size, and its list of slides.

The size is exact, where the PDF's is rounded to its own units. The list is cut before the office loads the slides,
because it has no way to load only some."""

import os
import re
import zipfile

MOST = 4 << 20  # bytes of a part that are looked at
SIZE = re.compile(rb"<(?:\w+:)?sldSz\b([^>]*)>")
SLIDE = re.compile(rb"<(?:\w+:)?sldId\b[^>]*?(?:/>|>.*?</(?:\w+:)?sldId>)", re.DOTALL)
TARGET = re.compile(rb"<Relationship\b[^>]*/officeDocument\"[^>]*>")


def slide_size(path):
    """Width and height in EMU, or None where the file does not say."""
    try:
        with zipfile.ZipFile(path) as file:
            found = SIZE.search(_read(file, _main_part(file)))
            values = [re.search(rb'\b%s="(\d{1,9})"' % name, found.group(1)) for name in (b"cx", b"cy")]
            width, height = (int(value.group(1)) for value in values)
            return (width, height) if width > 0 and height > 0 else None
    except Exception:
        # A file that only the office can read: damaged, encrypted, or of another form.
        return None


def _main_part(file):
    found = TARGET.search(_read(file, "_rels/.rels"))
    target = re.search(rb'\bTarget="/?([^"]+)"', found.group(0)) if found else None
    return target.group(1).decode() if target else "ppt/presentation.xml"


def _read(file, name):
    with file.open(name) as part:
        return part.read(MOST)


def cut_slides(path, most):
    """Takes all but the first `most` slides out of the list of a file that has more; returns how many it had.

    Returns 0 where nothing was cut."""
    try:
        with zipfile.ZipFile(path) as file:
            name = _main_part(file)
            main = _read(file, name)
            slides = list(SLIDE.finditer(main))
            if len(slides) <= most or len(main) >= MOST:
                return 0
            main = main[: slides[most].start()] + main[slides[-1].end() :]
            with zipfile.ZipFile(path + ".cut", "w", zipfile.ZIP_STORED) as target:
                for part in file.namelist():
                    target.writestr(part, main if part == name else file.read(part))
        os.replace(path + ".cut", path)
        return len(slides)
    except Exception:
        # As above; or too large without compression.
        return 0
