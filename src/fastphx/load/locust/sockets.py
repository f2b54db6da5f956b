"""The sockets, or users of a journey, of one user class in one Locust process: a worker process has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.lock import RLock

from fastphx.load.locust.gevent_worker_process import GeventWorkerProcess
from fastphx.load.locust.part import Part
from fastphx.load.locust.plan import UserPlan
from fastphx.load.plan.figures import GAUGES, JOURNEY_GAUGES

SHOWN_GAUGES = (*GAUGES, *JOURNEY_GAUGES)
DISPATCH_NS = 1_000_000_000
"""Locust hands out users once a second; their sockets are due evenly over it, as the spawn rate says."""


@dataclass(slots=True)
class Dispatch:
    """The users that Locust made at one time."""

    start_ns: int
    size: int = 0

    def due_ns(self, number: int) -> int:
        """When the socket of user *number* is due, once all users of the dispatch are made."""
        return self.start_ns + DISPATCH_NS * number // self.size


class Sockets:
    """Which user opens or closes does not matter: open are always the lowest numbers, so that a socket with a
    part of its own (a publisher) is the last to go."""

    def __init__(
        self,
        name: str,
        on_line: Callable[[Sockets, dict[str, Any]], object],
        on_death: Callable[[Sockets, str], object],
        on_failure: Callable[[Sockets, str], object],
        on_output: Callable[[Sockets, str], object],
    ) -> None:
        self.name = name
        self.plan: UserPlan | None = None
        self.process: GeventWorkerProcess | None = None
        self.count = 0
        self.gauges: dict[str, int] = dict.fromkeys(SHOWN_GAUGES, 0)
        self._on_line = on_line
        self._on_death = on_death
        self._on_failure = on_failure
        self._on_output = on_output
        self._part = Part()
        self._running = False
        self._preparing = RLock()
        self._dispatch: Dispatch | None = None

    # -- the worker process

    def prepare(self) -> None:
        """Start the process, so that it is there when the test starts."""
        # A test may start while the process does.
        with self._preparing:
            if self.process is None or self.process.ended.is_set():
                self.process = GeventWorkerProcess(
                    self._read, self._died, lambda text: self._on_output(self, text)
                )

    def give_plan(self, plan: UserPlan, part: Part) -> None:
        """A test starts: tell the process what its sockets do."""
        self.prepare()
        assert self.process is not None
        self.plan = plan
        self._part = part
        self.process.send(
            {
                "plan": {**plan.plan.to_mapping(), "rate": 0.0},
                "share": {"index": 0, "workers": 1},
                "shared": part.shared.get(self.name),
            }
        )

    def start(self, at_ns: int, timeout_s: float) -> bool:
        """Start counting and pushing, with the users that are there already; False where the process did not
        answer within *timeout_s*."""
        assert self.process is not None
        assert self.plan is not None
        if not self.process.has_hello.wait(timeout_s) or self.process.ended.is_set():
            return False
        self.process.send({"command": "follow", "at_ns": at_ns})
        if not self.plan.file.is_journey:
            self.process.send({"command": "start", "at_ns": at_ns})
        if self.plan.rate_of_socket:
            self.process.send({"command": "pace", "rate": self.plan.rate_of_socket})
        self._running = True
        for place in range(self.count):
            self._open(place, at_ns)
        return True

    def forget(self) -> None:
        """A test starts: none of its users was made yet."""
        self.count = 0

    def stop(self) -> None:
        """Stop gracefully: the last line follows. Sockets that are opened from now on are not."""
        self._running = False
        if self.process is not None and self.plan is not None:
            self.process.send({"command": "stop"})

    @property
    def is_draining(self) -> bool:
        """A test's process has not ended yet."""
        return self.plan is not None and self.process is not None and not self.process.ended.is_set()

    @property
    def has_died(self) -> bool:
        """Its process left before it was told to."""
        return self.process is not None and self.process.ended.is_set() and not self.process.has_final

    def wait_ended(self, timeout_s: float) -> None:
        """Wait until the process has ended and its last line was read."""
        if self.process is not None:
            self.process.ended.wait(timeout_s)

    def close_process(self) -> None:
        """End the process, whatever it does."""
        self._running = False
        self.plan = None
        self.gauges = dict.fromkeys(SHOWN_GAUGES, 0)
        if self.process is not None:
            self.process.close()
            self.process = None

    def _read(self, line: dict[str, Any]) -> None:
        kind = line["type"]
        if kind == "failed":
            self._on_failure(self, line["why"])
        if kind in ("stats", "final"):
            self.gauges = {name: line.get(name, 0) for name in SHOWN_GAUGES}
        if kind in ("stats", "final", "steps"):
            self._on_line(self, line)

    def _died(self, why: str) -> None:
        self._running = False
        self.gauges = dict.fromkeys(SHOWN_GAUGES, 0)
        self._on_death(self, why)

    # -- users

    def spawned(self) -> tuple[Dispatch, int]:
        """A user was made: the dispatch that it is part of, and its number in it."""
        if self._dispatch is None:
            self._dispatch = Dispatch(time.monotonic_ns())
            # Locust makes all users of a dispatch without a switch between them.
            gevent.get_hub().loop.run_callback(self._end_dispatch)
        self._dispatch.size += 1
        return self._dispatch, self._dispatch.size - 1

    def _end_dispatch(self) -> None:
        self._dispatch = None

    def open(self, due_ns: int) -> None:
        """Open one more socket, which was due at *due_ns*."""
        if self._running:
            self._open(self.count, due_ns)
        self.count += 1

    def close(self) -> None:
        """Leave and close the last one."""
        self.count -= 1
        if self._running and self.process is not None:
            self.process.send({"command": "close", "i": self._number(self.count)})

    def _open(self, place: int, due_ns: int) -> None:
        if self.process is not None:
            self.process.send({"command": "open", "i": self._number(place), "due_ns": due_ns})

    def _number(self, place: int) -> int:
        is_journey = self.plan is not None and self.plan.file.is_journey
        return self._part.user_number(place) if is_journey else self._part.socket_number(place)
