"""The codec, the serializers and the session beside what they cannot beat: orjson on the payload, a copy of
the frame, a bare call. The first of each group is its bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import (
    RawJson,
    encode,
    encode_binary_broadcast,
    encode_binary_push,
    encode_reply,
)
from fastphx.protocol.message import decode
from fastphx.protocol.sink import CallbackWriter
from fastphx.serializers import GzipJson, JsonV1, JsonV2

SIZES = {"70 B": 30, "1 KiB": 1000, "64 KiB": 65000}
ALPHABETS = {"ASCII": "x", "multi-byte": "é日"}


def payload_of(size: int, alphabet: str) -> bytes:
    body = (alphabet * size)[: size // len(alphabet.encode()) * len(alphabet) or 1]
    return orjson.dumps({"body": body})


def receiving() -> dict[str, dict[str, Callable[[], Any]]]:
    groups: dict[str, dict[str, Callable[[], Any]]] = {}
    for alphabet_name, alphabet in ALPHABETS.items():
        for size_name, size in SIZES.items():
            payload = payload_of(size, alphabet)
            frame = encode("1", None, "room:lobby", "new_msg", payload)
            value = orjson.loads(payload)
            groups[f"text, {size_name}, {alphabet_name}"] = {
                "orjson.loads(payload)": lambda payload=payload: orjson.loads(payload),
                "bytearray(frame)": lambda frame=frame: bytearray(frame),
                "json.loads(frame)": lambda frame=frame: json.loads(frame),
                "orjson.loads(frame)": lambda frame=frame: orjson.loads(frame),
                "header scan, lazy": lambda frame=frame: decode(frame),
                "decoded": lambda frame=frame: decode(frame).payload,
            }
            groups[f"encode, {size_name}, {alphabet_name}"] = {
                "orjson.dumps(payload)": lambda value=value: orjson.dumps(value),
                "json.dumps(frame)": lambda value=value: json.dumps(
                    ["1", "2", "room:lobby", "new_msg", value]
                ),
                "encode": lambda value=value: encode("1", "2", "room:lobby", "new_msg", orjson.dumps(value)),
            }
    for size_name, size in SIZES.items():
        data = b"x" * size
        frame = encode_binary_broadcast("room:lobby", "new_msg", data)
        groups[f"binary, {size_name}"] = {
            "bytearray(frame)": lambda frame=frame: bytearray(frame),
            "decoded": lambda frame=frame: decode(frame, 2).payload,
            "encode": lambda data=data: encode_binary_push("1", "2", "room:lobby", "new_msg", data),
        }
    return groups


def serializing() -> dict[str, dict[str, Callable[[], Any]]]:
    payload = {"body": "hello", "user": "ann", "at": 1700000000}
    calls: dict[str, Callable[[], Any]] = {"orjson.dumps(payload)": lambda: orjson.dumps(payload)}
    for serializer in (JsonV2(), JsonV1(), GzipJson()):
        name = type(serializer).__name__
        calls[f"{name}.encode"] = lambda serializer=serializer: serializer.encode(
            "1", "2", "room:lobby", "new_msg", payload
        )
    return {"serializers": calls}


def open_session(topics: int, **callables: Callable[..., Any]) -> CallbackSession:
    handler = SimpleNamespace(
        on_message=lambda message: None, on_reply=lambda *_: None, on_joined=lambda *_: None
    )
    session = CallbackSession(SimpleNamespace(**(vars(handler) | callables)), heartbeat_interval_s=0)
    session.opened(CallbackWriter(lambda frame, opcode: None), 0, 0.0)
    for number in range(topics):
        topic = f"room:{number}"
        ref = str(session.join(topic))
        session.receive(encode_reply(ref, ref, topic, "ok", b"{}"), 1, 0)
    return session


def classifying() -> dict[str, dict[str, Callable[[], Any]]]:
    payload = payload_of(30, "x")
    one, many = open_session(1), open_session(1000)
    frame = encode(None, None, "room:0", "new_msg", payload)
    raw = RawJson(payload)

    def wide() -> Callable[[], Any]:
        frames = [encode(None, None, f"room:{number}", "new_msg", payload) for number in range(1000)]
        turn = iter(range(10**12))
        return lambda: many.receive(frames[next(turn) % 1000], 1, 0)

    def callback(message: Any) -> None:
        pass

    return {
        "session": {
            "a call of a Python function": lambda: callback(frame),
            "decode(frame), lazy": lambda: decode(frame),
            "message to a callback": lambda: one.receive(frame, 1, 0),
            "of 1,000 topics (join map)": wide(),
            "push": lambda: one.push("room:0", "new_msg", raw),
        },
        "ref table": {
            "push": lambda: one.push("room:0", "new_msg", raw),
            "push awaited, and abandoned": lambda: one.abandon(
                one.push_awaited("room:0", "new_msg", raw, None)
            ),
        },
    }


CASES = [
    pytest.param(call, name, id=f"{group}: {name}", marks=pytest.mark.benchmark(group=group))
    for groups in (receiving(), serializing(), classifying())
    for group, calls in groups.items()
    for name, call in calls.items()
]


@pytest.mark.parametrize(("call", "what"), CASES)
def test_cost(benchmark: Any, call: Callable[[], Any], what: str) -> None:
    benchmark(call)
