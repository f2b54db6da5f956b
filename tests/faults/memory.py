"""Each operation of the compiled code, with its n-th allocation failing, n = 1, 2, 3 …, until none fails:
``python -m tests.faults.memory libc|python``, in a process of its own, since what is wrong here may crash it.

``libc``: what fastphx' own modules ask libc for (with ``failing_malloc.c`` preloaded). ``python``: what
CPython's allocators are asked for, by anybody (``_testcapi``).
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tests.faults import memory_connection, memory_load, memory_session

MOST = 3000
"""Allocations of one operation, which is far more than any has."""
MAX_GAP = 30
"""Of Python's allocations some fail where the error is handled, and nothing tells of it."""


class Subject(Protocol):
    """What an operation works on."""

    has_failed: bool
    """It was told of a MemoryError that nobody raises."""

    def check(self) -> None:
        """It goes on as if nothing had been, or has ended as it should."""


Operations = Mapping[str, Callable[[Any], object]]
PARTS: tuple[tuple[Callable[[], Subject], Operations], ...] = (
    (memory_session.Core, memory_session.OPERATIONS),
    (memory_session.ForgettingCore, memory_session.FORGOTTEN),
    (memory_session.EndingCore, memory_session.ENDS),
    (memory_connection.Connection, memory_connection.OPERATIONS),
    (memory_load.Socket, memory_load.JOINING),
    (memory_load.Joined, memory_load.JOINED),
    (memory_load.Listening, memory_load.LISTENING),
)
OPERATIONS = [name for _, operations in PARTS for name in operations]


def injected(kind: str, n: int, operation: Callable[[], object], subject: Subject) -> bool:
    """Run *operation* with its n-th allocation failing; whether it had so many."""
    if kind == "libc":
        shim = ctypes.CDLL(None)
        shim.fail_nth(ctypes.c_long(n))
        try:
            operation()
        except MemoryError:
            pass
        finally:
            failed = bool(shim.has_failed())
        return failed
    import _testcapi

    failed = False
    _testcapi.set_nomemory(n, n + 1)
    try:
        operation()
    except MemoryError:
        failed = True
    finally:
        _testcapi.remove_mem_hooks()
    return failed or subject.has_failed


def run(kind: str, make: Callable[[], Subject], operation: Callable[[Any], object]) -> int:
    """How many allocations have failed, one at a time, and were borne."""
    gap = 0
    for n in range(1, MOST):
        subject = make()
        failed = injected(kind, n, lambda subject=subject: operation(subject), subject)
        try:
            subject.check()
        except BaseException as error:
            error.add_note(f"after allocation {n} had failed")
            raise
        gap = 0 if failed else gap + 1
        if gap == (1 if kind == "libc" else MAX_GAP):
            return n - gap
    raise AssertionError(f"more than {MOST} allocations")


def main(kind: str, *names: str) -> None:
    borne = {}
    for make, operations in PARTS:
        for name, operation in operations.items():
            if names and name not in names:
                continue
            sys.stderr.write(f"{name}\n")
            # What is made once is there.
            operation(make())
            borne[name] = run(kind, make, operation)
    json.dump(borne, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
