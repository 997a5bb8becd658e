"""Draws one figure of a person's own process under the probe, in a forked child of that process.

`write` is called once, and the child ends after it: the hooks stay in the child. Nothing here is behind the sandbox,
because nothing runs that the person's process has not run already.
"""

import os
import sys
import types

import matplotlib


def write(figure, options, told, fd):
    """Draws the figure as `figure.savefig(**options)` would and writes the result to `fd`, in the form of a script's
    result. `told` is what `figure_probe` of the supervisor returned."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    # Another backend may own windows of the process, which belong to the parent.
    matplotlib.use = lambda *args, **kwargs: None
    import probe
    import zygote

    probe.install()
    probe.RUN = run = probe.Run(told["options"])
    probe.INK.max_pixels = told["options"]["max_pixels"]
    try:
        # The canvas may keep a renderer from before the hooks, or be that of a window.
        probe.FigureCanvasAgg(figure)
        figure.savefig(probe.NOWHERE, **{"format": "png", **options})
        elements, notes = run.pages.table(run.max_elements)
        for element in elements:
            element["stack"] = []
        frames = [(*page.size, page.rgba) for page in run.pages.list]
        result = {"status": "ok", "frames": frames, "elements": elements, "notes": notes}
    except probe.ink.LimitReached as error:
        result = {"status": "error", "kind": "limit", "message": str(error)}
    except Exception as error:
        result = {"status": "error", "kind": "exception", "message": f"{type(error).__name__}: {error}"}
    zygote.write_result(types.SimpleNamespace(**told), fd, result)
