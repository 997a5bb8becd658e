"""Code in completions, statements and token weights."""

import numpy as np
import pytest

from visual_sdpo import Task, extract_code, statement_weights, statements

CHART = Task("", "chart")


def completion(code):
    """A code in a fence, after a text with characters of several bytes."""
    return f"Voilà, 図表:\n```python\n{code}```\nFertig – ok"


def words(text):
    """Ranges of the words of a text, in characters."""
    ranges, start = [], None
    for i, character in enumerate(text + " "):
        if character.isspace():
            if start is not None:
                ranges.append((start, i))
            start = None
        elif start is None:
            start = i
    return ranges


def in_bytes(text, ranges):
    return [tuple(len(text[:at].encode()) for at in pair) for pair in ranges]


def test_code_is_found_in_characters():
    assert extract_code("é\n```python\nü = 1\n```", "python") == ("ü = 1\n", 12, 18)
    assert extract_code("plot()", "python") == ("plot()", 0, 6)
    assert extract_code("a\n```html\n<p>ß", "html") == ("<p>ß", 10, 14)
    assert extract_code("", "python") == ("", 0, 0)


def test_tokens_of_the_statement_at_fault_weigh_more(pool, program, crowded):
    text = completion(crowded)
    code, start, end = extract_code(text, "python")
    outcome = pool.render(code)
    tokens = words(text)
    weights = statement_weights(text, outcome, tokens, task=CHART)
    assert (weights.dtype, weights.shape) == (np.float32, (len(tokens),))
    legend, after = text.index("ax.legend("), text.index("fig.tight_layout")
    assert {w for token, w in zip(tokens, weights.tolist()) if legend <= token[0] < after} == {3.0}
    assert {w for token, w in zip(tokens, weights.tolist()) if not start <= token[0] < end} == {1.0}
    # The same by the program: every statement with its place, responsibility and weight.
    lint = program("lint", "--format", "json", "fixtures/lint/007-ad-clicks.py")["statements"]
    ours = statements(text, outcome, task=CHART)
    keys = ["line", "end_line", "resp", "weight"]
    assert [[s[key] for key in keys] for s in ours] == [[s[key] for key in keys] for s in lint]
    assert [text[s["start"] : s["end"]] for s in ours] == [s["text"] for s in lint]
    assert ours[0]["start"] == start
    # The script is ASCII and has no compound statement: its bytes are characters, and every token of it lies in one
    # statement.
    for (begin, _), weight in zip(tokens, weights.tolist()):
        around = [s["weight"] for s in lint if s["start"] <= begin - start < s["end"]]
        assert [weight] == pytest.approx(around or [1.0])


def test_characters_and_bytes_agree_where_characters_have_several_bytes(pool):
    code = 'import matplotlib.pyplot as plt\nplt.title("日本語 – ü")\nplt.figure(1).näme = 1\nfehlt("ß")\n'
    text = completion(code)
    outcome = pool.render(code)
    assert outcome.error_kind == "exception"
    tokens = [(i, i + 1) for i in range(len(text))]
    by_character = statement_weights(text, outcome, tokens, task=CHART)
    by_byte = statement_weights(text, outcome, in_bytes(text, tokens), task=CHART, unit="byte")
    assert by_character.tolist() == by_byte.tolist()
    begin = text.index("fehlt")
    assert by_character[begin : begin + 10].tolist() == [3.0] * 10
    assert by_character[:begin].max() == 1.0
    # A token may hold a part of a character only.
    single = [(i, i + 1) for i in range(len(text.encode()))]
    assert len(statement_weights(text, outcome, single, task=CHART, unit="byte")) == len(single)


def test_the_error_is_blamed_unless_it_should_not_be(pool):
    code = "a = 1\nb = a.missing\n"
    outcome = pool.render(code)
    tokens = [(0, 1), (6, 7)]
    assert statement_weights(code, outcome, tokens, task=CHART).tolist() == [1.0, 3.0]
    assert statement_weights(code, outcome, tokens, task=CHART, amplify=10).tolist() == [1.0, 10.0]
    assert statement_weights(code, outcome, tokens, task=CHART, amplify=1).tolist() == [1.0, 1.0]
    assert statement_weights(code, outcome, tokens, task=CHART, blame_error=False).tolist() == [1.0, 1.0]


def test_the_measure_of_overlap_is_that_of_the_setting(pool, crowded):
    """An element inside a larger region: its own area counts with ioa, the union with iou."""
    outcome = pool.render(crowded)
    resp = {
        measure: [s["resp"] for s in statements(crowded, outcome, task=CHART, overlap=measure)]
        for measure in ["iou", "ioa"]
    }
    assert all(a <= b for a, b in zip(resp["iou"], resp["ioa"]))
    assert resp["iou"] != resp["ioa"]


@pytest.mark.parametrize(
    "offsets",
    [[(0, 0), (0, 3)], np.array([[0, 0], [0, 3]]), np.array([[0, 0], [0, 3]], np.int32), ([0, 0], [0, 3])],
)
def test_offsets_come_in_every_form_and_special_tokens_weigh_1(pool, offsets):
    outcome = pool.render("1/0")
    assert statement_weights("1/0", outcome, offsets, task=CHART).tolist() == [1.0, 3.0]


def test_no_tokens_have_no_weights(pool):
    weights = statement_weights("1/0", pool.render("1/0"), [], task=CHART)
    assert (weights.shape, weights.dtype) == ((0,), np.float32)
