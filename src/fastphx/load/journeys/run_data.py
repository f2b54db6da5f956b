"""What the visits of one worker hand to each other while the run goes."""

from __future__ import annotations

from collections import deque
from typing import Any

from fastphx.protocol.payload_size import payload_bytes

MAX_KEYS = 1000
MAX_VALUES = 100_000
MAX_BYTES = 64 << 20
"""Of the texts and binaries in all keys and values, as `payload_bytes` counts them."""


class RunData:
    """``self.run_data``: values that one visit puts under a key and another takes, oldest first.

    Within one worker: visits of other workers have their own. At most MAX_KEYS keys, MAX_VALUES values and
    MAX_BYTES.
    """

    def __init__(self) -> None:
        self._values: dict[str, deque[tuple[Any, int]]] = {}
        """Each with what it counted when it was put."""
        self._count = 0
        self._bytes = 0

    def put(self, key: str, value: Any) -> bool:
        """Add *value* under *key*. False where a bound is reached, and nothing is added."""
        if self._count >= MAX_VALUES or (key not in self._values and len(self._values) >= MAX_KEYS):
            return False
        size = payload_bytes((key, value))
        if self._bytes + size > MAX_BYTES:
            return False
        self._values.setdefault(key, deque()).append((value, size))
        self._count += 1
        self._bytes += size
        return True

    def take(self, key: str, default: Any = None) -> Any:
        """The oldest value under *key*, which is then gone; *default* where there is none."""
        values = self._values.get(key)
        if not values:
            return default
        value, size = values.popleft()
        self._count -= 1
        self._bytes -= size
        if not values:
            del self._values[key]
        return value
