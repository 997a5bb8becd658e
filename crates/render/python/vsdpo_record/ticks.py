"""Whether taking the ticks off a figure can hide an error.

The texts are drawn without ticks, the types and colours with them. A tick whose label cannot be made ends a script
that keeps it, so both may share a process only where every tick is of a kind that always draws.
"""

import functools
import numbers

import matplotlib
from matplotlib import category, ticker
from matplotlib.projections import polar

PLACES = (
    ticker.AutoLocator,
    ticker.MaxNLocator,
    ticker.FixedLocator,
    ticker.NullLocator,
    category.StrCategoryLocator,
)
AROUND = (polar.ThetaLocator, polar.RadialLocator)  # they ask another locator
LABELS = (ticker.ScalarFormatter, ticker.NullFormatter, polar.ThetaFormatter)


def all_safe(figure):
    """Whether every tick that would be taken off draws without fail."""
    if matplotlib.rcParams["text.usetex"]:
        return False
    axes = (axis for axes in figure.get_axes() for axis in (axes.xaxis, axes.yaxis))
    return all(safe_place(axis.get_major_locator()) and safe_label(axis) for axis in axes)


def safe_place(locator):
    if type(locator) in AROUND:
        locator = locator.base
    return type(locator) in PLACES


def safe_label(axis):
    formatter = axis.get_major_formatter()
    kind = type(formatter)
    if kind in LABELS:
        return True
    if kind is ticker.FixedFormatter:
        return all(map(plain, formatter.seq))
    if kind is category.StrCategoryFormatter:
        return all(map(plain, formatter._units))
    if kind is ticker.FuncFormatter:
        # What `set_ticklabels` leaves behind: a table of labels.
        table = formatter.func
        ours = isinstance(table, functools.partial) and table.func is axis._format_with_dict
        return ours and all(map(plain, table.args[0].values()))
    return False


def plain(label):
    """No formula, which may be malformed, and nothing that cannot be written as UTF-8."""
    if isinstance(label, numbers.Number):
        return True
    if not isinstance(label, str) or "$" in label:
        return False
    return not any("\ud800" <= c <= "\udfff" or c == "\0" for c in label)
