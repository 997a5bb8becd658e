"""Chart types: how often each hooked function was called from outside (docs/specs/chartmimic.md, 6)."""

import networkx
import networkx.drawing.nx_pylab as nx_pylab
import squarify
from matplotlib.axes import Axes
from matplotlib.image import NonUniformImage
from matplotlib.patches import Circle, Ellipse
from matplotlib.projections.polar import PolarAxes
from matplotlib_venn._common import VennDiagram
from mpl_toolkits.mplot3d import Axes3D

from .lock import NETWORKX, Lock, place, with_parameters

FLAT = (
    "bar barh plot axhline axvline axvspan axhspan hlines vlines errorbar boxplot violinplot violin hist"
    " fill_between fill_betweenx scatter quiver pie fill imshow pcolor contour contourf broken_barh tripcolor"
).split()
DEEP = "scatter plot plot_surface bar3d bar add_collection3d".split()
MADE = (NonUniformImage, Ellipse, Circle, VennDiagram)

# Names that the benchmark's hooks leave behind in the script, by what they stand for (docs/specs/chartmimic.md, 3).
LEAKED = (
    "os sys inspect warnings plt Axes PolarAxes Axes3D NonUniformImage Ellipse Circle VennDiagram squarify nx"
    " nx_pylab tripcolor"
).split()


class Types:
    """Calls counted by label."""

    def __init__(self, fixed):
        self.lock = Lock(fixed)
        self.calls = {}

    def install(self):
        for owner, names in ((Axes, FLAT), (Axes3D, DEEP)):
            for name in names:
                setattr(owner, name, self.hook(getattr(owner, name)))
        for made in MADE:
            made.__init__ = self.hook(made.__init__)
        squarify.plot = self.hook(squarify.plot)
        for owner in (nx_pylab, networkx):
            for name, parameters in NETWORKX.items():
                func = getattr(owner, name)
                setattr(owner, name, with_parameters(self.hook(func), func, parameters))

    def hook(self, func):
        label = f"{place(func)}-{func.__name__}"
        # A subclass of the polar axes counts as plain: the benchmark asks for the exact type.
        polar = f"{place(func)}_polar-plot" if func.__name__ == "plot" else label

        def count(args):
            key = polar if args and type(args[0]) is PolarAxes else label
            self.calls[key] = self.calls.get(key, 0) + 1

        return self.lock.wrap(func, before=count)

    def records(self):
        return self.calls
