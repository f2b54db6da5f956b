"""Runs one share of a plan on one event loop: opens, joins, pushes, returns, closes, and counts."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from fastphx.errors import ConnectError, ConnectionClosed, clip_repr
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import LOCAL
from fastphx.load.plan.payload import read_payload
from fastphx.load.plan.plan import CLOSE_TIMEOUT_S, Plan
from fastphx.load.plan.share import Share
from fastphx.load.plan.target import Target
from fastphx.load.plan.units import RateStep
from fastphx.load.result.reasons import Reasons
from fastphx.load.scenarios import scenario_of
from fastphx.load.scenarios.custom import Custom
from fastphx.load.scenarios.fanout import STAMP_KEY
from fastphx.load.scenarios.script import end_script, make_script
from fastphx.load.worker.confidential import Confidential
from fastphx.load.worker.event_mix import EventMix
from fastphx.load.worker.exponential_gaps import ExponentialGaps
from fastphx.load.worker.herd import Herd
from fastphx.load.worker.load_step import LoadStep
from fastphx.load.worker.loop_lag import LoopLag
from fastphx.load.worker.meter import Meter, MeterSession
from fastphx.load.worker.opener import Opener
from fastphx.load.worker.pacer import Pacer
from fastphx.load.worker.payload import Payload
from fastphx.load.worker.random_bits import RandomBits
from fastphx.load.worker.scripted import ScriptedSession
from fastphx.load.worker.stamp import Stamp
from fastphx.load.worker.stats import Stats, bounded_name
from fastphx.load.worker.timeouts import ABORT_TIMEOUT_S, QUIET_S, STATS_INTERVAL_S
from fastphx.serializers import JsonV1
from fastphx.timing.backoff import DEFAULT_BASE_S, full_jitter
from fastphx.timing.wheel import CallbackTimer, wheel_for
from fastphx.transports.connector import connect


class Runner:
    """One share of a plan. It is the owner of its Meter, which calls the ``session_…`` methods; *write* gets
    the lines of the worker protocol."""

    def __init__(self, plan: Plan, share: Share, write: Callable[[dict[str, Any]], object]) -> None:
        if plan.url is None:
            raise PlanError("a worker's plan has no URL")
        self.plan = plan
        self.share = share
        self.scenario = scenario_of(plan)
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._wheel = wheel_for(self._loop)
        self._random = Random(f"{plan.seed}/{share.index}")
        self._target = Target(plan)
        sources = [self.scenario.payload(event) for event in plan.event_names]
        is_verbatim = plan.is_binary or self.scenario.is_stamped
        self._payloads = [Payload(source, is_verbatim=is_verbatim) for source in sources]
        self._join_payload = Payload(read_payload(plan.join_payload, "join payload"))
        self._confidential = Confidential(plan, self._target, self._join_payload, self._payloads)
        self._serializer = JsonV1() if plan.vsn == "1.0.0" else None
        own = share.connections(plan)
        self.meter = Meter(
            self,
            self._wheel,
            event=plan.event_names[0].encode(),
            payload=self._payloads[0].constant if len(plan.events) == 1 else None,
            timeout_s=plan.timeout_s,
            join_timeout_s=plan.join_timeout_s,
            max_in_flight=plan.in_flight,
            is_binary=plan.is_binary,
            expects_reply=self.scenario.expects_reply,
            stamp=Stamp(sources[0], STAMP_KEY) if self.scenario.is_stamped else None,
            counts_events=self.scenario.counts_events,
            opens=not self.scenario.holds,
            think_time_s=plan.think_time_s,
            mix=self._event_mix() if len(plan.events) > 1 else None,
        )
        # Poisson processes together are one again, whose rate is the sum of theirs.
        self._gaps = ExponentialGaps(RandomBits(plan.seed, share.index)) if plan.poisson else None
        self._pace = self._share_of_rate(own)
        self.pacer = self._pacer(plan.rate, self._schedule_ended)
        self._step: LoadStep | None = None
        self._resizing: asyncio.Task[None] | None = None
        self.opener = Opener(plan.connect_rate * len(own) / plan.connections, self._attempt)
        self._max_sessions = len(own)
        self._next_i = share.index
        self._sessions: dict[int, MeterSession] = {}
        self._reopening: dict[int, int] = {}
        self._unsettled: set[int] = set()
        self._reasons = Reasons()
        self._herd = Herd()
        self.loop_lag = LoopLag(self._wheel)
        self.stats = Stats(self.meter, self._reasons, self.loop_lag, self._herd)
        self._started_ns = 0
        self._closed_by_script = 0
        self._stopping = False

    def _pacer(self, steps: Iterable[RateStep], finished: Callable[[], object]) -> Pacer:
        """The share's part of a schedule."""
        return Pacer(
            self.meter,
            [(step.rate * self._pace, int(step.duration_s * 1e9)) for step in steps],
            (self.share.index + 0.5) / self.share.workers,
            finished,
            self._gaps,
        )

    def _event_mix(self) -> EventMix:
        """The plan's events, for each of its pushes; in each worker in another order."""
        events = [
            (event.name.encode(), payload.constant, event.weight)
            for event, payload in zip(self.plan.events, self._payloads, strict=True)
        ]
        # The streams from 0 on are those of the schedules.
        return EventMix(events, RandomBits(self.plan.seed, -1 - self.share.index))

    def _share_of_rate(self, own: range) -> float:
        """The part of the plan's rate that is this share's: that of the sockets that push."""
        if not self.scenario.holds:
            return 1 / self.share.workers
        pushing = sum(self.scenario.pushes(i) for i in range(self.plan.connections))
        return sum(self.scenario.pushes(i) for i in own) / pushing if pushing else 0.0

    @property
    def crashed(self) -> asyncio.Future[None]:
        """Gets what must not happen."""
        return self.opener.crashed

    # -- commands

    def connect(self, at_ns: int) -> None:
        """Open all connections of the share, evenly over the ramp, or at the plan's connect rate."""
        plan = self.plan
        if not self.scenario.holds:
            self._write(self.stats.line("ready"))
            return
        interval_ns = 1e9 / plan.connect_rate
        if plan.ramp_s:
            interval_ns = plan.ramp_s * 1e9 / plan.connections
        own = self.share.connections(plan)
        self._unsettled = set(own)
        for i in own:
            self.open(i, at_ns + int(i * interval_ns))

    def open(self, i: int, due_ns: int) -> None:
        """Open connection *i*, which was due at *due_ns*. One that is open already stays."""
        found = self._sessions.get(i)
        if found is not None and found.closing:
            self._reopening[i] = due_ns
        elif found is None and not self._stopping:
            session = self._sessions[i] = self._session(i)
            self.opener.open(session, due_ns)

    def open_arrival(self, due_ns: int) -> bool:
        """An arrival of the schedule that is a connection. False where the plan's connections are there."""
        if len(self._sessions) >= self._max_sessions or self._stopping:
            return False
        self.open(self._next_i, due_ns)
        self._next_i += self.share.workers
        return True

    def _session(self, i: int) -> MeterSession:
        scenario, row = self.scenario, self._target.row(i)
        kind = ScriptedSession if isinstance(scenario, Custom) else MeterSession
        payloads = tuple(payload.of_connection(i, row) for payload in self._payloads)
        session = kind(
            self.meter,
            i,
            scenario.topics(i, row),
            join_payload=self._join_payload.of_push(i, 0, row),
            payload=payloads[0] if len(payloads) == 1 else None,
            payloads=payloads if len(payloads) > 1 else None,
            pushes=scenario.pushes(i),
            push_topics=scenario.push_topics(i, row),
            heartbeat_interval_s=self.plan.heartbeat_s,
            serializer=self._serializer,
        )
        if isinstance(session, ScriptedSession):
            assert isinstance(scenario, Custom)
            make_script(scenario.script, session, row, self.plan.seed, self._wheel, self)
        return session

    def close(self, i: int) -> None:
        """Leave and close connection *i*."""
        session = self._sessions.get(i)
        self._reopening.pop(i, None)
        if session is not None and not session.closing:
            self._leave(session)

    def follow(self) -> None:
        """The connections come and go by `open` and `close` alone: joins are timed from when the opening was
        due, and messages are counted by event."""
        self.meter.joins_from_due = True
        self.meter.count_events()

    def pace(self, rate_per_s: float) -> None:
        """Each joined connection pushes at that rate by itself."""
        self.meter.start_pacing(rate_per_s)

    def start(self, at_ns: int) -> None:
        """Start the schedule at *at_ns*."""
        if self.plan.warm_up_s:
            self.meter.measure_from_ns = at_ns + int(self.plan.warm_up_s * 1e9)
        self.stats.start_schedule()
        self._started_ns = at_ns
        if not self.scenario.holds:
            self.opener.is_limited = False
        self.pacer.start(at_ns)
        self.meter.start_thinking()

    def resize(self, connections: int, at_ns: int) -> None:
        """Hold so many connections in the whole run: those that are joined stay, the others of the share are
        opened anew."""
        if self._resizing is not None:
            self._resizing.cancel()
        self._resizing = asyncio.create_task(self._resize(connections, at_ns))

    async def _resize(self, connections: int, at_ns: int) -> None:
        plan = replace(self.plan, connections=connections)
        own = self.share.connections(plan)
        for i, session in list(self._sessions.items()):
            if i not in own or not session.is_joined:
                self.close(i)
        # A server that counts its connections has seen them go before others come.
        await self._until(
            lambda: not any(s.closing for s in self._sessions.values()), self._loop.time() + CLOSE_TIMEOUT_S
        )
        missing = [i for i in own if i not in self._sessions]
        self._unsettled = set(missing)
        for number, i in enumerate(missing):
            self.open(i, at_ns + int(number * self.share.workers * 1e9 / plan.connect_rate))
        if not missing:
            self._write(self.stats.line("ready"))

    def step(self, at_ns: int, load: float, duration_s: float, parts: int) -> None:
        """A step of a search for a limit: a schedule of *load* pushes a second over all workers."""
        self.pacer.stop()
        self._step = LoadStep(
            self.stats,
            self._wheel,
            self._write,
            self.stats.line,
            self._is_idle,
            self._alive,
            self.plan.timeout_s,
        )
        self._step.begin(at_ns, duration_s, parts)
        if not self.scenario.holds:
            self.opener.is_limited = False
        self.pacer = self._pacer((RateStep(load, duration_s),), self._step_ended)
        self.pacer.start(at_ns)
        self.meter.start_thinking()

    def _step_ended(self) -> None:
        assert self._step is not None
        self.meter.stop_thinking()
        self._step.ended()

    def _is_idle(self) -> bool:
        """Whether nothing is under way any more; a script pushes when it will."""
        if not self.scenario.holds:
            return self._has_opened()
        counts = self.meter.counts
        sent = counts["pushes"] + counts["casts"] + counts["unsent"] == counts["arrivals"]
        return isinstance(self.scenario, Custom) or (self.meter.in_flight == 0 and sent)

    def _alive(self) -> int:
        return sum(session.is_joined for session in self._sessions.values())

    def storm(self, at_ns: int) -> None:
        """The server is disturbed at *at_ns*: time how the connections return, and do not limit them."""
        self._herd.start(at_ns)
        self.opener.is_limited = False

    async def stop(self) -> None:
        """Stop the schedule, wait for outstanding replies, leave and close, and wait for the close."""
        self._end_schedule()
        deadline_s = self._loop.time() + self.plan.graceful_stop_s
        if not self.scenario.holds:
            await self._until(self._has_opened, deadline_s)
        await self._stop_opening()
        await self._until(lambda: self.meter.in_flight == 0, deadline_s)
        if self.scenario.is_stamped:
            await self._deliveries(deadline_s)
        for number, session in enumerate(list(self._sessions.values())):
            self._leave(session)
            if number % 200 == 199:
                await asyncio.sleep(0)
        await self._until(lambda: self.meter.connected == 0, self._loop.time() + CLOSE_TIMEOUT_S)
        await self.abort()

    async def abort(self) -> None:
        """Stop everything at once; what is in flight is lost."""
        self._end_schedule()
        await self._stop_opening()
        for session in list(self._sessions.values()):
            session.abort()
        await self._until(lambda: self.meter.connected == 0, self._loop.time() + ABORT_TIMEOUT_S)

    def _end_schedule(self) -> None:
        self._stopping = True
        self.pacer.stop()
        if self._step is not None:
            self._step.cancel()
        if self._resizing is not None:
            self._resizing.cancel()
        self._schedule_ended()
        for session in self._sessions.values():
            if isinstance(session, ScriptedSession):
                end_script(session)

    async def _until(self, reached: Callable[[], bool], deadline_s: float) -> None:
        while not reached() and self._loop.time() < deadline_s:  # noqa: ASYNC110 - many sessions change it
            await asyncio.sleep(0.01)

    def _has_opened(self) -> bool:
        """Whether every arrival of the schedule that is a connection has connected and joined, or failed."""
        counts = self.meter.counts
        return self.opener.is_idle and counts["join_attempts"] == counts["joins"] + counts["join_errors"]

    async def _stop_opening(self) -> None:
        dropped = await self.opener.stop()
        if not self.scenario.holds:
            # They were due, and are not even attempted any more.
            self.meter.count_unsent(dropped)

    async def _deliveries(self, deadline_s: float) -> None:
        """Wait until all that was published here has been delivered here; where other workers publish too,
        until no delivery has come for QUIET_S."""
        seen, since_s = -1, self._loop.time()
        while (now_s := self._loop.time()) < min(deadline_s, since_s + QUIET_S) and self._is_delivery_due():
            deliveries = self.meter.counts["deliveries"]
            if deliveries != seen:
                seen, since_s = deliveries, now_s
            await asyncio.sleep(0.01)

    def _is_delivery_due(self) -> bool:
        return self.share.workers > 1 or any(
            count.received < count.published * self.stats.subscribers.get(topic, 0)
            for topic, count in (self.meter.topics or {}).items()
        )

    def _leave(self, session: MeterSession) -> None:
        if not session.is_connected:
            session.closing = True
            self._forget(session)
        elif session.leave_all(time.monotonic_ns() + int(CLOSE_TIMEOUT_S * 1e9)) == 0:
            session.close()

    def _forget(self, session: MeterSession) -> None:
        session.settle()
        self._cancel(session)
        if isinstance(session, ScriptedSession):
            end_script(session)
        self._settled(session)
        if self._sessions.get(session.i) is session:
            del self._sessions[session.i]
        due_ns = self._reopening.pop(session.i, None)
        if due_ns is not None:
            self.open(session.i, due_ns)

    # -- connecting

    async def _attempt(self, session: MeterSession) -> None:
        if session.closing:
            return
        self.meter.count_connect_attempt()
        self._herd.attempted()
        connections = session.connections
        try:
            await connect(self._target.url(session.i), session, session, self._target.options(session.i))
        except ConnectError as error:
            self.meter.count_connect_error()
            self._reasons.add("connect", str(error))
            if error.is_local:
                self._reasons.add(LOCAL, str(error))
            self._settled(session)
            self._retry(session)
        except asyncio.CancelledError:
            # It may have been connected, and the connection lost since.
            if session.connections == connections:
                self.meter.count_connect_error()
            raise

    def _after(self, session: MeterSession, action: Callable[[], object], delay_s: float) -> None:
        """Call *action* after a delay: an entry in the wheel, no task. A session waits for one thing at a
        time."""
        self._cancel(session)

        def fire() -> None:
            session.state = None
            action()

        session.state = CallbackTimer(fire)
        session.state.schedule(self._wheel, delay_s)

    def _cancel(self, session: MeterSession) -> None:
        if session.state is not None:
            session.state.cancel()
            session.state = None

    def _backoff_s(self, session: MeterSession) -> float:
        session.attempts += 1
        cap_s = self.plan.max_backoff_s
        return full_jitter(session.attempts, self._random, base_s=min(DEFAULT_BASE_S, cap_s), cap_s=cap_s)

    def _retry(self, session: MeterSession) -> None:
        if self._stopping or session.closing or not self.scenario.holds:
            self._forget(session)
            return
        self._after(session, lambda: self._reopen(session), self._backoff_s(session))

    def _reopen(self, session: MeterSession) -> None:
        if not self._stopping:
            self.opener.open(session, time.monotonic_ns())

    def _rejoin_later(self, session: MeterSession) -> None:
        if not self.scenario.holds:
            self._leave(session)
        elif not self._stopping:
            self._after(session, session.join_all, self._backoff_s(session))

    def _settled(self, session: MeterSession) -> None:
        """The session's first attempt has ended, in whatever way."""
        if session.i in self._unsettled:
            self._unsettled.discard(session.i)
            if not self._unsettled:
                # The sockets stay: a collection that looked at all of them would stall the schedule.
                gc.collect()
                gc.freeze()
                # The first attempts' counts come with it, so that nobody has to wait for the next line.
                self._write(self.stats.line("ready"))

    def _schedule_ended(self) -> None:
        """The schedule is over, or was stopped before its end: tell what was counted while it ran, once."""
        self.meter.stop_thinking()
        if not self._started_ns:
            return
        run_s = min(self.plan.duration_s, max(0, time.monotonic_ns() - self._started_ns) / 1e9)
        self._write(
            {**self.stats.scheduled(run_s, self._alive()), "closed_by_script": self._closed_by_script}
        )
        self._started_ns = 0

    # -- what the meter and scripts tell

    def session_joined(self, session: MeterSession) -> None:
        self._cancel(session)
        self._settled(session)
        if not self.scenario.holds:
            self._after(session, lambda: self._leave(session), self.plan.stay_s)
        self._herd.joined(session.i)

    def session_join_refused(self, session: MeterSession, response: Any) -> None:
        reason = response["reason"] if isinstance(response, dict) and "reason" in response else response
        conceal = self._confidential.of(session.i, session.pushed)
        self.session_join_failed(session, f"refused: {clip_repr(reason, conceal=conceal)}")

    def session_join_failed(self, session: MeterSession, reason: str) -> None:
        self._reasons.add("join", reason)
        self._settled(session)
        # Not from inside the frame that told it.
        self._loop.call_soon(self._rejoin_later, session)

    def session_channel_closed(self, session: MeterSession, topic: str) -> None:
        self._reasons.add("channel", "closed by the server")

    def session_channel_errored(self, session: MeterSession, topic: str) -> None:
        self._reasons.add("channel", "crashed")
        self._loop.call_soon(self._rejoin_later, session)

    def session_left(self, session: MeterSession) -> None:
        self._loop.call_soon(session.close)

    def session_disconnected(self, session: MeterSession, reason: BaseException) -> None:
        if session.closing:
            self._forget(session)
            return
        if isinstance(reason, ConnectionClosed) and reason.reason:
            conceal = self._confidential.of(session.i, session.pushed)
            reason = ConnectionClosed(reason.code, conceal(reason.reason))
        self._reasons.add("disconnect", str(reason))
        self._settled(session)
        self._retry(session)

    def event_name(self, session: MeterSession, event: str) -> str:
        """An event's name, without what the plan gave in confidence."""
        return self._confidential.of(session.i, session.pushed)(event)

    def note(self, kind: str, text: str) -> None:
        self._reasons.add(kind, text)

    def script_failed(self, hook: str, error: BaseException) -> None:
        """A scenario's own code raised: the run fails, but goes on."""
        self._reasons.add("script", f"{hook} raised {type(error).__name__}: {error}")

    def script_closed(self, session: ScriptedSession) -> None:
        """A scenario is done with a socket."""
        if session.closing:
            return
        self._closed_by_script += 1
        end_script(session)
        session.close()
        if not session.is_connected:
            self._loop.call_soon(self._forget, session)

    def render_payload(self, session: MeterSession, event: int) -> bytes:
        """The payload of a session's next push, of the plan's event of that number, where they differ."""
        return self._payloads[event].of_push(session.i, session.pushed, self._target.row(session.i))

    # -- stats

    def last_lines(self) -> Iterator[dict[str, Any]]:
        """What each topic came to, and the last line."""
        for session in self._sessions.values():
            session.settle()
        yield from self.stats.topics()
        pushed = {bounded_name(event): count for event, count in self.meter.pushed_events.items()}
        yield {**self.stats.final(), "pushed_events": pushed}

    async def report(self, from_ns: int) -> None:
        """Write a line a second from *from_ns* on, until cancelled."""
        second = 0
        while True:
            second += 1
            await asyncio.sleep((from_ns - time.monotonic_ns()) / 1e9 + second * STATS_INTERVAL_S)
            self._write(self.stats.line())
