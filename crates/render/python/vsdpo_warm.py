"""The drawing that fills matplotlib's caches (fonts, glyphs, parsers) before a fork server's first fork."""

import contextlib

import matplotlib
from matplotlib import pyplot as plt


@contextlib.contextmanager
def usual_figure(full):
    """A figure with the usual things on it, to be saved by the caller; with `full` a 3D plot, too. Leaves no
    figure open and no setting changed."""
    with matplotlib.rc_context():
        fig, (left, right) = plt.subplots(1, 2)
        left.plot([1, 3, 2], label="$x^2$")
        left.legend()
        left.set_title("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789.,:-%()")
        left.set_ylabel("rotated")
        left.bar(["a", "b"], [1, 2])
        fig.colorbar(right.scatter([1, 2], [3, 4], c=[1, 2]))
        if full:
            fig.add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
        fig.tight_layout()
        yield fig
        plt.close("all")
