"""The faults of a process that has ``failing_calls.c`` preloaded."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

SHORT = -1
"""Instead of an error's number: half of what was to be written, or one byte of what could be read."""
ALWAYS = 1 << 40
INET = "inet socket"


class Fault(NamedTuple):
    """Calls of *function* for what has *where* in its name; *number* is an errno, or SHORT."""

    function: str
    number: int
    where: str = INET
    count: int = 1
    """How many calls, one after another."""

    def __str__(self) -> str:
        name = "short" if self.number == SHORT else errno.errorcode[self.number]
        return f"{self.function}: {name}{', always' if self.count == ALWAYS else ''}"

    def environment(self, nth: int, process: str) -> dict[str, str]:
        """For a process that is started with it: armed if *process* is a part of its command line."""
        rule = (self.function, self.where, nth, self.count, self.number, process)
        return {"FAILING_CALLS": "|".join(map(str, rule))}


@functools.cache
def library() -> Any:
    return ctypes.CDLL(None)


def arm(fault: Fault, nth: int) -> None:
    """The *nth* such call is the first that fails."""
    library().fail_calls(
        *(os.fsencode(name) for name in (fault.function, fault.where)),
        *(ctypes.c_long(value) for value in (nth, fault.count)),
        fault.number,
    )


def disarm() -> int:
    """How many calls have failed."""
    library().failed_calls.restype = ctypes.c_long
    return int(library().failed_calls())


def leap(clock: int, by_s: float) -> None:
    """``time.CLOCK_MONOTONIC`` or ``time.CLOCK_REALTIME`` is another time from now on."""
    library().leap(clock, ctypes.c_long(round(by_s * 1e9)))


@contextmanager
def standing(clock: int) -> Iterator[None]:
    """It stands, and then goes on from there."""
    library().stand(clock)
    try:
        yield
    finally:
        library().go_on(clock)
