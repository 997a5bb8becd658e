"""Diagnosis and reward, against values by hand and against the program of the wheel."""

import pytest
from conftest import ROOT

from visual_sdpo import RenderPool, Task, axes, diagnose, reward

CHART = Task("", "chart")
BLANK = "import matplotlib.pyplot as plt\nplt.figure()"


def test_a_diagnosis_is_that_of_lint(pool, program, crowded):
    outcome = pool.render(crowded)
    diagnosis = diagnose(CHART, outcome)
    lint = program("lint", "--format", "json", "fixtures/lint/007-ad-clicks.py")
    assert diagnosis.executed and not diagnosis.clean and diagnosis.content == 1.0
    assert diagnosis.defects == lint["defects"]
    assert [defect["rule"] for defect in diagnosis.defects] == ["chart/legend-covers-data"]
    shown = {name: {"remedy": None, **axis} for name, axis in lint["rubric"].items()}
    assert diagnosis.rubric == shown and list(diagnosis.rubric) == axes("chart")[: len(shown)]
    assert diagnosis.rubric["legend"]["satisfied"] is False and diagnosis.rubric["legend"]["score"] == 0.5
    assert diagnosis.rubric["content"] == {
        "satisfied": None,
        "score": None,
        "observed": lint["rubric"]["content"]["observed"],
        "remedy": None,
    }
    assert diagnosis.skipped == lint["skipped"]
    # One of the five axes that could be evaluated is not satisfied.
    assert reward(CHART, [outcome]) == [lint["reward"]] == [0.8]


@pytest.mark.parametrize("number", ["001-city-salaries", "010-download-speed"])
def test_elements_and_reward_are_those_of_lint(pool, program, number):
    path = f"fixtures/lint/{number}.py"
    outcome = pool.render((ROOT / path).read_text())
    lint = program("lint", "--format", "json", path)
    places = [(element["id"], element["kind"], element["region"]) for element in outcome.elements]
    assert places == [(element["id"], element["kind"], element["region"]) for element in lint["elements"]]
    assert reward(CHART, [outcome]) == [lint["reward"]]
    # `lint` prints the findings of one rule and statement as one.
    found, printed = diagnose(CHART, outcome).defects, lint["defects"]
    assert elements_of(found) == elements_of(printed)
    assert len(found) == sum(defect["count"] for defect in printed) and all(d["count"] == 1 for d in found)
    for first in printed[:1]:
        assert found[0]["message"] == first["message"].removesuffix(f" (and {first['count'] - 1} more like it)")


def elements_of(defects):
    """The rule and the element of every place of the findings, in order."""
    return sorted((defect["rule"], element) for defect in defects for element in defect["elements"])


def test_requirements_that_are_not_met_lower_the_reward(pool):
    script = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.title('Growth')"
    outcome = pool.render(script)
    task = Task("", "chart", requirements={"texts": ["Growth", "Year"]})
    diagnosis = diagnose(task, outcome)
    # The title is there and the other text is not.
    assert diagnosis.content == 0.5
    assert diagnosis.rubric["content"]["satisfied"] is False
    met = diagnose(Task("", "chart", requirements={"texts": ["Growth"]}), outcome)
    assert (met.content, met.rubric["content"]["satisfied"]) == (1.0, True)
    # The outcome keeps the diagnosis of the last task, not a mixture.
    assert diagnose(task, outcome).content == 0.5


def test_the_reward_of_what_fails_and_of_what_cannot_be_scored(crowded):
    with RenderPool("chart", workers=2, timeout_s=2) as pool:
        outcomes = pool.render_all([crowded, "1/0", "while True: pass", crowded + "\n"])
    assert [outcome.error_kind for outcome in outcomes] == [None, "exception", "timeout", None]
    assert reward(CHART, outcomes) == [0.8, 0.0, None, 0.8]
    # A completion that was cut has 0, but one that cannot be scored stays without a reward.
    assert reward(CHART, outcomes, finished=[False, True, False, True]) == [0.0, 0.0, None, 0.8]
    assert reward(CHART, []) == []


def test_weights_choose_the_axes(pool, crowded):
    outcome = pool.render(crowded)
    assert reward(CHART, [outcome], weights={"legend": 1.0}) == [0.0]
    assert reward(CHART, [outcome], weights={"legend": 0.25, "overlap": 0.75}) == [0.75]


def test_a_failure_has_an_empty_rubric(pool):
    diagnosis = diagnose(CHART, pool.render("1/0"))
    assert (diagnosis.executed, diagnosis.clean, diagnosis.content) == (False, False, 0.0)
    assert (diagnosis.defects, diagnosis.rubric, diagnosis.skipped) == ([], {}, [])


def test_pages_and_slides_have_their_own_axes():
    assert "legend" in axes("chart") and "legend" not in axes("web")
    page = "<!doctype html><body style='margin:0'><p style='width:3000px;background:#eee'>Wide</p>"
    with RenderPool("web", workers=1) as pool:
        diagnosis = diagnose(Task("", "web"), pool.render(page))
    assert "web/page-overflow-x" in [defect["rule"] for defect in diagnosis.defects]
    assert list(diagnosis.rubric) == axes("web")[: len(diagnosis.rubric)]
