from typing import Any, final

from fastphx.load.result.step_histogram import StepHistogram

@final
class StepCounter:
    """Counts and times the steps of one name (compiled)."""

    def __init__(self, name: str) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def histogram(self) -> StepHistogram: ...
    @property
    def attempts(self) -> int:
        """In all."""
    @property
    def ended(self) -> int:
        """Of the attempts; the others are under way."""
    def begin(self, due_ns: int, now_ns: int) -> CountedStep:
        """A step begins, which was due at *due_ns*."""
    def cut_rest(self) -> None:
        """The run is over: what is under way will not end any more."""
    def take(self) -> dict[str, Any]:
        """What was counted since the last time, as a line of the worker tells it; empty where nothing was."""

@final
class CountedStep:
    """A step under way. What ends it first counts."""

    @property
    def name(self) -> str: ...
    @property
    def due_ns(self) -> int: ...
    @property
    def begun_ns(self) -> int: ...
    def ok(self, size_bytes: int = 0, *, ended_ns: int = 0) -> int:
        """It has ended well, now or at *ended_ns*; returns its latency, from when it was due."""
    def failed(self, reason: str) -> None: ...
    def cut(self) -> None:
        """The run's end has cut it."""
