"""Functions of matplotlib 3.8.4 that come to the same with less work.

Most of them run a thousand times in a figure with panels, for the parts of ticks, which are made during the
drawing. What differs from the original stands at the function; the picture does not.
"""

import copy
import functools

import matplotlib
import numpy as np
from matplotlib import cbook, markers, pyplot, rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase


def fewer_aliases(module):
    """Aliases are looked up only if a keyword is one; the original builds the table of aliases every time."""
    inner = module.normalize_kwargs
    known = {}  # id(table) -> (the table, which must not go away, and its aliases)

    def aliases(table):
        entry = known.get(id(table))
        if entry is None:
            entry = known[id(table)] = (table, {alias for names in table.values() for alias in names})
        return entry[1]

    @functools.wraps(inner)
    def normalize_kwargs(kw, alias_mapping=None):
        if not kw:
            return {}
        table = getattr(alias_mapping, "_alias_map", None)
        if table is not None and aliases(table).isdisjoint(kw):
            return dict(kw)
        return inner(kw, alias_mapping)

    module.normalize_kwargs = normalize_kwargs


def share_marker_paths(cls):
    """A copy of a named marker shares its paths, which nobody changes; the original copies every vertex."""
    inner = cls._set_marker

    @functools.wraps(inner)
    def set_marker(self, marker):
        if not (type(marker) is cls and isinstance(marker._marker, (str, int, type(None)))):
            return inner(self, marker)
        self.__dict__ = dict(marker.__dict__)
        # The one part that is changed in place (by `rotated` and `scaled`, in their own copies).
        self._user_transform = copy.deepcopy(marker._user_transform)

    cls._set_marker = set_marker


def update_props(self, props, errfmt):
    """In place of `Artist._update_props`: without the context manager for an attribute that no artist has."""
    ret = []
    for k, v in props.items():
        if k == "axes":
            ret.append(setattr(self, k, v))
            continue
        func = getattr(self, f"set_{k}", None)
        if not callable(func):
            raise AttributeError(errfmt.format(cls=type(self), prop_name=k))
        ret.append(func(v))
    if ret:
        self.pchanged()
        self.stale = True
    return ret


def direct_settings(cls, module):
    """A setting is read from the dictionary where none of the original's three exceptions can apply to it."""
    inner = cls.__getitem__
    special = {"backend", *module._deprecated_map, *module._deprecated_ignore_map}
    get = dict.__getitem__

    @functools.wraps(inner)
    def getitem(self, key):
        return inner(self, key) if key in special else get(self, key)

    cls.__getitem__ = getitem


def edge(axis, larger):
    """In place of the edges of `BboxBase`: the smaller or larger of two numbers without a reduction by numpy,
    which is also a NaN if one of them is."""

    def get(self):
        points = self.get_points()
        a, b = points[0, axis], points[1, axis]
        return a if a != a or (a >= b if larger else a <= b) else b

    return property(get)


def union(bboxes):
    """In place of `BboxBase.union`: all corners at once; with a NaN among them a side is one, too."""
    if not len(bboxes):
        raise ValueError("'bboxes' cannot be empty")
    corners = np.concatenate([bbox.get_points() for bbox in bboxes])
    return Bbox(np.array([corners.min(axis=0), corners.max(axis=0)]))


def copy_font(self):
    """In place of `FontProperties.copy`, without the protocol of pickling."""
    new = object.__new__(type(self))
    new.__dict__.update(self.__dict__)
    return new


def postpone_idle_draw(pyplot, figure_class, canvas_class):
    """`pyplot.savefig` draws the figure once more when it has saved it, for windows to show. Here that drawing
    waits until the figure is drawn again, which for most scripts is never."""
    inner = pyplot.savefig

    @functools.wraps(inner)
    def savefig(*args, **kwargs):
        figure = pyplot.gcf()
        result = figure.savefig(*args, **kwargs)
        figure._vs_idle = True
        return result

    pyplot.savefig = savefig
    for owner, name, figure_of in (
        (figure_class, "draw", lambda figure: figure),
        (canvas_class, "print_figure", lambda canvas: canvas.figure),
    ):
        setattr(owner, name, after_idle_draw(owner.__dict__[name], figure_of))


def after_idle_draw(inner, figure_of):
    @functools.wraps(inner)
    def draw(self, *args, **kwargs):
        figure = figure_of(self)
        if figure.__dict__.pop("_vs_idle", False):
            figure.canvas.draw_idle()
        return inner(self, *args, **kwargs)

    return draw


def skip_empty_layout(canvas_class):
    """A figure that `tight_layout` was called for is drawn twice when saved, first without a pixel, to lay it
    out again; but what `tight_layout` leaves behind lays out nothing. That drawing is left out where nothing
    else can follow from it: every axes a plain one whose place does not depend on what is in it."""
    inner = canvas_class.print_figure

    @functools.wraps(inner)
    def print_figure(self, filename, **kwargs):
        figure = self.figure
        engine = figure._layout_engine
        if not (type(engine) is PlaceHolderLayoutEngine and lays_out_nothing(figure, kwargs)):
            return inner(self, filename, **kwargs)
        figure._layout_engine = None
        try:
            return inner(self, filename, **kwargs)
        finally:
            figure._layout_engine = engine

    canvas_class.print_figure = print_figure


def lays_out_nothing(figure, kwargs):
    """Whether a drawing without pixels leaves a figure as it was."""
    if kwargs.get("bbox_inches") or any(map(rcParams.get, LAYOUT_SETTINGS)) or figure.subfigs:
        return False
    if figure._canvas_callbacks.callbacks.get("draw_event"):
        return False
    return all(type(ax) is Axes and ax._aspect == "auto" and not ax.child_axes for ax in figure.axes)


LAYOUT_SETTINGS = ("savefig.bbox", "figure.autolayout", "figure.constrained_layout.use")


def window_extent(inner):
    """In place of `Text.get_window_extent`: at the figure's own dpi there is none to put in force and back."""

    @functools.wraps(inner)
    def get_window_extent(self, renderer=None, dpi=None):
        renderer = renderer or self._renderer
        if dpi is not None or renderer is None or not self._text or not self.get_visible():
            return inner(self, renderer, dpi)
        self._renderer = renderer
        x, y = self.get_transform().transform(self.get_unitless_position())
        return self._get_layout(renderer)[0].translated(x, y)

    return get_window_extent


def install():
    """Replaces the functions; once per process, before any script."""
    direct_settings(matplotlib.RcParams, matplotlib)
    BboxBase.xmin, BboxBase.ymin = edge(0, larger=False), edge(1, larger=False)
    BboxBase.xmax, BboxBase.ymax = edge(0, larger=True), edge(1, larger=True)
    BboxBase.union = staticmethod(union)
    FontProperties.copy = copy_font
    skip_empty_layout(FigureCanvasBase)
    postpone_idle_draw(pyplot, Figure, FigureCanvasBase)
    Text.get_window_extent = window_extent(Text.get_window_extent)
    fewer_aliases(cbook)
    share_marker_paths(markers.MarkerStyle)
    Artist._update_props = update_props
