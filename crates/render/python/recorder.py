"""Runs one chart script under the hooks of the ChartMimic low-level metrics and reports what they noted.

`prepare` is called once in a fork server of its own kind, `run` once in each forked child. The probe's hooks are
absent here: they change artists, saves and the renderer, and the metrics are exact to the digit.

Up to four records and the bare run may share a process. A child reports only what it can prove to be what a process
of its own would have given, or that there is nothing to prove; the supervisor asks again for the rest. Everything here runs inside the untrusted
process, so what it reports is a claim that the supervisor checks.
"""

import builtins
import io
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")
import inspect
import warnings

import matplotlib.colors
import matplotlib_venn
import mpl_toolkits.mplot3d
import networkx
import networkx.drawing.nx_pylab
import numpy
import pandas  # noqa: F401
import scipy.stats  # noqa: F401
import seaborn
import squarify
from matplotlib import pyplot as plt
from matplotlib.backends.backend_pdf import PdfFile, RendererPdf
from matplotlib.tri._tripcolor import tripcolor

from vsdpo_record import chart_type, color, layout, text, ticks
from vsdpo_record.files import Files
from vsdpo_record.script import Script, indent_matters, independent_of, is_last_statement, parsed, silence
from vsdpo_warm import usual_figure

MESSAGE = 300  # characters of an error's text
TICKS = "__vsdpo_ticks__"
EMPTY = {"text": [], "layout": [], "type": {}, "color": []}
OBJECTS = {
    "os": os,
    "sys": sys,
    "inspect": inspect,
    "warnings": warnings,
    "plt": plt,
    "Axes": matplotlib.axes.Axes,
    "PolarAxes": matplotlib.projections.polar.PolarAxes,
    "Axes3D": mpl_toolkits.mplot3d.Axes3D,
    "NonUniformImage": matplotlib.image.NonUniformImage,
    "Ellipse": matplotlib.patches.Ellipse,
    "Circle": matplotlib.patches.Circle,
    "VennDiagram": matplotlib_venn._common.VennDiagram,
    "squarify": squarify,
    "nx": networkx,
    "nx_pylab": networkx.drawing.nx_pylab,
    "np": numpy,
    "matplotlib": matplotlib,
    "networkx": networkx,
    "mcolors": matplotlib.colors,
    "tripcolor": tripcolor,
    "RendererPdf": RendererPdf,
    "global_config": text.CONFIG,
}
ALL_LEAKED = set(text.LEAKED + layout.LEAKED + chart_type.LEAKED + color.LEAKED)
SEABORN_MAPS = [name for name in matplotlib.colormaps if getattr(seaborn.cm, name, None) is not None]


def prepare(full, warm):
    """Leaves out what no score looks at and, if asked, warms up."""
    # No score looks into a PDF, and embedding fonts is half of what a small one costs.
    PdfFile.writeFonts = lambda self: self.writeObject(self.fontObject, {})
    if warm:
        with usual_figure(full=True) as figure:
            for format in ("pdf", "png"):
                figure.savefig(io.BytesIO(), format=format, bbox_inches="tight")


def run(source, options):
    """The records that could be proved, of those in `options["want"]`; at least one of them."""
    if b"seaborn" not in source:
        # Without an import of seaborn its colour maps have no names.
        for name in SEABORN_MAPS:
            matplotlib.colormaps.unregister(name)
    files = Files(options["target"])
    files.install()
    if options["want"] == ["exec"]:
        script = Script(source, False)
        script.run({}, options["seed"])
        records = {"exec": files.saved}
    else:
        script = Script(source.decode("utf-8"), options["wrapped"])
        records = Recording(script, options, files).records()
    records["error"], records["caught"] = message(script.error), message(script.caught)
    return {"status": "records", "records": records}


def message(error):
    if error is None:
        return None
    try:
        said = str(error)
    except BaseException:
        said = ""
    return f"{type(error).__name__}: {said}"[:MESSAGE]


class Apart(BaseException):
    """Ends a run whose records cannot be taken together."""


class Recording:
    """One run of one script under as many hooks as go together."""

    def __init__(self, script, options, files):
        self.script, self.options, self.files = script, options, files
        self.want = choose(script, options["want"], options["apart"])
        fixed = options["fixed"]
        self.texts = text.Texts() if "text" in self.want else None
        self.types = chart_type.Types(fixed) if "type" in self.want else None
        self.colors = color.Colors(fixed) if "color" in self.want else None
        self.safe = False  # the ticks that were taken off could not have failed
        self.apart = False  # the script could tell the hooks of one record from those of another

    def records(self):
        silence()
        names = list(layout.LEAKED)
        for hooks, module in ((self.texts, text), (self.types, chart_type), (self.colors, color)):
            if hooks is not None:
                hooks.install()
                names += module.LEAKED
        if len(self.want) > 1 and "seaborn" in self.script.source and (self.types or self.colors):
            self.watch_seaborn()
        if self.texts is not None:
            setattr(builtins, TICKS, self.look_at_ticks)
            together = len(self.want) > 1
            self.script.source = text.without_ticks(self.script.source, f"\n{TICKS}()" if together else "")
        ended = self.script.run({name: OBJECTS[name] for name in names}, self.options["seed"])
        if self.apart:
            return {"apart": True}
        threw = self.colors is not None and self.colors.threw
        # A hook for colours that raises sends the script another way; then only the colours are right.
        found = {name: self.final(name, ended) for name in self.want if not threw or name == "color"}
        if self.texts is not None and not self.safe:
            found = {"text": found["text"]} if "text" in found else found
        if not found.get("exec", True):
            del found["exec"]
        return found

    def watch_seaborn(self):
        """seaborn looks for a default colour by the name of the function that draws, and hooks have another."""

        def watched(method, hue, color, *args, **kwargs):
            if hue is None and color is None:
                self.apart = True
                raise Apart
            return default_color(method, hue, color, *args, **kwargs)

        default_color = seaborn.utils._default_color
        for name, module in list(sys.modules.items()):
            if name.startswith("seaborn.") and hasattr(module, "_default_color"):
                module._default_color = watched

    def look_at_ticks(self):
        self.safe = ticks.all_safe(plt.gcf())

    def final(self, name, ended):
        """What the benchmark would read back: nothing, if the process died before it was written down."""
        try:
            if name == "exec":
                # Only success can be told from another run; failure is looked into.
                return ended and self.script.error is self.script.caught is None and self.files.saved
            if not ended:
                return EMPTY[name]
            if name == "layout":
                return layout.cells(self.script.namespace, self.options["graph"])
            return {"text": self.texts, "type": self.types, "color": self.colors}[name].records()
        except BaseException as error:
            self.script.error = error
            return EMPTY[name]


def choose(script, want, apart):
    """Those of the wanted records that this process may give together, provided that all goes well; `apart`
    says that it did not."""
    if len(want) == 1:
        return want
    tree = parsed(script.source)
    group = [name for name in want if name in ("text", "layout")] or want[:1]
    if tree is None:
        return group[:1]
    last = is_last_statement(tree, script.source, script.source.find(text.SAVE))
    apart = apart or not independent_of(ALL_LEAKED, tree, script.wrapped)
    if "exec" in want and indent_matters(tree):
        want = [name for name in want if name != "exec"]
    if "text" in want and not last:
        return ["text"]
    return group if apart else want
