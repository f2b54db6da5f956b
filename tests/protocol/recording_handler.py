"""A session's handler that keeps what it was told, in order."""

from __future__ import annotations

from typing import Any


class RecordingHandler:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *args: self.calls.append((name, *args))

    @property
    def names(self) -> list[str]:
        return [call[0] for call in self.calls]

    def take(self) -> list[tuple[Any, ...]]:
        calls, self.calls = self.calls, []
        return calls
