"""pytest: checks the figures that tests make.

The fixture `check_figure` fails a test whose figure has findings:

    def test_report(check_figure):
        check_figure(make_report(data), ignore=["tiny-text"])

`pytest --lint-figures` (or `lint_figures = true` in pytest's settings) does the same with every figure that a test opens
with pyplot and leaves open; `lint_figures_ignore` lists rules to leave out.
"""

import sys

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("visual-sdpo")
    group.addoption("--lint-figures", action="store_true", help="check every figure that a test leaves open")
    parser.addini("lint_figures", "check every figure that a test leaves open", type="bool", default=False)
    parser.addini("lint_figures_ignore", "rules that are left out", type="args", default=[])


@pytest.fixture
def check_figure(pytestconfig):
    """A function that fails the test if a figure has findings; options as for `visual_sdpo.lint_figure`."""
    from visual_sdpo.figures import assert_clean

    def check(figure, **options):
        __tracebackhide__ = True
        options.setdefault("ignore", pytestconfig.getini("lint_figures_ignore"))
        assert_clean(figure, **options)

    return check


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    config = pyfuncitem.config
    wanted = config.getoption("--lint-figures") or config.getini("lint_figures")
    before = set(figures()) if wanted else set()
    result = yield
    if not wanted or result.excinfo is not None:
        return
    try:
        check_all([figure for figure in figures() if figure not in before], config.getini("lint_figures_ignore"))
    except (AssertionError, RuntimeError) as error:
        result.force_exception(error)


def figures():
    """The figures that pyplot knows; none where nobody has imported it."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return [manager.canvas.figure for manager in helpers.Gcf.get_all_fig_managers()] if helpers else []


def check_all(opened, ignore):
    """Raises AssertionError with the findings of all these figures."""
    from visual_sdpo.figures import lint_figure

    told = [f"  {finding}" for figure in opened for finding in lint_figure(figure, ignore=ignore)]
    if told:
        raise AssertionError("\n".join([f"{len(told)} findings in {len(opened)} figures that this test opened", *told]))
