"""What a Locust process does for its Phoenix sockets, as Locust's events tell it to."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from gevent.event import Event
from locust import User, events
from locust.env import Environment
from locust.html import get_html_report
from locust.rpc import Message
from locust.runners import STATE_INIT, LocalRunner, MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from fastphx.errors import FastphxError
from fastphx.foreign_text import visible
from fastphx.load.control.open_files import raise_open_files
from fastphx.load.locust.asked_process import MAX_OUTPUT_CHARS
from fastphx.load.locust.failures import EXIT_USAGE, Failure, Failures
from fastphx.load.locust.gauges import Gauges
from fastphx.load.locust.interrupt import interrupt_the_main_greenlet
from fastphx.load.locust.journey_rows import journey_rows
from fastphx.load.locust.once_a_run import OnceARun
from fastphx.load.locust.part import Part
from fastphx.load.locust.plan import ANY_HOST, UserPlan
from fastphx.load.locust.sockets import Sockets
from fastphx.load.locust.statistics import merge, rows_of
from fastphx.load.locust.workers import ASK_PART, DRAIN, DRAINED, PART, Workers
from fastphx.load.plan.error import PlanError
from fastphx.load.worker.timeouts import GRACE_S, HELLO_TIMEOUT_S

logger = logging.getLogger(__name__)


class Binding:
    """One Locust environment: a master, a worker, or a process that is both.

    A worker has one worker process of fastphx for each of its user classes. The master asks all workers to
    drain before it tells them to quit, because it waits for their last statistics only half a second.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.failures = Failures(environment)
        self._sockets: dict[type[User], Sockets] = {}
        self.gauges = Gauges(environment, self._sockets.values())
        self._drain_ended = Event()
        self._drain_ended.set()
        self._once = OnceARun()
        self._workers: Workers | None = None
        """A master's."""
        self._part: Part | None = None
        """Of a worker in the test that starts, as the master has told."""
        self._awaits_part = False
        self._is_quitting = False

    @property
    def _runner(self) -> Any:
        """The runner; which methods it has depends on the role of this process."""
        return self.environment.runner

    @property
    def is_master(self) -> bool:
        return isinstance(self.environment.runner, MasterRunner)

    @property
    def user_classes(self) -> list[type[Any]]:
        """Those of the environment that are Phoenix sockets, or users of a journey."""
        return [each for each in self.environment.user_classes if hasattr(each, "user_plan")]

    def sockets_of(self, user_class: type[User]) -> Sockets:
        """The sockets of *user_class* in this process."""
        found = self._sockets.get(user_class)
        if found is None:
            found = self._sockets[user_class] = Sockets(
                user_class.__name__, self._count, self._died, self._has_failed, self._show
            )
        return found

    # -- the life of a Locust process

    def attach(self) -> None:
        """Listen to the environment's events. Raises PlanError for a user class whose plan is not valid."""
        environment = self.environment
        runner = environment.runner
        interrupt_the_main_greenlet()
        starts_at_once = isinstance(runner, LocalRunner) and self.failures.is_headless
        for user_class in self.user_classes:
            # Elsewhere the host may still come from the page or from the master.
            if environment.host or user_class.host or starts_at_once:
                user_class.user_plan(environment.host)
        hooks = environment.events
        hooks.test_start.add_listener(self._test_start)
        hooks.test_stopping.add_listener(self._test_stopping)
        hooks.reset_stats.add_listener(self._reset_stats)
        hooks.quitting.add_listener(self._quitting)
        hooks.quit.add_listener(self._quit)
        if isinstance(runner, MasterRunner):
            self._workers = Workers(runner, self.failures.lose, self.gauges.forget)
        if isinstance(runner, WorkerRunner):
            runner.register_message(PART, self._told_part)
            runner.register_message(DRAIN, self._drain_asked, concurrent=True)
        self.failures.listen()
        self.gauges.listen()
        if not self.is_master:
            raise_open_files(0)
            for user_class in self.user_classes:
                # A user that binds may be killed, where Locust changes how many there are.
                gevent.spawn(self.sockets_of(user_class).prepare)
        if isinstance(runner, WorkerRunner) and runner.worker_state != STATE_INIT:
            # It came late: its test has started before this, and its first users may be there.
            self._begin()

    def _test_start(self, **_: Any) -> None:
        for sockets in self._sockets.values():
            sockets.forget()
        self._begin()

    def _begin(self) -> None:
        self.failures.inexact.clear()
        self.gauges.begin_run()
        for user_class in self.user_classes:
            # Locust's tags are of tasks, and a socket has none that could be left out.
            user_class.tasks = user_class.tasks or list(user_class.functions)
        if self.environment.reset_stats:
            self.failures.inexact.append("--reset-stats drops what was counted while the users were spawned")
        self._drain_ended.set()
        if isinstance(self._runner, WorkerRunner):
            if self._part is None:
                self._awaits_part = True
                self._runner.send_message(ASK_PART)
            else:
                self._start_sockets(self._part)
            return
        if self._workers is not None:
            self._workers.begin_run()
        if not self._prepare():
            return
        if self._workers is not None:
            self._workers.number(self._once.shared)
        else:
            self._start_sockets(Part(shared=self._once.shared))

    def _prepare(self) -> bool:
        """Run each ``before``, in the one process that does; whether that went well."""
        try:
            plans = {name: plan for name, plan in self._journeys() if plan.file.before or plan.file.after}
            self._once.prepare(plans)
        except PlanError as error:
            self.failures.fail(Failure(str(error), EXIT_USAGE))
        except FastphxError as error:
            if not self._is_quitting:
                self.failures.fail(Failure(visible(str(error), MAX_OUTPUT_CHARS), loses=False))
        else:
            return not self._is_quitting
        return False

    def _journeys(self) -> Iterator[tuple[str, UserPlan]]:
        for user_class in self.user_classes:
            if user_class.user_plan(ANY_HOST).file.is_journey:
                yield user_class.__name__, user_class.user_plan(self.environment.host)

    def _told_part(self, msg: Message, **_: Any) -> None:
        self._part = Part(**msg.data)
        if self._awaits_part:
            self._start_sockets(self._part)

    def _start_sockets(self, part: Part) -> None:
        self._part = None
        self._awaits_part = False
        try:
            self._start(part)
        except PlanError as error:
            # A worker is not at fault: its master ends the test.
            is_worker = isinstance(self._runner, WorkerRunner)
            self.failures.fail(Failure(str(error), EXIT_USAGE, quits=not is_worker, ends_run=True))
        except FastphxError as error:
            self.failures.fail(Failure(str(error)))

    def _start(self, part: Part) -> None:
        started = []
        for user_class in self.user_classes:
            sockets = self.sockets_of(user_class)
            sockets.give_plan(user_class.user_plan(self.environment.host), part)
            started.append(sockets)
        at_ns = time.monotonic_ns()
        for sockets in started:
            if not sockets.start(at_ns, HELLO_TIMEOUT_S) and not sockets.has_died:
                raise FastphxError(
                    f"the worker process of {sockets.name} did not answer within {HELLO_TIMEOUT_S:g}s"
                )

    def _test_stopping(self, **_: Any) -> None:
        self._awaits_part = False
        if self._workers is not None:
            self._workers.drain(self._drain_timeout_s() + GRACE_S)
        else:
            self._drain()
        if not isinstance(self.environment.runner, WorkerRunner):
            self._once.clean_up()
            self.failures.tell_inexact()

    def _quitting(self, **_: Any) -> None:
        self._is_quitting = True
        self._once.kill()
        self.gauges.leave()
        if self._workers is not None:
            self._workers.leave()
        if not self.is_master:
            # Before the runner says goodbye: a worker that has done so is not heard any more.
            self._drain()
            for sockets in self._sockets.values():
                sockets.close_process()

    def _quit(self, **_: Any) -> None:
        options = self.environment.parsed_options
        if isinstance(self.environment.runner, WorkerRunner) or options is None:
            return
        if options.html_file and Path(options.html_file).exists():
            # After Ctrl-C it was written before the last statistics.
            report = get_html_report(self.environment, show_download_link=False)
            Path(options.html_file).write_text(report, encoding="utf-8")
        if options.csv_prefix:
            # Its files are written once a second, and closed after this, without having been written again.
            gevent.sleep(CSV_STATS_INTERVAL_SEC * 1.25)

    def _reset_stats(self, **_: Any) -> None:
        self.failures.inexact.append("the statistics were reset while it ran")

    # -- draining

    def _drain(self) -> None:
        """Stop the worker processes gracefully and count what they still have to tell."""
        if not self._drain_ended.is_set():
            self._drain_ended.wait(self._drain_timeout_s())
            return
        draining = [each for each in self._sockets.values() if each.is_draining]
        if not draining:
            return
        timeout_s = self._drain_timeout_s()
        self._drain_ended.clear()
        try:
            for sockets in draining:
                sockets.stop()
            deadline_s = time.monotonic() + timeout_s
            for sockets in draining:
                sockets.wait_ended(max(0.0, deadline_s - time.monotonic()))
            for sockets in draining:
                if sockets.is_draining:
                    why = f"the worker process of {sockets.name} did not stop in {timeout_s:g}s"
                    self.failures.fail(Failure(why, quits=False))
                sockets.close_process()
            runner = self.environment.runner
            if isinstance(runner, WorkerRunner):
                # Its own next report may come too late.
                runner._send_stats()
        finally:
            self._drain_ended.set()

    def _drain_timeout_s(self) -> float:
        # With any host: the one that was typed in may be why the test ends.
        stops_s = [user_class.user_plan(ANY_HOST).plan.max_stop_s for user_class in self.user_classes]
        return max(stops_s, default=0.0) + GRACE_S

    def _drain_asked(self, msg: Message, **_: Any) -> None:
        self._drain()
        self._runner.send_message(DRAINED)

    # -- what the worker processes say

    def _count(self, sockets: Sockets, line: dict[str, Any]) -> None:
        assert sockets.plan is not None
        plan = sockets.plan.plan
        if sockets.plan.file.is_journey:
            rows = journey_rows(line, Path(plan.scenario).name)
        else:
            rows = rows_of(line, ", ".join(plan.event_names))
        merge(self.environment, rows, line.get("at_ns", time.monotonic_ns()))

    def _died(self, sockets: Sockets, why: str) -> None:
        what = "users" if sockets.plan is not None and sockets.plan.file.is_journey else "sockets"
        why = f"a worker process of {sockets.name} {why}: its {sockets.count} {what} are lost"
        self.failures.fail(Failure(why))

    def _has_failed(self, sockets: Sockets, why: str) -> None:
        """A journey says that the run has no sense."""
        is_worker = isinstance(self._runner, WorkerRunner)
        why = visible(f"{sockets.name}: {why}", MAX_OUTPUT_CHARS)
        self.failures.fail(Failure(why, quits=not is_worker, ends_run=True, loses=False))

    def _show(self, sockets: Sockets, line: str) -> None:
        logger.info("%s: %s", sockets.name, visible(line, MAX_OUTPUT_CHARS))


_bindings: WeakKeyDictionary[Environment, Binding] = WeakKeyDictionary()


def bind(environment: Environment) -> Binding:
    """The binding of *environment*, made when first asked for. Locust's own start does that; a program that
    makes its own Environment calls this once it has a runner. Raises PlanError."""
    found = _bindings.get(environment)
    if found is None:
        found = _bindings[environment] = Binding(environment)
        found.attach()
    return found


@events.init.add_listener
def _on_init(environment: Environment, **_: Any) -> None:
    try:
        bind(environment)
    except PlanError as error:
        logger.error("%s", error)
        raise SystemExit(EXIT_USAGE) from None
