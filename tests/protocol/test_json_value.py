"""Integers of any size, in what is decoded and in what is sent."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from fastphx import DecodeError, GzipJson, JsonV1, JsonV2, SupabaseV2
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import encode
from fastphx.protocol.json_value import dumps, loads
from fastphx.protocol.message import decode
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

EDGES = [
    2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**19, 10**20, 10**307, 10**308, 10**400,
    -(2**63), -(2**63) - 1, -(10**18), -(10**19), -(10**400),
]  # fmt: skip


@pytest.mark.parametrize("number", EDGES, ids=range(len(EDGES)))
@pytest.mark.parametrize("before", range(24))
def test_an_integer_is_exact_wherever_it_stands(number: int, before: int) -> None:
    value = {"x" * before: [1.5, number, {"deep": number}]}
    frame = encode("1", None, "room:a", "new_msg", json.dumps(value).encode())
    assert decode(frame).payload == value
    assert loads(json.dumps(value).encode()) == value
    assert loads(dumps(value)) == value
    # An equal float would pass too.
    assert type(decode(frame).payload["x" * before][1]) is int


@pytest.mark.parametrize(
    "serializer", [JsonV1(), JsonV2(), GzipJson(), SupabaseV2()], ids=lambda each: type(each).__name__
)
def test_every_serializer_keeps_it(serializer: Any) -> None:
    payload = {"n": 2**70, "list": [-(2**70), (2**80,)]}
    data, opcode = serializer.encode("1", "2", "room:a", "new_msg", payload)
    assert serializer.decode(data, opcode)[4] == {"n": 2**70, "list": [-(2**70), [2**80]]}


NO_INTEGERS = (
    "0.12345678901234567890123",
    "12345678901234567890123.5",
    "12345678901234567890123e1",
    "1E0000000000000000000000001",
    '"12345678901234567890123"',
    '"a12345678901234567890123b"',
)


@pytest.mark.parametrize("text", NO_INTEGERS)
def test_what_is_no_integer_is_what_orjson_makes_of_it(text: str) -> None:
    value = loads(f"[{text}]".encode())
    assert value == orjson.loads(f"[{text}]")
    assert type(value[0]) is not int


def test_random_documents_are_what_json_makes_of_them() -> None:
    rng = random.Random(15)
    makers: list[Callable[[], int | str]] = [
        lambda: rng.randint(-(10**25), 10**25),
        lambda: rng.randint(0, 10 ** rng.randint(1, 30)),
        lambda: "1" * rng.randint(0, 40),
    ]
    for _ in range(3000):
        value = [rng.choice(makers)() for _ in range(rng.randint(1, 5))]
        text = json.dumps(value, separators=rng.choice(((",", ":"), (", ", ": "))))
        assert loads(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "[NaN, 12345678901234567890123]",
        "[Infinity, " + "9" * 400 + "]",
        "[1e999, " + "9" * 400 + "]",
        "[" + "9" * 5000 + "]",
        # From Python 3.12 on, json goes deeper.
        "[" * 100_000 + "9" * 30 + "]" * 100_000,
        "[" * 100_000 + "9" * 400 + "]" * 100_000,
        '["\\ud800", ' + "9" * 30 + "]",
        '[{"\\ude00": 1}, ' + "9" * 400 + "]",
    ],
    ids=["nan", "infinity", "float", "digits", "depth", "more depth", "surrogate", "surrogate in a key"],
)
def test_what_cannot_be_decoded_is_a_decode_error(text: str) -> None:
    message = decode(encode(None, None, "room:a", "new_msg", text.encode()))
    with pytest.raises(DecodeError) as caught:
        _ = message.payload
    assert caught.value.topic == "room:a"


def test_a_deep_reply_with_a_long_integer_is_no_more_than_a_bad_frame() -> None:
    # Because of the escape, the status is read out of the decoded payload.
    response = b"[" * 100_000 + b"9" * 30 + b"]" * 100_000
    handler = RecordingHandler()
    session = CallbackSession(handler)
    session.opened(CollectingWriter(), 0, 1.0)
    session.join("room:a")
    session.receive(b'["1","1","room:a","phx_reply",{"st\\u0061tus":"ok","response":%b}]' % response, 1)
    assert handler.names == ["on_bad_frame"]


def test_what_is_not_json_is_refused_as_orjson_refuses_it() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        dumps([2**70, object()])
    deep: list[Any] = [2**70]
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TypeError, match="Recursion"):
        dumps(deep)


def test_a_long_integer_beside_what_nests_without_end_is_refused_too() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    around: list[Any] = [2**70]
    around += [around, around]
    for value in ([2**70, deep], around, {"n": 2**70, "deep": deep}):
        with pytest.raises(TypeError, match="Recursion"):
            dumps(value)


def test_what_nests_as_deep_as_orjson_writes_may_hold_a_long_integer() -> None:
    deep: Any = 2**70
    for _ in range(254):
        deep = [deep]
    assert json.loads(dumps(deep)) == deep
    with pytest.raises(TypeError, match="Recursion"):
        dumps([deep])


@pytest.mark.parametrize(
    "text", ["0." + "1" * 2_000_000, '"' + "1" * 2_000_000 + '"'], ids=["float", "string"]
)
def test_millions_of_digits_are_looked_at_once(text: str) -> None:
    # Looked at once for each word of them, it would take an hour.
    assert loads(f"[{text}]".encode()) == json.loads(f"[{text}]")
