"""Runs a plan: starts the workers (and the embedded server), merges their lines, decides the outcome.

It ends only the processes that it started, each by its id, and leaves none behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from fastphx.errors import FastphxError
from fastphx.foreign_text import visible
from fastphx.load.control.embedded_server import EmbeddedServer
from fastphx.load.control.limit_steps import LimitSteps
from fastphx.load.control.module_process import NotStartedError, start_command
from fastphx.load.control.once_process import run_once
from fastphx.load.control.open_files import raise_open_files
from fastphx.load.control.progress import Progress
from fastphx.load.control.server_watch import ServerWatch
from fastphx.load.control.worker_process import WorkerProcess
from fastphx.load.control.workers import Workers, workers_for
from fastphx.load.plan.figures import LOCAL
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.share import Share
from fastphx.load.result.goals import why_channels_ended
from fastphx.load.result.reasons import SCRIPT
from fastphx.load.result.result import Result
from fastphx.load.scenarios import scenario_of
from fastphx.load.worker.timeouts import GRACE_S, HELLO_TIMEOUT_S
from fastphx.operating_system.memory import rss_bytes
from fastphx.operating_system.processes import end_group

MAX_OUTPUT_CHARS = 1000
ABORT_S = 3.0
LEAD_NS = 50_000_000
"""How far ahead a common start is, so that every worker has heard of it."""


class Coordinator:
    """One run of one plan that `preflight` has passed. `interrupt` may be called while `run` is awaited."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan = plan
        self.result = Result(plan)
        self._progress = progress
        self._workers: list[WorkerProcess] = []
        self._waiting: dict[str, set[WorkerProcess]] = {}
        self._changed = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []
        self._servers: list[EmbeddedServer] = []
        self._server_watch = ServerWatch(plan, self.result.server, progress.output)
        self._scenario = scenario_of(plan)
        self._shared: Any = None
        """What a journey's ``before`` has returned."""
        self._has_prepared = False
        self._interrupts = 0
        self._connect_ns = 0
        self._ran_s = 0.0
        self._limit_steps: LimitSteps | None = None

    def interrupt(self) -> None:
        """The first time: stop gracefully, with reports. The second time: at once."""
        self._interrupts += 1
        self.result.interrupted = True
        self._changed.set()

    async def run(self) -> Result:
        """Run the plan to its end. Raises PlanError if it cannot be started."""
        plan = self.plan
        workers = workers_for(plan)
        raise_open_files(-(-plan.connections // workers.count))
        if plan.url is None:
            raise_open_files(plan.connections, "the embedded server")
        try:
            if plan.url is None:
                self._progress.phase("starting the embedded server")
                server = await self._start_server()
                plan = self.plan.with_url(server.url)
            await self._prepare(plan)
            if not self._is_over():
                await self._start_workers(plan, workers)
                await self._run_schedule()
                await self._stop_workers()
        finally:
            await asyncio.gather(*(worker.stop(0.5) for worker in self._workers))
            await self._clean_up(plan)
            self._progress.close()
            await self._server_watch.end()
            await asyncio.gather(*(server.stop() for server in self._servers))
        if not all(worker.has_final for worker in self._workers):
            self.result.settle()
        self._judge()
        return self.result

    async def _prepare(self, plan: Plan) -> None:
        """Run a journey's ``before``. Where it fails, so does the run."""
        if self._is_over():
            return
        try:
            if self._scenario.before is not None:
                self._shared = await self._once(plan, "before")
            self._has_prepared = True
        except FastphxError as error:
            if not self._interrupts:
                self.result.failures.append(str(error))

    async def _clean_up(self, plan: Plan) -> None:
        """Run a journey's ``after``, also if the run has failed or was interrupted. What fails in it is
        reported, and changes no verdict."""
        if not self._has_prepared or self._scenario.after is None:
            return
        try:
            await self._once(plan, "after")
        except FastphxError as error:
            self._progress.output(visible(str(error), MAX_OUTPUT_CHARS))

    async def _once(self, plan: Plan, what: Literal["before", "after"]) -> Any:
        """What that function of a journey's file returns. Raises FastphxError if it fails, or an interrupt
        ends it."""
        self._progress.phase(f"running {what}()")
        running = asyncio.create_task(run_once(plan, what, self._shared, self._once_output(what)))
        interrupted = asyncio.create_task(self._interrupted(self._interrupts))
        try:
            await asyncio.wait((running, interrupted), return_when="FIRST_COMPLETED")
            if running.done():
                return running.result()
        finally:
            interrupted.cancel()
            running.cancel()
            await asyncio.wait((running,))
        raise FastphxError(f"the scenario's {what}() was interrupted")

    def _once_output(self, what: str) -> Callable[[str], object]:
        return lambda line: self._progress.output(f"{what}: {visible(line, MAX_OUTPUT_CHARS)}")

    async def _interrupted(self, before: int) -> None:
        """Wait for an interrupt more than there were *before*."""
        while self._interrupts == before:
            await self._changed.wait()
            self._changed.clear()

    async def _start_server(self, port: int = 0) -> EmbeddedServer:
        server = await EmbeddedServer.start(port)
        self._servers.append(server)
        await self._server_watch.follow(server.process.pid)
        return server

    async def _start_workers(self, plan: Plan, workers: Workers) -> None:
        self.result.workers = workers.count
        self._expect("hello")
        self._progress.phase(f"starting {workers}")
        for index in range(workers.count):
            try:
                worker = await WorkerProcess.start(
                    plan, Share(index, workers.count), self._on_line, self._on_output, self._shared
                )
            except NotStartedError as error:
                self.result.reasons[LOCAL] = Counter((str(error),))
                return
            self._workers.append(worker)
            self._waiting["hello"].add(worker)
            self._watches.append(asyncio.create_task(self._watch(worker)))
        await self._reached("hello", HELLO_TIMEOUT_S)

    async def _run_schedule(self) -> None:
        plan = self.plan
        if self._is_over():
            return
        if self._scenario.holds:
            self._progress.phase(f"connecting {plan.connections} sockets")
        self._expect("ready")
        self._connect_ns = time.monotonic_ns() + LEAD_NS
        await self._server_watch.begin(self._connect_ns)
        self.send({"command": "connect", "at_ns": self._connect_ns})
        opening_s = plan.ramp_s or plan.connections / plan.connect_rate
        await self._reached(
            "ready", 2 * opening_s + plan.connect_timeout_s + plan.join_timeout_s + GRACE_S, is_fatal=False
        )
        if self._is_over():
            return
        if self._scenario.holds and not self._has_joined():
            return
        if "loop_lag" in self.result.histograms:
            self.result.opening_lag.add(self.result.histograms["loop_lag"])
        at_most = "at most " if plan.iterations else ""
        if plan.find_limit is not None:
            self._limit_steps = LimitSteps(plan, self.result, self, self._progress, self._is_over)
            await self._limit_steps.run()
            return
        self._progress.phase(f"running {plan.scenario} for {at_most}{plan.duration_s:g}s", plan.duration_s)
        self._expect("scheduled")
        await self._server_watch.run_begins()
        start_ns = time.monotonic_ns() + LEAD_NS
        self.result.run_s = plan.duration_s
        self.send({"command": "start", "at_ns": start_ns})
        disturbing = asyncio.create_task(self._disturb(start_ns)) if self._scenario.has_herd else None
        try:
            await self._reached("scheduled", plan.duration_s + plan.timeout_s + GRACE_S)
        finally:
            await self._server_watch.run_ends()
            if disturbing is not None:
                disturbing.cancel()
                await asyncio.gather(disturbing, return_exceptions=True)

    def _has_joined(self) -> bool:
        """Whether there is anything to load with; the first connections have ended their attempts."""
        if self.result.counts["connections"] and not self.result.counts["joins"]:
            why = self.result.main_reason("join")
            self.result.failures.append(f"not one of {self.plan.connections} connections could join: {why}")
        return self.result.counts["joins"] > 0

    async def _disturb(self, start_ns: int) -> None:
        """The storm: disturb the server, and tell the workers when. What goes wrong fails the run."""
        try:
            if self.plan.storm_command is not None:
                await self._until_storm(start_ns)
                self._tell_storm()
                await self._run_storm_command(self.plan.storm_command)
            else:
                await self._disturb_embedded(start_ns)
        except FastphxError as error:
            self.result.failures.append(str(error))
            self._changed.set()

    async def _until_storm(self, start_ns: int) -> None:
        await asyncio.sleep((start_ns - time.monotonic_ns()) / 1e9 + self.plan.storm_at_s)

    async def _run_storm_command(self, command: str) -> None:
        process = await start_command(command)
        try:
            code = await process.wait()
        finally:
            # Where the run ends first, the command ends with it, and what it has started.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    end_group(process.pid, at_once=True)
                await process.wait()
        if code != 0:
            raise FastphxError(f"the storm command left with code {code}")

    async def _disturb_embedded(self, start_ns: int) -> None:
        plan, (server,) = self.plan, self._servers
        if plan.storm == "roll":
            # As a deployment does it: the successor listens before the old one goes.
            await self._start_server(server.port)
        await self._until_storm(start_ns)
        self._tell_storm()
        await (server.kill() if plan.storm == "kill" else server.drain())
        if plan.storm != "roll":
            await asyncio.sleep(plan.storm_down_s)
            await self._start_server(server.port)

    def _tell_storm(self) -> None:
        self.send({"command": "storm", "at_ns": time.monotonic_ns()})

    async def _stop_workers(self) -> None:
        self._progress.phase("stopping")
        self.send({"command": "stop" if self._interrupts < 2 else "abort"})
        deadline_s = time.monotonic() + self.plan.max_stop_s + GRACE_S
        has_aborted = self._interrupts > 1
        while any(not worker.ended.is_set() for worker in self._workers):
            if self._interrupts > 1 and not has_aborted:
                has_aborted = True
                self.send({"command": "abort"})
                deadline_s = min(deadline_s, time.monotonic() + ABORT_S)
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline_s - time.monotonic()))
            except TimeoutError:
                break
        for worker in self._workers:
            if not worker.ended.is_set() and not self.result.interrupted:
                self._fail(worker, "did not stop in time and was killed")
        self._close_seconds(everything=True)
        self.result.run_s = self._ran_s if self._limit_steps is None else self._limit_steps.ran_s

    # -- lines

    def _on_output(self, worker: WorkerProcess, line: str) -> None:
        self._progress.output(f"worker {worker.share.index}: {visible(line, MAX_OUTPUT_CHARS)}")

    def _on_line(self, worker: WorkerProcess, line: dict[str, Any]) -> None:
        kind = line["type"]
        if self._limit_steps is not None:
            self._limit_steps.on_line(worker.share.index, line)
        if kind in ("ready", "stats", "part", "stepped", "final"):
            # A stats line tells of the second that ends with it, the others of the one they come in.
            at_s = (line["at_ns"] - (self._connect_ns or line["at_ns"])) / 1e9
            self.result.add_line(line, max(0, round(at_s) - 1 if kind == "stats" else int(at_s)))
            self._close_seconds()
        elif kind == "hello":
            self.result.rss_empty_bytes += line["rss_bytes"]
        elif kind == "scheduled":
            self._ran_s = max(self._ran_s, line["run_s"])
            self.result.add_scheduled(line)
            if self._limit_steps is not None:
                # Each step tells this anew.
                self.result.alive_at_end = 0
        elif kind == "steps":
            self.result.add_rest(line)
        elif kind == "failed":
            self.result.failures.append(line["why"])
            self._changed.set()
        elif kind == "topics":
            self.result.add_topics(line["topics"])
        if kind == "final":
            self.result.add_final(line)
        for table, count in line.get("left_out", {}).items():
            self._fail(worker, f"left out {count} {table}, which did not fit into one of its lines")
        if kind == "ready" and self._limit_steps is None:
            self.result.rss_bytes += line["rss_bytes"]
            self.result.own_rss_bytes = rss_bytes()
        if worker in self._waiting.get(kind, ()):
            self._waiting[kind].discard(worker)
            self._changed.set()

    def _close_seconds(self, *, everything: bool = False) -> None:
        newest = max(self.result.seconds, default=0)
        before = newest + 1 if everything else newest - 1
        for row in self.result.close_seconds(before, len(self._workers)):
            self._progress.row(row, self.result)

    # -- waiting

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    def send(self, command: dict[str, Any]) -> None:
        """To each worker."""
        for worker in self._workers:
            worker.send(command)

    async def reached(self, kind: str, timeout_s: float) -> bool:
        """Wait for a line of *kind* of each worker; False where the run is over for another reason."""
        self._expect(kind)
        await self._reached(kind, timeout_s)
        return not self._is_over()

    def _expect(self, kind: str) -> None:
        self._waiting[kind] = set(self._workers)

    def _is_over(self) -> bool:
        cannot_start = self.result.ran_out and not self._connect_ns
        return bool(self._interrupts or self.result.failures or cannot_start)

    async def _reached(self, kind: str, timeout_s: float, *, is_fatal: bool = True) -> None:
        """Wait until every worker has sent a line of *kind*, or the run is over for another reason."""
        deadline_s = time.monotonic() + timeout_s
        while self._waiting[kind] and not self._is_over():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline_s - time.monotonic()))
            except TimeoutError:
                if is_fatal:
                    held = (
                        ": a loop of the script that never waits may hold it"
                        if self._scenario.is_journey
                        else ""
                    )
                    for worker in self._waiting[kind]:
                        self._fail(worker, f"did not answer within {timeout_s:g}s{held}")
                return

    async def _watch(self, worker: WorkerProcess) -> None:
        await worker.ended.wait()
        if not worker.has_final and not self.result.interrupted:
            self._fail(worker, worker.why_it_died)
        self._changed.set()

    def _fail(self, worker: WorkerProcess, why: str) -> None:
        prefix = f"worker {worker.share.index} (of {worker.share.workers}) "
        if not any(failure.startswith(prefix) for failure in self.result.failures):
            self.result.failures.append(prefix + why)

    def _judge(self) -> None:
        result = self.result
        for reason, number in result.reasons.get(SCRIPT, {}).items():
            result.failures.append(f"the scenario's {reason} ({number:,} time{'s' if number > 1 else ''})")
        if self._scenario.is_journey:
            return
        if not self._scenario.holds and result.counts["connections"] and not result.counts["joins"]:
            result.failures.append(f"not one connection could join: {result.main_reason('join')}")
        if (
            self._limit_steps is not None
            or not self._scenario.holds
            or not result.run_s
            or result.failures
            or result.interrupted
        ):
            return
        if not (result.alive_at_end or result.closed_by_script or result.ran_out):
            result.failures.append(self._why_none_is_alive())

    def _why_none_is_alive(self) -> str:
        result, number = self.result, self.plan.connections
        if result.counts["disconnects"] or result.counts["connect_errors"]:
            return (
                f"the server was lost for good: none of {number} connections was alive at the end "
                f"({result.main_reason('disconnect')}; then {result.main_reason('connect')})"
            )
        # Connected all the time, and yet not joined.
        kind = "join" if result.counts["join_errors"] else "channel"
        why = result.main_reason(kind)
        cause = why_channels_ended(self.plan, result.totals)
        sentence = f"none of {number} connections was joined to all its topics at the end ({why})"
        return f"{sentence}: {cause}" if cause else sentence
