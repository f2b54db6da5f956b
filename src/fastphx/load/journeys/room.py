"""A channel of a journey: its joins, pushes and waits are steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic_ns
from typing import Any, NamedTuple, cast

from fastphx.client.channel import Channel
from fastphx.client.channel_iterator import ChannelIterator
from fastphx.client.delivery import Delivery
from fastphx.client.message_queue import MessageQueue
from fastphx.client.push import PushReply, push_reply
from fastphx.client.waiter import settle
from fastphx.errors import (
    ChannelCrashedError,
    ClosedError,
    ConnectionLostError,
    JoinError,
    PushError,
    PushTimeoutError,
    clip,
)
from fastphx.load.journeys.failure import VisitStopped, WaitTimeoutError, reason_of
from fastphx.load.journeys.step import UNCOUNTED, Step, end_step
from fastphx.load.journeys.unread import MAX_UNREAD, MAX_UNREAD_BYTES, Predicate, Unread, Wait
from fastphx.load.journeys.visit import Visit
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.protocol.message import Message
from fastphx.timing.wheel import CallbackTimer


class Cast(NamedTuple):
    """A push that no reply is waited for, for ``wait_for(…, since=…)``."""

    sent_ns: int
    """When it was sent, as ``time.monotonic_ns()`` has it."""


class _RoomDelivery(Delivery):
    """Keeps what no handler takes, from the join on, and fails who waits for messages that cannot come."""

    __slots__ = ("_handing_out", "room")

    _handing_out: asyncio.Handle | None
    room: Room

    def begin(self) -> None:
        super().begin()
        self._holding = False
        self._backlog = None
        self.room.unread = Unread(self.room, MAX_UNREAD, MAX_UNREAD_BYTES)
        self._queue = cast(MessageQueue, self.room.unread)
        self._handing_out = None

    def joined(self) -> None:
        """What came before is unread already."""

    def take_backlog(self) -> None:
        """A handler was set: it gets what is unread of its event, at the next turn, so that those that are
        set in a row all have their part."""
        if self._handing_out is None and len(self.room.unread):
            self._handing_out = asyncio.get_running_loop().call_soon(self._hand_out)

    def _hand_out(self) -> None:
        self._handing_out = None
        for message in self.room.unread.take_all(self._handlers):
            handlers = self._handlers[message.event]
            try:
                self._one(handlers)(message)
            except Exception as error:
                self._context.handler_failed(error, message.event, self._topic)

    def connection_lost(self) -> None:
        super().connection_lost()
        self.room.unread.fail(ConnectionLostError(f"the connection of {clip(self.room.topic)} was lost"))

    def dispatch(self, event: str, message: Any) -> None:
        if event == "phx_error":
            self.room.unread.fail(ChannelCrashedError(f"{clip(self.room.topic)} crashed on the server"))
        elif event == "phx_close":
            self.room.unread.fail(ClosedError(f"{clip(self.room.topic)} was closed by the server"))
        super().dispatch(event, message)

    def end(self, error: Exception | None) -> None:
        self.room.ended()
        self.room.unread.close(error or ClosedError(f"{clip(self.room.topic)} is closed"))
        super().end(error)


class Room(Channel):
    """A :class:`fastphx.client.channel.Channel` whose operations are counted and timed as steps: ``join
    NAME``, ``push EVENT``, ``wait EVENT``, or the *name* that is given.

    From its join it keeps the messages that no handler takes until somebody waits for them (:meth:`wait_for`)
    or iterates: 1,000, of 1 MiB; the oldest go first, and are counted.
    """

    __slots__ = ("_is_joined", "_visit", "unread")

    _visit: Visit
    unread: Unread

    delivery_class = _RoomDelivery

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        cast(_RoomDelivery, self._delivery).room = self
        self.unread = Unread(self, MAX_UNREAD, MAX_UNREAD_BYTES)
        self._is_joined = False

    # -- joining

    def use(self, visit: Visit) -> None:
        """It is of *visit*."""
        self._visit = visit

    async def join(self, *, timeout: float | None = None, name: str | None = None) -> Any:
        """Join, and return the server's response, as :meth:`fastphx.client.channel.Channel.join` does. The
        step is ``join`` and the topic up to its first colon."""
        visit = self._visit
        counts = visit.run.recorder.counts
        step = self._begin("join", self.topic.partition(":")[0], name)
        counts["join_attempts"] += 1
        try:
            response = await super().join(timeout=timeout)
        except BaseException as error:
            counts["join_errors"] += 1
            if end_step(step, error, visit) and isinstance(error, JoinError):
                visit.run.recorder.note("join", reason_of(error))
            raise
        counts["joins"] += 1
        self._is_joined = True
        visit.run.recorder.joined += 1
        now_ns = monotonic_ns()
        step.ok(ended_ns=now_ns)
        if step is not UNCOUNTED:
            visit.run.recorder.join.record(now_ns - step.begun_ns)
        return response

    # -- pushing

    async def push(
        self,
        event: str,
        payload: Any = NO_PAYLOAD,
        *,
        timeout: float | None = None,
        check: bool = True,
        name: str | None = None,
    ) -> PushReply:
        """Push, and return the server's reply, as :meth:`fastphx.client.channel.Channel.push` does. It is
        timed to the clock's reading of the read that brought the reply. With *check* another status than ok
        fails the step; without, it is a reply like any other."""
        visit = self._visit
        recorder = visit.run.recorder
        counts = recorder.counts
        step = self._begin("push", event, name)
        counts["pushes"] += 1
        try:
            message, rtt_ns = await self._pusher.answer(event, payload, timeout)
            reply = push_reply(message, rtt_ns)
            if reply.status != "ok":
                counts["error_replies"] += 1
                if check:
                    raise self._pusher.refused(event, payload, reply)
            else:
                counts["replies"] += 1
        except BaseException as error:
            _count_lost(counts, error, end_step(step, error, visit))
            raise
        latency_ns = step.ok(message.byte_count(), ended_ns=step.begun_ns + rtt_ns)
        if step is not UNCOUNTED:
            recorder.rtt.record(latency_ns)
            recorder.rtt_uncorrected.record(rtt_ns)
        return reply

    def cast(self, event: str, payload: Any = NO_PAYLOAD) -> Cast:  # type: ignore[override]
        """Push without waiting for a reply; what it returns says when it was sent."""
        sent_ns = monotonic_ns()
        self._pusher.cast(event, payload)
        self._visit.run.recorder.counts["casts"] += 1
        return Cast(sent_ns)

    # -- messages

    async def wait_for(
        self,
        event: str,
        predicate: Predicate | None = None,
        *,
        timeout: float | None = None,
        since: Cast | None = None,
        name: str | None = None,
    ) -> Message:
        """The oldest unread message of *event* that ``predicate(message)`` is true of, or the next that will
        come; it is then taken. *timeout* in seconds, the plan's by default.

        The step's latency runs from the call, or from when *since* was sent. Raises WaitTimeoutError;
        ConnectionLostError, ChannelCrashedError or ClosedError where it cannot come any more; and what the
        predicate raises.
        """
        visit = self._visit
        run = visit.run
        step = self._begin("wait", event, name, since)
        wait = Wait(event, predicate)
        try:
            found = self.unread.take(wait)
            if found is None:
                if run.is_stopping:
                    raise VisitStopped
                timeout_s = run.plan.timeout_s if timeout is None else timeout
                found = await self._next(wait, timeout_s)
                if found is None:
                    raise WaitTimeoutError(
                        f"no {clip(event)} came on {clip(self.topic)} within {timeout_s:g} s"
                    )
        except BaseException as error:
            if isinstance(error, VisitStopped):
                visit.is_cut = True
            end_step(step, error, visit)
            raise
        message, came_ns = found
        step.ok(message.byte_count(), ended_ns=max(came_ns, step.due_ns))
        return message

    async def _next(self, wait: Wait, timeout_s: float | None = None) -> tuple[Message, int] | None:
        """What comes for *wait*, and when; None where its time is over."""
        run = self._visit.run
        future = self.unread.add(wait)
        timer = CallbackTimer(lambda: settle(future, None))
        ends = _EndsAtStop(future)
        run.sleeping.add(ends)
        try:
            if timeout_s is not None:
                timer.schedule(run.wheel, timeout_s)
            found: tuple[Message, int] | None = await future
        finally:
            timer.cancel()
            run.sleeping.discard(ends)
            self.unread.discard(wait)
        return found

    def __aiter__(self) -> ChannelIterator:
        return cast(ChannelIterator, self._messages())

    async def _messages(self) -> AsyncIterator[Message]:
        """What is unread, and what comes, until the room is closed or the run stops."""
        visit = self._visit
        while True:
            wait = Wait(None, None)
            found = self.unread.take(wait)
            if found is None:
                if self.unread.closed:
                    return
                if visit.is_stopping:
                    await visit.sleep_until(0)
                    return
                try:
                    found = await self._next(wait)
                except VisitStopped:
                    visit.shorten()
                    return
                except ClosedError:
                    return
                if found is None:
                    return
            yield found[0]

    def ended(self) -> None:
        if self._is_joined:
            self._is_joined = False
            self._visit.run.recorder.joined -= 1

    def came(self, size_bytes: int) -> None:
        counts = self._visit.run.recorder.counts
        counts["deliveries"] += 1
        counts["delivery_bytes"] += size_bytes

    def came_in_vain(self) -> None:
        self._visit.run.recorder.counts["unread_dropped"] += 1

    # -- steps

    def _begin(self, kind: str, what: str, name: str | None, since: Cast | None = None) -> Step:
        visit = self._visit
        run = visit.run
        if run.is_stopping:
            return UNCOUNTED
        counter = run.counter(kind, what, name)
        if since is not None:
            return counter.begin(since.sent_ns, since.sent_ns)
        return visit.begin_step(counter)


class _EndsAtStop:
    """Ends a wait when the run stops."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def stop(self) -> None:
        if not self._future.done():
            self._future.set_exception(VisitStopped())


def _count_lost(counts: dict[str, int], error: BaseException, failed: bool) -> None:
    """A push has ended without a reply: why."""
    if isinstance(error, PushError):
        return
    if not failed:
        counts["lost_at_stop"] += 1
    elif isinstance(error, PushTimeoutError | asyncio.CancelledError):
        counts["lost_timeout"] += 1
    elif isinstance(error, ChannelCrashedError):
        counts["lost_errored"] += 1
    elif isinstance(error, ConnectionLostError):
        counts["lost_disconnected"] += 1
    elif isinstance(error, ClosedError):
        counts["lost_closed"] += 1
    else:
        # It was not sent.
        counts["pushes"] -= 1
