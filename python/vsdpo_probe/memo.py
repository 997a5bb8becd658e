"""Work that matplotlib repeats within one drawing although nothing has changed in between.

A drawing asks every axis for its ticks ten times (title, labels, spines, tight box) and every text for its
layout five times, and matplotlib 3.8.4 computes each answer anew: half of the time of a figure with panels.
Here an answer is kept until the drawing ends or what it depends on changes, so the picture stays the same,
byte for byte.

Kept are only answers of matplotlib's own classes: a locator or formatter of the script (or a function in a
`FuncFormatter`) may count its calls. Outside of a drawing only layouts are kept, because there the script runs.
"""

import functools
import itertools

import numpy as np
from matplotlib import axis, figure, layout_engine, text
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.ticker import FuncFormatter, NullLocator

KNOWN = {"matplotlib.ticker", "matplotlib.dates", "matplotlib.category"}


class Drawing:
    """The running drawing, by its identity."""

    now = None


def during(owner, name):
    """Makes a function a drawing: a part of the running one, but for `draw`, after which callbacks may run."""
    inner = owner.__dict__[name]
    joins = name != "draw"

    @functools.wraps(inner)
    def drawing(*args, **kwargs):
        outer = Drawing.now
        Drawing.now = joins and outer or Drawing()
        try:
            return inner(*args, **kwargs)
        finally:
            Drawing.now = outer

    setattr(owner, name, drawing)


def pure(ticker):
    """Whether the answers for this locator or formatter can be kept."""
    return type(ticker).__module__ in KNOWN and not isinstance(ticker, FuncFormatter)


def place(axis_object):
    """What the ticks of an axis follow: its limits and the room that it has, as bytes."""
    limits, data = axis_object.get_view_interval(), axis_object.get_data_interval()
    axes = getattr(axis_object, "axes", None)
    room = b"" if axes is None else axes.bbox.get_points().tobytes()
    return np.asarray(limits, float).tobytes(), np.asarray(data, float).tobytes(), room


def skip_minor_ticks(cls):
    """Without minor ticks there is nothing to compare with the major ones, which need not be located again."""
    inner = cls.get_minorticklocs

    @functools.wraps(inner)
    def get_minorticklocs(self):
        if type(self.minor.locator) is NullLocator and pure(self.major.locator):
            return np.array([])
        return inner(self)

    cls.get_minorticklocs = get_minorticklocs


def keep_ticks(cls):
    inner = cls._update_ticks
    cls._vs_ticks = None  # [what the answer follows from, the ticks, the boxes of their labels]

    @functools.wraps(inner)
    def update_ticks(self):
        drawing = Drawing.now
        if drawing is None or type(self) not in (axis.XAxis, axis.YAxis):
            return inner(self)
        parts = (self.major.locator, self.major.formatter, self.minor.locator, self.minor.formatter)
        if not all(map(pure, parts)):
            return inner(self)
        homes = [getattr(locator, "axis", None) for locator in parts[::2]]
        around = [place(home) for home in homes if home is not None and home is not self]
        key = (drawing, parts, self._scale, self.figure.dpi, place(self), around)
        entry = self._vs_ticks
        # Axes with a common scale share their formatters, which remember whom they last worked for.
        if entry is not None and entry[0] == key and all(f.__dict__.get("_vs_for") is entry for f in parts[1::2]):
            return list(entry[1])
        entry = self._vs_ticks = [key, inner(self), None]
        for formatter in parts[1::2]:
            formatter._vs_for = entry
        return list(entry[1])

    cls._update_ticks = update_ticks


def keep_label_boxes(cls):
    """The boxes of the tick labels are asked for several times in a drawing, right after the ticks have been."""
    inner = cls._get_ticklabel_bboxes

    @functools.wraps(inner)
    def get_ticklabel_bboxes(self, ticks, renderer=None):
        entry = self._vs_ticks
        if type(renderer) is not RendererAgg or not entry or entry[0][0] is not Drawing.now or entry[1] != ticks:
            return inner(self, ticks, renderer)
        # Ticks may stand on a spine that has its place in the data of the other axis.
        key = (number(renderer), self.axes._viewLim.get_points().tobytes())
        if entry[2] is None or entry[2][0] != key:
            entry[2] = (key, inner(self, ticks, renderer))
        return tuple(list(boxes) for boxes in entry[2][1])

    cls._get_ticklabel_bboxes = get_ticklabel_bboxes


NUMBERS = itertools.count()


def number(renderer):
    """What tells this renderer from any other, without keeping it and its pixels."""
    known = renderer.__dict__
    if "_vs_number" not in known:
        known["_vs_number"] = next(NUMBERS)
    return known["_vs_number"]


def keep_layout(cls):
    """A layout follows from the text's own settings and from what its renderer says of the letters, which
    matplotlib itself keeps as long as the renderer lives; so it outlives the drawing."""
    inner = cls._get_layout
    cls._vs_layout = None

    @functools.wraps(inner)
    def get_layout(self, renderer):
        if type(renderer) is not RendererAgg or self._wrap or self._usetex:
            return inner(self, renderer)
        key = (
            number(renderer), self._text, self.get_rotation(), self._horizontalalignment, self._verticalalignment,
            self._multialignment, self._rotation_mode, self._linespacing, self._parse_math, self.figure.dpi,
            *self._fontproperties.__dict__.values(),
        )  # fmt: skip
        entry = self._vs_layout
        if entry is None or entry[0] != key:
            entry = self._vs_layout = (key, inner(self, renderer))
        return entry[1]

    cls._get_layout = get_layout


def install():
    """Hooks matplotlib; once per process, before any script."""
    skip_minor_ticks(axis.Axis)
    keep_ticks(axis.Axis)
    keep_label_boxes(axis.Axis)
    keep_layout(text.Text)
    for owner, names in (
        (figure.FigureBase, ("get_tightbbox",)),
        (figure.Figure, ("draw", "draw_without_rendering", "tight_layout")),
        (layout_engine.TightLayoutEngine, ("execute",)),
        (layout_engine.ConstrainedLayoutEngine, ("execute",)),
    ):
        for name in names:
            during(owner, name)
