"""What a journey's script raises: told in few words, counted, and shown with its traceback once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from fastphx.load.journeys.failure import (
    VisitStopped,
    fault_of,
    first_cause,
    is_of_the_server,
    place_at,
    shown,
    step_of,
    user_frames,
    user_traceback,
    where_it_waits,
    why_it_failed,
)
from fastphx.load.journeys.user import User
from fastphx.load.result.reasons import MAX_REASONS, Reasons


class ScriptFaults:
    """One worker's, of the file *script*. *fail* is told, in a sentence, why the run has no sense."""

    def __init__(self, script: str, reasons: Reasons, fail: Callable[[str], object]) -> None:
        self._script = script
        self._reasons = reasons
        self._fail = fail
        self._proven: set[type[User]] = set()
        """The classes that a visit has ended of."""
        self._told: set[str] = set()

    def ended(self, user_class: type[User]) -> None:
        """A visit of *user_class* has ended: the class can do something."""
        self._proven.add(user_class)

    def why(self, user_class: type[User], error: BaseException) -> str:
        """Why a visit has failed, in few words. Where it is the first of its class, and the fault of the
        script, the run fails."""
        why = why_it_failed(error, self._script)
        if why is not None:
            return why
        kind = self._count(error)
        if user_class not in self._proven:
            self._fail(f"the first visit of {user_class.__name__} fails: {kind}: {shown(error)}")
        return f"script: {kind}"

    def unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler. Nobody has looked at what a task or a callback of the script raised:
        a step has counted what failed on the server, and the rest is the script's fault."""
        error = context.get("exception")
        cause = None if error is None else first_cause(error)
        if cause is not None and user_frames(cause.__traceback__, self._script):
            if not is_of_the_server(cause) and not isinstance(cause, VisitStopped):
                self._count(cause)
        elif cause is None or step_of(cause) is None:
            loop.default_exception_handler(context)

    def goes_on(self, task: asyncio.Task[Any], user_class: type[User]) -> None:
        """*task* of a visit goes on though it was cancelled: say where."""
        line = where_it_waits(task.get_coro(), self._script)
        where = f" at {place_at(self._script, line)}" if line else ""
        self._reasons.add(
            "stop", f"{user_class.__name__}{where} goes on though it was cancelled, and was cut"
        )

    def _count(self, error: BaseException) -> str:
        """Count a fault, and write its traceback once; returns its kind."""
        kind = fault_of(error, self._script)
        self._reasons.add("script", kind)
        if kind not in self._told and len(self._told) < MAX_REASONS:
            self._told.add(kind)
            sys.stderr.write(user_traceback(error, self._script))
        return kind
