"""RenderPool and Outcome."""

import io

import numpy as np
import pytest
from conftest import one_line
from PIL import Image

import visual_sdpo
from visual_sdpo import RenderPool

RED = """
import matplotlib.pyplot as plt
fig = plt.figure(figsize=(2, 1), dpi=50, facecolor="#ff0000")
"""


def test_a_render_has_its_pixels_and_elements(pool):
    outcome = pool.render(RED)
    assert outcome.executed and outcome.scorable
    assert (outcome.error, outcome.error_kind, outcome.traceback) == (None, None, None)
    [page] = outcome.pages
    assert page.shape == (50, 100, 4) and page.dtype == np.uint8
    assert (page == [255, 0, 0, 255]).all()
    assert [element["kind"] for element in outcome.elements] == ["figure"]
    assert outcome.elements[0]["region"] == [0, 0, 100, 50]
    assert outcome.code == RED


def test_a_png_holds_the_same_pixels_and_arrays_are_copies(pool):
    outcome = pool.render(RED)
    decoded = np.asarray(Image.open(io.BytesIO(outcome.png())))
    assert (decoded == outcome.pages[0]).all()
    outcome.pages[0][:] = 0
    assert (outcome.pages[0] == decoded).all()


def test_code_that_fails_is_an_outcome_with_one_line(pool):
    outcome = pool.render("x = 1\nx.missing")
    assert not outcome.executed and outcome.scorable
    assert outcome.error == "AttributeError: 'int' object has no attribute 'missing'"
    assert outcome.error_kind == "exception"
    assert "line 2" in outcome.traceback
    assert outcome.pages == [] and outcome.elements == [] and outcome.notes == []
    with pytest.raises(RuntimeError) as raised:
        outcome.png()
    one_line(raised, "did not run")


def test_a_page_that_does_not_exist_is_named(pool):
    with pytest.raises(ValueError) as raised:
        pool.render(RED).png(page=3)
    one_line(raised, "no page 3", "0 to 0")


def test_outcomes_stand_in_the_order_of_their_codes(pool):
    sizes = [(1 + i % 5, 1 + i % 3) for i in range(12)]
    codes = [f"import matplotlib.pyplot as plt\nplt.figure(figsize={size}, dpi=40)" for size in sizes]
    shapes = [outcome.pages[0].shape[:2] for outcome in pool.render_all(codes)]
    assert shapes == [(40 * height, 40 * width) for width, height in sizes]
    assert pool.render_all([]) == []


def test_counters_count_and_known_code_is_recalled():
    with RenderPool("chart", workers=1) as fresh:
        assert fresh.stats() == {"jobs": 0, "cache_hits": 0, "failures": 0, "restarts": 0, "cpu_seconds": 0.0}
        fresh.render_all([RED, RED, "1/0"])
        fresh.render(RED)
        stats = fresh.stats()
        assert (stats["jobs"], stats["cache_hits"], stats["failures"], stats["restarts"]) == (2, 2, 1, 0)
        assert stats["cpu_seconds"] > 0
        assert fresh.workers == 1


def test_the_identity_is_that_of_the_parts_and_not_of_the_pool(pool):
    with RenderPool("chart", workers=1) as other:
        assert other.identity() == pool.identity()
    assert len(pool.identity()) == 64


def test_a_time_out_is_not_scorable_and_is_tried_twice():
    with RenderPool("chart", workers=1, timeout_s=1) as slow:
        outcome = slow.render("while True: pass")
        assert (outcome.error_kind, outcome.scorable) == ("timeout", False)
        assert slow.stats()["jobs"] == 2


def test_a_closed_pool_says_so_and_may_be_closed_again():
    pool = RenderPool("chart", workers=1)
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError) as raised:
        pool.render(RED)
    one_line(raised, "closed")


def test_a_call_gives_up_when_nothing_is_finished():
    with RenderPool("chart", workers=1, timeout_s=5, deadline_s=1) as stuck:
        with pytest.raises(RuntimeError) as raised:
            stuck.render("while True: pass")
        one_line(raised, "nothing was finished for 1 s")


def test_a_home_without_an_environment_says_what_to_do(tmp_path):
    with pytest.raises(RuntimeError) as raised:
        RenderPool("chart", home=tmp_path)
    one_line(raised, ".venv/bin/python is missing", "cargo xtask setup")


def test_pages_have_the_window_that_was_asked_for():
    with RenderPool("web", workers=1, window=(400, 300)) as pages:
        outcome = pages.render("<!doctype html><body style='margin:0;background:#00f'><p style='margin:280px 0 0'>Text</p>")
    assert outcome.pages[0].shape == (300, 400, 4)
    assert (outcome.pages[0][:250] == [0, 0, 255, 255]).all()


def test_a_panic_in_rust_is_a_runtime_error_of_one_line(capfd):
    with pytest.raises(RuntimeError) as raised:
        visual_sdpo._core._panic("two\nlines")
    one_line(raised, "a bug in visual-sdpo at crates/python/src/errors.rs", "two lines")
    assert capfd.readouterr().err == ""
