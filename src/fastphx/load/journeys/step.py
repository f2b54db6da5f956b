"""One thing that a visit waits for, counted and timed under its name."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from fastphx.load.journeys.failure import VisitStopped, blame, first_cause, reason_of


class Step(Protocol):
    """A step under way. What ends it first counts."""

    @property
    def name(self) -> str: ...
    @property
    def due_ns(self) -> int:
        """When it was due: when it began, or the time of the tick that it is the first of."""

    @property
    def begun_ns(self) -> int: ...
    def ok(self, size_bytes: int = 0, *, ended_ns: int = 0) -> int:
        """It has ended well, now or at *ended_ns*; returns its latency, from when it was due."""

    def failed(self, reason: str) -> None: ...
    def cut(self) -> None:
        """The run's end has cut it."""


class StepCounter(Protocol):
    """Counts the steps of one name."""

    @property
    def name(self) -> str: ...
    def begin(self, due_ns: int, now_ns: int) -> Step: ...


class Uncounted:
    """A step that is begun after the stop: it runs, and is not counted."""

    name = ""
    due_ns = 0
    begun_ns = 0

    def ok(self, size_bytes: int = 0, *, ended_ns: int = 0) -> int:
        return 0

    def failed(self, reason: str) -> None:
        pass

    def cut(self) -> None:
        pass


UNCOUNTED = Uncounted()


class Stops(Protocol):
    """Who knows whether a visit is being cut at the run's end."""

    @property
    def is_cut(self) -> bool: ...


def end_step(step: Step, error: BaseException, stops: Stops) -> bool:
    """*step* has ended with *error*: count it. True where it failed, False where the end has cut it."""
    error = first_cause(error)
    if isinstance(error, VisitStopped) or (isinstance(error, asyncio.CancelledError) and stops.is_cut):
        step.cut()
        return False
    step.failed("cancelled by the script" if isinstance(error, asyncio.CancelledError) else reason_of(error))
    blame(error, step.name)
    return True


class Begins(Stops, Protocol):
    """Who begins steps by name."""

    def begin(self, name: str) -> Step: ...


class NamedStep:
    """``async with self.step("checkout"):`` several things as one step."""

    __slots__ = ("_name", "_step", "_visit")

    def __init__(self, visit: Begins, name: str) -> None:
        self._visit = visit
        self._name = name
        self._step: Step = UNCOUNTED

    async def __aenter__(self) -> Self:
        self._step = self._visit.begin(self._name)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self._step.ok()
        else:
            end_step(self._step, exc, self._visit)


if TYPE_CHECKING:
    _: Step = UNCOUNTED
