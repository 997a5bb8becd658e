"""Runs one chart script and reports its picture, and for every drawn element the pixels and the statement.

`prepare` is called once in the fork server, `run` once in each forked child. Everything here runs inside the
untrusted process, so what it reports is a claim that the supervisor checks.

Every figure that the script saves, shows or leaves open gives a page, in this order of appearance
(`vsdpo_probe/pages.py`). A page is what the last `savefig` of the figure would have written (any format; vector
formats are drawn as pixels at the same dpi and crop). Files are not written, because the sandbox forbids it, unless the script reads
pictures back; a target that is a file object receives its bytes.
"""

import contextlib
import functools
import importlib
import io
import os
import random
import re
import sys
import types

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib._pylab_helpers import Gcf
from matplotlib.artist import Artist
from matplotlib.axes._base import _AxesBase
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from vsdpo_probe import blame, elements, facts, ink, own, pages
from vsdpo_probe.script import Source, failure, runtime_error, syntax_error
from vsdpo_warm import usual_figure

# Formats that do not pass through `_print_pil`; drawn as PNG instead.
# What the pinned environment has beyond numpy and matplotlib; a user's may lack any.
FULL = ["pandas", "scipy.stats", "seaborn", "networkx", "mpl_toolkits.mplot3d", "matplotlib_venn", "squarify"]
EXACT = "3.8.4"  # the version of matplotlib whose functions have quicker replacements
QUICK = ["memo", "lean", "letters", "unseen"]
FOREIGN = {"pdf", "svg", "svgz", "ps", "eps", "pgf", "raw", "rgba"}
INK = ink.INK
# How scripts look at a picture that they have saved.
READS_BACK = re.compile(rb"imread|Image|remove|unlink|exists|stat|getsize|copy|move|rename|replace|open\(|read_|zip")


class Nowhere(io.RawIOBase):
    """A file object for pictures that nobody asked to have written."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


NOWHERE = Nowhere()


class Run:
    """State of one script: the pages captured so far, and how the next one comes about."""

    def __init__(self, options=None):
        options = options or {}
        self.instrument = options.get("instrument", True)
        self.max_elements = options.get("max_elements", 10_000)
        self.own = own.Script(options["script"]) if "script" in options else None
        self.write_files = False
        self.capturing = True
        self.pages = pages.Pages()
        self.shown = False  # whether the capture in progress is not a save of the script's


RUN = Run()


def prepare(full, warm):
    """Imports, hooks and, if asked, warms up; leaves no figure open and no setting changed."""
    for name in FULL if full else ():
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    own.use_configuration()
    install()
    if warm:
        with usual_figure(full) as figure:
            figure.savefig(NOWHERE, bbox_inches="tight")


def install():
    exact = matplotlib.__version__ == EXACT
    ink.install()
    if exact:
        importlib.import_module("vsdpo_probe.ticks").install()
    blame.install()
    for name in QUICK if exact else ():
        importlib.import_module(f"vsdpo_probe.{name}").install()
    adopt_subclasses(Artist)
    hook_subclassing()
    FigureCanvasBase.print_figure = hooked_print_figure(FigureCanvasBase.print_figure)
    if hasattr(FigureCanvasAgg, "_print_pil"):
        FigureCanvasAgg._print_pil = hooked_print_pil
    else:  # matplotlib 3.5 has a function of each format
        for name in ("png", "jpg", "jpeg", "tif", "tiff", "webp"):
            setattr(FigureCanvasAgg, f"print_{name}", print_as(name))
    switch = plt.switch_backend
    # A script may name the backend of its author's desktop; pictures come from Agg all the same.
    plt.switch_backend = functools.wraps(switch)(lambda newbackend: switch("agg"))
    plt.show = functools.wraps(plt.show)(show)
    Figure.show = functools.wraps(Figure.show)(lambda self, warn=True: render_unsaved(self))


def adopt(cls):
    ink.adopt_draw(cls)
    if issubclass(cls, _AxesBase):
        blame.adopt_axes(cls)


def adopt_subclasses(cls, seen=None):
    seen = set() if seen is None else seen
    for sub in cls.__subclasses__():
        if sub not in seen:
            seen.add(sub)
            adopt(sub)
            adopt_subclasses(sub, seen)


def hook_subclassing():
    """Artist classes that are defined later (lazy imports, the script itself) are hooked as well."""
    inner = Artist.__init_subclass__.__func__

    def init_subclass(cls, **kwargs):
        inner(cls, **kwargs)
        adopt(cls)

    Artist.__init_subclass__ = classmethod(init_subclass)


def hooked_print_figure(inner):
    @functools.wraps(inner)
    def print_figure(self, filename, dpi=None, facecolor=None, edgecolor=None, orientation="portrait", format=None,
                     **kwargs):  # fmt: skip
        blame.STATE.muted += 1
        try:
            asked = format
            if asked is None and isinstance(filename, (str, os.PathLike)):
                asked = os.path.splitext(filename)[1][1:]
            common = dict(dpi=dpi, facecolor=facecolor, edgecolor=edgecolor, orientation=orientation)
            if (asked or "").lower() not in FOREIGN:
                return inner(self, filename, format=format, **common, **kwargs)
            known = ("bbox_inches", "pad_inches", "bbox_extra_artists")
            inner(self, NOWHERE, format="png", **common, **{k: kwargs[k] for k in known if k in kwargs})
            if hasattr(filename, "write"):
                RUN.capturing = False
                inner(self, filename, format=format, **common, **kwargs)
        finally:
            RUN.capturing = True
            blame.STATE.muted -= 1

    return print_figure


def hooked_print_pil(self, target, fmt, pil_kwargs, metadata=None):
    """In place of `FigureCanvasAgg._print_pil`: the dpi and the crop of the save are in force here."""
    if RUN.capturing:
        capture(self)
    else:
        FigureCanvasAgg.draw(self)
    if target is NOWHERE or not (RUN.write_files or hasattr(target, "write")):
        return
    try:
        imsave(target, self.buffer_rgba(), format=fmt, origin="upper", dpi=self.figure.dpi, metadata=metadata,
               pil_kwargs=pil_kwargs)  # fmt: skip
    except OSError:
        pass


def print_as(name):
    def print_pil(self, target, *args, pil_kwargs=None, metadata=None, **kwargs):
        hooked_print_pil(self, target, name, pil_kwargs, metadata)

    return print_pil


def capture(canvas):
    """Draws the canvas; the picture and its table become the result so far."""
    INK.clear()
    INK.active = RUN.instrument
    blame.STATE.muted += 1
    try:
        FigureCanvasAgg.draw(canvas)
        INK.active = False
        renderer = canvas.get_renderer()
        table, notes = [], []
        if RUN.instrument:
            table, notes = elements.table(canvas.figure, renderer, INK, RUN.max_elements)
        size = int(renderer.width), int(renderer.height)
        page = pages.Page(canvas.figure, size, bytes(renderer.buffer_rgba()), table, notes)
        page.shown = RUN.shown
        RUN.pages.add(page)
    finally:
        INK.active = False
        INK.clear()
        blame.STATE.muted -= 1


def show(*args, **kwargs):
    """In place of `plt.show`, which draws nothing under Agg: it shows the open figures that were not saved."""
    drawn = render_open()
    if plt.get_fignums():
        figure = plt.gcf()
        if figure not in drawn and RUN.pages.has(figure):
            render_unsaved(figure)


def render_open():
    """Gives a page to every open figure that was not captured yet, and returns these figures. One on which nothing was drawn
    is left out, unless it is the only one: a `plt.figure()` that another call replaced."""
    managers = Gcf.figs.values()
    figures = [manager.canvas.figure for manager in managers]
    without = [figure for figure in figures if not RUN.pages.knows(figure)]
    drawn = [figure for figure in without if len(figure.get_children()) > 1]
    if not drawn and not RUN.pages.list:
        drawn = without[-1:]
    for figure in drawn:
        render_unsaved(figure)
    return drawn


def render_unsaved(figure):
    """Captures a figure that the script shows or leaves open, unless it was saved."""
    if not RUN.pages.saved(figure):
        RUN.shown = True
        try:
            figure.savefig(NOWHERE, format="png")
        finally:
            RUN.shown = False


def run(source, options):
    """Runs the script; see the module for what is reported."""
    global RUN
    RUN = Run(options)
    INK.max_pixels = options.get("max_pixels", INK.max_pixels)
    text = Source(source)
    RUN.write_files = READS_BACK.search(source) is not None if RUN.own else b"imread" in source or b"Image.open" in source
    try:
        parts = RUN.own.parts(source) if RUN.own else [source.decode("utf-8")]
        codes = [compile(part, blame.USER, "exec", dont_inherit=True) for part in parts]
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return syntax_error(error, text)
    failed = execute(codes, text)
    if failed is not None:
        return failed
    if not RUN.pages.list:
        told = {"facts": facts.of_none(source)} if RUN.own and not RUN.own.cells else {}
        return failure("no-figure", "the script ended without a figure") | told
    table, notes = RUN.pages.table(RUN.max_elements)
    spans = text.stacks(blame.STATE.stacks)
    for element in table:
        element["stack"] = [] if element["stack"] is None else spans[element["stack"]]
    frames = [(*page.size, page.rgba) for page in RUN.pages.list]
    return {"status": "ok", "frames": frames, "elements": table, "notes": notes}


def execute(codes, text):
    """Runs the compiled parts of the script and draws what it left undrawn; a failure or None."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__="script.py", __builtins__=__builtins__)
    sys.modules["__main__"] = main
    sys.argv = ["script.py"]
    if RUN.own:
        RUN.own.introduce(main)
    # Unseeded scripts give the same picture in every process, so that results can be cached.
    random.seed(0)
    np.random.seed(0)
    blame.STATE.start(codes[0])
    blame.STATE.muted = 0 if RUN.instrument else 1
    try:
        for code in codes:
            blame.STATE.module = code
            exec(code, main.__dict__)
            if RUN.own and RUN.own.cells:
                # A notebook shows the figures of a cell below it, and the next cell begins new ones.
                render_open()
                plt.close("all")
        render_open()
    except SystemExit as error:
        if error.code not in (None, 0):
            return explained(error, text)
        render_open()
    except ink.LimitReached as error:
        return runtime_error(error, text, "limit") | {"message": str(error)}
    except MemoryError as error:
        return runtime_error(error, text, "memory")
    except BaseException as error:
        return explained(error, text)
    finally:
        blame.STATE.muted = 1
    return None


def explained(error, text):
    """The failure, with the facts that a person's script is helped by."""
    return runtime_error(error, text) | ({"facts": facts.of(error)} if RUN.own else {})
