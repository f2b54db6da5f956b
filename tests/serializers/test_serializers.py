"""What each serializer puts on the wire, and what it refuses."""

from __future__ import annotations

import gzip
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastphx import DecodeError, DisconnectedError, EncodingError
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import RawJson
from fastphx.serializers import GzipJson, JsonV1, JsonV2, Serializer, SupabaseV2
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler
from tests.serializers.msgpack_serializer import MsgPack

ALL = [JsonV1(), JsonV2(), GzipJson(), SupabaseV2(), MsgPack()]
by_name = pytest.mark.parametrize("serializer", ALL, ids=lambda serializer: type(serializer).__name__)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAYLOADS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@by_name
def test_fulfils_the_protocol(serializer: Serializer) -> None:
    assert isinstance(serializer, Serializer)


@by_name
@settings(max_examples=40)
@given(topic=TEXTS, event=TEXTS, payload=PAYLOADS)
def test_decodes_what_it_encoded(serializer: Serializer, topic: str, event: str, payload: Any) -> None:
    frame, opcode = serializer.encode("1", "2", topic, event, payload)
    join_ref = None if isinstance(serializer, JsonV1) else "1"
    assert serializer.decode(frame, opcode) == (join_ref, "2", topic, event, payload)


@by_name
@given(data=st.binary(max_size=200), opcode=st.sampled_from([1, 2]))
def test_nothing_but_a_decode_error_escapes(serializer: Serializer, data: bytes, opcode: int) -> None:
    try:
        serializer.decode(data, opcode)
    except DecodeError:
        pass
    except ValueError:
        # The example leaves the shape to the session.
        assert isinstance(serializer, MsgPack)


@by_name
@pytest.mark.parametrize(
    "payload", [object(), {"x": {1, 2}}, {"x": "\ud800"}], ids=["object", "set", "surrogate"]
)
def test_refuses_what_cannot_be_encoded(serializer: Serializer, payload: Any) -> None:
    with pytest.raises(EncodingError, match="new_msg"):
        serializer.encode("1", "2", "room:a", "new_msg", payload)


def test_json_v1_writes_what_phoenix_was_sent() -> None:
    frame, opcode = JsonV1().encode("1", "2", "room:a", "echo", {"x": 1})
    assert opcode == 1
    assert json.loads(frame) == {"topic": "room:a", "event": "echo", "payload": {"x": 1}, "ref": "2"}


def test_json_v1_reads_a_close_without_a_ref() -> None:
    frame = b'{"event":"phx_close","payload":{},"ref":null,"topic":"room:a"}'
    assert JsonV1().decode(frame, 1) == (None, None, "room:a", "phx_close", {})


@pytest.mark.parametrize(
    "frame",
    [
        b"[]",
        b"{}",
        b"1",
        b"{",
        b'{"topic":1,"event":"e","payload":{}}',
        b'{"topic":"t","event":"e"}',
        b'{"topic":"t","event":"e","payload":{},"ref":true}',
        b"[" * 5000,
        b"\xff",
        b'{"topic":"t","event":2,"payload":{},"ref":null}',
    ],
)
def test_json_v1_refuses(frame: bytes) -> None:
    with pytest.raises(DecodeError):
        JsonV1().decode(frame, 1)


def test_json_v1_has_no_binary_frames() -> None:
    with pytest.raises(DecodeError, match="binary"):
        JsonV1().decode(b'{"topic":"t","event":"e","payload":{},"ref":null}', 2)


def test_gzip_json_reads_a_text_frame_that_is_not_compressed() -> None:
    assert GzipJson().decode(b'[null,null,"t","e",{"x":1}]', 1) == (None, None, "t", "e", {"x": 1})


@pytest.mark.parametrize("serializer", [JsonV1(), GzipJson()], ids=["JsonV1", "GzipJson"])
def test_bytes_are_no_json(serializer: Serializer) -> None:
    with pytest.raises(EncodingError, match="blob"):
        serializer.encode("1", "2", "room:a", "blob", b"\x00")


@pytest.mark.parametrize("serializer", [JsonV1(), JsonV2(), GzipJson()], ids=["JsonV1", "JsonV2", "GzipJson"])
def test_raw_json_is_sent_as_it_is(serializer: Serializer) -> None:
    frame, opcode = serializer.encode("1", "2", "room:a", "e", RawJson(b'{"x" : 1.0}'))
    if isinstance(serializer, GzipJson):
        frame = gzip.decompress(frame)
    assert b'{"x" : 1.0}' in frame
    assert opcode in (1, 2)


def test_json_v2_sends_bytes_as_a_binary_frame() -> None:
    assert JsonV2().encode("12", "12", "room:b", "echo", b"\x00\x01\xff") == (
        bytes.fromhex("000202060431323132726f6f6d3a626563686f0001ff"),
        2,
    )
    with pytest.raises(EncodingError):
        JsonV2().encode("1", "1", "t" * 256, "echo", b"")


def test_json_v2_reads_a_reply() -> None:
    frame = b'["1","2","room:a","phx_reply",{"response":{"x":1},"status":"ok"}]'
    payload = {"status": "ok", "response": {"x": 1}}
    assert JsonV2().decode(frame, 1) == ("1", "2", "room:a", "phx_reply", payload)


def test_gzip_json_is_gzip_of_the_array_in_a_binary_frame() -> None:
    frame, opcode = GzipJson(level=9).encode("1", "2", "room:a", "e", {"x": [1]})
    assert opcode == 2
    assert orjson.loads(gzip.decompress(frame)) == ["1", "2", "room:a", "e", {"x": [1]}]


def test_gzip_json_takes_a_message_up_to_its_limit_and_none_beyond() -> None:
    message = orjson.dumps(["1", "2", "t", "e", "x" * 100_000])
    frame = gzip.compress(message)
    assert len(frame) < 1000
    assert GzipJson(max_inflated_bytes=len(message)).decode(frame, 2)[4] == "x" * 100_000
    with pytest.raises(DecodeError, match="inflates to more"):
        GzipJson(max_inflated_bytes=len(message) - 1).decode(frame, 2)


@settings(max_examples=60)
@given(size=st.integers(1, 3000), limit=st.integers(1, 3000))
def test_gzip_json_limit_is_exact(size: int, limit: int) -> None:
    message = orjson.dumps(["1", "2", "t", "e", "x" * size])
    serializer = GzipJson(max_inflated_bytes=limit)
    if len(message) <= limit:
        assert serializer.decode(gzip.compress(message), 2)[4] == "x" * size
    else:
        with pytest.raises(DecodeError, match="inflates to more"):
            serializer.decode(gzip.compress(message), 2)


FRAME = gzip.compress(b'["1","2","t","e",{}]')


@pytest.mark.parametrize(
    ("frame", "opcode", "match"),
    [
        pytest.param(FRAME, 1, "at byte 0", id="gzip in a text frame"),
        pytest.param(b'["1","2","t","e",{}]', 2, "not gzip", id="no gzip"),
        pytest.param(b"", 2, "cut short", id="empty"),
        pytest.param(FRAME[:-1], 2, "cut short", id="cut"),
        pytest.param(FRAME + b"x", 2, "after its end", id="longer"),
        pytest.param(FRAME[:-4] + b"\0\0\0\0", 2, "not gzip", id="wrong size"),
        pytest.param(gzip.compress(b'["1","2","t","e"]'), 2, "at byte", id="four values"),
        pytest.param(gzip.compress(b'[1.5,"2","t","e",{}]'), 2, "at byte", id="wrong ref"),
        pytest.param(gzip.compress(b"nope"), 2, "at byte", id="no JSON"),
        pytest.param(gzip.compress(b'["1","2","t","e",nope]'), 2, "of 'e' on 't'", id="wrong payload"),
    ],
)
def test_gzip_json_refuses(frame: bytes, opcode: int, match: str) -> None:
    with pytest.raises(DecodeError, match=match):
        GzipJson().decode(frame, opcode)


@pytest.mark.parametrize(
    "options", [{"level": 10}, {"level": -1}, {"max_inflated_bytes": 0}], ids=["level", "low", "size"]
)
def test_gzip_json_refuses_options_that_cannot_be_meant(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        GzipJson(**options)


@pytest.mark.parametrize(
    "serializer", [JsonV1(), GzipJson(), MsgPack()], ids=["JsonV1", "GzipJson", "MsgPack"]
)
def test_a_session_speaks_through_it(serializer: Serializer) -> None:
    handler = RecordingHandler()
    session = CallbackSession(handler, serializer=serializer)
    writer = CollectingWriter()
    session.opened(writer, 0, 0.5)

    def server(ref: str | None, event: str, payload: Any) -> None:
        frame, opcode = serializer.encode(None, ref, "room:a", event, payload)
        session.receive(frame, opcode)

    assert session.join("room:a", {"n": 1}) == 1
    opcode, frame = writer.frames[0]
    assert serializer.decode(frame, opcode)[1:] == ("1", "room:a", "phx_join", {"n": 1})
    server("1", "phx_reply", {"status": "ok", "response": {"joined": True}})
    server(None, "news", {"x": 1})
    assert session.push("room:a", "echo", {"y": 2}) == 2
    server("2", "phx_reply", {"status": "error", "response": {"y": 2}})
    joined, news, reply = handler.calls
    assert (joined[0], joined[1].status, joined[1].response) == ("on_joined", "ok", {"joined": True})
    assert (news[0], news[1].event, news[1].payload) == ("on_message", "news", {"x": 1})
    assert (reply[0], reply[1].payload) == ("on_reply", {"status": "error", "response": {"y": 2}})
    session.receive(b"\xc1", 2)
    assert handler.names[-1] == "on_bad_frame"


class Odd:
    """Encodes everything as what it was given."""

    vsn = "2.0.0"

    def __init__(self, encoded: Any) -> None:
        self.encoded = encoded

    def encode(self, *_: object) -> Any:
        return self.encoded

    def decode(self, data: bytes, opcode: int) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    "encoded", [None, 5, (b"x",), ("x", 1), (None, 1), (b"x", 3), (b"x", None), (b"x", "1"), (b"x", 10**30)]
)
def test_a_session_refuses_what_is_no_frame(encoded: Any) -> None:
    session = CallbackSession(RecordingHandler(), serializer=Odd(encoded))
    writer = CollectingWriter()
    session.opened(writer, 0, 0.5)
    with pytest.raises(EncodingError, match="serializer"):
        session.join("room:a")
    assert writer.frames == []
    assert session.topics() == []


class Disconnecting(JsonV1):
    """Ends the connection while it encodes."""

    session: CallbackSession

    def encode(self, *values: Any) -> tuple[bytes, int]:
        self.session.disconnected()
        return super().encode(*values)


def test_a_serializer_that_ends_the_connection_is_no_harm() -> None:
    serializer = Disconnecting()
    serializer.session = session = CallbackSession(RecordingHandler(), serializer=serializer)
    session.opened(CollectingWriter(), 0, 0.5)
    with pytest.raises(DisconnectedError):
        session.join("room:a")
    assert session.topics() == []
    assert not session.is_open


class Scripted(Odd):
    """Decodes everything as the values it was given, or raises the exception."""

    def decode(self, data: bytes, opcode: int) -> Any:
        if isinstance(self.encoded, Exception):
            raise self.encoded
        return self.encoded


@pytest.mark.parametrize(
    ("decoded", "said"),
    [
        (ZeroDivisionError("a bug"), "the serializer failed"),
        (("1", "2", "t", "e"), "the serializer failed"),
        (("1", "2", None, "e", {}), "not a string"),
        (("1", "2", "t", 5, {}), "not a string"),
        (("1", "2", "t\ud800", "e", {}), "Unicode"),
        (("1", -1, "t", "e", {}), "not a positive 63-bit integer"),
        (("1", 1 << 63, "t", "e", {}), "not a positive 63-bit integer"),
        (("1", True, "t", "e", {}), "neither None, a string nor an integer"),
        (("1", 1.5, "t", "e", {}), "neither None, a string nor an integer"),
        (("\ud800", "2", "t", "e", {}), "not valid Unicode"),
    ],
    ids=range(10),
)
def test_what_a_serializer_decodes_wrongly_is_a_bad_frame(decoded: Any, said: str) -> None:
    handler = RecordingHandler()
    session = CallbackSession(handler, serializer=Scripted(decoded))
    session.opened(CollectingWriter(), 0, 0.5)
    session.receive(b"anything", 1)
    ((name, error),) = handler.calls
    assert name == "on_bad_frame"
    assert said in str(error)
    assert session.stats["decode_errors"] == 1


def test_a_serializer_may_give_refs_that_are_integers_and_payloads_of_any_kind() -> None:
    payload = {"text": "four", "list": [b"four", ("x", 4)]}
    handler = RecordingHandler()
    session = CallbackSession(handler, serializer=Scripted((None, 7, "room:a", "news", payload)))
    session.opened(CollectingWriter(), 0, 0.5)
    session.receive(b"a", 1)
    ((_, message),) = handler.calls
    assert (message.ref, message.ref_number, message.payload) == (7, 7, payload)
    # No less than its texts, and counted once: it may be changed.
    size = message.byte_count()
    assert size > len("textfourlistfourx")
    payload["more"] = "x" * 10_000
    assert message.byte_count() == size


def test_what_a_serializer_refuses_is_not_sent() -> None:
    class Failing(JsonV1):
        def encode(self, *values: Any) -> tuple[bytes, int]:
            raise self.error

        error: Exception

    serializer = Failing()
    session = CallbackSession(RecordingHandler(), serializer=serializer)
    session.opened(CollectingWriter(), 0, 0.5)
    for serializer.error in (ZeroDivisionError("a bug"), EncodingError("refused")):
        with pytest.raises(EncodingError, match=r"a bug|refused"):
            session.join("room:a")
        assert session.topics() == []


@pytest.mark.parametrize("serializer", [JsonV1(), JsonV2()], ids=["JsonV1", "JsonV2"])
def test_a_payload_that_nests_deeper_than_orjson_reads_is_left_as_json(serializer: Serializer) -> None:
    deep = b"[" * 2000 + b"]" * 2000
    frame = b'[null,null,"t","e",%b]' % deep
    if isinstance(serializer, JsonV1):
        frame = b'{"topic":"t","event":"e","payload":%b,"ref":null}' % deep
    *_, topic, event, payload = serializer.decode(frame, 1)
    assert (topic, event, payload.data) == ("t", "e", deep)
