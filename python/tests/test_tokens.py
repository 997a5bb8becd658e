"""Where sampled tokens stand in their text."""

from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")

from visual_sdpo.tokens import token_spans  # noqa: E402

MINI = Path(__file__).parents[2] / "assets" / "mini"


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(MINI)


def test_spans_cover_the_text_in_order_and_special_tokens_are_empty(tokenizer):
    text = "import x\nprint('h\u00e9\u00e9 \u65e5\u672c \U0001f389')\n"
    ids = tokenizer(text)["input_ids"] + [tokenizer.eos_token_id]
    got = token_spans(tokenizer, ids)
    assert got.text == text
    assert got.spans[0][0] == 0 and got.spans[-1] == (len(text.encode()),) * 2
    assert all(a[1] == b[0] for a, b in zip(got.spans, got.spans[1:]))
    pieces = [text.encode()[a:b] for a, b in got.spans]
    assert b"".join(pieces) == text.encode()


def test_a_cut_character_becomes_the_replacement_character(tokenizer):
    ids = tokenizer("a\U0001f389")["input_ids"]
    got = token_spans(tokenizer, ids[:-1])
    assert got.text == "a\ufffd"
    assert got.spans[-1][1] == len("a\ufffd".encode())
