"""Reading a file without asking for more memory than it fills."""

from __future__ import annotations

from typing import BinaryIO

_PART_BYTES = 1 << 20


def read_at_most(file: BinaryIO, max_bytes: int) -> bytes:
    """The next *max_bytes* of *file*, or all that is left of it. ``file.read`` asks for all of *max_bytes* at
    once. Raises OSError."""
    data = bytearray()
    while len(data) < max_bytes and (part := file.read(min(_PART_BYTES, max_bytes - len(data)))):
        data += part
    return bytes(data)
