"""How a message becomes a frame and back: the interface of a serializer, and the serializers of fastphx.

A serializer names the ``vsn`` that the client asks the server for. It encodes and decodes the five values of
a Phoenix message (Phoenix.Socket.Message): join_ref, ref, topic, event, payload.
"""

from __future__ import annotations

import zlib
from typing import Any, ClassVar, Protocol, runtime_checkable

import orjson

from fastphx.errors import DecodeError, EncodingError, clip
from fastphx.protocol import frame_write, json_value
from fastphx.protocol.deep_frame import is_too_deep, without_payload
from fastphx.protocol.message import Message
from fastphx.protocol.message import decode as decode_message
from fastphx.protocol.sink import BINARY, TEXT

Ref = str | int | None
Decoded = tuple[Ref, Ref, str, str, Any]

MAX_INFLATED_BYTES = 16 * 1024 * 1024
"""How many bytes a compressed frame may become."""

_BROADCAST = "broadcast"
_CLIENT_BROADCAST, _SERVER_BROADCAST = 3, 4
_AS_BYTES, _AS_JSON = 0, 1
_HEAD_BYTES = 5


@runtime_checkable
class Serializer(Protocol):
    """What a serializer needs.

    ``vsn`` goes into the connection's query. ``encode`` gives the frame and its opcode (1 text, 2 binary)
    and raises :class:`~fastphx.errors.EncodingError`; refs are strings or None. ``decode`` gives the five
    values and raises :class:`~fastphx.errors.DecodeError`; a reply's payload is
    ``{"status": …, "response": …}``. A payload that is a ``RawJson`` is decoded when it is read: so a message
    that cannot be decoded still reaches whoever waits for it. Both are called once a message, on the
    socket's event loop.
    """

    vsn: str

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        """A client's frame, and its opcode."""

    def decode(self, data: bytes, opcode: int) -> Decoded:
        """The five values of a server's frame."""


class JsonV2:
    """vsn 2.0.0, Phoenix's default: JSON arrays, and binary frames for ``bytes`` payloads.

    A socket with this serializer uses the compiled codec, and decodes a payload when it is read. The methods
    are the same codec, for other callers. If a subclass overrides them, the socket calls them.
    """

    vsn: ClassVar[str] = "2.0.0"

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        """A client's frame."""
        if isinstance(payload, bytes):
            return frame_write.encode_binary_push(join_ref or "", ref or "", topic, event, payload), BINARY
        data = payload.data if isinstance(payload, frame_write.RawJson) else _dump(payload, event)
        return frame_write.encode(join_ref, ref, topic, event, data), TEXT

    def decode(self, data: bytes, opcode: int) -> Decoded:
        """A server's frame."""
        message = decode_message(data, 1 if opcode == TEXT else 2)
        return message.join_ref, message.ref, message.topic, message.event, _payload_of(message)


class JsonV1:
    """vsn 1.0.0, of servers from before Phoenix 1.3: JSON objects, text only.

    The server sends no join_ref. So nothing tells a message of an earlier join of a topic from one of the
    current join.
    """

    vsn: ClassVar[str] = "1.0.0"

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        """A client's frame. Raises EncodingError for ``bytes``: vsn 1.0.0 has no binary frames."""
        if isinstance(payload, bytes):
            raise EncodingError(f"the payload of {clip(event)} is bytes: vsn 1.0.0 has no binary frames")
        message = {"topic": topic, "event": event, "payload": _json_value(payload), "ref": ref}
        return _dump(message, event), TEXT

    def decode(self, data: bytes, opcode: int) -> Decoded:
        """A server's frame."""
        if opcode != TEXT:
            raise DecodeError("a binary frame arrived, which vsn 1.0.0 does not have", excerpt=clip(data))
        try:
            message = _object(data)
            ref, topic, event, payload = (message[key] for key in ("ref", "topic", "event", "payload"))
        except orjson.JSONDecodeError as error:
            reason = f"a frame is not JSON ({error.msg})"
            raise DecodeError(reason, position=error.pos, excerpt=clip(data)) from error
        except (KeyError, TypeError):
            raise DecodeError(
                "a frame is not an object with topic, event, payload and ref", excerpt=clip(data)
            ) from None
        if isinstance(ref, bool) or not isinstance(ref, str | int | None):
            raise DecodeError("a ref is neither a string, an integer nor null", excerpt=clip(data))
        if not isinstance(topic, str) or not isinstance(event, str):
            raise DecodeError("a topic or event is not a string", excerpt=clip(data))
        return None, ref, topic, event, payload


class GzipJson:
    """vsn 2.0.0 arrays, each compressed with gzip into a binary frame, as the Elixir library's GzipJson does.

    The server needs the same kind of serializer. A frame may inflate to *max_inflated_bytes* at most.
    """

    vsn: ClassVar[str] = "2.0.0"

    def __init__(self, *, level: int = 6, max_inflated_bytes: int = MAX_INFLATED_BYTES) -> None:
        if not 0 <= level <= 9:
            raise ValueError(f"level is {level}: gzip has 0 to 9")
        if max_inflated_bytes < 1:
            raise ValueError(f"max_inflated_bytes is {max_inflated_bytes}: give at least 1")
        self.level = level
        self.max_inflated_bytes = max_inflated_bytes

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        """A client's frame."""
        message = _dump([join_ref, ref, topic, event, _json_value(payload)], event)
        compressor = zlib.compressobj(self.level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        return compressor.compress(message) + compressor.flush(), BINARY

    def decode(self, data: bytes, opcode: int) -> Decoded:
        """A server's frame, compressed or (text) not."""
        if opcode == BINARY:
            data = self._inflate(data)
        message = decode_message(data)
        return message.join_ref, message.ref, message.topic, message.event, _payload_of(message)

    def _inflate(self, data: bytes) -> bytes:
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            inflated = inflater.decompress(data, self.max_inflated_bytes + 1)
        except zlib.error as error:
            raise DecodeError(f"a frame is not gzip ({error})", excerpt=clip(data)) from error
        if len(inflated) > self.max_inflated_bytes:
            raise DecodeError(f"a frame inflates to more than {self.max_inflated_bytes} bytes")
        if not inflater.eof:
            raise DecodeError("a gzip frame is cut short", excerpt=clip(data))
        if inflater.unused_data:
            raise DecodeError("a gzip frame goes on after its end", excerpt=clip(inflater.unused_data))
        return inflated


class SupabaseV2(JsonV2):
    """vsn 2.0.0 with the two binary frames that Supabase Realtime has besides Phoenix's, for what its clients
    broadcast (``RealtimeWeb.Socket.V2Serializer``, as of August 2026).

    A push of ``broadcast`` with ``{"type": "broadcast", "event": …, "payload": …}`` is a frame of kind 3, as
    Supabase's own client sends it; its ``payload`` is JSON, or ``bytes`` that stay what they are. Its topic,
    event and refs take at most 255 bytes each. With further keys, which that frame has no place for, it is
    sent as JSON.

    A frame of kind 4 is a message ``broadcast`` with the same three keys, and ``meta`` if the server has
    added any (to what comes from the database). All other frames are those of JsonV2.
    """

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        """A client's frame. Raises EncodingError for a field over 255 bytes, and for ``bytes`` in a payload
        that is sent as JSON."""
        if event != _BROADCAST or not _is_broadcast(payload):
            return super().encode(join_ref, ref, topic, event, payload)
        content = payload["payload"]
        encoding = _AS_BYTES if isinstance(content, bytes) else _AS_JSON
        if isinstance(content, frame_write.RawJson):
            content = content.data
        elif encoding == _AS_JSON:
            content = _dump(content, event)
        # A binary push, whose lengths two more bytes follow: metadata, of which a client has none; encoding.
        push = frame_write.encode_binary_push(join_ref or "", ref or "", topic, payload["event"], content)
        return bytes((_CLIENT_BROADCAST, *push[1:_HEAD_BYTES], 0, encoding)) + push[_HEAD_BYTES:], BINARY

    def decode(self, data: bytes, opcode: int) -> Decoded:
        """A server's frame."""
        if opcode != BINARY or not data or data[0] != _SERVER_BROADCAST:
            return super().decode(data, opcode)
        if len(data) < _HEAD_BYTES or len(data) < _HEAD_BYTES + sum(data[1:4]):
            raise DecodeError(
                "a broadcast is shorter than its lengths say", position=len(data), excerpt=clip(data)
            )
        _, topic_size, event_size, meta_size, encoding = data[:_HEAD_BYTES]
        if encoding not in (_AS_BYTES, _AS_JSON):
            raise DecodeError(
                f"a broadcast has the encoding {encoding}, which is neither 0 (binary) nor 1 (JSON)",
                position=_HEAD_BYTES - 1,
                excerpt=clip(data),
            )
        event_start = _HEAD_BYTES + topic_size
        meta_start = event_start + event_size
        content_start = meta_start + meta_size
        try:
            topic, event = data[_HEAD_BYTES:event_start].decode(), data[event_start:meta_start].decode()
        except UnicodeDecodeError as error:
            raise DecodeError("the topic or event of a broadcast is not UTF-8", excerpt=clip(data)) from error
        content: Any = data[content_start:]
        payload = {"type": _BROADCAST, "event": event, "payload": content}
        try:
            if encoding == _AS_JSON:
                payload["payload"] = json_value.loads(content)
            if meta_size:
                payload["meta"] = json_value.loads(data[meta_start:content_start])
        except orjson.JSONDecodeError as error:
            raise DecodeError(
                f"a part is not JSON ({error.msg})",
                excerpt=clip(data[meta_start:]),
                topic=topic,
                event=_BROADCAST,
            ) from error
        return None, None, topic, _BROADCAST, payload


def _is_broadcast(payload: Any) -> bool:
    """Whether *payload* is what a client broadcasts over Supabase Realtime, and no more."""
    return (
        isinstance(payload, dict)
        and {"event", "payload"} == payload.keys() - {"type"}
        and payload.get("type", _BROADCAST) == _BROADCAST
        and isinstance(payload["event"], str)
    )


def _payload_of(message: Message) -> Any:
    """The payload; as JSON if it nests deeper than orjson reads."""
    try:
        return message.payload
    except DecodeError as error:
        if not is_too_deep(error.__cause__):
            raise
        return frame_write.RawJson(message.raw)


def _object(frame: bytes) -> Any:
    """The fields of a frame of vsn 1.0.0; its payload as JSON if it nests deeper than orjson reads."""
    try:
        return json_value.loads(frame)
    except orjson.JSONDecodeError as error:
        head, payload = without_payload(frame) if is_too_deep(error) else (b"", b"")
        if not payload:
            raise
        message = json_value.loads(head)
        message["payload"] = frame_write.RawJson(payload)
        return message


def _dump(value: Any, event: str) -> bytes:
    try:
        return json_value.dumps(value)
    except TypeError as error:
        raise EncodingError(f"the payload of {clip(event)} is not JSON ({error})") from error


def _json_value(payload: Any) -> Any:
    return orjson.Fragment(payload.data) if isinstance(payload, frame_write.RawJson) else payload
