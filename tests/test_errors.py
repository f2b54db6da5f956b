"""The exceptions: what they say, and that they survive being copied and sent to another process."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from fastphx import errors

ALL = [
    errors.DecodeError("a comma is missing", position=3, excerpt="x", topic="room:a", event="new_msg"),
    errors.EncodingError("the payload is not JSON"),
    errors.StartError("bad token"),
    errors.ConnectError("refused", status=403, body=b"no"),
    errors.ConnectionClosed(1001, "bye"),
    errors.HeartbeatTimeout(),
    errors.TransportDown(),
    errors.JoinError("room:a", {"reason": "full"}),
    errors.PushError("room:a", "new_msg", SimpleNamespace(status="error", response={})),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_is_the_same(error: errors.FastphxError, again: Callable[..., errors.FastphxError]) -> None:
    copied = again(error)
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)


def test_an_excerpt_is_short_whatever_the_value() -> None:
    for value in (b"x" * 10**6, "x" * 10**6, "é".encode() * 1000, "😀".encode() * 1000, b"\xff" * 1000):
        clipped = errors.clip(value)
        assert clipped.endswith("…")
        assert len(eval(clipped[:-1])) == errors.EXCERPT_BYTES
    assert errors.clip(b"short") == "'short'"
    assert errors.clip("x" * errors.EXCERPT_BYTES) == repr("x" * errors.EXCERPT_BYTES)


def test_a_refusal_shows_the_answer_as_it_is() -> None:
    assert str(errors.JoinError("room:a", {"reason": "full"})) == (
        "the join of 'room:a' was refused: {'reason': 'full'}"
    )
    assert len(str(errors.JoinError("room:a", "x" * 10_000))) < errors.EXCERPT_BYTES + 100
