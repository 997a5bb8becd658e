"""Texts in drawing order, as the PDF renderer is asked to write them (docs/specs/chartmimic.md, 4)."""

import types

from matplotlib.backends.backend_pdf import RendererPdf

LEAKED = "RendererPdf sys warnings global_config".split()

# Put before the first of these characters, wherever they stand: the benchmark cuts a text, not a program.
SAVE = "plt.savefig"
# The names stay behind in the script, which may have used them.
WITHOUT_TICKS = """
all_axes = plt.gcf().get_axes()
for ax in all_axes:
    ax.set_xticks([])
    ax.set_yticks([])
"""
CONFIG = types.ModuleType("global_config")


def without_ticks(source, first=""):
    """The script with its ticks taken off before the first save; `first` is run just before that."""
    at = source.find(SAVE)
    return source if at < 0 else source[:at] + first + WITHOUT_TICKS + source[at:]


class Texts:
    def __init__(self):
        self.texts = []

    def install(self):
        # Nothing is written: texts that could be measured can be written, and fonts need not be embedded.
        RendererPdf.draw_text = lambda *args, **kwargs: self.texts.append(str(args[4]))

    def records(self):
        return self.texts
