"""Checks figures of matplotlib that this process has drawn: in a program, a notebook or a test.

    from visual_sdpo import lint_figure
    for finding in lint_figure(figure):
        print(finding)

The figure is drawn once more, in a forked child of this process, so nothing here is changed. Linux only.
"""

import importlib
import os
import select
import signal
import tempfile
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, List, Optional, Tuple

from visual_sdpo import _core

LEVELS = ("note", "warning", "error")


@dataclass(frozen=True)
class Finding:
    """One finding of one rule.

    `boxes` are [x0, y0, x1, y1] in pixels of the picture, one for each artist at fault, (0, 0) at its top left.
    `help` is a change that removes the finding, or None.
    """

    rule: str
    level: str
    message: str
    help: Optional[str]
    boxes: Tuple[Tuple[float, float, float, float], ...]

    def __str__(self) -> str:
        told = f"{self.level}[{self.rule}]: {self.message}"
        return f"{told}; help: {self.help}" if self.help else told


def lint_figure(
    figure: Any,
    *,
    level: str = "warning",
    select: Optional[Iterable[str]] = None,
    ignore: Iterable[str] = (),
    timeout_s: float = 60.0,
    **savefig: Any,
) -> List[Finding]:
    """The findings of `visual-sdpo lint` on a figure as it is now, without the statements that drew it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Or what has one as `.figure`: an Axes, or a grid of seaborn.
    level : "note", "warning" or "error"
        Findings below it are left out.
    select, ignore : iterable of str
        Rules to keep and to leave out, with or without their domain: "chart/tiny-text", "tiny-text".
    timeout_s : float
        Seconds after which the drawing is given up.
    savefig : keyword arguments
        As for `Figure.savefig`, which decide the picture: dpi, bbox_inches, facecolor.

    Raises
    ------
    TypeError for what is no figure, ValueError for an unknown rule or level, RuntimeError for a figure that cannot be
    drawn; each in one line.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; help: write one of {', '.join(LEVELS)}")
    chosen, ignored = names(select), names(ignore) or set()
    outcome = draw(figure_of(figure), savefig, timeout_s)
    if outcome.error is not None:
        raise RuntimeError(f"the figure cannot be drawn: {outcome.error}; help: call savefig on it to see why")
    found = [finding_of(defect) for defect in _core.diagnose(_core.Task("", "chart"), outcome).defects]
    return [
        finding
        for finding in found
        if LEVELS.index(finding.level) >= LEVELS.index(level)
        and finding.rule not in ignored
        and (chosen is None or finding.rule in chosen)
    ]


def assert_clean(figure: Any, **options: Any) -> None:
    """Raises AssertionError with every finding of `lint_figure(figure, **options)`, if there is one."""
    __tracebackhide__ = True
    found = lint_figure(figure, **options)
    if found:
        count = f"{len(found)} finding" + ("s" if len(found) > 1 else "")
        raise AssertionError("\n".join([f"the figure has {count}", *(f"  {finding}" for finding in found)]))


def finding_of(defect: dict) -> Finding:
    boxes = tuple(tuple(box) for box in defect["regions"])
    return Finding(defect["rule"], defect["level"], defect["message"], defect["help"], boxes)


def figure_of(thing: Any) -> Any:
    """The figure that is meant."""
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ModuleNotFoundError:
        raise RuntimeError("matplotlib is not installed here; help: pip install matplotlib") from None
    found = thing
    while not isinstance(found, figures.Figure):
        inner = getattr(found, "figure", None)
        if inner is None or inner is found:
            raise TypeError(f"`figure` is {type(thing).__name__}; help: pass a matplotlib Figure or an Axes")
        found = inner
    return found


def names(given: Optional[Iterable[str]]) -> Optional[set]:
    """The full names of rules, or None for None."""
    if given is None:
        return None
    known = _core.rules("chart")
    full = {name.split("/")[1]: name for name in known} | {name: name for name in known}
    given = [given] if isinstance(given, str) else list(given)
    for name in given:
        if name not in full:
            raise ValueError(f"no rule {name!r}; help: {', '.join(known)}")
    return {full[name] for name in given}


@lru_cache(maxsize=None)
def probe() -> Tuple[tempfile.TemporaryDirectory, dict]:
    """The folder of the probe's files, which lives as long as this process, and what the probe is told."""
    folder = tempfile.TemporaryDirectory(prefix="visual-sdpo-")
    return folder, _core._figure_probe(folder.name)


def draw(figure: Any, savefig: dict, timeout_s: float) -> _core.Outcome:
    """The outcome of drawing the figure in a child of this process."""
    folder, told = probe()
    with tempfile.TemporaryFile() as buffer:
        buffer.truncate(told["frame_at"] + told["frame_max"])  # a hole, filled as far as the picture needs
        alive, end = os.pipe()
        with warnings.catch_warnings():
            # The child draws and ends; it takes no lock that another thread may hold but those of the allocator.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            child_main(figure, savefig, told, buffer.fileno(), folder.name)
        os.close(end)
        ended, _, _ = select.select([alive], [], [], timeout_s)
        os.close(alive)
        if not ended:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if not ended:
            raise RuntimeError(f"the figure was not drawn within {timeout_s:g} s; help: raise timeout_s")
        return _core._figure_outcome(f"/proc/self/fd/{buffer.fileno()}")


def child_main(figure: Any, savefig: dict, told: dict, fd: int, folder: str) -> None:
    """Draws and ends the process, whatever happens."""
    try:
        import sys

        sys.path.insert(0, folder)
        importlib.import_module("figure").write(figure, savefig, told, fd)
    finally:
        os._exit(0)
