"""The three benchmarks, against the numbers of their own programs and of ours."""

import json

import pytest
from conftest import FIXTURES

from visual_sdpo import score_aeslides, score_chartmimic, score_design2code

PAGE = "<!doctype html><html><body><h1 style='color:#123456'>Title</h1><p>Some words of text</p></body></html>"


@pytest.mark.parametrize("number", ["01", "03"])
def test_charts_have_the_scores_of_chartmimic(number):
    folder = FIXTURES / "chartmimic" / number
    want = json.loads((folder / "expected.json").read_text())
    got = score_chartmimic((folder / "pred.py").read_text(), (folder / "gt.py").read_text(), name=want["name"])
    assert got["exec"] == want["exec"]
    for metric in ["text", "layout", "chart_type"]:
        assert got[metric] == pytest.approx({key: want[metric][key] for key in ["precision", "recall", "f1"]})


def test_a_page_against_itself_is_whole():
    got = score_design2code(PAGE, PAGE)
    assert [got[key] for key in ["block_match", "text", "position", "color"]] == pytest.approx([1.0] * 4)
    assert got["clip"] is None and got["overall"] is None and "clip" in got["reasons"]
    assert got["overall_without_clip"] == pytest.approx(0.8)


def test_a_page_that_the_benchmark_cannot_score_has_none_and_a_reason():
    got = score_design2code(PAGE.replace("Title", "&#xD800;"), PAGE)
    assert [got[key] for key in ["block_match", "text", "position", "color", "overall"]] == [None] * 5
    assert "surrogate" in got["error"]


def test_slides_have_the_scores_of_the_program(program):
    path = FIXTURES / "aeslides" / "10" / "slide.html"
    got = score_aeslides(path.read_text())
    want = program("score", "aeslides", "--json", str(path))
    assert got == want and got["collision"] == 0.5


def test_a_slide_that_fails_has_0_and_an_error():
    got = score_aeslides("raise ValueError('no')", language="python")
    assert got["avg"] == 0.0 and "ValueError: no" in got["error"]
