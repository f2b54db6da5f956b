"""What is told of a run while it goes."""

from __future__ import annotations

from typing import Any, Protocol

from fastphx.load.result.result import Result


class Progress(Protocol):
    """Shows how a run goes."""

    def phase(self, text: str, lasts_s: float | None = None) -> object:
        """A new part of the run begins. *lasts_s*: how long it lasts, where that is known."""

    def row(self, row: dict[str, Any], result: Result) -> object:
        """One more second of the run is merged."""

    def output(self, text: str) -> object:
        """One line that a worker's script printed."""

    def close(self) -> object:
        """The run has ended."""


class QuietProgress:
    """Shows nothing."""

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        pass

    def row(self, row: dict[str, Any], result: Result) -> None:
        pass

    def output(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class ManyProgresses:
    """Tells each of several."""

    def __init__(self, *each: Progress) -> None:
        self._each = each

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        for progress in self._each:
            progress.phase(text, lasts_s)

    def row(self, row: dict[str, Any], result: Result) -> None:
        for progress in self._each:
            progress.row(row, result)

    def output(self, text: str) -> None:
        for progress in self._each:
            progress.output(text)

    def close(self) -> None:
        for progress in self._each:
            progress.close()
