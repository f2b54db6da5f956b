"""Runs one share of a plan's journeys on one event loop: begins visits, ends them, and counts."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from time import monotonic_ns
from typing import Any

from fastphx.load.journeys.failure import VisitStopped, first_cause
from fastphx.load.journeys.preload import preload
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.user import User
from fastphx.load.journeys.visit import Visit
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row
from fastphx.load.plan.share import Share
from fastphx.load.plan.units import RateStep
from fastphx.load.result.reasons import Reasons
from fastphx.load.scenarios import scenario_of
from fastphx.load.scenarios.journey import Journey
from fastphx.load.worker.arrivals import arrivals
from fastphx.load.worker.herd import Herd
from fastphx.load.worker.journey_meter import HISTOGRAMS, JourneyMeter
from fastphx.load.worker.load_step import LoadStep
from fastphx.load.worker.loop_lag import LoopLag
from fastphx.load.worker.rows_in_use import RowsInUse
from fastphx.load.worker.script_faults import ScriptFaults
from fastphx.load.worker.stats import Stats
from fastphx.load.worker.timeouts import STATS_INTERVAL_S
from fastphx.timing.wheel import CallbackTimer

FINALLY_S = 1.0
"""What ``finally`` blocks and ``stop()`` have once a visit was cancelled."""
LAST_S = 0.1
"""What is left to a ``stop()`` that has had its time."""
RETRY_S = 1.0
"""A user whose ``start()`` has failed tries again after so long."""
SPARE_NUMBERS = 1000
"""By which the numbers of two steps' visits are kept apart: nobody knows how many a rate brings."""
MAX_BURST = 256
"""Visits that begin in one turn of the loop."""
VISITS_APART = 10**10
"""Between the numbers of two visits of a user that was opened: no user's own number is as high."""
MAX_LEFT = 1_000_000
"""Visits that were not begun in time, and are counted at the end: they take half a second."""
_PACKAGE = Path(__file__).parents[2]
_OWN_TASKS = (f"{_PACKAGE / 'client'}{os.sep}", f"{_PACKAGE / 'transports'}{os.sep}")
_LIBRARIES = f"{os.sep}aiohttp{os.sep}"


class JourneyRunner:
    """One share of a plan's visits; *write* gets the lines of the worker protocol, *shared* is what the
    file's ``before`` has returned."""

    def __init__(
        self, plan: Plan, share: Share, write: Callable[[dict[str, Any]], object], shared: Any = None
    ) -> None:
        if plan.url is None:
            raise PlanError("a worker's plan has no URL")
        self.plan = plan
        self.share = share
        scenario = scenario_of(plan)
        assert isinstance(scenario, Journey)
        self.scenario = scenario
        preload(scenario.module)
        self._write = write
        self._loop = asyncio.get_running_loop()
        self.crashed: asyncio.Future[None] = self._loop.create_future()
        self._reasons = Reasons()
        self._faults = ScriptFaults(plan.scenario, self._reasons, self._fail)
        self.meter = JourneyMeter(plan.scenario, plan.max_steps, self._fail, self._reasons)
        self._run = Run(plan, self.meter, shared=shared)
        self._rows = RowsInUse(plan, share)
        self.loop_lag = LoopLag(self._run.wheel)
        self.stats = Stats(self.meter, self._reasons, self.loop_lag, Herd(), HISTOGRAMS)
        self._visits: dict[asyncio.Task[None], tuple[Visit, type[User]]] = {}
        self._owners: dict[asyncio.Task[Any], Visit] = {}
        self._followed: dict[int, asyncio.Task[None]] = {}
        """The users that were opened, and not closed."""
        self._resting: set[int] = set()
        """Those of them that make no visit now."""
        self._visits_of: Counter[int] = Counter()
        """The visits so far of each user that was opened: who comes back goes on with the next number."""
        self._releasing = False
        self._due: Iterator[tuple[int, int]] = iter(())
        self._next: tuple[int, int] | None = None
        self._timer = CallbackTimer(self._begin_due)
        self._end_timer = CallbackTimer(self._schedule_ended)
        self._started_ns = 0
        self._step: LoadStep | None = None
        self._first_number = 0
        self._users_go_on = True
        """Whether a user begins another visit."""
        self._has_failed = False
        self._loop.set_task_factory(self._new_task)
        self._loop.set_exception_handler(self._faults.unhandled)

    # -- commands

    def connect(self, at_ns: int) -> None:
        """Visits connect by themselves: it is ready."""
        self._write(self.stats.line("ready"))

    def start(self, at_ns: int) -> None:
        """Start the schedule at *at_ns*: visits arrive, or users begin their first."""
        plan = self.plan
        self.stats.start_schedule()
        self._started_ns = at_ns
        if plan.arrivals:
            seed = plan.seed if plan.poisson else None
            self._due = arrivals(plan.arrivals, at_ns, self.share, seed, plan.ramp_s)
        else:
            between_ns = plan.ramp_s * 1e9 / plan.max_users
            own = range(self.share.index, plan.max_users, self.share.workers)
            self._due = ((user, at_ns + int(user * between_ns)) for user in own)
        self._next = next(self._due, None)
        self._end_timer.schedule(self._run.wheel, deadline_ns=at_ns + int(plan.duration_s * 1e9))
        self._arm()

    def resize(self, connections: int, at_ns: int) -> None:
        """Visits connect by themselves."""

    def step(self, at_ns: int, load: float, duration_s: float, parts: int) -> None:
        """A step of a search for a limit: *load* visits arrive a second over all workers; or so many users
        visit again and again, and each ends its last visit when the step is over."""
        plan = self.plan
        self._timer.cancel()
        self._step = LoadStep(
            self.stats, self._run.wheel, self._write, self._line, self._is_idle, self._alive, plan.timeout_s
        )
        self._step.begin(at_ns, duration_s, parts)
        if plan.arrivals:
            seed = plan.seed if plan.poisson else None
            due = arrivals((RateStep(load, duration_s),), at_ns, self.share, seed)
            first = self._first_number
            self._due = ((first + number, due_ns) for number, due_ns in due)
            self._first_number += int(load * duration_s) + SPARE_NUMBERS
        else:
            own = range(self.share.index, int(load), self.share.workers)
            self._due = ((user, at_ns) for user in own)
        self._users_go_on = True
        self._next = next(self._due, None)
        self._end_timer = CallbackTimer(self._step_ended)
        self._end_timer.schedule(self._run.wheel, deadline_ns=at_ns + int(duration_s * 1e9))
        self._arm()

    def _step_ended(self) -> None:
        assert self._step is not None
        self._timer.cancel()
        self._leave_unsent()
        self._next = None
        self._users_go_on = False
        self._step.ended()

    def _is_idle(self) -> bool:
        return not self._visits

    def _alive(self) -> int:
        return self.meter.connected

    def _line(self, kind: str) -> dict[str, Any]:
        return {**self.stats.line(kind), **self.meter.take()}

    def follow(self) -> None:
        """Users come and go by `open` and `close` alone."""
        self.stats.start_schedule()

    def open(self, i: int, due_ns: int) -> None:
        """User *i* begins at *due_ns*."""
        if i not in self._followed and not self._releasing and not self._run.is_stopping:
            self._followed[i] = self._begin_user(i, due_ns)

    def close(self, i: int) -> None:
        """User *i* ends: what it does is cancelled."""
        task = self._followed.pop(i, None)
        if task is not None:
            visit, _ = self._visits.get(task, (None, None))
            if visit is not None:
                visit.is_cut = True
            task.cancel()

    def pace(self, rate_per_s: float) -> None:
        """Users pace themselves."""

    def storm(self, at_ns: int) -> None:
        """Storms are of held sockets."""

    async def stop(self) -> None:
        """Begin no visit, let those that run end, cancel what has not, and close what is left."""
        if self._followed:
            await self._release()
        self._end_schedule()
        await self._ended(self.plan.graceful_stop_s)
        await self._cancel()
        await self._run.close()

    async def abort(self) -> None:
        """Cut everything."""
        self._end_schedule()
        await self._cancel()
        await self._run.close()

    async def _release(self) -> None:
        """Users that were opened end their visits as in any other second: what they do is counted."""
        self._releasing = True
        for i in list(self._resting):
            self.close(i)
        await self._ended(self.plan.graceful_stop_s)
        for i in list(self._followed):
            self.close(i)
        await self._ended(FINALLY_S)

    def _end_schedule(self) -> None:
        self._timer.cancel()
        self._end_timer.cancel()
        if self._step is not None:
            self._step.cancel()
        self._schedule_ended()
        self._next = None
        self._run.stop()

    async def _ended(self, timeout_s: float) -> None:
        if self._visits:
            await asyncio.wait(list(self._visits), timeout=timeout_s)

    async def _cancel(self) -> None:
        for task, (visit, _) in list(self._visits.items()):
            visit.is_cut = True
            if not visit.is_leaving:
                task.cancel()
        await self._ended(FINALLY_S)
        if leaving := [task for task, (visit, _) in self._visits.items() if visit.is_leaving]:
            for task in leaving:
                task.cancel()
            await self._ended(LAST_S)
        for task, (visit, user_class) in list(self._visits.items()):
            self._faults.goes_on(task, user_class)
            self.meter.counts["visits_cut"] += 1
            visit.abort()
        self._visits.clear()

    # -- beginning

    def _arm(self) -> None:
        if self._next is not None:
            self._timer.schedule(self._run.wheel, deadline_ns=self._next[1])

    def _begin_due(self) -> None:
        """Begin what is due; after a stall in turns with what is under way."""
        for _ in range(MAX_BURST):
            if self._next is None or self._next[1] > monotonic_ns():
                break
            number, due_ns = self._next
            self._next = next(self._due, None)
            self.meter.schedule_lag.record(monotonic_ns() - due_ns)
            if self.plan.arrivals:
                self._arrive(number, due_ns)
            else:
                self._begin_user(number)
        self._arm()

    def _arrive(self, number: int, due_ns: int) -> None:
        counts = self.meter.counts
        counts["arrivals"] += 1
        row = None
        if len(self._visits) < -(-self.plan.max_users // self.share.workers):
            row = self._rows.take(number)
            if row is None:
                counts["rows_run_out"] += 1
        if row is None:
            counts["unsent"] += 1
            return
        user_class = self.scenario.user_class(number)
        visit = Visit(self._run, number, number, row)
        self._spawn(self._arrival(user_class, visit, due_ns), visit, user_class)

    def _leave_unsent(self) -> None:
        """The visits that were due and that this machine has not come to will not begin any more."""
        if not self.plan.arrivals or self._next is None:
            return
        now_ns = monotonic_ns()
        rest = itertools.islice(itertools.chain((self._next,), self._due), MAX_LEFT)
        left = sum(1 for _ in itertools.takewhile(lambda each: each[1] <= now_ns, rest))
        self._next = None
        self.meter.counts["arrivals"] += left
        self.meter.counts["unsent"] += left

    def _begin_user(self, index: int, due_ns: int | None = None) -> asyncio.Task[None]:
        user_class = self.scenario.user_class(index)
        visit = Visit(self._run, index, index, {})
        return self._spawn(self._user(user_class, visit, due_ns), visit, user_class)

    def _spawn(
        self, coroutine: Coroutine[Any, Any, None], visit: Visit, user_class: type[User]
    ) -> asyncio.Task[None]:
        task = visit.task = asyncio.Task(coroutine, loop=self._loop)
        self._visits[task] = (visit, user_class)
        self._owners[task] = visit
        task.add_done_callback(self._gone)
        return task

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._owners.pop(task, None)
        self._visits.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None and not self.crashed.done():
            self.crashed.set_exception(error)
        if self._step is not None:
            # The step's end is its time's.
            return
        if not self._visits and self._next is None and not self.plan.arrivals and not self._followed:
            # Each user has made its visits.
            self._end_timer.cancel()
            self._schedule_ended()

    def _new_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        """A task that a visit starts ends with it; those of the libraries are their own."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        current = asyncio.current_task(loop)
        parent = None if current is None else self._owners.get(current)
        if parent is not None and not _is_of_a_library(coroutine):
            parent.tasks.add(task)
            self._owners[task] = parent
            task.add_done_callback(self._child_gone)
        return task

    def _child_gone(self, task: asyncio.Task[Any]) -> None:
        visit = self._owners.pop(task, None)
        if visit is not None:
            visit.tasks.discard(task)

    # -- a user's life

    async def _arrival(self, user_class: type[User], visit: Visit, due_ns: int) -> None:
        """A user of one visit."""
        try:
            await self._visit(user_class, visit, due_ns, self._whole(user_class, visit))
        finally:
            self._rows.give_back(visit.number)

    async def _whole(self, user_class: type[User], visit: Visit) -> None:
        user = _user_of(user_class, visit)
        try:
            await user.start()
            await user.run()
        finally:
            await self._leave(user, visit)

    async def _user(self, user_class: type[User], visit: Visit, due_ns: int | None) -> None:
        """A user that visits again and again; one that was opened begins at *due_ns*."""
        plan = self.plan
        index, made = visit.index, 0
        row = await self._row(index)
        user: User | None = None
        try:
            if due_ns is not None:
                await self._rest(visit, due_ns)
            while row is not None and not self._is_done(made):
                begun_ns = monotonic_ns()
                visit.begin_visit(self._number(index, made, is_opened=due_ns is not None), row)
                made += 1
                self.meter.counts["arrivals"] += 1
                if user is None:
                    user = await self._start(user_class, visit)
                    if user is None:
                        await self._rest(visit, monotonic_ns() + int(RETRY_S * 1e9))
                        continue
                await self._visit(user_class, visit, begun_ns, user.run())
                if plan.pace_s:
                    await self._rest(visit, begun_ns + int(plan.pace_s * 1e9))
                elif plan.pause_s:
                    await self._rest(visit, monotonic_ns() + int(plan.pause_s * 1e9))
                else:
                    # Others have their turn, whatever the visit waits for.
                    await asyncio.sleep(0)
        except VisitStopped:
            pass
        except asyncio.CancelledError:
            if not visit.is_cut:
                raise
        finally:
            try:
                if user is not None:
                    await self._stop(user, visit)
            finally:
                await visit.end_user()
                self._rows.give_back(index)

    def _is_done(self, made: int) -> bool:
        """Whether a user that has *made* so many visits makes no other."""
        iterations = self.plan.iterations
        is_ending = self._run.is_stopping or self._releasing or not self._users_go_on
        return is_ending or bool(iterations and made >= iterations)

    def _number(self, index: int, made: int, *, is_opened: bool) -> int:
        """The number of user *index*'s next visit."""
        if not is_opened and self._step is None:
            return index + made * self.plan.max_users
        number = index + self._visits_of[index] * VISITS_APART
        self._visits_of[index] += 1
        return number

    async def _rest(self, visit: Visit, deadline_ns: int) -> None:
        """Wait between two visits."""
        if self._releasing:
            return
        self._resting.add(visit.index)
        try:
            await visit.sleep_until(deadline_ns)
        finally:
            self._resting.discard(visit.index)

    async def _row(self, number: int) -> Row | None:
        row = self._rows.take(number)
        if row is None:
            self.meter.counts["rows_run_out"] += 1
        return row

    async def _start(self, user_class: type[User], visit: Visit) -> User | None:
        """The user, once it has started; where it could not, that is a visit that has failed."""
        counts = self.meter.counts
        user: User | None = None

        async def start() -> None:
            nonlocal user
            user = _user_of(user_class, visit)
            await user.start()

        error = await _outcome(start())
        if error is not None:
            counts["visits"] += 1
            self._count_end(user_class, visit, error)
            await self._end_visit(user_class, visit)
            if isinstance(error, asyncio.CancelledError):
                raise error
            return None
        visit.kept, visit.opened = visit.opened, []
        return user

    async def _stop(self, user: User, visit: Visit) -> None:
        error = await _outcome(self._leave(user, visit))
        if isinstance(error, asyncio.CancelledError):
            raise error
        if error is not None:
            self._reasons.add("visit", f"stop: {self._faults.why(type(user), error)}")

    async def _leave(self, user: User, visit: Visit) -> None:
        """The user's ``stop()``, to which the run's end leaves a second."""
        visit.is_leaving = True
        async with asyncio.timeout(FINALLY_S if self._run.is_stopping else self.plan.timeout_s):
            await user.stop()

    async def _visit(
        self, user_class: type[User], visit: Visit, due_ns: int, coroutine: Coroutine[Any, Any, None]
    ) -> None:
        meter = self.meter
        counts = meter.counts
        counts["visits"] += 1
        meter.visiting += 1
        begun_ns = monotonic_ns()
        error = await _outcome(coroutine)
        ended_ns = monotonic_ns()
        meter.visiting -= 1
        if error is None and not visit.is_cut:
            counts["visits_ok"] += 1
            meter.visit.record(ended_ns - due_ns)
            meter.visit_uncorrected.record(ended_ns - begun_ns)
            self._faults.ended(user_class)
        else:
            self._count_end(user_class, visit, error)
        if await self._end_visit(user_class, visit):
            self._reasons.add("left open", f"{user_class.__name__} ended with sockets that were not closed")
        if isinstance(error, asyncio.CancelledError) and visit.is_cut:
            raise error

    async def _end_visit(self, user_class: type[User], visit: Visit) -> int:
        """The sockets that the visit has left open; a task of it that does not end is named."""
        left = await visit.end_visit()
        deaf, visit.deaf = visit.deaf, ()
        for task in deaf:
            self._faults.goes_on(task, user_class)
        return left

    def _count_end(self, user_class: type[User], visit: Visit, error: BaseException | None) -> None:
        """A visit has ended otherwise than well."""
        counts = self.meter.counts
        is_cut = isinstance(error, VisitStopped) or (
            visit.is_cut and (error is None or isinstance(error, asyncio.CancelledError))
        )
        if is_cut or error is None:
            counts["visits_cut"] += 1
            return
        counts["visits_failed"] += 1
        self._reasons.add("visit", self._faults.why(user_class, error))
        self._faults.ended(user_class)

    def _fail(self, why: str) -> None:
        """The run has no sense: tell, once."""
        if not self._has_failed:
            self._has_failed = True
            self._write({"type": "failed", "why": why})

    # -- lines

    def _schedule_ended(self) -> None:
        """The schedule is over, or was stopped before its end: tell what was counted while it ran, once."""
        if not self._started_ns:
            return
        self._timer.cancel()
        self._leave_unsent()
        run_s = min(self.plan.duration_s, max(0, monotonic_ns() - self._started_ns) / 1e9)
        self._write({**self.stats.scheduled(run_s, self.meter.connected), "closed_by_script": 0})
        self._started_ns = 0

    def last_lines(self) -> Iterator[dict[str, Any]]:
        """What is left of the steps, and the last line."""
        for part in self.meter.take_rest():
            yield {"type": "steps", **part}
        yield self.stats.final()

    async def report(self, from_ns: int) -> None:
        """Write a line a second from *from_ns* on, until cancelled."""
        second = 0
        while True:
            second += 1
            await asyncio.sleep((from_ns - time.monotonic_ns()) / 1e9 + second * STATS_INTERVAL_S)
            self._write({**self.stats.line(), **self.meter.take()})


def _user_of(user_class: type[User], visit: Visit) -> User:
    user = user_class.__new__(user_class)
    user._visit = visit
    user.__init__()  # type: ignore[misc]
    return user


async def _outcome(coroutine: Coroutine[Any, Any, None]) -> BaseException | None:
    """What *coroutine*, which is the script's, raises: ``sys.exit()`` ends a visit, and not the process."""
    try:
        await coroutine
    except GeneratorExit:
        raise
    except BaseException as error:
        return first_cause(error)
    return None


def _is_of_a_library(coroutine: Any) -> bool:
    code = getattr(coroutine, "cr_code", None)
    if code is None:
        return False
    name: str = code.co_filename
    return name.startswith(_OWN_TASKS) or _LIBRARIES in name
