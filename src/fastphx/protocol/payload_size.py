"""How much memory a decoded payload takes, roughly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VALUE_BYTES: Final = 8
"""What is counted for each value, besides the text or data that it is made of: a pointer to it, at least."""


def payload_bytes(payload: Any) -> int:
    """The bytes or characters of all texts and binaries in *payload*, and ``VALUE_BYTES`` for each value. It
    may be nested to any depth."""
    total = 0
    left = [payload]
    while left:
        value = left.pop()
        total += VALUE_BYTES
        if isinstance(value, str | bytes | bytearray):
            total += len(value)
        elif isinstance(value, Mapping):
            left.extend(value.keys())
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
    return total
