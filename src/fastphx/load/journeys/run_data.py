"""What the visits of one worker hand to each other while the run goes."""

from __future__ import annotations

from collections import deque
from typing import Any

MAX_KEYS = 1000
MAX_VALUES = 100_000


class RunData:
    """``self.run_data``: values that one visit puts under a key and another takes, oldest first.

    Within one worker: visits of other workers have their own. At most MAX_KEYS keys and MAX_VALUES values.
    """

    def __init__(self) -> None:
        self._values: dict[str, deque[Any]] = {}
        self._count = 0

    def put(self, key: str, value: Any) -> bool:
        """Add *value* under *key*. False where a bound is reached, and nothing is added."""
        if self._count >= MAX_VALUES or (key not in self._values and len(self._values) >= MAX_KEYS):
            return False
        self._values.setdefault(key, deque()).append(value)
        self._count += 1
        return True

    def take(self, key: str, default: Any = None) -> Any:
        """The oldest value under *key*, which is then gone; *default* where there is none."""
        values = self._values.get(key)
        if not values:
            return default
        self._count -= 1
        value = values.popleft()
        if not values:
            del self._values[key]
        return value
