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
from matplotlib import axis, figure, layout_engine, rcParams, text
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import fontManager
from matplotlib.projections.polar import RadialLocator, ThetaLocator
from matplotlib.ticker import FuncFormatter, NullLocator

KNOWN = {"matplotlib.ticker", "matplotlib.dates", "matplotlib.category", "matplotlib.projections.polar"}


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
    if isinstance(ticker, (ThetaLocator, RadialLocator)):
        ticker = ticker.base
    return type(ticker).__module__ in KNOWN and not isinstance(ticker, FuncFormatter)


def tickers(axis_object):
    major, minor = axis_object.major, axis_object.minor
    return major.locator, major.formatter, minor.locator, minor.formatter


def steady(axis_object, *classes):
    """Whether the answers of an axis of these classes can be kept."""
    return type(axis_object) in classes and all(map(pure, tickers(axis_object)))


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
        if drawing is None or not steady(self, axis.XAxis, axis.YAxis):
            return inner(self)
        parts = tickers(self)
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
        known["_vs_layouts"] = {}
    return known["_vs_number"]


class Layout:
    """What `Text._get_layout` said, and what it follows from."""

    __slots__ = ("answer", "key", "settings")

    def __init__(self, key, answer):
        self.key, self.settings, self.answer = key, settings(), answer


def settings():
    """What the size of letters follows from, besides their font."""
    return len(fontManager.ttflist), *dict.values(rcParams)


def same_settings(known):
    try:
        return known == settings()
    except ValueError:  # an array among them
        return False


def keep_layout(cls):
    """A layout follows from the text's own settings and from the sizes of letters, for which matplotlib asks a
    renderer once as long as it lives. So texts with the same settings share it, and a text keeps it for a next
    renderer, if the settings of matplotlib are still the same."""
    inner = cls._get_layout
    cls._vs_layout, cls._vs_layout_of = None, None

    @functools.wraps(inner)
    def get_layout(self, renderer):
        if type(renderer) is not RendererAgg or self._wrap or self._usetex:
            return inner(self, renderer)
        family, *font = self._fontproperties.__dict__.values()
        key = (
            renderer.dpi, self._text, self.get_rotation(), self._horizontalalignment, self._verticalalignment,
            self._multialignment, self._rotation_mode, self._linespacing, self._parse_math, self.figure.dpi,
            tuple(family), *font,
        )  # fmt: skip
        layout, here = self._vs_layout, number(renderer)
        if layout is None or layout.key != key or not (self._vs_layout_of == here or same_settings(layout.settings)):
            known = renderer._vs_layouts
            layout = known.get(key)
            if layout is None:
                layout = known[key] = Layout(key, inner(self, renderer))
            self._vs_layout = layout
        self._vs_layout_of = here
        return layout.answer

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
