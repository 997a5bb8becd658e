"""Chart script: fails if a tick that was copied differs from one that matplotlib's own code builds, or shares with
another what is changed in place."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axis import Axis
from matplotlib.cbook import CallbackRegistry
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.text import Text

NESTED = (Line2D, Text, MarkerStyle, FontProperties, CallbackRegistry, Path)


def facts(value, path=""):
    """Everything that a tick consists of, one line each."""
    if isinstance(value, NESTED) or not path:
        inner = [(name, part) for name, part in vars(value).items() if not name.startswith("_vs_")]
        return [line for name, part in inner for line in facts(part, f"{path}.{name}")]
    text = value.tolist() if isinstance(value, np.ndarray) else getattr(value, "__qualname__", value)
    return [f"{path} = {type(value).__name__} {text}"]


def in_place(tick):
    parts = [tick, *tick.get_children()]
    return {id(x) for p in parts for x in (p, vars(p), p._callbacks, *p._sticky_edges)} | {
        id(p._fontproperties) for p in parts if hasattr(p, "_fontproperties")
    }


def built(axis, major):
    function = Axis._get_tick
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function(axis, major)


compared = 0
for style in ("default", "ggplot", "dark_background", "classic", "default"):
    with plt.style.context(style):
        fig, axs = plt.subplots(2, 2, sharex=True)
        axs[0, 0].tick_params(direction="inout", labelrotation=30, pad=9, color="red", labelsize=5)
        axs[1, 0].grid(True, linestyle=(0, (5, 2)), which="both")
        axs[0, 1].grid(True, color=np.array([0.1, 0.2, 0.3]))
        for axis in (axis for ax in axs.flat for axis in (ax.xaxis, ax.yaxis)):
            for major in (True, False):
                axis._get_tick(major)
                copy, other, true = axis._get_tick(major), axis._get_tick(major), built(axis, major)
                assert facts(copy) == facts(true), set(facts(copy)) ^ set(facts(true))
                assert not in_place(copy) & in_place(other)
            axis.majorTicks[0].label1.set_color("green")
            before = len(axis.majorTicks)
            ticks = axis.get_major_ticks(before + 6)
            first, last = ticks[before], ticks[-1]
            assert len(ticks) == before + 6 and len({id(tick) for tick in ticks}) == len(ticks)
            assert last.label1.get_color() == "green"
            assert facts(last) == facts(first), set(facts(last)) ^ set(facts(first))
            assert not in_place(last) & in_place(ticks[-2])
            compared += 1
assert compared == 40
