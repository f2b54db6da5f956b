"""The codec: both sides' text and binary frames. orjson agrees, and what is encoded again is the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from fastphx.errors import DecodeError
from fastphx.protocol import frame_write, json_value
from fastphx.protocol.message import Message
from fastphx.protocol.sink import BINARY, TEXT
from tests.fuzz.exact_memory import decode
from tests.fuzz.pieces import JSON, NOT_UTF8, PHOENIX
from tests.fuzz.recorded_frames import recorded_frames

PIECES = (*JSON, *NOT_UTF8, *PHOENIX, b"\x00\x01\x01\x06\x04", b"\x01\x01\x01\x06\x02", b"\x02\x06\x04")
MAX_BYTES = 4096
FROM_CLIENT, IS_BINARY = 1, 2


def seeds() -> Iterable[bytes]:
    for opcode, frame in recorded_frames():
        for from_client in (0, FROM_CLIENT):
            yield bytes([from_client | (IS_BINARY if opcode == BINARY else 0)]) + frame


def check(data: bytes) -> None:
    if not data:
        return
    from_client, opcode = bool(data[0] & FROM_CLIENT), BINARY if data[0] & IS_BINARY else TEXT
    frame = data[1:]
    try:
        message = decode(frame, opcode, from_client)
    except DecodeError as error:
        assert -1 <= error.position <= len(frame)
        assert str(error).isprintable()
        message = None
    if opcode == TEXT:
        check_text(frame, message)
    else:
        check_binary(frame, message, from_client)
    if message is not None:
        assert repr(message).isprintable()
        check_encoded_again(message, opcode, from_client)


def as_json(frame: bytes) -> Any:
    """What a JSON decoder makes of *frame*; the exception if it is none."""
    try:
        return json_value.loads(frame)
    except ValueError as error:
        return error


def is_frame(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 5
        and all(
            ref is None or (isinstance(ref, str | int) and not isinstance(ref, bool)) for ref in value[:2]
        )
        and all(ref is None or isinstance(ref, str) or -(2**63) <= ref < 2**64 for ref in value[:2])
        and isinstance(value[2], str)
        and isinstance(value[3], str)
    )


def check_text(frame: bytes, message: Message | None) -> None:
    expected = as_json(frame)
    if message is None:
        assert not is_frame(expected), expected
        return
    assert not message.is_binary
    try:
        seen = [message.join_ref, message.ref, message.topic, message.event, message.payload]
    except DecodeError as error:
        # A sixth value, too, is seen only in the payload.
        assert not is_frame(expected), expected
        assert (error.topic, error.event) == (message.topic, message.event)
        return
    if isinstance(expected, ValueError):
        # The array takes one level of the depth that orjson reads.
        assert "depth limit" in str(expected), expected
        return
    assert is_frame(expected), expected
    assert same(seen, expected), (seen, expected)
    if message.is_reply and isinstance(seen[4], dict) and isinstance(seen[4].get("status"), str):
        assert message.status == seen[4]["status"]


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0, and not True."""
    return bool(left == right) and repr(left) == repr(right)


def fields_of(frame: bytes, from_client: bool) -> list[bytes] | None:
    """The fields of a binary frame, with its data at the end; None if it is none."""
    counts = {0: 4} if from_client else {0: 3, 1: 4, 2: 2}
    count = counts.get(frame[0]) if frame else None
    if count is None or len(frame) < 1 + count:
        return None
    at = 1 + count
    fields = []
    for size in frame[1:at]:
        fields.append(frame[at : at + size])
        at += size
    return [*fields, frame[at:]] if at <= len(frame) else None


def check_binary(frame: bytes, message: Message | None, from_client: bool) -> None:
    fields = fields_of(frame, from_client)
    try:
        names = None if fields is None else [field.decode("utf-8") for field in fields[:-1]]
    except UnicodeDecodeError:
        names = None
    if message is None:
        assert names is None, names
        return
    assert names is not None
    assert fields is not None
    assert message.is_binary
    match names:
        case join_ref, ref, topic, event:
            assert (message.join_ref, message.ref) == (join_ref, ref)
        case join_ref, topic, event:
            assert (message.join_ref, message.ref) == (join_ref, None)
        case topic, event:
            assert (message.join_ref, message.ref) == (None, None)
    assert message.topic == topic
    assert message.raw == fields[-1]
    if frame[0] == 1:
        assert (message.event, message.status, message.response) == ("phx_reply", event, fields[-1])
    else:
        assert (message.event, message.payload) == (event, fields[-1])


def check_encoded_again(message: Message, opcode: int, from_client: bool) -> None:
    if opcode == TEXT:
        frame = frame_write.encode(message.join_ref, message.ref, message.topic, message.event, message.raw)
    elif from_client:
        frame = frame_write.encode_binary_push(
            str(message.join_ref), str(message.ref), message.topic, message.event, message.raw
        )
    elif message.is_reply and message.ref is not None:
        frame = frame_write.encode_binary_reply(
            str(message.join_ref), str(message.ref), message.topic, message.status, message.raw
        )
    elif message.join_ref is not None:
        frame = frame_write.encode_binary_server_push(
            str(message.join_ref), message.topic, message.event, message.raw
        )
    else:
        frame = frame_write.encode_binary_broadcast(message.topic, message.event, message.raw)
    again = decode(frame, opcode, from_client)
    for name in ("join_ref", "ref", "topic", "event", "raw", "is_reply", "is_binary"):
        assert getattr(again, name) == getattr(message, name), (name, frame)
    if opcode == TEXT and message.join_ref is None and not isinstance(as_json(frame), ValueError):
        assert orjson.loads(frame)[2:4] == [message.topic, message.event]
