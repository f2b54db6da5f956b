"""The binary frames of Supabase Realtime. The bytes are those of its own tests (v2_serializer_test.exs)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx import DecodeError, EncodingError, RawJson, SupabaseV2
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.serializers import JsonV2
from tests.serializers.supabase_frames import sent_on
from tests.serializers.test_serializers import PAYLOADS, TEXTS


def broadcast(payload: Any, event: str = "user_event", **more: Any) -> dict[str, Any]:
    return {"type": "broadcast", "event": event, "payload": payload, **more}


def encoded(payload: Any, topic: str = "topic") -> tuple[bytes, int]:
    return SupabaseV2().encode("12", "123", topic, "broadcast", payload)


@pytest.mark.parametrize(
    ("payload", "frame"),
    [
        (b"efg", b"\x03\x02\x03\x05\x0a\x00\x0012123topicuser_eventefg"),
        (b"", b"\x03\x02\x03\x05\x0a\x00\x0012123topicuser_event"),
        ({"a": "b"}, b'\x03\x02\x03\x05\x0a\x00\x0112123topicuser_event{"a":"b"}'),
        (RawJson(b'{"a" : 1}'), b'\x03\x02\x03\x05\x0a\x00\x0112123topicuser_event{"a" : 1}'),
        (None, b"\x03\x02\x03\x05\x0a\x00\x0112123topicuser_eventnull"),
    ],
    ids=["bytes", "no bytes", "JSON", "raw JSON", "null"],
)
def test_what_is_broadcast_is_a_frame_of_kind_3(payload: Any, frame: bytes) -> None:
    assert encoded(broadcast(payload)) == (frame, BINARY)
    assert encoded({"event": "user_event", "payload": payload}) == (frame, BINARY)


@pytest.mark.parametrize(
    "payload",
    [
        broadcast({}, private=True),
        {"type": "presence", "event": "track", "payload": {}},
        {"type": "broadcast", "event": "no payload"},
        {"type": "broadcast", "event": 1, "payload": {}},
        [],
        "event",
    ],
    ids=["further key", "other type", "no payload", "event", "list", "text"],
)
def test_what_is_no_plain_broadcast_is_sent_as_json(payload: Any) -> None:
    expected = JsonV2().encode("12", "123", "topic", "broadcast", payload)
    assert expected[1] == TEXT
    assert encoded(payload) == expected


def test_bytes_are_refused_where_they_would_be_json() -> None:
    with pytest.raises(EncodingError, match="'broadcast' is not JSON"):
        encoded(broadcast(b"efg", private=True))


@pytest.mark.parametrize(
    ("topic", "event", "ref", "wrong"),
    [
        ("t" * 256, "e", "1", "topic"),
        ("t", "é" * 128, "1", "event"),
        ("t", "e", "1" * 256, "ref"),
        ("t", "\ud800", "1", "event"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(topic: str, event: str, ref: str, wrong: str) -> None:
    with pytest.raises(EncodingError, match=wrong):
        SupabaseV2().encode("1", ref, topic, "broadcast", broadcast(b"", event))


def test_255_bytes_fit() -> None:
    frame, _ = SupabaseV2().encode("1", "2", "t" * 255, "broadcast", broadcast(b"x", "é" * 127))
    assert SupabaseV2().decode(sent_on(frame), BINARY)[2:] == (
        "t" * 255,
        "broadcast",
        broadcast(b"x", "é" * 127),
    )


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        (b"\x04\x05\x0a\x00\x00topicuser_eventefg", broadcast(b"efg")),
        (b'\x04\x05\x0a\x00\x01topicuser_event{"a":"b"}', broadcast({"a": "b"})),
        (
            b'\x04\x05\x0a\x11\x00topicuser_event{"replayed":true}efg',
            broadcast(b"efg", meta={"replayed": True}),
        ),
        (
            b'\x04\x05\x0a\x11\x01topicuser_event{"replayed":true}{"a":"b"}',
            broadcast({"a": "b"}, meta={"replayed": True}),
        ),
    ],
    ids=["bytes", "JSON", "bytes again", "JSON again"],
)
def test_a_frame_of_kind_4_is_read(frame: bytes, payload: Any) -> None:
    assert SupabaseV2().decode(frame, BINARY) == (None, None, "topic", "broadcast", payload)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00\x02\x05\x0512topiceventefg",
        b"\x01\x02\x03\x05\x0212123topicokefg",
        b"\x02\x05\x05topiceventefg",
    ],
    ids=["push", "reply", "broadcast"],
)
def test_phoenix_own_frames_are_read_as_ever(frame: bytes) -> None:
    assert SupabaseV2().decode(frame, BINARY) == JsonV2().decode(frame, BINARY)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        pytest.param(b"", "empty|short|kind", id="empty"),
        pytest.param(b"\x03\x00\x00\x01\x01\x00\x00te", "kind", id="kind 3"),
        pytest.param(b"\x04", "shorter", id="kind alone"),
        pytest.param(b"\x04\x01\x01\x00", "shorter", id="no encoding"),
        pytest.param(b"\x04\x02\x00\x00\x00t", "shorter", id="cut topic"),
        pytest.param(b"\x04\x01\xff\x00\x00te", "shorter", id="cut event"),
        pytest.param(b"\x04\x01\x01\x03\x00te{}", "shorter", id="cut metadata"),
        pytest.param(b"\x04\x01\x01\x00\x02te", "encoding 2", id="encoding"),
        pytest.param(b"\x04\x01\x01\x00\x00\xffe", "UTF-8", id="topic"),
        pytest.param(b"\x04\x01\x01\x00\x00t\xff", "UTF-8", id="event"),
        pytest.param(b"\x04\x01\x01\x00\x01te", "JSON.* on 't'", id="no payload"),
        pytest.param(b"\x04\x01\x01\x00\x01te{", "JSON", id="payload"),
        pytest.param(b"\x04\x01\x01\x01\x00te{x", "JSON", id="metadata"),
        pytest.param(b"\x04\x01\x01\x00\x01te" + b"[" * 5000 + b"]" * 5000, "JSON", id="deep"),
    ],
)
def test_a_frame_that_is_none_is_refused(frame: bytes, match: str) -> None:
    with pytest.raises(DecodeError, match=match) as caught:
        SupabaseV2().decode(frame, BINARY)
    assert str(caught.value).isprintable()


@given(topic=TEXTS, event=TEXTS, payload=PAYLOADS | st.binary(max_size=40))
def test_others_get_what_was_broadcast(topic: str, event: str, payload: Any) -> None:
    frame, opcode = SupabaseV2().encode("1", "2", topic, "broadcast", broadcast(payload, event))
    assert opcode == BINARY
    decoded = SupabaseV2().decode(sent_on(frame), BINARY)
    assert decoded == (None, None, topic, "broadcast", broadcast(payload, event))


@given(data=st.binary(max_size=40))
def test_nothing_but_a_decode_error_escapes_a_frame_of_kind_4(data: bytes) -> None:
    try:
        SupabaseV2().decode(b"\x04" + data, BINARY)
    except DecodeError as error:
        assert str(error).isprintable()  # noqa: PT017 - there may be none
