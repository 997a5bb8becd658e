"""What every artist of a figure is, told by its place in the figure's tree rather than by its type."""

from matplotlib.collections import Collection
from matplotlib.container import BarContainer
from matplotlib.image import BboxImage, _ImageBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.table import Table
from matplotlib.text import Text


class Role:
    """`kind` as in `ElementKind`; `axes` the Axes; `axis` x, y or z; `parent` the Legend or Table around it;
    `series` the BarContainer of a bar. For ticks and grid lines `axis_object` is their Axis, `minor` their
    rank and `part` what they are in the words of `blame.AXIS_SETTERS`."""

    __slots__ = ("kind", "axes", "axis", "axis_object", "parent", "series", "minor", "part")

    def __init__(self, kind, axes=None, axis=None, axis_object=None, parent=None, series=None, minor=False):
        self.kind, self.axes, self.axis = kind, axes, axis
        self.axis_object, self.parent, self.series, self.minor = axis_object, parent, series, minor
        self.part = PARTS.get(kind) if axis_object is not None else None


# What blame calls the kinds of things that an axis draws.
PARTS = {"tick": "marks", "tick-label": "labels", "grid": "lines"}


# The first match counts: a rectangle is also a patch.
KINDS = (
    (Line2D, "line"),
    (Rectangle, "bar"),
    (Patch, "patch"),
    (Collection, "collection"),
    (_ImageBase, "image"),
    (Text, "text"),
)


def kind_of(artist):
    if isinstance(artist, Rectangle) and not artist.get_fill():
        return "patch"  # a frame around something, not a bar
    return next((kind for cls, kind in KINDS if isinstance(artist, cls)), "other")


class Roles:
    """The roles of all artists in a figure. They are worked out after the draw, when all ticks exist."""

    def __init__(self, figure):
        self.by_id = {}
        self.axes = []
        self.figure(figure)

    def get(self, artist):
        """The role; for an artist outside the known places one by type, text or other."""
        role = self.by_id.get(id(artist))
        if role is None:
            kind = "image" if isinstance(artist, BboxImage) else "other"
            # One artist of axisartist draws all tick labels of an axis, so that its box is no text's.
            if isinstance(artist, Text) and not type(artist).__module__.startswith("mpl_toolkits.axisartist"):
                kind = "text"
            role = Role(kind, getattr(artist, "axes", None))
            if role.axes is not None and id(role.axes.patch) not in self.by_id:
                role.axes = None
        return role

    def put(self, artist, *role, **more):
        if artist is not None:
            self.by_id[id(artist)] = Role(*role, **more)

    def figure(self, figure):
        self.put(figure.patch, "figure")
        self.put(figure._suptitle, "title")
        self.put(figure._supxlabel, "axis-label", None, "x")
        self.put(figure._supylabel, "axis-label", None, "y")
        for group in (figure.artists, figure.lines, figure.patches, figure.images, figure.texts, figure.legends):
            for artist in group:
                if id(artist) not in self.by_id:
                    self.content(artist, None)
        for part in figure.subfigs:
            self.figure(part)
        local = figure._localaxes
        for axes in local.as_list() if hasattr(local, "as_list") else local:  # the former until 3.5
            self.one_axes(axes)

    def one_axes(self, axes):
        self.axes.append(axes)
        self.put(axes.patch, "axes", axes)
        for name in ("title", "_left_title", "_right_title"):
            self.put(getattr(axes, name, None), "title", axes)
        for spine in axes.spines.values():
            self.put(spine, "spine", axes)
        for letter, axis in (axes._axis_map if hasattr(axes, "_axis_map") else axes._get_axis_map()).items():
            self.one_axis(axes, letter[:1], axis)
        series = {id(bar): c for c in axes.containers if isinstance(c, BarContainer) for bar in c.patches}
        for artist in axes._children:
            self.content(artist, axes, series.get(id(artist)))
        if axes.legend_ is not None:
            self.content(axes.legend_, axes)
        for child in axes.child_axes:
            self.one_axes(child)

    def one_axis(self, axes, letter, axis):
        letter = {"t": "x", "r": "y"}.get(letter, letter)
        self.put(axis.label, "axis-label", axes, letter)
        self.put(axis.offsetText, "tick-label", axes, letter, axis)
        for name, kind in (("line", "spine"), ("gridlines", "grid"), ("pane", "other")):  # of 3D axes
            self.put(axis.__dict__.get(name), kind, axes, letter, axis if kind == "grid" else None)
        ticks = ((tick, minor) for minor, name in ((False, "majorTicks"), (True, "minorTicks"))
                 for tick in axis.__dict__.get(name, ()))  # fmt: skip
        for tick, minor in ticks:
            for part, kind in (
                (tick.tick1line, "tick"),
                (tick.tick2line, "tick"),
                (tick.gridline, "grid"),
                (tick.label1, "tick-label"),
                (tick.label2, "tick-label"),
            ):
                self.put(part, kind, axes, letter, axis, minor=minor)

    def content(self, artist, axes, series=None):
        if isinstance(artist, Legend):
            for part in artist.findobj(include_self=False):
                kind = "legend-text" if isinstance(part, Text) else "legend-part"
                self.put(part, kind, axes, parent=artist)
        elif isinstance(artist, Table):
            for cell in artist.get_celld().values():
                self.put(cell, "other", axes, parent=artist)
                self.put(cell.get_text(), "table-text", axes, parent=artist)
        else:
            self.put(artist, kind_of(artist), axes, series=series)
