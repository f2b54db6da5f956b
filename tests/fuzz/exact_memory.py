"""Frames in memory that ends where they end, where AddressSanitizer watches: one byte too far is seen.

`exact_frames` is compiled only for that; elsewhere a frame is read from its ``bytes``.
"""

from __future__ import annotations

from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.message import Message
from fastphx.protocol.message import decode as decode_message

try:
    from exact_frames import decode, receive
except ImportError:

    def decode(frame: bytes, opcode: int, from_client: bool) -> Message:
        return decode_message(frame, opcode, from_client=from_client)  # type: ignore[arg-type]

    def receive(session: CallbackSession, frame: bytes, opcode: int, now_ns: int) -> None:
        session.receive(frame, opcode, now_ns)


__all__ = ["decode", "receive"]
