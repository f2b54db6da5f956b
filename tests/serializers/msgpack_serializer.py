"""An example of a serializer of one's own: the array of vsn 2.0.0 as MessagePack, in binary frames."""

from __future__ import annotations

from typing import Any

import msgpack

from fastphx import DecodeError, EncodingError


class MsgPack:
    vsn = "2.0.0"

    def encode(
        self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any
    ) -> tuple[bytes, int]:
        try:
            return msgpack.packb([join_ref, ref, topic, event, payload]), 2
        except (TypeError, ValueError, OverflowError) as error:
            raise EncodingError(f"the payload of {event!r} cannot be packed ({error})") from error

    def decode(self, data: bytes, opcode: int) -> tuple[Any, Any, str, str, Any]:
        try:
            join_ref, ref, topic, event, payload = msgpack.unpackb(data)
        except (TypeError, ValueError, msgpack.UnpackException) as error:
            raise DecodeError(f"a message is not MessagePack ({error})") from error
        return join_ref, ref, topic, event, payload
