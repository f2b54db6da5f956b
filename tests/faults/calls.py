"""Each site of ``connecting.py`` with its n-th call of the system failing, n = 1, 2, 3 …, until none fails:
``python -m tests.faults.calls HOST:PORT HOST:PORT LOOPS [SUBJECT…]``, in a process that has
``failing_calls.c`` preloaded. The first server is fastphx' own, the second one has pages; LOOPS are names of
event loops, with commas between. Writes how many cells of each there were, and what is wrong, as JSON.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import sys
import traceback

from fastphx import FastphxError
from fastphx.timing.wheel import CallbackTimer, wheel_for
from tests.faults import connecting
from tests.faults.connecting import Subject
from tests.faults.failing_calls import ALWAYS, SHORT, Fault, arm, disarm
from tests.logged_tracebacks import logged_tracebacks
from tests.loops import LOOPS

MOST_CALLS = 12
"""Of one site that are failed one by one; of the hundreds that a load run has, the first."""
DEADLINE_S = 15.0
"""What no cell comes near, unless it hangs."""

NO_FILES = [Fault("socket", number) for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS)]
NO_CONNECTION = [
    Fault("connect", number)
    for number in (errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENETUNREACH)
]
BROKEN = [
    *(Fault("write", number) for number in (errno.ECONNRESET, errno.EPIPE, errno.ENOBUFS, SHORT)),
    *(Fault("read", number) for number in (errno.ECONNRESET, errno.ETIMEDOUT, SHORT)),
]
CUT = [Fault(function, SHORT, count=ALWAYS) for function in ("write", "read")]
FOR_GOOD = [
    *(Fault("socket", number, count=ALWAYS) for number in (errno.EMFILE, errno.ENFILE)),
    Fault("connect", errno.EADDRNOTAVAIL, count=ALWAYS),
    Fault("write", errno.EPIPE, count=ALWAYS),
    Fault("read", errno.ECONNRESET, count=ALWAYS),
]
GONE = [Fault("setsockopt", errno.EINVAL)]
"""What some systems say where the peer has gone."""
FAULTS = [*NO_FILES, *NO_CONNECTION, *BROKEN, *CUT, *FOR_GOOD, Fault("getpeername", errno.ENOTCONN)]
OF_AN_ADDRESS = [Fault("bind", number) for number in (errno.EADDRNOTAVAIL, errno.EADDRINUSE)]

SUBJECTS: dict[str, tuple[Subject, list[Fault]]] = {
    # Not where uvloop is given a socket: it keeps the file of one that it could not use.
    "client": (connecting.client, [*FAULTS, *GONE]),
    "client from an address": (connecting.client_from_an_address, [*FAULTS, *OF_AN_ADDRESS]),
    "client again": (connecting.client_again, [*FAULTS, *GONE]),
    "client by long polling": (connecting.client_by_longpoll, FAULTS),
    "behaviour": (connecting.behaviour, [*FAULTS, *GONE]),
    "load": (connecting.load, [*FAULTS, *GONE]),
    "browser": (connecting.browser, FAULTS),
}


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


async def _attempt(subject: Subject, place: str, fault: Fault, nth: int, problems: list[str]) -> int:
    """How many calls have failed."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(f"the loop was told {context}"))
    # The wheel's own file is the loop's, for as long as it lives.
    CallbackTimer(lambda: None).schedule(wheel_for(loop), 0)
    hits = 0
    try:
        async with asyncio.timeout(DEADLINE_S):
            met = await subject(place, lambda: arm(fault, nth), fault.count == ALWAYS and fault.number > 0)
        problems += [
            f"it met {error!r}"
            for error in met
            if not isinstance(error, FastphxError) or not str(error).isprintable()
        ]
    except TimeoutError:
        problems.append(f"it has not ended within {DEADLINE_S:g} s")
    except Exception as error:
        problems.append("".join(traceback.format_exception(error)))
    finally:
        hits = disarm()
    for _ in range(200):
        if len(asyncio.all_tasks()) == 1 and not len(wheel_for(loop)):
            break
        await asyncio.sleep(0.005)
    problems += [
        f"left the task {task}" for task in asyncio.all_tasks() if task is not asyncio.current_task()
    ]
    if len(wheel_for(loop)):
        problems.append(f"left {len(wheel_for(loop))} timers")
    return hits


def attempt(subject: Subject, place: str, fault: Fault, nth: int, loop: str) -> tuple[int, list[str]]:
    """One cell: how many calls have failed, and what is wrong."""
    problems: list[str] = []
    before = open_files()
    with logged_tracebacks() as tracebacks, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        hits = runner.run(_attempt(subject, place, fault, nth, problems))
    del runner
    gc.collect()
    if left := open_files() - before:
        problems.append(f"left {len(left)} files: {[os.readlink(f'/proc/self/fd/{each}') for each in left]}")
    return hits, problems + tracebacks


def run(subject: Subject, place: str, fault: Fault, loop: str) -> tuple[int, list[str]]:
    """All cells of a site and a fault."""
    once = fault.count == ALWAYS
    wrong: list[str] = []
    for nth in range(1, 2 if once else MOST_CALLS + 1):
        hits, problems = attempt(subject, place, fault, nth, loop)
        wrong += [f"call {nth}: {problem}" for problem in problems]
        if not hits:
            return nth - 1, wrong
    return nth, wrong


def main(place: str, pages: str, loops: str, *names: str) -> None:
    cells: dict[str, dict[str, int]] = {}
    wrong: list[str] = []
    gc.freeze()
    for name in names or SUBJECTS:
        subject, faults = SUBJECTS[name]
        cells[name] = {}
        at = pages if subject is connecting.browser else place
        for loop in loops.split(","):
            # What is made once is there.
            attempt(subject, at, Fault("none", 1), 1, loop)
            for fault in faults:
                count, problems = run(subject, at, fault, loop)
                cells[name][f"{fault}, {loop}"] = count
                wrong += [f"{name}, {fault}, {loop}, {problem}" for problem in problems]
                sys.stderr.write(
                    f"{name}, {fault}, {loop}: {count}\n" + "".join(f"  {p}\n" for p in problems)
                )
    json.dump({"cells": cells, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
