"""PDFium: pages to pixels, and the words on them with their boxes.

Boxes are in pixels of the raster, x to the right, y down from the top.
"""

import ctypes

import pypdfium2.raw as pdfium

WHITE = 0xFFFFFFFF
FLAGS = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER  # RGBA in memory
CONTROLS = {0xFFFE, 0xFFFF, 0x00AD, 0x0002}  # what PDFium puts for hyphens at line ends and for glyphs without text

MOST_OBJECTS = 100_000  # of a page; beyond, its characters stay in PDFium's order
GAP = 0.15  # of the font size; a space has about a quarter


def start():
    pdfium.FPDF_InitLibrary()


class Pages:
    """The pages of a PDF file; used as a context manager."""

    def __init__(self, path):
        self.document = pdfium.FPDF_LoadDocument(path.encode(), None)
        self.count = pdfium.FPDF_GetPageCount(self.document) if self.document else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.document:
            pdfium.FPDF_CloseDocument(self.document)

    def points(self):
        """Width and height of the first page in points."""
        size = pdfium.FS_SIZEF()
        return (size.width, size.height) if pdfium.FPDF_GetPageSizeByIndexF(self.document, 0, size) else (0, 0)

    def draw(self, index, width, height, target):
        """Draws a page into `target` (a writable buffer of width * height * 4 bytes, RGBA) and returns its words."""
        page = pdfium.FPDF_LoadPage(self.document, index)
        if not page:
            raise ValueError(f"page {index} cannot be loaded")
        try:
            pixels = ctypes.c_char.from_buffer(target)
            bitmap = pdfium.FPDFBitmap_CreateEx(
                width, height, pdfium.FPDFBitmap_BGRA, ctypes.addressof(pixels), width * 4
            )
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
            pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, FLAGS)
            pdfium.FPDFBitmap_Destroy(bitmap)
            return words(page, width, height)
        finally:
            pdfium.FPDF_ClosePage(page)


class Word:
    """Characters that follow each other without a gap, with the union of their boxes in points."""

    def __init__(self, size):
        self.text, self.size = [], size
        self.ink, self.frame, self.last = None, None, None

    def add(self, code, ink, frame):
        self.text.append(code)
        self.ink, self.frame, self.last = union(self.ink, ink), union(self.frame, frame), frame

    def record(self, scale_x, scale_y, top):
        """Text, ink box, frame and font size, in pixels."""
        units = b"".join(code.to_bytes(4, "little") for code in self.text)
        text = units.decode("utf-32-le", "surrogatepass")
        # Characters beyond 16 bits may come as two units.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

        def box(left, bottom, right, upper):
            edges = left * scale_x, (top - upper) * scale_y, right * scale_x, (top - bottom) * scale_y
            return [round(edge, 2) for edge in edges]

        return [text, box(*self.ink), box(*self.frame), round(self.size * scale_y, 2)]


def union(a, b):
    if a is None:
        return b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def far(word, frame):
    """Whether a character lies further from the last one of a word than letters of a word do."""
    if word is None:
        return True
    a, b = word.last, frame
    gap = max(b[0] - a[2], a[0] - b[2], b[1] - a[3], a[1] - b[3])
    return gap > GAP * word.size


def words(page, width, height):
    """The words of a page in the order in which they are drawn: `[text, ink box, frame, font size]`.

    The ink box holds the glyphs' outlines, the frame spans from the font's ascent to its descent."""
    text = pdfium.FPDFText_LoadPage(page)
    if not text:
        return []
    wide, high = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    found = []
    try:
        word, broken, last = None, False, -1
        for index in drawn_order(page, text):
            # Where texts lie on each other, PDFium puts the letters of one between those of the other.
            broken, last = broken or index != last + 1, index
            code = pdfium.FPDFText_GetUnicode(text, index)
            if code <= 32 or code == 0xA0 or code in CONTROLS or chr(code).isspace():
                broken = broken or pdfium.FPDFText_IsGenerated(text, index) == 1
                word = word if broken else None
                continue
            size, frame = pdfium.FPDFText_GetFontSize(text, index), frame_box(text, index)
            # PDFium takes every letter of rotated text for a line of its own.
            apart = broken and (pdfium.FPDFText_GetCharAngle(text, index) == 0 or far(word, frame))
            if word is None or word.size != size or apart:
                word = Word(size)
                found.append(word)
            broken = False
            word.add(code, ink_box(text, index), frame)
    finally:
        pdfium.FPDFText_ClosePage(text)
    return [word.record(width / wide, height / high, high) for word in found if wide > 0 and high > 0]


def drawn_order(page, text):
    """The numbers of a page's characters in the order in which they are drawn. PDFium orders them by where they stand.

    A character that PDFium made up belongs to the one before it."""
    count, objects = pdfium.FPDFText_CountChars(text), pdfium.FPDFPage_CountObjects(page)
    if objects > MOST_OBJECTS:
        return range(count)
    address = lambda found: ctypes.cast(found, ctypes.c_void_p).value
    places = {address(pdfium.FPDFPage_GetObject(page, number)): number for number in range(objects)}
    place, keys = -1, []
    for index in range(count):
        place = places.get(address(pdfium.FPDFText_GetTextObject(text, index)), place)
        keys.append(place)
    return sorted(range(count), key=keys.__getitem__)


_edges = [ctypes.c_double() for _ in range(4)]
_left, _right, _bottom, _top = _edges
_rect = pdfium.FS_RECTF()


def ink_box(text, index):
    pdfium.FPDFText_GetCharBox(text, index, _left, _right, _bottom, _top)
    return _left.value, _bottom.value, _right.value, _top.value


def frame_box(text, index):
    pdfium.FPDFText_GetLooseCharBox(text, index, _rect)
    return _rect.left, _rect.bottom, _rect.right, _rect.top
