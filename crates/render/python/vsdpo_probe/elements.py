"""The table of elements of one canvas draw, in the form of `artifact::Element`.

Made while the draw's transforms still hold (dpi, tight crop), so that every number is in pixels of the
image. A `stack` stays a number here; `script.Source` writes the spans when the run is over.
"""

import math
from contextlib import contextmanager

import numpy as np
from matplotlib import cbook
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.image import _ImageBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Stroke
from matplotlib.text import Text

from . import blame, glyphs
from .roles import Role, Roles

VALUES, POINTS, TEXT = 64, 512, 2000  # caps of one element


def table(figure, renderer, ink, limit):
    """The elements of what `ink` recorded, in drawing order, and remarks."""
    maker = Maker(figure, renderer, ink)
    drawn = list(ink.boxes.values())
    for artist, *box in drawn[:limit]:
        maker.add(artist, box)
    for artist, *box in ink.hidden.values():
        if len(maker.elements) < limit and id(artist) not in ink.boxes:
            maker.add(artist, maker.edge(box))
    notes = []
    if len(drawn) > limit:
        notes.append(f"{len(drawn) - limit} elements beyond the limit of {limit} are not listed")
    return maker.elements, notes


def grid_of(axes):
    """What places the axes among others: the outermost GridSpec (a colour bar puts one into it), or themselves where a
    locator of their own does."""
    if axes.get_axes_locator() is not None:
        return axes
    spec = axes.get_subplotspec() if hasattr(axes, "get_subplotspec") else None
    return spec.get_topmost_subplotspec().get_gridspec() if spec is not None else None


def hatch_color(artist):
    """The colour of a patch's hatch, which older versions keep to themselves."""
    return artist.get_hatchcolor() if hasattr(artist, "get_hatchcolor") else artist._hatch_color


def is_whole(axes):
    """Whether polar axes show the whole circle; other axes have no sector."""
    return not hasattr(axes, "get_thetamin") or abs(axes.get_thetamax() - axes.get_thetamin()) >= 360


class Maker:
    def __init__(self, figure, renderer, ink):
        self.figure, self.renderer, self.ink = figure, renderer, ink
        self.width, self.height = int(renderer.width), int(renderer.height)
        self.roles = Roles(figure)
        self.elements = []
        self.ids = {}  # id(artist) -> element id
        self.grids = {}  # id(grid) -> its number

    def add(self, artist, box):
        role = self.roles.get(artist)
        element = self.new(artist, role, box)
        if role.parent is not None:
            element["parent"] = self.group(role.parent, role, box)
        if role.axes is not None and role.kind != "axes":
            element["axes"] = self.axes(role.axes)
        if role.axis is not None:
            element["axis"] = role.axis
        self.looks(artist, role, element)

    def new(self, artist, role, box):
        cls, stack = blame.answer(artist, role)
        number = len(self.elements)
        element = {"id": number, "kind": role.kind, "class": cls, "stack": stack, "region": box, "order": number}
        self.elements.append(element)
        self.ids[id(artist)] = number
        return element

    def group(self, parent, role, box):
        """The hull of a legend or a table: it grows with its parts."""
        number = self.ids.get(id(parent))
        if number is None:
            kind = "legend" if isinstance(parent, Legend) else "other"
            element = self.new(parent, Role(kind, role.axes), list(box))
            if role.axes is not None:
                element["axes"] = self.axes(role.axes)
            if isinstance(parent, Legend):
                self.lay(element, parent.get_window_extent(self.renderer).extents)
                if parent.get_frame_on():
                    element["color"] = rgba(parent.legendPatch.get_facecolor())
            return element["id"]
        hull = self.elements[number]["region"]
        hull[0], hull[1] = min(hull[0], box[0]), min(hull[1], box[1])
        hull[2], hull[3] = max(hull[2], box[2]), max(hull[3], box[3])
        return number

    def axes(self, axes):
        """The element of an axes; one without ink (a twin, a frame turned off) gets a see-through entry."""
        number = self.ids.get(id(axes.patch))
        if number is None:
            x0, y0, x1, y1 = axes.bbox.extents
            box = [max(x0, 0.0), max(self.height - y1, 0.0), min(x1, self.width), min(self.height - y0, self.height)]
            element = self.new(axes.patch, Role("axes", axes), box)
            element["color"] = rgba(axes.patch.get_facecolor())[:3] + [0]
            self.panel(axes, element)
            return element["id"]
        return number

    def panel(self, axes, element):
        self.lay(element, axes.bbox.extents)
        grid = grid_of(axes)
        if grid is not None:
            element["grid"] = self.grids.setdefault(id(grid), len(self.grids))
        if hasattr(axes, "_colorbar") or axes.get_label() == "<colorbar>":
            element["label"] = "<colorbar>"
        elif not axes.get_navigate():
            element["label"] = "<widget>"  # the axes of a slider or a button

    def looks(self, artist, role, element):
        pattern = None if role.kind in FURNITURE else pattern_of(artist)
        if pattern is not None:
            element["pattern"] = pattern
        if role.kind == "axes" and role.axes is not None:
            self.panel(role.axes, element)
        if isinstance(artist, Text):
            self.text(artist, element)
        elif isinstance(artist, Line2D):
            self.line(artist, role, element)
        elif isinstance(artist, Patch):
            face, edge = rgba(artist.get_facecolor()), rgba(artist.get_edgecolor())
            bare = face[3] == 0 or not artist.get_fill()
            element["color"] = edge if bare else face
            if artist.get_hatch():
                edge = rgba(hatch_color(artist))  # drawn also where the edge is not
            if not bare and edge[3] > 0 and (artist.get_linewidth() > 0 or artist.get_hatch()):
                element["edge"] = edge
            if role.kind == "spine" and getattr(artist, "_patch_type", None) in ("arc", "circle"):
                element["label"] = "<circle>" if is_whole(role.axes) else "<arc>"  # of polar axes
            if role.kind == "bar":
                self.cut(artist, element)
                flat = role.series is not None and role.series.orientation == "horizontal"
                element["values"] = numbers([artist.get_width() if flat else artist.get_height()])
        elif isinstance(artist, Collection):
            self.collection(artist, role, element)
        if role.kind in ("line", "bar", "patch", "collection", "image"):
            named = artist if role.series is None else role.series
            label = str(named.get_label() or "")
            if label and not label.startswith("_"):
                element["label"] = label[:TEXT]

    def cut(self, artist, element):
        """Of a bar that its axes cut, the box that it asked for."""
        box = self.ink.cut.get(id(artist))
        if box is not None:
            element["layout"] = self.near(box)

    def text(self, artist, element):
        element["text"] = artist.get_text()[:TEXT]
        lost = glyphs.missing(artist)
        if lost is not None:
            element["glyphs"] = lost
        halo = outline(artist)
        if halo is not None:
            element["edge"] = halo
        element["color"] = rgba(artist.get_color(), artist.get_alpha())
        element["font_px"] = artist.get_size() * self.figure.dpi / 72
        if element["kind"] == "text":
            element["align"] = artist.get_horizontalalignment()
        with projected(artist):
            element["rotation"] = artist.get_rotation()
            self.lay(element, Text.get_window_extent(artist, self.renderer).extents)

    def line(self, artist, role, element):
        bare = artist.get_linestyle() in ("None", "none", " ", "")
        color = artist.get_markerfacecolor() if bare else artist.get_color()
        if not (bare and isinstance(color, str) and color in ("none", "auto")):
            element["color"] = rgba(color, artist.get_alpha())
        if role.kind != "line":
            return
        if not bare:
            element["pen"] = artist.get_linewidth() * self.figure.dpi / 72
        values = artist.get_data_3d()[2] if hasattr(artist, "get_data_3d") else artist.get_ydata(orig=False)
        element["values"] = numbers(thin(values, VALUES))
        vertices = artist.get_path().vertices
        element["points"] = self.pixels(artist.get_transform().transform(thin(vertices, POINTS)))

    def collection(self, artist, role, element):
        for colors in (artist.get_facecolor(), artist.get_edgecolor()):
            if len(colors) and colors[0][3] > 0:
                if "color" not in element:
                    element["color"] = rgba(colors[0])
                elif len(artist.get_linewidth()) and max(artist.get_linewidth()) > 0:
                    element["edge"] = rgba(colors[0])
        if role.kind != "collection" or isinstance(artist, QuadMesh):
            return
        paths = artist.get_paths()
        if len(artist.get_offsets()) > 1 or len(paths) <= 1:
            points = artist.get_offset_transform().transform(thin(np.ma.filled(artist.get_offsets(), np.nan), POINTS))
        else:
            centers = [path.vertices.mean(axis=0) for path in thin(paths, POINTS) if len(path.vertices)]
            points = artist.get_transform().transform(np.array(centers).reshape(-1, 2))
        if artist._offsets is not None or len(paths) > 1:
            element["points"] = self.pixels(points)

    def pixels(self, points):
        """Display points as image pixels; those far outside or not finite go."""
        points = np.asarray(points, dtype=float).reshape(-1, 2)
        points = np.column_stack([points[:, 0], self.height - points[:, 1]])
        w, h = self.width, self.height
        with np.errstate(invalid="ignore"):
            keep = (np.abs(points[:, 0]) < 3 * w) & (np.abs(points[:, 1]) < 3 * h)
        return np.round(points[keep], 2).tolist()

    def lay(self, element, box):
        """Notes the box that something asked for, given with y upwards."""
        if np.isfinite(box).all():
            element["layout"] = self.near([box[0], self.height - box[3], box[2], self.height - box[1]])

    def edge(self, box):
        """The pixel of the picture's edge next to a box that lies outside."""
        x = min(max(box[0], 0.0), self.width - 1.0)
        y = min(max(box[1], 0.0), self.height - 1.0)
        return [x, y, x + 1.0, y + 1.0]

    def near(self, box):
        w, h = 3.0 * self.width, 3.0 * self.height
        return [min(max(v, -m), m) for v, m in zip(box, (w, h, w, h))]


def outline(artist):
    """The colour of the outline that path effects draw around letters; None without one."""
    for effect in artist.get_path_effects() or ():
        gc = getattr(effect, "_gc", None) or {}
        if isinstance(effect, Stroke) and gc.get("foreground") is not None and float(gc.get("linewidth") or 1) >= 1:
            return rgba(gc["foreground"], effect._gc.get("alpha"))
    return None


@contextmanager
def projected(artist):
    """Texts of 3D axes have their place and their angle in the picture only while they are drawn."""
    if not hasattr(artist, "_dir_vec"):
        yield
        return
    from mpl_toolkits.mplot3d.proj3d import proj_transform  # loaded with the first such text

    place, matrix = np.array((artist._x, artist._y, artist._z), dtype=float), artist.axes.get_proj()
    x, y, _ = proj_transform(*place, matrix)
    ahead_x, ahead_y, _ = proj_transform(*(place + artist._dir_vec), matrix)
    angle = math.degrees(math.atan2(ahead_y - y, ahead_x - x))
    with cbook._setattr_cm(artist, _x=x, _y=y, _rotation=(angle + 90) % 180 - 90):
        yield


# Kinds that nobody has to tell apart by their look.
FURNITURE = ("figure", "axes", "title", "axis-label", "tick-label", "tick", "grid", "spine")


def pattern_of(artist):
    """What else than colour a reader knows it by; None for what has no such look."""
    if isinstance(artist, Line2D):
        return f"{artist.get_linestyle()} {artist.get_marker()}"[:40]
    if isinstance(artist, Patch):
        return f"hatch {artist.get_hatch() or ''}"[:40]
    if isinstance(artist, Collection):
        paths = [path.vertices for path in artist.get_paths()[:4] if len(path.vertices)]
        forms = {(len(vertices), round(float(np.ptp(vertices)), 2)) for vertices in paths}
        return f"{sorted(forms)} {artist.get_hatch() or ''} {artist.get_linestyle()[:1]}"[:80]
    return None


def thin(items, most):
    """Every n-th item, so that at most `most` remain, the first and the last among them."""
    count = len(items)
    if count <= most:
        return items
    chosen = [round(i * (count - 1) / (most - 1)) for i in range(most)]
    return items[chosen] if isinstance(items, np.ndarray) else [items[i] for i in chosen]


def numbers(values):
    """Finite floats; masked, missing and non-numeric values go."""
    kept = []
    for value in values:
        try:
            value = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            kept.append(value)
    return kept


def rgba(color, alpha=None):
    return [round(255 * c) for c in to_rgba(color, alpha)]
