"""Ticks by copying, equal to those that matplotlib 3.8.4 builds.

A tick is three lines and two texts, of which its constructor sets each property several times; a figure with
panels makes hundreds of them, which was a fifth of its time. But what comes out depends on nothing besides
the settings (`rcParams`), the keywords of the axis, and the transforms of the axes.
"""

import functools

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, XTick, YAxis, YTick
from matplotlib.cbook import CallbackRegistry

PLAIN = {XAxis: XTick, YAxis: YTick}
SPATIAL = "mpl_toolkits.mplot3d.axis3d"  # its axes all have the ticks of an x axis
LINES, LABELS = ("tick1line", "tick2line", "gridline"), ("label1", "label2")


def copied(artist):
    """A new artist's twin. What artists change in place is its own, the rest they only ever replace."""
    new = object.__new__(type(artist))
    new.__dict__.update(artist.__dict__)
    new._callbacks = CallbackRegistry(signals=["pchanged"])
    new._sticky_edges = type(artist._sticky_edges)([], [])
    return new


def copied_tick(tick):
    new = copied(tick)
    for name in LINES + LABELS:
        setattr(new, name, copied(getattr(tick, name)))
    for name in LABELS:
        label = getattr(new, name)
        label._fontproperties = label._fontproperties.copy()
    return new


def give(tick, axes):
    """Makes a tick one of these axes, in the order of its constructor: spines may be placed by it."""
    tick._axes, tick.figure = axes, axes.figure
    across = axes.get_xaxis_transform if type(tick) is XTick else axes.get_yaxis_transform
    for line, which in zip(LINES, ("tick1", "tick2", "grid")):
        adopt(getattr(tick, line), axes, across(which))
    adopt(tick.label1, axes, tick._get_text1_transform()[0])
    adopt(tick.label2, axes, tick._get_text2_transform()[0])
    tick.stale = True
    return tick


def adopt(part, axes, transform):
    part.figure, part._transform = axes.figure, transform


def homeless(tick):
    """A copy that keeps no figure alive."""
    new = copied_tick(tick)
    for part in (new, *new.get_children()):
        part._axes = part.figure = part._transform = None
    return new


def copy_models(cls):
    """Builds a tick once for all axes with the same settings and keywords."""
    inner = cls._get_tick
    models = {}  # what was asked for -> (settings, tick)

    @functools.wraps(inner)
    def get_tick(self, major):
        if PLAIN.get(type(self)) is not self._tick_class or type(self.axes) is not Axes:
            return inner(self, major)
        settings = list(dict.values(rcParams))
        asked = (self._tick_class, major, *(self._major_tick_kw if major else self._minor_tick_kw).items())
        try:
            known, model = models.get(asked, (None, None))
            same = known == settings
        except (TypeError, ValueError):  # a list or an array as a colour
            return inner(self, major)
        if same:
            return give(copied_tick(model), self.axes)
        tick = inner(self, major)
        models[asked] = (settings, homeless(tick))
        return tick

    cls._get_tick = get_tick


def tick_class(axis):
    """The class of a known axis's ticks; None for an axis of the script's own."""
    return XTick if type(axis).__module__ == SPATIAL else PLAIN.get(type(axis))


def copy_siblings(cls, name, ticks_of):
    """Ticks that are made in one go differ in nothing before each gets its place. The original gives the looks
    of the first to every one of them; here to one, of which the others are copies."""
    inner = cls.__dict__[name]

    @functools.wraps(inner)
    def get_ticks(self, numticks=None):
        ticks = ticks_of(self)
        known = tick_class(self)
        if numticks is not None and len(ticks) + 1 < numticks and known is not None:
            tick = inner(self, len(ticks) + 1)[-1]
            if type(tick) is known:
                ticks.extend(copied_tick(tick) for _ in range(numticks - len(ticks)))
        return inner(self, numticks)

    setattr(cls, name, get_ticks)


def install():
    """Hooks matplotlib; once per process, before any script and before `blame`, which mutes what is done here."""
    copy_models(Axis)
    copy_siblings(Axis, "get_major_ticks", lambda axis: axis.majorTicks)
    copy_siblings(Axis, "get_minor_ticks", lambda axis: axis.minorTicks)
