"""What went wrong in a Locust process, or on a master in one of its workers, and what follows from it."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from typing import Any

import gevent
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from fastphx.errors import FastphxError
from fastphx.load.locust.statistics import Row, merge

logger = logging.getLogger(__name__)

EXIT_USAGE = 2
EXIT_FAILED = 5
"""The codes of ``fastphx load``: bad usage, and a worker that died, or a run that failed."""
FAILED = "fastphx_failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """One of them."""

    why: str
    exit_code: int = EXIT_FAILED
    quits: bool = True
    """The process stops its test, and where nobody could start another one, leaves."""
    ends_run: bool = False
    """Where it is a worker's: its master ends the run of all."""
    loses: bool = True
    """Something that had been done was not counted."""


class Failures:
    """Those of one run."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.inexact: list[str] = []
        """Why the counts of this run are not exact, a clause each."""
        self._leaving: gevent.Greenlet | None = None

    def listen(self) -> None:
        """On a master: hear of those of its workers."""
        if isinstance(self._runner, MasterRunner):
            self._runner.register_message(FAILED, self._worker_failed)

    @property
    def _runner(self) -> Any:
        return self.environment.runner

    @property
    def is_headless(self) -> bool:
        """Nobody could start another test."""
        options = self.environment.parsed_options
        return options is not None and bool(options.headless)

    def fail(self, failure: Failure) -> None:
        """A failure of this process: a row, an exception, an exit code here and on the master."""
        self._note(failure)
        self._add_row(failure.why)
        error = FastphxError(failure.why)
        self.environment.events.user_error.fire(user_instance=None, exception=error, tb=error.__traceback__)
        if isinstance(self._runner, WorkerRunner):
            self._runner.send_message(FAILED, asdict(failure))
            self._runner._send_stats()
        if failure.quits:
            self._leave()

    def lose(self, why: str) -> None:
        """Something was not counted; the run goes on."""
        self._note(Failure(why))
        self._add_row(why)

    def tell_inexact(self) -> None:
        """Log why the counts are not exact, if they are not."""
        for why in self.inexact:
            logger.warning("The counts of this run are not exact: %s", why)

    def _worker_failed(self, msg: Message, **_: Any) -> None:
        # The row comes with the worker's statistics.
        failure = Failure(**msg.data)
        self._note(failure)
        if failure.ends_run:
            self._leave()

    def _note(self, failure: Failure) -> None:
        logger.error("%s", failure.why)
        if failure.loses:
            self.inexact.append(failure.why)
        if not self.environment.process_exit_code:
            self.environment.process_exit_code = failure.exit_code

    def _add_row(self, why: str) -> None:
        merge(self.environment, iter([Row("worker process", 1, 1, {why: 1})]), time.monotonic_ns())

    def _leave(self) -> None:
        """Stop the test, in a greenlet of its own, and where nobody could start another one, the process."""
        if not self._leaving:
            self._leaving = gevent.spawn(self._end)

    def _end(self) -> None:
        if isinstance(self._runner, WorkerRunner) or self.is_headless:
            self._runner.quit()
            return
        web_ui = self.environment.web_ui
        if web_ui is not None and web_ui._swarm_greenlet is not None:
            # As the page's own Stop does: it would end its spawning, and call the test running again.
            web_ui._swarm_greenlet.kill()
        self._runner.stop()
