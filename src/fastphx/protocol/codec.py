"""The protocol for programs that use it by itself: messages, payloads that are JSON, whole frames.

These names are for users. Inside fastphx, each is imported from the module that defines it.
"""

from fastphx.protocol.frame_write import (
    RawJson,
    encode,
    encode_binary_broadcast,
    encode_binary_push,
    encode_binary_reply,
    encode_binary_server_push,
    encode_reply,
)
from fastphx.protocol.message import Message, decode

__all__ = [
    "Message",
    "RawJson",
    "decode",
    "encode",
    "encode_binary_broadcast",
    "encode_binary_push",
    "encode_binary_reply",
    "encode_binary_server_push",
    "encode_reply",
]
