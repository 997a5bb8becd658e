"""Texts as pictures, kept.

matplotlib 3.8.4 sets every text letter by letter with FreeType to measure it, and again to draw it, for each panel
and each drawing anew. The picture of a line of text follows from its font, size, resolution and letters alone, so
it is made once; the same numbers on the ticks of the next panel are copied.
"""

import functools
from math import cos, radians, sin

import numpy as np
from matplotlib import _api
from matplotlib.backends import backend_agg
from matplotlib.backends.backend_agg import RendererAgg

MAX_LINES = 4096  # a figure has some hundreds
LINES = {}  # (font, size, resolution, hinting, line) -> Line


class Line:
    """A line of text, upright: its size, and its picture with the place of its corner once it was drawn."""

    __slots__ = ("box", "descent", "pictures")

    def __init__(self, font):
        self.box = font.get_width_height()
        self.descent = font.get_descent() / 64.0
        self.pictures = {}  # antialiased -> (picture, x, y)

    def draw(self, font, antialiased):
        font.draw_glyphs_to_bitmap(antialiased=antialiased)
        x, y = font.get_bitmap_offset()
        self.pictures[antialiased] = (np.array(font), x / 64.0, y / 64.0)


def line(renderer, text, prop, antialiased):
    """The line, drawn. Most lines that are measured are drawn later, so both are done while the letters are set."""
    font = backend_agg.get_font(backend_agg._fontManager._find_fonts_by_props(prop))
    flags = backend_agg.get_hinting_flag()
    key = (font, prop.get_size_in_points(), renderer.dpi, flags, text)
    known = LINES.get(key)
    if known is None or antialiased not in known.pictures:
        font.clear()
        font.set_size(key[1], key[2])
        font.set_text(text, 0.0, flags=flags)
        if known is None:
            if len(LINES) >= MAX_LINES:
                LINES.clear()
            known = LINES[key] = Line(font)
        known.draw(font, antialiased)
    return known


def keep_pictures(cls):
    draw, measure = cls.draw_text, cls.get_text_width_height_descent

    @functools.wraps(draw)
    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if ismath or type(s) is not str:
            return draw(self, gc, x, y, s, prop, angle, ismath, mtext)
        antialiased = bool(gc.get_antialiased())
        known = line(self, s, prop, antialiased)
        picture, xo, yo = known.pictures[antialiased]
        x = round(x + xo + known.descent * sin(radians(angle)))
        y = round(y + yo + known.descent * cos(radians(angle)))
        self._renderer.draw_text_image(picture, x, y + 1, angle, gc)

    @functools.wraps(measure)
    def get_text_width_height_descent(self, s, prop, ismath):
        _api.check_in_list(["TeX", True, False], ismath=ismath)
        if ismath or type(s) is not str:
            return measure(self, s, prop, ismath)
        known = line(self, s, prop, True)
        w, h = known.box
        return w / 64.0, h / 64.0, known.descent

    cls.draw_text, cls.get_text_width_height_descent = draw_text, get_text_width_height_descent


def install():
    """Hooks matplotlib; once per process, before any script."""
    keep_pictures(RendererAgg)
