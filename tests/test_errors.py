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


def nested(depth: int, wrap: Callable[[object], object]) -> object:
    value: object = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda each: [each], lambda each: {"a": each}, lambda each: (each,)])
def test_an_answer_may_be_as_deep_as_it_likes(wrap: Callable[[object], object]) -> None:
    deep = nested(100_000, wrap)
    assert len(str(errors.JoinError("room:a", deep))) < 200
    reply = SimpleNamespace(status="error", response=deep)
    assert len(str(errors.PushError("room:a", "new_msg", reply))) < 200
    assert len(str(errors.StartError(deep))) < 600
    # Taken apart by hand: the interpreter does it by recursion, for tuples too.
    while isinstance(deep, list | dict | tuple):
        deep = next(iter(deep.values())) if isinstance(deep, dict) else deep[0]


def test_no_more_of_a_value_is_written_than_is_shown() -> None:
    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("it stands behind what is shown")

    assert errors.clip_repr(["x" * 100, Costly()]).endswith("…")
    assert errors.clip_repr({"x" * 100: Costly()}).endswith("…")
    assert errors.clip_repr(Costly()) == "<Costly>"


@pytest.mark.parametrize(
    "value",
    [[], {}, (), (1,), {"a": [1, {"b": ("c", None)}], "d": 1.5}, ["its", b"x", True], "text", -1],
)
def test_a_short_value_is_written_as_python_writes_it(value: object) -> None:
    for limit in range(1, 80):
        text = repr(value)
        assert errors.clip_repr(value, limit) == (text if len(text) <= limit else f"{text[:limit]}…")


HOSTILE = "a\r\nERROR forged \x1b[31m\x85\u2028\u202e"


@pytest.mark.parametrize(
    "error",
    [
        errors.DecodeError(HOSTILE, excerpt=errors.clip(HOSTILE), topic=HOSTILE, event=HOSTILE),
        errors.ConnectionClosed(1008, HOSTILE),
        errors.JoinError(HOSTILE, {HOSTILE: HOSTILE}),
        errors.PushError(HOSTILE, HOSTILE, SimpleNamespace(status=HOSTILE, response=HOSTILE)),
        errors.TransportDown(ValueError(HOSTILE)),
        errors.StartError(HOSTILE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_peer_cannot_forge_a_line(error: errors.FastphxError) -> None:
    assert str(error).isprintable()


def test_names_are_short_in_a_decode_error() -> None:
    assert len(str(errors.DecodeError("x" * 10**6, topic="t" * 10**6, event="e" * 10**6))) < 500
