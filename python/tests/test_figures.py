"""Figures that this process has drawn itself."""

import os
import time

import matplotlib

matplotlib.use("Agg")
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import visual_sdpo
from visual_sdpo import assert_clean, lint_figure

pytest_plugins = ["pytester"]


def hidden_bar():
    figure, axes = plt.subplots()
    axes.bar(["a", "b", "c"], [1, 2, 3], label="x")
    axes.legend(loc="upper right")
    return figure


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_the_finding_is_that_of_lint():
    figure = hidden_bar()
    [found] = lint_figure(figure)
    assert (found.rule, found.level, found.help) == ("chart/legend-covers-data", "warning", "loc='upper left'")
    assert str(found).startswith("warning[chart/legend-covers-data]: the legend at upper right covers 1 bar")
    [[x0, y0, x1, y1]] = found.boxes
    # The legend's own box: matplotlib measures from below, in pixels of the same picture.
    figure.canvas.draw()
    box = figure.axes[0].get_legend().get_window_extent()
    assert (x0, x1) == pytest.approx((box.x0, box.x1), abs=2)
    assert (480 - y1, 480 - y0) == pytest.approx((box.y0, box.y1), abs=2)
    assert lint_figure(figure.axes[0]) == [found]


def test_the_picture_is_that_of_savefig():
    figure = hidden_bar()
    [plain], [double] = lint_figure(figure), lint_figure(figure, dpi=200)
    assert double.boxes[0][2] == pytest.approx(2 * plain.boxes[0][2], abs=2)


def test_nothing_in_this_process_changes():
    figure = hidden_bar()
    draw, threads = matplotlib.lines.Line2D.draw, os.listdir("/proc/self/fd")
    lint_figure(figure)
    assert matplotlib.lines.Line2D.draw is draw
    assert len(os.listdir("/proc/self/fd")) == len(threads)
    assert plt.get_fignums() == [figure.number]


def test_levels_and_rules_are_chosen():
    figure = hidden_bar()
    assert lint_figure(figure, ignore=["legend-covers-data"]) == []
    assert lint_figure(figure, select=["chart/tiny-text"]) == []
    assert lint_figure(figure, level="error") == []
    figure.text(0.5, 0.01, "pale", color="#8a8a8a", fontsize=12)
    levels = [(found.rule, found.level) for found in lint_figure(figure, level="note", select=["low-contrast"])]
    assert levels == [("chart/low-contrast", "note")]


def test_a_figure_without_pyplot_and_with_a_function_that_cannot_be_pickled():
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2, 3])
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:.1f} kg")
    assert lint_figure(figure) == []
    assert_clean(figure)


def test_what_is_wrong_is_one_line():
    with pytest.raises(TypeError, match="`figure` is list; help: pass a matplotlib Figure or an Axes"):
        lint_figure([])
    with pytest.raises(ValueError, match="no rule 'pretty'; help: .*chart/tiny-text"):
        lint_figure(hidden_bar(), ignore=["pretty"])
    with pytest.raises(ValueError, match="level is 'all'; help: write one of note, warning, error"):
        lint_figure(hidden_bar(), level="all")
    with pytest.raises(RuntimeError, match="the figure has .* pixels; the limit is"):
        lint_figure(hidden_bar(), dpi=5000)
    broken = hidden_bar()
    broken.text(0.5, 0.5, r"$\frac{1$")
    with pytest.raises(RuntimeError, match="the figure cannot be drawn: ValueError: .*help: call savefig"):
        lint_figure(broken)


def test_a_drawing_that_does_not_end_is_given_up():
    figure = hidden_bar()
    figure.axes[0].xaxis.set_major_formatter(lambda value, place: time.sleep(60))
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="was not drawn within 1 s; help: raise timeout_s"):
        lint_figure(figure, timeout_s=1)
    assert time.monotonic() - start < 30


def test_assert_clean_lists_the_findings():
    with pytest.raises(AssertionError, match=r"the figure has 1 finding\n  warning\[chart/legend-covers-data\]"):
        assert_clean(hidden_bar())


def test_rules_are_those_of_the_domain():
    assert "chart/legend-covers-data" in visual_sdpo.rules("chart")
    assert "web/overlap" in visual_sdpo.rules("web")


PLUGIN = """
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot as plt

def bars(place):
    figure, axes = plt.subplots()
    axes.bar(["a", "b", "c"], [1, 2, 3], label="x")
    axes.legend(loc=place)
    return figure

def test_bad(check_figure):
    check_figure(bars("upper right"))

def test_good(check_figure):
    check_figure(bars("upper left"))

def test_open():
    plt.close("all")
    bars("upper right")
"""


def test_the_plugin_checks_figures(pytester):
    pytester.makepyfile(PLUGIN)
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*the figure has 1 finding*", "*chart/legend-covers-data*"])
    result = pytester.runpytest_subprocess("-q", "--lint-figures", "-k", "open or good")
    result.assert_outcomes(passed=1, failed=1)
    pytester.makeini("[pytest]\nlint_figures = true\nlint_figures_ignore = legend-covers-data")
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=3)
