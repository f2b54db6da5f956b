"""What all visits of one worker share."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from fastphx.errors import ConnectError, clip
from fastphx.load.journeys.failure import RequestError
from fastphx.load.journeys.run_data import RunData
from fastphx.load.journeys.step import StepCounter
from fastphx.load.plan.app import App
from fastphx.load.plan.figures import LOCAL
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.target import Target
from fastphx.serializers import JsonV1
from fastphx.timing.wheel import TimerWheel, wheel_for


class Latency(Protocol):
    def record(self, value_ns: int) -> object: ...


class Recorder(Protocol):
    """Where visits count what they do."""

    counts: dict[str, int]
    joined: int
    """Rooms that are joined."""

    @property
    def connect(self) -> Latency: ...
    @property
    def join(self) -> Latency: ...
    @property
    def rtt(self) -> Latency: ...
    @property
    def rtt_uncorrected(self) -> Latency: ...

    def step(self, name: str) -> StepCounter:
        """The counter of that name. Raises TooManyStepsError for one too many."""

    def check(self, name: str, ok: bool) -> object:
        """Raises TooManyStepsError for one name too many."""

    def note(self, kind: str, reason: str) -> object:
        """Count why something failed."""


class Sleeping(Protocol):
    """What ends early when the run stops."""

    def stop(self) -> object: ...


class Closes(Protocol):
    """Holds connections."""

    async def close(self) -> None: ...


class Run:
    """One worker's: its plan, its clock, its counters, and what is to be woken when the run stops."""

    def __init__(self, plan: Plan, recorder: Recorder, *, shared: Any = None) -> None:
        self.plan = plan
        self.recorder = recorder
        self.app = App(plan.url)
        self.target = Target(plan)
        self.loop = asyncio.get_running_loop()
        self.wheel: TimerWheel = wheel_for(self.loop)
        self.serializer = JsonV1() if plan.vsn == "1.0.0" else None
        self.shared = shared
        self.run_data = RunData()
        self.is_stopping = False
        """No visit begins any more, and steps that are begun now are not counted."""
        self.sleeping: set[Sleeping] = set()
        self.connectors: dict[str | None, Closes] = {}
        """What makes and keeps the connections of HTTP, by their source address."""
        self.steps: dict[tuple[str, str], StepCounter] = {}
        """By kind and event: those that need no name of their own to be made."""

    def note_connect(self, error: BaseException) -> None:
        """Count why a connection was not made; once more where it is this machine that ran out."""
        self.recorder.note("connect", str(error) or "it was given up before it was open")
        if isinstance(error, ConnectError | RequestError) and error.is_local:
            self.recorder.note(LOCAL, str(error))

    def stop(self) -> None:
        """End what visits wait for of themselves: their thinking, their clocks, and messages of others."""
        self.is_stopping = True
        for each in list(self.sleeping):
            each.stop()

    async def close(self) -> None:
        """The visits have ended: close what they have shared."""
        connectors, self.connectors = self.connectors, {}
        for each in connectors.values():
            await each.close()

    def counter(self, kind: str, what: str, name: str | None = None) -> StepCounter:
        """The counter of the step ``kind what``, or of *name* in its place."""
        if name is not None:
            return self.recorder.step(name)
        found = self.steps.get((kind, what))
        if found is None:
            counter = self.recorder.step(f"{kind} {clip_name(what)}")
            # Its names are bounded, and so are these.
            found = self.steps[kind, what] = counter
        return found


def clip_name(name: str) -> str:
    """A step's name in bounds; what is printable stays as it is."""
    return name if len(name) <= 100 and name.isprintable() else clip(name, 100)
