"""What holds for any frame: encode then decode is the identity, and orjson agrees with the header scan."""

from __future__ import annotations

import contextlib
import json
from importlib import import_module
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastphx.errors import DecodeError, EncodingError
from fastphx.protocol import frame_write
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import RawJson
from fastphx.protocol.message import Message, decode
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text(
    st.sampled_from('"\\/\b\f\n\r\t\x00\x1f é😀a\x7f'), max_size=40
)
refs = st.none() | st.integers(-(2**63), 2**64 - 1) | st.integers(0, 99).map(str) | text
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
fields = st.text(st.characters(exclude_categories=["Cs"]), max_size=255).filter(
    lambda s: len(s.encode()) <= 255
)


@given(refs, refs, text, text, json_values)
def test_text_encode_decode_is_the_identity(
    join_ref: Any, ref: Any, topic: str, event: str, payload: Any
) -> None:
    frame = frame_write.encode(join_ref, ref, topic, event, orjson.dumps(payload))
    message = decode(frame)
    assert (message.join_ref, message.ref, message.topic, message.event) == (join_ref, ref, topic, event)
    assert message.payload == payload
    assert orjson.loads(frame) == [join_ref, ref, topic, event, payload]


@given(fields, fields, fields, fields, st.binary(max_size=400))
def test_binary_encode_decode_is_the_identity(a: str, b: str, topic: str, event: str, data: bytes) -> None:
    push = decode(frame_write.encode_binary_push(a, b, topic, event, data), 2, from_client=True)
    assert (push.join_ref, push.ref, push.topic, push.event, push.payload) == (a, b, topic, event, data)
    pushed = decode(frame_write.encode_binary_server_push(a, topic, event, data), 2)
    assert (pushed.join_ref, pushed.ref, pushed.topic, pushed.event, pushed.payload) == (
        a,
        None,
        topic,
        event,
        data,
    )
    reply = decode(frame_write.encode_binary_reply(a, b, topic, event, data), 2)
    assert (reply.join_ref, reply.ref, reply.topic, reply.status, reply.response) == (
        a,
        b,
        topic,
        event,
        data,
    )
    assert reply.event == "phx_reply"
    broadcast = decode(frame_write.encode_binary_broadcast(topic, event, data), 2)
    assert (broadcast.join_ref, broadcast.topic, broadcast.event, broadcast.payload) == (
        None,
        topic,
        event,
        data,
    )


@pytest.mark.parametrize("position", range(4))
def test_a_binary_field_takes_255_bytes_and_not_256(position: int) -> None:
    for size, fits in ((255, True), (256, False)):
        values = ["1", "2", "t", "e"]
        values[position] = "é" * (size // 2) + "x" * (size % 2)
        if fits:
            frame_write.encode_binary_push(*values, b"")
        else:
            with pytest.raises(EncodingError, match="256 bytes"):
                frame_write.encode_binary_push(*values, b"")


@pytest.mark.parametrize("topic", ["\ud800", "a\udfffb", "\ud800\ud800"])
def test_a_lone_surrogate_is_refused_before_anything_is_sent(topic: str) -> None:
    with pytest.raises(EncodingError, match="Unicode"):
        frame_write.encode("1", "1", topic, "e", b"{}")
    with pytest.raises(EncodingError, match="Unicode"):
        frame_write.encode_binary_broadcast("t", topic, b"")
    writer = CollectingWriter()
    session = CallbackSession(RecordingHandler())
    session.opened(writer, 0, 1.0)
    with pytest.raises(EncodingError):
        session.join(topic)
    with pytest.raises(EncodingError):
        session.join("t", {"x": topic})
    assert writer.frames == []
    assert session.topics() == []
    assert session.join("t") == 1


spaces = st.text(st.sampled_from(" \t\n\r"), max_size=3)


@given(st.lists(spaces, min_size=12, max_size=12), refs, refs, text, text, json_values, st.booleans())
def test_the_scan_agrees_with_orjson_however_a_frame_is_spaced(
    gaps: list[str], join_ref: Any, ref: Any, topic: str, event: str, payload: Any, ascii_only: bool
) -> None:
    parts = [json.dumps(part, ensure_ascii=ascii_only) for part in (join_ref, ref, topic, event, payload)]
    frame = gaps[0] + "[" + ",".join(gaps[2 * i + 1] + part + gaps[2 * i + 2] for i, part in enumerate(parts))
    data = (frame + "]" + gaps[11]).encode()
    expected = orjson.loads(data)
    message = decode(data)
    assert [message.join_ref, message.ref, message.topic, message.event, message.payload] == expected


def is_valid(data: bytes) -> list[Any] | None:
    """What orjson makes of it, where it is a frame."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return None
    if not isinstance(value, list) or len(value) != 5:
        return None
    join_ref, ref, topic, event, _ = value
    for item in (join_ref, ref):
        if isinstance(item, bool) or not (item is None or isinstance(item, str | int)):
            return None
    return value if isinstance(topic, str) and isinstance(event, str) else None


def check_any(data: bytes) -> None:
    """Either the five values that orjson sees, or DecodeError; nothing else, ever."""
    expected = is_valid(data)
    try:
        message = decode(data)
        seen = [message.join_ref, message.ref, message.topic, message.event, message.payload]
    except DecodeError:
        assert expected is None
    else:
        assert seen == expected


def test_a_message_is_shown_on_one_short_line_whatever_it_is_called() -> None:
    frame = frame_write.encode("\x1b[2J", "\r\n", "t" * 10_000, "\u202e", b"{}")
    assert repr(decode(frame)).isprintable()
    assert len(repr(decode(frame))) < 300


VALID = b'["1","2","room:\\u00e9","new\\"msg",{"a":[1,{"b":null}],"c":"]"}]'


@pytest.mark.parametrize("size", range(len(VALID)))
def test_a_frame_cut_anywhere_is_a_decode_error(size: int) -> None:
    with pytest.raises(DecodeError):
        _ = decode(VALID[:size]).payload


@given(st.binary(max_size=200))
@example(b"")
@example(b"[]")
@example(b"\xef\xbb\xbf" + VALID)
@example(b'["1","1","t","e",NaN]')
@example(b'["1","1","t","e",' + b"[" * 5000 + b"]" * 5000 + b"]")
@example(b'["1","1","t","e",{},{}]')
@example(b'["1","1","t","e"]')
@example(b'[1.0,"1","t","e",{}]')
@example(b'[true,"1","t","e",{}]')
@example(b'[01,"1","t","e",{}]')
@example(b'["1",18446744073709551616,"t","e",{}]')
@example(b'["1",-0,"t","e",{}]')
@example(b'["\\ud800","1","t","e",{}]')
@example(b'["1","1","\\ud83d\\ude00","e",{}]')
@example(b'["1","1","\\ud83dx","e",{}]')
@example(b'["1","1","\\ud83d\\u0041","e",{}]')
@example(b'["1","1","\\uD83D\\uDE00","e",{}]')
@example(b'["1","1","t\xff","e",{}]')
@example(b'["1","1","t\xed\xa0\x80","e",{}]')
@example(b'["1","1","t\x01","e",{}]')
@example(b'["1","1","t\x7f","e",{}]')
@example(b'["1","1","\\x","e",{}]')
@example(b'["1","1","t","e",{}]]')
@example(b'["1","1","t","e",{}] x')
@example(b'["1","1",null,"e",{}]')
@example(b'["1","1","t","e",]')
@example(b'["1","1","t","e",\xc3\x28]')
def test_any_bytes(data: bytes) -> None:
    check_any(data)
    for from_client in (False, True):
        with contextlib.suppress(DecodeError):
            _ = decode(data, 2, from_client=from_client).payload


@given(st.data())
@settings(max_examples=300)
def test_a_mutated_frame(data: st.DataObject) -> None:
    frame = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1))
        how = data.draw(st.sampled_from(["replace", "delete", "insert"]))
        byte = data.draw(st.sampled_from(b'"\\[]{},:0un \x00\xc3\xff'))
        if how == "replace":
            frame[at] = byte
        elif how == "insert":
            frame.insert(at, byte)
        else:
            del frame[at]
    check_any(bytes(frame))


REPLIES = [
    (b'{"response":{},"status":"ok"}', "ok"),
    (b'{"response":{},"status":"error"}', "error"),
    (b'{"status":"ok","response":{}}', "ok"),
    (b'{"status":"error","response":{"status":"ok"}}', "error"),
    (b'{ "response" : {"a":",\\"status\\":\\"ok\\"}"} , "status" : "error" }', "error"),
    (b'{"response":{"status":"ok"},"status":"busy"}', "busy"),
    (b'{"response":["status","ok"],"st\\u0061tus":"ok"}', "ok"),
    (b'{"response":{},"status":"\\u006fk"}', "ok"),
    (b'{"response":"\\\\","status":"error"}', "error"),
    (b'{"status":null,"response":{},"status":"ok" }', "ok"),
    (b'{"status":{"status":"ok"},"response":{},"st\\u0061tus":"error"}', "error"),
]


@pytest.mark.parametrize(("payload", "status"), REPLIES)
def test_a_joins_status_is_read_without_decoding_its_response(payload: bytes, status: str) -> None:
    handler = RecordingHandler()
    session = CallbackSession(handler)
    session.opened(CollectingWriter(), 0, 1.0)
    session.join("t")
    session.receive(b'["1","1","t","phx_reply",' + payload + b"]", 1)
    assert handler.names == ["on_joined" if status == "ok" else "on_join_error"]
    message = handler.calls[0][1]
    assert message.status == status


@given(
    st.dictionaries(st.sampled_from(["status", "response", "x", "é"]), json_values, max_size=3), st.booleans()
)
def test_the_status_scan_agrees_with_orjson(payload: dict[str, Any], spaced: bool) -> None:
    handler = RecordingHandler()
    session = CallbackSession(handler)
    session.opened(CollectingWriter(), 0, 1.0)
    session.join("t")
    data = json.dumps(payload, separators=None if spaced else (",", ":")).encode()
    session.receive(b'["1","1","t","phx_reply",' + data + b"]", 1)
    status = payload.get("status")
    if not isinstance(status, str):
        assert handler.names == ["on_bad_frame"]
    else:
        assert handler.names == ["on_joined" if status == "ok" else "on_join_error"]


@given(text, text, json_values)
def test_what_a_session_writes_is_what_orjson_reads(topic: str, event: str, payload: Any) -> None:
    writer = CollectingWriter()
    session = CallbackSession(RecordingHandler())
    session.opened(writer, 0, 1.0)
    session.join(topic, {"p": payload})
    session.receive(frame_write.encode_reply("1", "1", topic, "ok", b"{}"), 1)
    session.push(topic, event, {"p": payload})
    assert [orjson.loads(frame) for _, frame in writer.frames] == [
        ["1", "1", topic, "phx_join", {"p": payload}],
        ["1", "2", topic, event, {"p": payload}],
    ]


def test_large_frames_go_through() -> None:
    writer = CollectingWriter()
    handler = RecordingHandler()
    session = CallbackSession(handler)
    session.opened(writer, 0, 1.0)
    topic = "\n" * 5000
    payload = {"x": "y" * 1_000_000}
    session.join(topic, payload)
    assert orjson.loads(writer.frames[0][1]) == ["1", "1", topic, "phx_join", payload]
    session.receive(frame_write.encode(None, None, topic, "\t" * 400, orjson.dumps(payload)), 1)
    message = handler.calls[0][1]
    assert (message.topic, message.event, message.payload) == (topic, "\t" * 400, payload)


def test_a_broken_payload_is_an_error_when_it_is_read() -> None:
    message = decode(b'["1",null,"room:a","new_msg",{"a":}]')
    with pytest.raises(DecodeError) as caught:
        _ = message.payload
    assert (caught.value.topic, caught.value.event) == ("room:a", "new_msg")


def test_a_decoder_of_the_users_own() -> None:
    message = decode(b'["1",null,"room:a","new_msg",[1,2]]')
    message.decoder = lambda raw: tuple(orjson.loads(raw))
    assert message.payload == (1, 2)
    broken = decode(b'["1",null,"room:a","new_msg",[1,2]]')
    broken.decoder = lambda raw: 1 // 0
    with pytest.raises(DecodeError, match="division"):
        _ = broken.payload


@pytest.mark.parametrize(
    "character", ["\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff"]
)
def test_an_escaped_character_of_each_length_in_utf8_is_itself(character: str) -> None:
    escaped = json.dumps(f"room:{character}").replace("\x7f", "\\u007f")
    message = decode(f'[null,null,{escaped},"e",{{}}]'.encode("ascii"))
    assert message.topic == f"room:{character}"


@pytest.mark.parametrize("ref", ['"\\u0031"', '"1\\u0032"'])
def test_a_refs_escapes_are_resolved(ref: str) -> None:
    message = decode(f'[{ref},{ref},"t","e",{{}}]'.encode())
    expected = json.loads(ref)
    assert (message.join_ref, message.ref) == (expected, expected)
    assert (message.join_ref_number, message.ref_number) == (int(expected), int(expected))


@pytest.mark.parametrize("size", [1, 40, 45, 500])
def test_an_escaped_ref_may_be_of_any_length(size: int) -> None:
    ref = "\n" * size
    assert decode(frame_write.encode(ref, ref, "t", "e", b"{}")).ref == ref
    with pytest.raises(DecodeError, match="escape"):
        decode(b'[null,"' + b"\\n" * size + b'\\x","t","e",{}]')


def test_raw_json_is_text_or_bytes() -> None:
    assert RawJson("[1]").data == RawJson(bytearray(b"[1]")).data == b"[1]"
    with pytest.raises(EncodingError, match="Unicode"):
        RawJson("\ud800")
    for data in (5, [1], None):
        with pytest.raises(TypeError, match="RawJson takes"):
            RawJson(data)  # type: ignore[arg-type]


def test_raw_json_is_shown_on_one_short_line() -> None:
    assert repr(RawJson(b'{"x":1}')) == """RawJson('{"x":1}')"""
    assert len(repr(RawJson(b"\n" * 10_000))) < 300


@pytest.mark.parametrize("ref", [True, 1.5, b"1"])
def test_a_ref_is_text_or_an_integer(ref: Any) -> None:
    with pytest.raises(EncodingError, match="give a str, an int or None"):
        frame_write.encode(None, ref, "t", "e", b"{}")


def test_a_frame_has_a_topic_and_an_event() -> None:
    for topic, event, missing in ((None, "e", "topic"), ("t", None, "event")):
        with pytest.raises(EncodingError, match=f"the {missing} is None"):
            frame_write.encode(None, None, topic, event, b"{}")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a frame is None"):
        decode(None)  # type: ignore[arg-type]


def test_a_message_comes_from_a_frame() -> None:
    with pytest.raises(TypeError, match="comes from decode"):
        Message()
    # A name that is made in the program is not the one that is looked for first.
    assert getattr(decode(VALID), "".join(("pay", "load"))) == decode(VALID).payload


def test_the_codec_is_the_protocol_for_programs_that_use_it_by_itself() -> None:
    # By its name: nothing of ours goes by it.
    codec = import_module(".codec", "fastphx.protocol")
    frame = codec.encode("1", "2", "room:a", "new_msg", codec.RawJson(b"[1]").data)
    message = codec.decode(frame)
    assert isinstance(message, codec.Message)
    assert (message.topic, message.payload) == ("room:a", [1])
    assert all(hasattr(codec, name) for name in codec.__all__)
