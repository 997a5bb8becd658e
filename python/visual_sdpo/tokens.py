"""Where sampled tokens stand in the text that they spell."""

from __future__ import annotations

import codecs
from typing import NamedTuple, Sequence

import numpy as np

import visual_sdpo as core


class TokenText(NamedTuple):
    """A completion as text.

    text: without special tokens. spans: one (start, end) a token, bytes of the text's UTF-8; empty
    for special tokens.
    """

    text: str
    spans: list[tuple[int, int]]


def token_spans(tokenizer, ids: Sequence[int]) -> TokenText:
    """The text of sampled ids and the bytes that each of them spells.

    Tokenizing the text again would give other tokens than the sampled ones, and a token may hold a
    part of a character; so every id is spelled by itself.

    Args:
        tokenizer: a fast tokenizer of transformers with a byte-level vocabulary (Qwen, Llama 3,
            SmolLM) or with byte fallback (Llama 2, Gemma).
        ids: the sampled ids.
    """
    special = set(tokenizer.all_special_ids)
    byte_level = "ByteLevel" in repr(tokenizer.backend_tokenizer.decoder)
    tokens = tokenizer.convert_ids_to_tokens(list(ids))
    spelled = [b"" if i in special else _bytes(t, byte_level) for i, t in zip(ids, tokens)]
    spans, at = [], 0
    for piece in spelled:
        spans.append((at, at + len(piece)))
        at += len(piece)
    whole = b"".join(spelled)
    text = whole.decode("utf-8", errors="replace")
    if text.encode() != whole:
        spans = _over_replaced(whole, spans)
    return TokenText(text, spans)


def token_weights(text: TokenText, task: core.Task, outcome: core.Outcome, settings) -> np.ndarray:
    """w_t of equation 5 of each sampled token, (T,) float32.

    Args:
        settings: has `amplify`, `overlap` and `axis_weights`, as the trainers' settings do.
    """
    return core.statement_weights(
        text.text,
        outcome,
        np.asarray(text.spans, dtype=np.int64).reshape(-1, 2),
        task=task,
        unit="byte",
        amplify=settings.amplify,
        overlap=settings.overlap,
        weights=settings.axis_weights,
    )


def _bytes(token: str, byte_level: bool) -> bytes:
    """What a token of the vocabulary spells. Tokens that were added to a byte-level vocabulary are
    written as they are, so they may hold characters that are no byte's."""
    if byte_level and all(c in _BYTE_OF for c in token):
        return bytes(_BYTE_OF[c] for c in token)
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """Byte-level vocabularies write each byte as one printable character."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


_BYTE_OF = _byte_alphabet()


def _over_replaced(whole: bytes, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in a text in which bytes that are not UTF-8 became the replacement character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    place, at = [], 0
    for byte in whole:
        place.append(at)
        at += len(decoder.decode(bytes([byte])).encode())
    place.append(at + len(decoder.decode(b"", final=True).encode()))
    return [(place[a], place[b]) for a, b in spans]
