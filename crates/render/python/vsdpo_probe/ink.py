"""Which pixels an artist inks: boxes recorded where the drawing happens.

`get_window_extent` misses most of the truth (clipping, line widths, 3D), so the boxes come from the calls
that matplotlib makes to its Agg renderer: a subclass forwards each call unchanged and adds the extents of
what was drawn to the artist on top of a stack, which the wrapped `draw` methods keep. The first ink of an
artist gives its place in the drawing order.

Not exact: a path that is partly outside its clip gets the intersection of the two boxes; curves get the box
of their control points; a sharp mitre may reach past the padding.
"""

import functools
import math

import numpy as np
from matplotlib import _path
from matplotlib.backends import backend_agg
from matplotlib.patches import Rectangle
from matplotlib.text import Text

BASE = backend_agg._RendererAgg
NOTHING = np.array([[np.inf, np.inf], [-np.inf, -np.inf]])


class LimitReached(BaseException):
    """The figure would be larger than allowed. Not an `Exception`, so that scripts do not catch it."""


class Ink:
    """The recording of one canvas draw."""

    max_pixels = 1 << 26

    def __init__(self):
        self.active = False
        self.clear()

    def clear(self):
        self.stack = []
        self.boxes = {}  # id(artist) -> [artist, x0, y0, x1, y1], in drawing order; y from the top
        self.hidden = {}  # the same for texts that were drawn outside the canvas
        self.cut = {}  # id(bar) -> [x0, y0, x1, y1] before its axes cut it

    def add(self, x0, y0, x1, y1):
        if not (x0 < x1 and y0 < y1 and self.stack):
            return
        artist = self.stack[-1]
        box = self.boxes.get(id(artist))
        if box is None:
            self.boxes[id(artist)] = [artist, x0, y0, x1, y1]
            return
        box[1], box[2] = min(box[1], x0), min(box[2], y0)
        box[3], box[4] = max(box[3], x1), max(box[4], y1)


INK = Ink()


def extents(path, transform):
    """Box of the transformed vertices as (x0, y0, x1, y1); reversed if there is none."""
    if not hasattr(_path, "update_path_extents"):  # from matplotlib 3.11 on
        points = path.vertices if path.codes is None else path.vertices[path.codes != path.CLOSEPOLY]
        points = transform.transform(points)
        points = points[np.isfinite(points).all(axis=1)]
        return (*points.min(axis=0), *points.max(axis=0)) if len(points) else (np.inf, np.inf, -np.inf, -np.inf)
    (x0, y0), (x1, y1) = _path.update_path_extents(path, transform, NOTHING, NOTHING[0], True)[0]
    return x0, y0, x1, y1


def seen(gc):
    """Whether the colour of lines and texts is visible at all."""
    return gc.get_rgb()[3] > 0


class InkRenderer(BASE):
    """`_RendererAgg` that tells `INK` about everything it draws."""

    def __init__(self, width, height, dpi):
        if width * height > INK.max_pixels and max(width, height) < 1 << 16:
            raise LimitReached(f"the figure has {width} x {height} pixels; the limit is {INK.max_pixels} in all")
        super().__init__(width, height, dpi)
        self.size = (width, height)
        self.px = dpi / 72

    def record(self, gc, box, pad):
        """Adds a box given with y upwards, padded, cut to the clip and the canvas."""
        x0, y0, x1, y1 = box
        if not (x0 <= x1 and y0 <= y1):
            return
        if gc.get_sketch_params() is not None:
            pad += gc.get_sketch_params()[0] * self.px
        x0, y0, x1, y1 = x0 - pad, y0 - pad, x1 + pad, y1 + pad
        width, height = self.size
        clip = gc.get_clip_rectangle()
        if clip is not None:
            cx0, cy0, cx1, cy1 = clip.extents
            beyond = y1 > cy1 + 2 or x1 > cx1 + 2 or y0 < cy0 - 2 or x0 < cx0 - 2
            if beyond and INK.stack and isinstance(INK.stack[-1], Rectangle):
                INK.cut[id(INK.stack[-1])] = [x0, height - y1, x1, height - y0]
            x0, y0, x1, y1 = max(x0, cx0 - 0.5), max(y0, cy0 - 0.5), min(x1, cx1 + 0.5), min(y1, cy1 + 0.5)
        path, affine = gc.get_clip_path()
        if path is not None:
            cx0, cy0, cx1, cy1 = extents(path, affine)
            x0, y0, x1, y1 = max(x0, cx0 - 1), max(y0, cy0 - 1), min(x1, cx1 + 1), min(y1, cy1 + 1)
        inside = x0 < width and x1 > 0 and y0 < height and y1 > 0
        if not inside and x0 < x1 and y0 < y1 and INK.stack and isinstance(INK.stack[-1], Text):
            INK.hidden[id(INK.stack[-1])] = [INK.stack[-1], x0, height - y1, x1, height - y0]
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)
        INK.add(x0, height - y1, x1, height - y0)

    def pad(self, gc, stroked, filled):
        """Room for the pen and for snapping to whole pixels; None if neither pen nor fill shows."""
        if stroked:
            return 1 + gc.get_linewidth() * self.px / 2
        return 0.5 if filled else None

    def draw_path(self, gc, path, transform, rgbFace=None):
        BASE.draw_path(self, gc, path, transform, rgbFace)
        if INK.active:
            filled = rgbFace is not None and (len(rgbFace) < 4 or rgbFace[3] > 0)
            pad = self.pad(gc, gc.get_linewidth() > 0 and seen(gc), filled or gc.get_hatch() is not None)
            if pad is not None:
                self.record(gc, extents(path, transform), pad)

    def draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace=None):
        BASE.draw_markers(self, gc, marker_path, marker_trans, path, trans, rgbFace)
        if INK.active:
            pad = self.pad(gc, gc.get_linewidth() > 0 and seen(gc), rgbFace is not None)
            if pad is not None:
                m, p = extents(marker_path, marker_trans), extents(path, trans)
                if m[0] <= m[2]:
                    self.record(gc, (p[0] + m[0], p[1] + m[1], p[2] + m[2], p[3] + m[3]), pad + 0.5)

    def draw_path_collection(self, gc, master, paths, transforms, offsets, offset_trans, faces, edges, widths, *rest):
        BASE.draw_path_collection(
            self, gc, master, paths, transforms, offsets, offset_trans, faces, edges, widths, *rest
        )
        if INK.active and len(paths) and len(offsets) and (shows(faces) or shows(edges)):
            box, _ = _path.get_path_collection_extents(
                master.frozen(), paths, np.atleast_3d(transforms), offsets, offset_trans.frozen()
            )
            pen = max(widths, default=0) if shows(edges) else 0
            self.record(gc, box.ravel(), (1 if pen else 0.5) + pen * self.px / 2)

    def draw_quad_mesh(self, gc, master, width, height, coordinates, offsets, offset_trans, *rest):
        BASE.draw_quad_mesh(self, gc, master, width, height, coordinates, offsets, offset_trans, *rest)
        if INK.active:
            points = master.transform(np.ma.filled(coordinates, np.nan).reshape(-1, 2))
            points = points[np.isfinite(points).all(axis=1)]
            shift = offset_trans.transform(offsets)[0] if len(offsets) else np.zeros(2)
            if len(points):
                self.record(gc, (*(points.min(axis=0) + shift), *(points.max(axis=0) + shift)), 1)

    def draw_gouraud_triangles(self, gc, points, colors, trans):
        BASE.draw_gouraud_triangles(self, gc, points, colors, trans)
        if INK.active and len(points):
            flat = trans.transform(np.asarray(points).reshape(-1, 2))
            self.record(gc, (*flat.min(axis=0), *flat.max(axis=0)), 1)

    def draw_image(self, gc, x, y, im, *rest):
        BASE.draw_image(self, gc, x, y, im, *rest)
        if INK.active:
            height, width = im.shape[:2]
            x, y = math.floor(x + 0.5), math.floor(y + 0.5)
            self.record(gc, (x, y, x + width, y + height), 0)

    def draw_text_image(self, image, x, y, angle, gc):
        BASE.draw_text_image(self, image, x, y, angle, gc)
        if not INK.active or not seen(gc):
            return
        inked = np.asarray(image)
        if not inked.any():
            return
        h, w = inked.shape
        turn = math.radians(-angle)
        c, s = math.cos(turn), math.sin(turn)
        corners = [(px * c - py * s, px * s + py * c) for px in (0, w) for py in (-h, 0)]
        xs, ys = [x + p[0] for p in corners], [y + p[1] for p in corners]
        top = self.size[1]
        self.record(gc, (min(xs), top - max(ys), max(xs), top - min(ys)), 0.5 if angle % 90 else 0)


def shows(colors):
    """Whether any of these RGBA rows can be seen."""
    return len(colors) > 0 and (np.shape(colors)[-1] < 4 or bool(np.any(np.asarray(colors)[:, 3] > 0)))


def adopt_draw(cls):
    """Makes the class's own `draw` put its artist on the stack."""
    inner = cls.__dict__.get("draw")
    if inner is None:
        return

    @functools.wraps(inner)
    def draw(self, renderer, *args, **kwargs):
        if not INK.active:
            return inner(self, renderer, *args, **kwargs)
        INK.stack.append(self)
        try:
            return inner(self, renderer, *args, **kwargs)
        finally:
            INK.stack.pop()

    cls.draw = draw


def install():
    backend_agg._RendererAgg = InkRenderer
