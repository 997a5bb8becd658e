"""Functions of matplotlib 3.8.4 that come to the same with less work.

Most of them run a thousand times in a figure with panels, for the parts of ticks, which are made during the
drawing. What differs from the original stands at the function; the picture does not.
"""

import copy
import functools

from matplotlib import cbook, markers, pyplot
from matplotlib.artist import Artist
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure


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


def install():
    """Replaces the functions; once per process, before any script."""
    postpone_idle_draw(pyplot, Figure, FigureCanvasBase)
    fewer_aliases(cbook)
    share_marker_paths(markers.MarkerStyle)
    Artist._update_props = update_props
