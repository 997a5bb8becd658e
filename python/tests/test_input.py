"""What a caller can get wrong: an exception of one line that says what to do."""

import numpy as np
import pytest
from conftest import one_line

import visual_sdpo as v
from visual_sdpo import RenderPool, Task

GRAY = np.zeros((2, 2), np.uint8)

TASKS = [
    (TypeError, lambda: Task(1, "chart"), "`prompt` is int, not a str"),
    (ValueError, lambda: Task("\ud800", "chart"), "`prompt` contains half of a surrogate pair"),
    (ValueError, lambda: Task("", "table"), '`domain` is "table"; help: pass "chart" or "web" or "slide"'),
    (ValueError, lambda: Task("", "chart", language="rust"), '`language` is "rust"'),
    (ValueError, lambda: Task("", "chart", language="html"), "the domain chart has no sources in html"),
    (TypeError, lambda: Task("", "chart", images=5), "`images` is int, not a list of pictures"),
    (TypeError, lambda: Task("", "chart", images=["a.png"]), "`images[0]` is str, not a uint8 array"),
    (ValueError, lambda: Task("", "chart", images=[GRAY]), "`images[0]` is uint8 of shape [2, 2]"),
    (ValueError, lambda: Task("", "chart", images=[np.zeros((2, 2, 3))]), "`images[0]` is float64"),
    (ValueError, lambda: Task("", "chart", images=[np.zeros((0, 2, 3), np.uint8)]), "shape [0, 2, 3]"),
    (ValueError, lambda: Task("", "chart", images=[b"GIF"]), "`images[0]` cannot be decoded"),
    (TypeError, lambda: Task("", "chart", reference=b"x"), "`reference` is bytes"),
    (ValueError, lambda: Task("", "chart", requirements={"title": "x"}), "unknown field `title`"),
    (ValueError, lambda: Task("", "chart", requirements={"texts": 3}), "`requirements` is not usable"),
    (ValueError, lambda: Task("", "chart", requirements={"texts": {1}}), "cannot be written as JSON"),
    (ValueError, lambda: RenderPool("chart", workers=0), "`workers` is 0; help: pass 1 to 1024"),
    (TypeError, lambda: RenderPool("chart", workers="two"), "`workers` is str, not a whole number"),
    (ValueError, lambda: RenderPool("chart", timeout_s=0), "`timeout_s` is 0"),
    (ValueError, lambda: RenderPool("chart", timeout_s=float("nan")), "`timeout_s` is NaN"),
    (ValueError, lambda: RenderPool("web", window=(1, 1)), "`window` is 1 x 1"),
    (TypeError, lambda: RenderPool("web", window="1280x720"), "`window` is str"),
    (TypeError, lambda: RenderPool("chart", home=5), "`home` is int, not a str or a path"),
    (TypeError, lambda: v.score_chartmimic(None, ""), "`prediction` is NoneType, not a str"),
    (TypeError, lambda: v.score_design2code("", 1), "`reference` is int"),
    (TypeError, lambda: v.score_aeslides("", language="pptx"), "the bytes of a .pptx file"),
    (ValueError, lambda: v.extract_code("", "rust"), '`language` is "rust"'),
    (TypeError, lambda: v.extract_code(None, "python"), "`text` is NoneType"),
]


@pytest.mark.parametrize("kind, call, words", TASKS, ids=[words for _, _, words in TASKS])
def test_arguments_that_cannot_be_used(kind, call, words):
    with pytest.raises(kind) as raised:
        call()
    one_line(raised, words)


def weights(outcome, offsets, text="1/0", **settings):
    return v.statement_weights(text, outcome, offsets, task=Task("", "chart"), **settings)


CALLS = [
    (TypeError, lambda task, y: v.diagnose("x", y), "`task` is str, not a Task"),
    (TypeError, lambda task, y: v.diagnose(task, None), "`outcome` is NoneType, not an Outcome"),
    (ValueError, lambda task, y: v.diagnose(Task("", "web"), y), "the outcome is a chart in python"),
    (TypeError, lambda task, y: v.reward(task, y), "`outcomes` is Outcome, not a list"),
    (TypeError, lambda task, y: v.reward(task, [y, 1]), "`outcomes[1]` is int"),
    (ValueError, lambda task, y: v.reward(task, [y], finished=[]), "`finished` has 0 items for 1 outcomes"),
    (TypeError, lambda task, y: v.reward(task, [y], finished=["no"]), "`finished[0]` is str, not a bool"),
    (ValueError, lambda task, y: v.reward(task, [y], weights={"colour": 1}), "`colour` is not an axis"),
    (ValueError, lambda task, y: v.reward(task, [y], weights={"legend": 0.5}), "the weights sum to 0.5"),
    (TypeError, lambda task, y: v.reward(task, [y], weights=[1]), "`weights` is list"),
    (ValueError, lambda task, y: v.teacher_messages(task, y, channels=["sound"]), '`channels[0]` is "sound"'),
    (TypeError, lambda task, y: v.teacher_messages(task, y, channels="image"), "`channels` is str"),
    (ValueError, lambda task, y: v.teacher_messages(task, y, rubric="all"), '`rubric` is "all"'),
    (ValueError, lambda task, y: v.student_messages(task, pictures="jpg"), '`pictures` is "jpg"'),
    (ValueError, lambda task, y: weights(y, [(0, 1), (2, 4)]), "offsets[1] is (2, 4) in a text of 3 characters"),
    (ValueError, lambda task, y: weights(y, [(-1, 1)]), "offsets[0] is (-1, 1)"),
    (ValueError, lambda task, y: weights(y, [(2, 1)]), "offsets[0] is (2, 1)"),
    (ValueError, lambda task, y: weights(y, [1, 2]), "`offsets` is int64 of shape [2]"),
    (ValueError, lambda task, y: weights(y, [(0.0, 1.0)]), "`offsets` is float64 of shape [1, 2]"),
    (TypeError, lambda task, y: weights(y, [(0,), (1, 2)]), "`offsets` is list, not whole numbers"),
    (ValueError, lambda task, y: weights(y, [], text="2/0"), "the outcome is not of the code in `text`"),
    (ValueError, lambda task, y: weights(y, [], unit="word"), '`unit` is "word"'),
    (ValueError, lambda task, y: weights(y, [], amplify=0.5), "`amplify` is 0.5; help: pass 1 or more"),
    (ValueError, lambda task, y: weights(y, [], overlap="dice"), '`overlap` is "dice"'),
    (TypeError, lambda task, y: weights(y, [], blame_error="no"), "`blame_error` is str, not a bool"),
]


@pytest.mark.parametrize("kind, call, words", CALLS, ids=[words for _, _, words in CALLS])
def test_calls_that_cannot_be_answered(pool, kind, call, words):
    with pytest.raises(kind) as raised:
        call(Task("", "chart"), pool.render("1/0"))
    one_line(raised, words)


@pytest.mark.parametrize("page, kind", [(-1, ValueError), (1, ValueError), ("0", TypeError)])
def test_a_page_is_a_number_of_a_page(pool, page, kind):
    with pytest.raises(kind) as raised:
        pool.render("import matplotlib.pyplot as plt\nplt.figure()").png(page=page)
    one_line(raised, "page")


def test_code_is_a_str(pool):
    for call in [lambda: pool.render(b"1/0"), lambda: pool.render_all("1/0"), lambda: pool.render_all([1])]:
        with pytest.raises(TypeError) as raised:
            call()
        one_line(raised, "code")


def test_objects_cannot_be_changed(pool):
    for thing, name in [(Task("", "chart"), "prompt"), (pool.render("1/0"), "error")]:
        with pytest.raises(AttributeError):
            setattr(thing, name, "x")
