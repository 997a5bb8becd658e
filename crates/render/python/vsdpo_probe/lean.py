"""Functions of matplotlib 3.8.4 that come to the same with less work.

Most of them run a thousand times in a figure with panels, for the parts of ticks, which are made during the
drawing. What differs from the original stands at the function; the picture does not.
"""

import copy
import functools

import matplotlib
import numpy as np
from matplotlib import cbook, markers
from matplotlib.artist import Artist
from matplotlib.axes._base import _AxesBase
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, BboxBase


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


def new_box(self, points, **kwargs):
    """In place of `Bbox.__init__`, without a call for each of the parts."""
    points = np.asarray(points, float)
    if kwargs or points.shape != (2, 2):
        return BOX_INIT(self, points, **kwargs)
    self._parents = {}
    self._invalid = self._INVALID_FULL
    self._shorthand_name = ""
    self._points = points
    self._minpos = NO_MINIMUM.copy()
    self._ignore = True
    self._points_orig = points.copy()


BOX_INIT = Bbox.__init__
NO_MINIMUM = np.array([np.inf, np.inf])


def from_extents(*args, minpos=None):
    """In place of `Bbox.from_extents`: `np.reshape` of a tuple takes three times as long."""
    box = Bbox(np.array(args, float).reshape(2, 2))
    if minpos is not None:
        box._minpos[:] = minpos
    return box


def new_affine(self, matrix=None, **kwargs):
    """In place of `Affine2D.__init__`, without the calls for its three parents."""
    if kwargs:
        return AFFINE_INIT(self, matrix, **kwargs)
    self._parents = {}
    self._shorthand_name = ""
    self._inverted = None
    self._mtx = (IDENTITY if matrix is None else matrix).copy()
    self._invalid = self._VALID


AFFINE_INIT = Affine2D.__init__
IDENTITY = np.identity(3)


def unstale_limits(cls):
    """The limits of axes without fresh data are known to be so without a list of whom they are shared with."""
    inner = cls._unstale_viewLim

    @functools.wraps(inner)
    def unstale(self):
        for name in self._axis_names:
            for ax in self._shared_axes[name]._mapping.get(self, (self,)):
                if ax._stale_viewlims[name]:
                    return inner(self)

    cls._unstale_viewLim = unstale


def copy_font(self):
    """In place of `FontProperties.copy`, without the protocol of pickling."""
    new = object.__new__(type(self))
    new.__dict__.update(self.__dict__)
    return new


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
    Bbox.__init__, Bbox.from_extents = new_box, staticmethod(from_extents)
    Affine2D.__init__ = new_affine
    unstale_limits(_AxesBase)
    Text.get_window_extent = window_extent(Text.get_window_extent)
    fewer_aliases(cbook)
    share_marker_paths(markers.MarkerStyle)
    Artist._update_props = update_props
