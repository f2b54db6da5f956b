"""What journeys do once a run, each in a process of its own: their ``before`` and ``after``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastphx.errors import FastphxError
from fastphx.foreign_text import visible
from fastphx.load.control.once_process import ONCE, TIMEOUTS_S, What, question_of, too_late, value_of
from fastphx.load.locust.asked_process import MAX_OUTPUT_CHARS, AskedProcess
from fastphx.load.locust.plan import UserPlan

logger = logging.getLogger(__name__)


class OnceARun:
    """The master's, or a process's that has none. Plans and what is shared go by the user class's name."""

    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}
        """What each ``before`` of this run has returned."""
        self._prepared: dict[str, UserPlan] = {}
        self._process: AskedProcess | None = None

    def prepare(self, plans: Mapping[str, UserPlan]) -> None:
        """Call each ``before``. Raises FastphxError for the first that fails."""
        self.shared = {}
        for name, plan in plans.items():
            if plan.file.before:
                logger.info("Running before() of %s", name)
                self.shared[name] = self._run(name, plan, "before")
            self._prepared[name] = plan

    def clean_up(self) -> None:
        """Call each ``after`` whose ``before`` has ended well. What fails is logged, and fails nothing."""
        prepared, self._prepared = self._prepared, {}
        for name, plan in prepared.items():
            if plan.file.after:
                logger.info("Running after() of %s", name)
                try:
                    self._run(name, plan, "after")
                except FastphxError as error:
                    logger.error("%s: %s", name, visible(str(error), MAX_OUTPUT_CHARS))

    def kill(self) -> None:
        """End what runs now."""
        if self._process is not None:
            self._process.kill()

    def _run(self, name: str, plan: UserPlan, what: What) -> Any:
        def show(line: str) -> None:
            logger.info("%s: %s: %s", name, what, visible(line, MAX_OUTPUT_CHARS))

        process = AskedProcess(ONCE, question_of(plan.plan, what, self.shared.get(name)), show)
        self._process = process
        try:
            raw = process.answer(TIMEOUTS_S[what])
        except TimeoutError:
            raise FastphxError(too_late(what)) from None
        finally:
            self._process = None
        return value_of(what, raw, process.why_it_died)
