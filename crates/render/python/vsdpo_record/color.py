"""Colours: the tokens of what the hooked functions drew, read again when the script is over (docs/specs/chartmimic.md, 7.1)."""

import matplotlib
import networkx
import networkx.drawing.nx_pylab as nx_pylab
import numpy as np
import squarify
from matplotlib.axes import Axes
from matplotlib.axes._base import _process_plot_var_args
from matplotlib.colors import to_hex, to_rgba
from matplotlib.image import NonUniformImage
from matplotlib.patches import Circle, Ellipse, PathPatch
from matplotlib.projections.polar import PolarAxes
from matplotlib_venn._common import VennDiagram
from mpl_toolkits.mplot3d import Axes3D

from .lock import NETWORKX, Lock, place, with_parameters

# Names that the benchmark's hooks leave behind in the script (docs/specs/chartmimic.md, 3).
LEAKED = (
    "os sys inspect warnings plt Axes PolarAxes Axes3D NonUniformImage Ellipse Circle VennDiagram squarify nx"
    " nx_pylab np matplotlib networkx mcolors"
).split()


class Unreadable(TypeError):
    """A colour that the benchmark cannot write down; there, as here, the script sees an exception."""


class Colors:
    """Artists by label and token. A later artist takes the place of an earlier one under the same key."""

    def __init__(self, fixed):
        self.fixed = fixed
        self.lock = Lock(fixed)
        self.objects = {}
        self.threw = False  # a hook, not the script, raised: the script went another way because of us

    def install(self):
        for owner, hooks in HOOKS:
            for name, kind in hooks.items():
                func = getattr(owner, name)
                setattr(owner, name, self.hook(func, name, kind))
        for owner in (nx_pylab, networkx):
            for name, parameters in NETWORKX.items():
                func = getattr(owner, name)
                hooked = self.hook(func, name, NETWORK_KINDS[name])
                setattr(owner, name, with_parameters(hooked, func, parameters))

    def hook(self, func, name, kind):
        label = f"{ORIGINS[name, kind]}/{name}"

        def note(result, args, kwargs):
            try:
                for drawn in kind(result, args, kwargs):
                    self.keep(label, drawn)
            except BaseException:
                if self.fixed:
                    return
                self.threw = True
                raise

        return self.lock.wrap(func, after=note)

    def keep(self, label, drawn):
        token, artist, again = drawn[:3]
        suffix, last = drawn[3] if len(drawn) > 3 else ("", "")
        key = (label + suffix, self.token(token))
        if self.fixed:
            key += (id(artist),)
        self.objects[key] = (label + suffix + last, artist, again)

    def token(self, color):
        """H(c) of the spec; a `Named` colour map passes as it is."""
        if type(color) is Named:
            return str(color)
        token = hex_of(color)
        if self.fixed and transparent(color):
            return "none"
        if token is None:
            raise Unreadable(f"no token for the colour {color!r}")
        return token

    def records(self):
        """The set of (class, token) as the script left its artists; in the benchmark one error loses all."""
        found = set()
        for (_, old, *_), (label, artist, again) in self.objects.items():
            try:
                found.update((label, self.token(color)) for color in again(artist, old.split("--")[0]))
            except Exception:
                if not self.fixed:
                    raise
        return sorted(f"{label}--{token}" for label, token in found)


class Named(str):
    """The name of a colour map."""


def hex_of(color):
    try:
        if isinstance(color, str):
            if color.startswith("#") and len(color) in (7, 9):
                return color.upper()
            return to_hex(to_rgba(color)).upper()
        if isinstance(color, (list, tuple, np.ndarray)) and len(color) in (3, 4):
            return to_hex(color).upper()
    except ValueError:
        pass
    return None


def transparent(color):
    if isinstance(color, str):
        return color.lower() == "none"
    return len(color) == 4 and not isinstance(color[3], str) and color[3] == 0


# What is read of an artist when the script is over: (artist, token at the call) -> colours.


def line_color(artist, _):
    return [artist.get_color()]


def face(artist, _):
    return [artist.get_facecolor()]


def face_list(artist, _):
    return [list(artist.get_facecolor())]


def first_face(artist, _):
    return [list(artist.get_facecolors()[0])]


def all_faces(artist, _):
    return artist.get_facecolors().tolist()


def all_edges(artist, _):
    return [list(color) for color in artist.get_edgecolors()]


def bar_face(artist, _):
    # After `bar.set_color("red")` this is a list of letters, which no colour can be made of.
    return [list(artist._original_facecolor)]


def cmap_name(artist, _):
    return [Named(artist.get_cmap().name)]


def mapped_or(colors):
    """A call with a colour map keeps its name; else the colours are read."""

    def again(artist, old):
        return colors(artist, old) if old.startswith("#") else [Named(old)]

    return again


def point_color(artist, old):
    return [list(color) for color in artist.get_facecolor()[:1]]


# What a call draws: (result, args, kwargs) -> (colour, artist, how to read it again[, suffixes]).


def one(read):
    """One artist under its first colour."""
    return lambda result, args, kwargs: iter([(read(result, "")[0], result, read)])


def every(items, read, suffix=("", "")):
    """Each artist under its own colour."""

    def drawn(result, args, kwargs):
        for item in items(result):
            yield read(item, "")[0], item, read, suffix

    return drawn


def last(read, suffix=("", "")):
    """One artist with many colours, kept under the last of them only."""

    def drawn(result, args, kwargs):
        yield last_color(read(result, "")), result, read, suffix

    return drawn


def last_color(colors):
    """All have to be readable; of none there is no last (IndexError)."""
    for color in colors:
        if hex_of(color) is None:
            raise Unreadable(f"no token for the colour {color!r}")
    return colors[-1]


def cmap_of(kwargs):
    cmap = kwargs.get("cmap")
    if cmap is None:
        return None
    return Named(cmap if type(cmap) is str else cmap.name)


def make_line(result, args, kwargs):
    yield result[1]["color"], result[0], line_color


def scatter(result, args, kwargs):
    # The suffix is added once at the call and once more at the end.
    suffix = ("_polar", "_polar") if type(args[0]) is PolarAxes else ("", "")
    again = mapped_or(point_color)
    cmap = cmap_of(kwargs)
    if cmap is not None:
        yield cmap, result, again, suffix
    elif len(result.get_facecolor()):
        yield point_color(result, "")[0], result, again, suffix


def polar_plot(result, args, kwargs):
    if type(args[0]) is PolarAxes:
        for line in result:
            yield line.get_color(), line, line_color, ("_polar", "_polar")


def boxes(result):
    return [box for box in result["boxes"] if type(box) is PathPatch]


def bins(result):
    _, _, patches = result
    if type(patches) is matplotlib.cbook.silent_list:
        return [item for container in patches for item in container]
    return patches


def venn_faces(venn, _):
    return [patch.get_facecolor() for patch in venn.patches]


def made(exact, read):
    """A constructor; the artist is the first argument, and subclasses do not count."""

    def drawn(result, args, kwargs):
        artist = args[0]
        if type(artist) is exact:
            yield last_color(read(artist, "")) if read is venn_faces else read(artist, "")[0], artist, read

    return drawn


def tiles(axes):
    return [item for container in axes.containers for item in container]


def arrows_or_edges(artist, _):
    if type(artist) is list:
        return [arrow.get_facecolor() for arrow in artist]
    return artist.get_edgecolors().tolist()


def scatter_3d(result, args, kwargs):
    cmap = cmap_of(kwargs)
    color = last_color(all_faces(result, "")) if cmap is None else cmap
    yield color, result, mapped_or(all_faces), DEEP


def surface(result, args, kwargs):
    cmap = cmap_of(kwargs)
    read = shaded
    yield read(result, "")[0] if cmap is None else cmap, result, mapped_or(read), DEEP


def shaded(artist, _):
    return artist.get_facecolors().tolist()[:1] or [None]


DEEP = ("_3d", "_3d")
FLAT_HOOKS = {
    "bar": every(lambda bars: bars, bar_face),
    "scatter": scatter,
    "axhline": one(line_color),
    "axvline": one(line_color),
    "_fill_between_x_or_y": one(first_face),
    "pie": every(lambda result: result[0], face),
    "axvspan": one(face),
    "axhspan": one(face),
    "hlines": last(all_edges),
    "vlines": last(all_edges),
    "boxplot": every(boxes, face_list),
    "violinplot": every(lambda result: result["bodies"], lambda body, _: [list(body.get_facecolor()[0])]),
    "hist": every(bins, face_list),
    "quiver": last(all_faces),
    "imshow": one(cmap_name),
    "pcolor": one(cmap_name),
    "contour": one(cmap_name),
    "contourf": one(cmap_name),
    "fill": every(lambda patches: patches, face_list),
    "broken_barh": last(all_faces),
    "tripcolor": one(cmap_name),
}
DEEP_HOOKS = {
    "scatter": scatter_3d,
    "plot": every(lambda lines: lines, line_color, DEEP),
    "plot_surface": surface,
    "bar3d": every(lambda bars: [bars], shaded, DEEP),
    "bar": every(lambda bars: bars, face, DEEP),
    "add_collection3d": last(all_faces, DEEP),
}
NETWORK_KINDS = {
    "draw_networkx_nodes": last(all_faces),
    "draw_networkx_edges": last(arrows_or_edges),
    "draw_networkx_labels": every(lambda labels: labels.values(), line_color),
}
HOOKS = (
    (_process_plot_var_args, {"_makeline": make_line}),
    (Axes, FLAT_HOOKS),
    (PolarAxes, {"plot": polar_plot}),
    (Axes3D, DEEP_HOOKS),
    (NonUniformImage, {"__init__": made(NonUniformImage, cmap_name)}),
    (Ellipse, {"__init__": made(Ellipse, face)}),
    (Circle, {"__init__": made(Circle, face)}),
    (VennDiagram, {"__init__": made(VennDiagram, venn_faces)}),
    (squarify, {"plot": every(tiles, face_list, ("_squarify", ""))}),
)
# Where the originals live, noted before anything else wraps them.
ORIGINS = {
    (name, kind): place(getattr(owner, name))
    for owner, hooks in (*HOOKS, (networkx, NETWORK_KINDS))
    for name, kind in hooks.items()
}
