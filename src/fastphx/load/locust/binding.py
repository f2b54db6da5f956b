"""What a Locust process does for its Phoenix sockets, as Locust's events tell it to."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from gevent.event import Event
from locust import User, events
from locust.env import Environment
from locust.html import get_html_report
from locust.rpc import Message
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from fastphx.errors import FastphxError
from fastphx.load.control.open_files import raise_open_files
from fastphx.load.locust.plan import ANY_HOST
from fastphx.load.locust.sockets import Sockets
from fastphx.load.locust.sockets_tab import show_sockets_tab
from fastphx.load.locust.statistics import Row, merge, rows_of
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import GAUGES
from fastphx.load.worker.timeouts import GRACE_S, HELLO_TIMEOUT_S

logger = logging.getLogger(__name__)

EXIT_USAGE = 2
EXIT_FAILED = 5
"""The codes of ``fastphx load``: bad usage, and a worker that died."""
LOG_INTERVAL_S = 10.0
WATCH_INTERVAL_S = 1.0
POLL_S = 0.05
NUMBER, DRAIN, DRAINED, FAILED = "fastphx_number", "fastphx_drain", "fastphx_drained", "fastphx_failed"


class Binding:
    """One Locust environment: a master, a worker, or a process that is both.

    A worker has one worker process of fastphx for each of its user classes. The master asks all workers to
    drain before it tells them to quit, because it waits for their last statistics only half a second.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.inexact: list[str] = []
        """Why the counts of this run are not exact, a clause each."""
        self._sockets: dict[type[User], Sockets] = {}
        self._gauges: dict[str, dict[str, int]] = {}
        self._drained: set[str] = set()
        self._missing: set[str] = set()
        self._drain_ended = Event()
        self._drain_ended.set()
        self._number: int | None = None
        """Which worker this is in the test that starts, as the master has told."""
        self._leaving: gevent.Greenlet | None = None
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
        """Those of the environment that are Phoenix sockets."""
        return [each for each in self.environment.user_classes if hasattr(each, "socket_plan")]

    def sockets_of(self, user_class: type[User]) -> Sockets:
        """The sockets of *user_class* in this process."""
        found = self._sockets.get(user_class)
        if found is None:
            found = self._sockets[user_class] = Sockets(user_class.__name__, self._count, self._died)
        return found

    # -- the life of a Locust process

    def attach(self) -> None:
        """Listen to the environment's events. Raises PlanError for a user class whose plan is not valid."""
        environment = self.environment
        runner = environment.runner
        starts_at_once = isinstance(runner, LocalRunner) and self._is_headless
        for user_class in self.user_classes:
            # Elsewhere the host may still come from the page or from the master.
            if environment.host or user_class.host or starts_at_once:
                user_class.socket_plan(environment.host)
        hooks = environment.events
        hooks.test_start.add_listener(self._test_start)
        hooks.test_stopping.add_listener(self._test_stopping)
        hooks.reset_stats.add_listener(self._reset_stats)
        hooks.quitting.add_listener(self._quitting)
        hooks.quit.add_listener(self._quit)
        if isinstance(runner, MasterRunner):
            runner.register_message(DRAINED, self._worker_drained)
            runner.register_message(FAILED, self._worker_failed)
            hooks.worker_report.add_listener(self._worker_report)
            gevent.spawn(self._watch_workers)
        if isinstance(runner, WorkerRunner):
            runner.register_message(NUMBER, self._numbered)
            runner.register_message(DRAIN, self._drain_asked, concurrent=True)
            hooks.report_to_master.add_listener(self._report_to_master)
        else:
            gevent.spawn(self._log_sockets)
        if environment.web_ui is not None:
            show_sockets_tab(environment.web_ui, self.socket_rows)
        if not self.is_master:
            raise_open_files(0)
            # Last: starting a process lets other greenlets run, and the master's first message may be there.
            for user_class in self.user_classes:
                self.sockets_of(user_class).prepare()

    def _test_start(self, **_: Any) -> None:
        self.inexact.clear()
        self._gauges.clear()
        for user_class in self.user_classes:
            # Locust's tags are of tasks, and a socket has none that could be left out.
            user_class.tasks = user_class.tasks or list(user_class.functions)
        if self.environment.reset_stats:
            self.inexact.append("--reset-stats drops what was counted while the users were spawned")
        if self.is_master:
            self._missing = {client.id for client in self._runner.clients.missing}
            self._number_workers()
            return
        self._drain_ended.set()
        try:
            self._start_sockets()
        except PlanError as error:
            # A worker is not at fault: its master ends the test.
            self._fail(str(error), EXIT_USAGE, quits=not isinstance(self._runner, WorkerRunner))
        except FastphxError as error:
            self._fail(str(error))

    def _number_workers(self) -> None:
        """Locust's own index of a worker is never given again: after workers were replaced, a test would have
        no worker 0, and no publishers. Who comes later has an index above all of these numbers."""
        for number, client_id in enumerate(sorted(self._active_workers(), key=self._runner.get_worker_index)):
            self._runner.send_message(NUMBER, number, client_id=client_id)

    def _numbered(self, msg: Message, **_: Any) -> None:
        self._number = msg.data

    def _start_sockets(self) -> None:
        started = []
        index = self._runner.worker_index if self._number is None else self._number
        self._number = None
        for user_class in self.user_classes:
            sockets = self.sockets_of(user_class)
            sockets.give_plan(user_class.socket_plan(self.environment.host), index)
            started.append(sockets)
        at_ns = time.monotonic_ns()
        for sockets in started:
            if not sockets.start(at_ns, HELLO_TIMEOUT_S) and not sockets.has_died:
                raise FastphxError(
                    f"the worker process of {sockets.name} did not answer within {HELLO_TIMEOUT_S:g}s"
                )

    def _test_stopping(self, **_: Any) -> None:
        if self.is_master:
            self._drain_workers()
        else:
            self._drain()
        if not isinstance(self.environment.runner, WorkerRunner):
            for why in self.inexact:
                logger.warning("The counts of this run are not exact: %s", why)

    def _quitting(self, **_: Any) -> None:
        self._is_quitting = True
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
        self.inexact.append("the statistics were reset while it ran")

    # -- statistics

    def _count(self, sockets: Sockets, line: dict[str, Any]) -> None:
        assert sockets.plan is not None
        merge(self.environment, rows_of(line, ", ".join(sockets.plan.event_names)), line["at_ns"])

    def own_gauges(self) -> dict[str, int]:
        """How things stand in this process, over all of its sockets."""
        return {name: sum(each.gauges[name] for each in self._sockets.values()) for name in GAUGES}

    def socket_rows(self) -> list[dict[str, Any]]:
        """A row for each worker, and one for all: users, and sockets that are really open and joined."""
        if not self.is_master:
            runner = self.environment.runner
            users = runner.user_count if runner is not None else 0
            return [{"name": "this process", **self.own_gauges(), "users": users}]
        rows: list[dict[str, Any]] = []
        for client_id, gauges in self._gauges.items():
            # As Locust counts them: a worker's last report is made before its users are stopped, and the page
            # asks no more when they are.
            client = self._runner.clients.get(client_id)
            rows.append(
                {"name": client_id, **gauges, "users": client.user_count if client is not None else 0}
            )
        total = {name: sum(row[name] for row in rows) for name in (*GAUGES, "users")}
        return [*rows, {"name": "all", **total}]

    def _report_to_master(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        data["fastphx"] = self.own_gauges()

    def _worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if "fastphx" in data:
            self._gauges[client_id] = data["fastphx"]

    def _log_sockets(self) -> None:
        last = ""
        while not self._is_quitting:
            total = self.socket_rows()[-1]
            text = (
                f"{total['connected']} sockets open, {total['joined']} topics joined, {total['users']} users"
            )
            if text != last and (total["users"] or total["connected"]):
                logger.info(text)
                last = text
            gevent.sleep(LOG_INTERVAL_S)

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
                    self._fail(
                        f"the worker process of {sockets.name} did not stop in {timeout_s:g}s", quits=False
                    )
                sockets.close_process()
            runner = self.environment.runner
            if isinstance(runner, WorkerRunner):
                # Its own next report may come too late.
                runner._send_stats()
        finally:
            self._drain_ended.set()

    def _drain_timeout_s(self) -> float:
        # With any host: the one that was typed in may be why the test ends.
        stops_s = [user_class.socket_plan(ANY_HOST).max_stop_s for user_class in self.user_classes]
        return max(stops_s, default=0.0) + GRACE_S

    def _drain_asked(self, msg: Message, **_: Any) -> None:
        self._drain()
        self._runner.send_message(DRAINED)

    def _drain_workers(self) -> None:
        runner = self.environment.runner
        assert isinstance(runner, MasterRunner)
        if not self._drain_ended.is_set():
            self._drain_ended.wait()
            return
        deadline_s = time.monotonic() + self._drain_timeout_s() + GRACE_S
        self._drain_ended.clear()
        self._drained.clear()
        asked: set[str] = set()
        try:
            while undrained := self._active_workers() - self._drained:
                # A worker may come while the others drain.
                for client_id in undrained - asked:
                    runner.send_message(DRAIN, client_id=client_id)
                asked |= undrained
                if time.monotonic() > deadline_s:
                    self._lose(f"{len(undrained)} workers did not drain in time")
                    break
                gevent.sleep(POLL_S)
            self._find_missing()
        finally:
            self._drain_ended.set()

    def _active_workers(self) -> set[str]:
        clients = self._runner.clients
        return {client.id for client in clients.ready + clients.spawning + clients.running}

    def _worker_drained(self, msg: Message, **_: Any) -> None:
        self._drained.add(msg.node_id)

    # -- failing

    def _died(self, sockets: Sockets, why: str) -> None:
        self._fail(f"a worker process of {sockets.name} {why}: its {sockets.count} sockets are lost")

    def _fail(self, why: str, exit_code: int = EXIT_FAILED, *, quits: bool = True) -> None:
        """A failure of this process: a row, an exception, an exit code here and on the master; then quit."""
        self._lose(why, exit_code)
        error = FastphxError(why)
        self.environment.events.user_error.fire(user_instance=None, exception=error, tb=error.__traceback__)
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(FAILED, {"why": why, "exit_code": exit_code})
            runner._send_stats()
        if quits:
            self._leave()

    @property
    def _is_headless(self) -> bool:
        options = self.environment.parsed_options
        return options is not None and bool(options.headless)

    def _leave(self) -> None:
        """Stop the test, in a greenlet of its own, and where nobody could start another one, the process."""
        if not self._leaving:
            self._leaving = gevent.spawn(self._end)

    def _end(self) -> None:
        if isinstance(self._runner, WorkerRunner) or self._is_headless:
            self._runner.quit()
            return
        web_ui = self.environment.web_ui
        if web_ui is not None and web_ui._swarm_greenlet is not None:
            # As the page's own Stop does: it would end its spawning, and call the test running again.
            web_ui._swarm_greenlet.kill()
        self._runner.stop()

    def _lose(self, why: str, exit_code: int = EXIT_FAILED, *, counts: bool = True) -> None:
        logger.error("%s", why)
        self.inexact.append(why)
        if not self.environment.process_exit_code:
            self.environment.process_exit_code = exit_code
        if counts:
            merge(self.environment, iter([Row("worker process", 1, 1, {why: 1})]), time.monotonic_ns())

    def _worker_failed(self, msg: Message, **_: Any) -> None:
        # The row comes with the worker's statistics.
        self._lose(msg.data["why"], msg.data["exit_code"], counts=False)
        if msg.data["exit_code"] == EXIT_USAGE:
            self._leave()

    def _watch_workers(self) -> None:
        while not self._is_quitting:
            self._find_missing()
            gevent.sleep(WATCH_INTERVAL_S)

    def _find_missing(self) -> None:
        """A worker that was killed says nothing; Locust by itself would leave with code 0."""
        missing = {client.id for client in self._runner.clients.missing} - self._missing
        for client_id in missing:
            self._missing.add(client_id)
            self._gauges.pop(client_id, None)
            self._lose(f"worker {client_id} went missing, with what it had not reported")


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
