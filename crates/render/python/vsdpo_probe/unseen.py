"""Work of matplotlib 3.8.4 that nobody sees.

It draws whole figures without a pixel, to lay them out or to measure them, and places labels that have no text.
What such a drawing leaves behind stays; what only the pixels would have needed is left out.
"""

import functools
from contextlib import nullcontext

from matplotlib import pyplot, rcParams
from matplotlib.axes import Axes
from matplotlib.axes._base import _AxesBase
from matplotlib.axis import Axis, Tick, XAxis, XTick, YAxis, YTick
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.projections.polar import RadialAxis, ThetaAxis

from vsdpo_probe.memo import Drawing, steady

QUIET = {Line2D, XTick, YTick}


def skip_quiet(cls):
    """Lines and ticks are left out of a drawing without pixels: nothing follows from theirs. Subclasses may differ."""
    inner = cls.__dict__["draw"]

    @functools.wraps(inner)
    def draw(self, renderer, *args, **kwargs):
        # The renderer's own functions are overlaid for the time of such a drawing.
        if type(self) in QUIET and type(renderer) is RendererAgg and "draw_path" in renderer.__dict__:
            return None
        return inner(self, renderer, *args, **kwargs)

    cls.draw = draw


class Title:
    """The boxes of axes that were measured for the title that is being placed; None while none is."""

    boxes = None


def place_titles(cls):
    """Axes have three titles, which look at the same boxes; none of these is moved in between."""
    inner = cls._update_title_position

    @functools.wraps(inner)
    def update_title_position(self, renderer):
        outer, Title.boxes = Title.boxes, {}
        try:
            return inner(self, renderer)
        finally:
            Title.boxes = outer

    cls._update_title_position = update_title_position


def measure_seen(cls):
    """An axis that is measured places its label only if that has a text, and for a title is measured once. Of a y
    axis the title reads but the text of its offset. Whatever is left out here is done when the axis is drawn."""
    inner = cls.get_tightbbox

    @functools.wraps(inner)
    def get_tightbbox(self, renderer=None, *, for_layout_only=False):
        if Drawing.now is None or not steady(self, XAxis, YAxis, ThetaAxis, RadialAxis):
            return inner(self, renderer, for_layout_only=for_layout_only)
        boxes, alone = Title.boxes, will_be_drawn_alone(self)
        if boxes is None:
            return measured(self, renderer, for_layout_only, alone)
        if self not in boxes:
            short = alone and type(self) is YAxis
            boxes[self] = update_offset_text(self) if short else measured(self, renderer, for_layout_only, alone)
        return boxes[self]

    def measured(self, renderer, for_layout_only, alone):
        placed = self._autolabelpos
        self._autolabelpos = placed and not (alone and self.label._text == "")
        try:
            return inner(self, renderer, for_layout_only=for_layout_only)
        finally:
            self._autolabelpos = placed

    cls.get_tightbbox = get_tightbbox


def will_be_drawn_alone(axis):
    """Whether the axis will be drawn, with a label that follows no other."""
    group = axis.figure._align_label_groups.get(axis.axis_name)
    return axis.axes.axison and axis.get_visible() and (group is None or axis.axes not in group)


def update_offset_text(axis):
    """The part of `YAxis.get_tightbbox` that is about the text of the offset, which stands above the axes."""
    axis._update_ticks()
    axis._update_offset_text_position([], [])
    axis.offsetText.set_text(axis.major.formatter.get_offset())


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
            with without_pixels(figure, self):
                figure.canvas.draw_idle()
        return inner(self, *args, **kwargs)

    return draw


def without_pixels(figure, drawn):
    """What is drawn on a canvas that is printed next is drawn over; unless the script listens to drawings."""
    if type(drawn) is not FigureCanvasAgg or figure.canvas is not drawn or listens(figure):
        return nullcontext()
    return drawn.get_renderer()._draw_disabled()


def listens(figure):
    return bool(figure._canvas_callbacks.callbacks.get("draw_event"))


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
    simple = all(type(ax) is Axes and ax._aspect == "auto" and not ax.child_axes for ax in figure.axes)
    return simple and not listens(figure)


LAYOUT_SETTINGS = ("savefig.bbox", "figure.autolayout", "figure.constrained_layout.use")


def install():
    """Hooks matplotlib; once per process, before any script."""
    skip_quiet(Line2D)
    skip_quiet(Tick)
    place_titles(_AxesBase)
    measure_seen(Axis)
    skip_empty_layout(FigureCanvasBase)
    postpone_idle_draw(pyplot, Figure, FigureCanvasBase)
