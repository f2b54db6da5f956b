"""Tries a subject on many misbehaviours at once, and says what each came to."""

from __future__ import annotations

import asyncio
import gc
import os
import traceback
from collections.abc import Iterable
from pathlib import Path

import uvloop

from fastphx.timing.wheel import CallbackTimer, wheel_for
from tests.hostile.misbehaviours import MISBEHAVIOURS
from tests.hostile.subjects import Met, Subject
from tests.logged_tracebacks import logged_tracebacks

FILES = "/proc/self/fd"
AT_ONCE = 40
"""More would wait for each other, and not for the server."""
DEADLINE_S = 30.0
"""What no cell comes near, unless it hangs."""
MAX_ERROR_CHARS = 4000
MAX_GROWTH_BYTES = AT_ONCE * 10_000_000
"""What they may take together. Most of that is the histograms of a load worker."""


class Outcome:
    """What a cell came to: the errors that were met, and what is wrong with it."""

    def __init__(self) -> None:
        self.met: Met = []
        self.problems: list[str] = []


def try_all(subject: Subject, slugs: Iterable[str], address: str) -> tuple[dict[str, Outcome], list[str]]:
    """Try *subject* on each misbehaviour of the server at *address*. Returns what each came to, and what all
    of them have left behind."""
    with logged_tracebacks() as tracebacks, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcomes, left = runner.run(_try_all(subject, list(slugs), address))
    return outcomes, left + tracebacks


async def _try_all(subject: Subject, slugs: list[str], address: str) -> tuple[dict[str, Outcome], list[str]]:
    loop = asyncio.get_running_loop()
    outcomes = {slug: Outcome() for slug in slugs}
    left: list[str] = []
    loop.set_exception_handler(lambda _, context: left.append(f"the loop was told {context}"))
    room = asyncio.Semaphore(AT_ONCE)

    async def attempt(slug: str) -> None:
        outcome = outcomes[slug]
        async with room:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    outcome.met = await subject(f"{address}/{slug}", MISBEHAVIOURS[slug])
                for error in outcome.met:
                    if not str(error).isprintable() or len(str(error)) > MAX_ERROR_CHARS:
                        outcome.problems.append(
                            f"{type(error).__name__} says {str(error)[:MAX_ERROR_CHARS]!r}"
                        )
            except TimeoutError:
                outcome.problems.append(f"it has not ended within {DEADLINE_S:g} s")
            except Exception as error:
                outcome.problems.append("".join(traceback.format_exception(error)))

    # The wheel's own timer and file are the loop's, for as long as it lives.
    CallbackTimer(lambda: None).schedule(wheel_for(loop), 0)
    await asyncio.sleep(0.01)
    gc.collect()
    # What is there already need not be looked at again and again.
    gc.freeze()
    reset_peak()
    sockets, bytes_before = open_sockets(), peak_bytes()
    await asyncio.gather(*map(attempt, slugs))
    gc.collect()
    # What was closed a moment ago is let go in the next turns.
    for _ in range(100):
        await asyncio.sleep(0.01)
        if len(asyncio.all_tasks()) == 1 and not len(wheel_for(loop)) and open_sockets() <= sockets:
            break
    gc.collect()
    await asyncio.sleep(0)
    left += [f"the task {task}" for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if len(wheel_for(loop)):
        left.append(f"{len(wheel_for(loop))} timers")
    if open_sockets() > sockets:
        left.append(f"{open_sockets() - sockets} sockets")
    grown = peak_bytes() - bytes_before
    if grown > MAX_GROWTH_BYTES:
        left.append(f"{grown} bytes at the most")
    return outcomes, left


def open_sockets() -> int:
    return sum(link.startswith("socket:") for link in map(linked, os.listdir(FILES)))


def linked(name: str) -> str:
    """What an open file is."""
    try:
        return os.readlink(f"{FILES}/{name}")
    except OSError:
        return ""


def reset_peak() -> None:
    """Count the process' most memory from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


Outcomes = tuple[dict[str, Outcome], list[str]]
