"""A topic's membership: it is joined, and joined again after each outage, until it is left or closed."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

from fastphx.client.context import Context
from fastphx.client.deadline import deadline_after
from fastphx.client.delivery import Delivery
from fastphx.client.outage import Outage
from fastphx.client.pool import Pool
from fastphx.client.push_buffer import PushBuffer
from fastphx.client.raised import RAISED, ends_this_task
from fastphx.client.socket import ClientSocket
from fastphx.client.waiter import settle
from fastphx.errors import (
    AlreadyJoinedError,
    ClosedError,
    DecodeError,
    DisconnectedError,
    DisconnectReason,
    FastphxError,
    JoinError,
    JoinTimeoutError,
    NotJoinedError,
    OverloadedError,
    clip,
)
from fastphx.protocol.joins import Join, JoinState
from fastphx.protocol.message import Message
from fastphx.timing.wheel import CallbackTimer, wheel_for

TOO_MANY_CHANNELS = "too many channels joined"
"""Phoenix's reason if a socket already has max_channels_per_transport channels (from 1.8.9)."""

logger = logging.getLogger("fastphx.client")


class ListedChannel(Protocol):
    """What the client lists under the topic."""

    cursor: Any
    """How far the user has read."""


class Membership:
    """One for each channel. The socket tells it of the topic (it is a :class:`SocketChannel`), and it tells
    the channel's delivery and buffer.

    *payload* of each join: a value, or a callable that returns it, or an awaitable of it, and is called with
    the channel's cursor if it has a parameter.
    """

    __slots__ = (
        "_channel",
        "_context",
        "_delivery",
        "_down_attempts",
        "_down_since",
        "_entry",
        "_join_attempt",
        "_join_waiter",
        "_joined_at",
        "_leave_waiter",
        "_payload",
        "_payload_takes_cursor",
        "_pool",
        "_rejoin_attempt",
        "_rejoin_timer",
        "_unsent",
        "end_error",
        "gaps",
        "join_payload",
        "leaving",
        "response",
        "response_bytes",
        "socket",
        "topic",
    )

    def __init__(
        self,
        context: Context,
        pool: Pool,
        topic: str,
        *,
        channel: ListedChannel,
        payload: Any,
        delivery: Delivery,
        unsent: PushBuffer,
    ) -> None:
        self.topic = topic
        self.response: Any = None
        """The server's response to the last join."""
        self.response_bytes = 0
        """The size of the answer with it."""
        self.join_payload: Any = None
        """What the last join was sent with."""
        self.gaps = 0
        self.socket: ClientSocket | None = None
        """The socket on which the topic is joined, or will be joined again; None if it is neither."""
        self.leaving = False
        self.end_error: Exception | None = None
        """The error that ended it; None if the user ended it."""
        self._context = context
        self._pool = pool
        self._channel = channel
        self._payload = payload
        self._payload_takes_cursor = callable(payload) and _takes_argument(payload)
        self._delivery = delivery
        self._unsent = unsent
        self._entry: Join | None = None
        self._join_waiter: asyncio.Future[Any] | None = None
        self._join_attempt = 0
        self._leave_waiter: asyncio.Future[None] | None = None
        self._rejoin_timer: asyncio.TimerHandle | None = None
        self._rejoin_attempt = 0
        self._joined_at: float | None = None
        self._down_since: float | None = None
        self._down_attempts = 0

    @property
    def state(self) -> JoinState:
        """As phoenix.js' ``channel.state``. It is JOINING, too, while the first connection is opened."""
        if self.socket is None:
            return JoinState.CLOSED
        state = self.socket.session.state(self.topic)
        return JoinState.JOINING if state is JoinState.CLOSED else state

    @property
    def join_ref(self) -> int:
        """That of the current join; 0 if there is none."""
        return 0 if self._entry is None else self._entry.join_ref

    @property
    def was_joined(self) -> bool:
        """Whether the server has accepted a join since :meth:`join` was called."""
        return self._joined_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether :meth:`join` has returned. What comes earlier goes only to handlers that were there."""
        return self._joined_at is not None and self._join_waiter is None

    def not_joined(self) -> FastphxError:
        """The error for a caller that needs the topic to be joined."""
        if self._context.closed_because is not None:
            closed = ClosedError("the client is closed")
            closed.__cause__ = self._context.closed_because
            return closed
        return NotJoinedError(f"nothing can be sent to {clip(self.topic)}: it is not joined")

    # -- what the channel asks for

    async def join(self, timeout_s: float) -> Any:
        """See :meth:`fastphx.client.channel.Channel.join`."""
        loop = self._context.own_loop()
        left = self._end_leave()
        if self.socket is not None or self.topic in self._context.channels:
            raise AlreadyJoinedError(f"{clip(self.topic)} is already joined, or being joined, on this client")
        self._reset()
        waiter = self._join_waiter = loop.create_future()
        timer = CallbackTimer(self._first_join_expired)
        try:
            # What still comes of the earlier join is told by the socket that it was on.
            socket = self._pool.place() if left is None else left
            self._attach(socket)
            timer.schedule(wheel_for(loop), timeout_s)
            if socket.is_open:
                self._send_join()
            outcome = await waiter
            if isinstance(outcome, BaseException):
                raise outcome
        except BaseException:
            # The topic may have been left and joined again before this task had its turn.
            if self._join_waiter is waiter:
                self._abandon_join()
            raise
        finally:
            if self._join_waiter is waiter:
                self._join_waiter = None
            timer.cancel()
        self._delivery.joined()
        return self.response

    async def leave(self, timeout_s: float) -> None:
        """See :meth:`fastphx.client.channel.Channel.leave`."""
        self._context.own_loop()
        socket = self.socket
        if socket is None:
            raise NotJoinedError(f"{clip(self.topic)} is not joined: there is nothing to leave")
        self.leaving = True
        self._stop_rejoining()
        if self._leave_waiter is None:
            settle(self._join_waiter, ClosedError(f"{clip(self.topic)} was left while it was being joined"))
            self._unsent.fail(ClosedError(f"{clip(self.topic)} was left"))
            state = socket.session.state(self.topic)
            if state not in (JoinState.JOINED, JoinState.JOINING):
                self.closed(None)
                return
            try:
                socket.session.leave(self.topic, deadline_ns=deadline_after(timeout_s), cancel_join=True)
            except (DisconnectedError, OverloadedError):
                # The connection is about to end, and the channel ends with it.
                self.closed(None)
                return
            if self.socket is None:
                return
            self._leave_waiter = asyncio.get_running_loop().create_future()
        # This does not await the waiter itself: cancelling this must not cancel it for others. The session's
        # deadline is that of the first leave.
        await asyncio.wait([self._leave_waiter], timeout=None if timeout_s == math.inf else timeout_s)

    def end(self, error: Exception | None) -> None:
        """It is over, because of *error* unless the user asked for it. Everything that waits is told."""
        self._stop_rejoining()
        self._join_attempt += 1
        self._detach()
        self.end_error = error
        settle(self._join_waiter, error or ClosedError(f"{clip(self.topic)} was closed"))
        self._unsent.fail(error or ClosedError(f"{clip(self.topic)} was closed"))
        settle(self._leave_waiter, None)
        self._leave_waiter = None
        self._delivery.end(error)

    # -- what the socket tells

    def socket_opened(self) -> None:
        """See :class:`~fastphx.client.socket.SocketChannel`, also for the methods that follow."""
        self._send_join()

    def socket_lost(self, reason: DisconnectReason) -> None:
        self._stop_rejoining()
        # A payload callable that is still running was called for this connection.
        self._join_attempt += 1
        self._delivery.connection_lost()
        if self.leaving:
            self.closed(None)
            return
        self._begin_outage()
        if not self._context.options.buffer:
            self._unsent.fail("disconnected")

    def joined(self, message: Message) -> None:
        socket = self.socket
        assert socket is not None
        try:
            self.response = message.response
            self.response_bytes = len(message.raw)
        except DecodeError as error:
            self.response = None
            self._context.handler_failed(error, "phx_reply", self.topic)
        self._joined_at = asyncio.get_running_loop().time()
        if self._down_since is not None:
            self._end_outage(self._down_since, self._down_attempts + max(0, socket.outage_attempts - 1))
        settle(self._join_waiter, None)
        self._unsent.send(socket.session)

    def refused(self, message: Message) -> None:
        try:
            response = message.response
        except DecodeError as error:
            response = {"reason": str(error)}
        full = isinstance(response, dict) and response.get("reason") == TOO_MANY_CHANNELS
        if full and self._move():
            return
        if self._join_waiter is not None:
            assert self.socket is not None
            conceal = self.socket.redaction(self.join_payload)
            if settle(self._join_waiter, JoinError(self.topic, response, conceal)):
                return
        logger.warning("a rejoin was refused", extra={"topic": self.topic})
        self._delivery.dispatch("phx_error", message)
        self._rejoin_later()

    def timed_out(self) -> None:
        logger.warning("a rejoin was not answered in time", extra={"topic": self.topic})
        self._rejoin_later()

    def errored(self, message: Message) -> None:
        logger.warning("the channel crashed on the server", extra={"topic": self.topic})
        self._begin_outage()
        if not self._context.options.buffer:
            self._unsent.fail("errored")
        self._delivery.dispatch("phx_error", message)
        self._rejoin_later()

    def closed(self, message: Message | None) -> None:
        self._delivery.dispatch("phx_close", message)
        self.end(None)

    # -- on a socket

    def _attach(self, socket: ClientSocket) -> None:
        entry = socket.session.join_entry(self.topic)
        entry.owner = self
        self._entry = entry
        self.socket = socket
        socket.channels[self.topic] = self
        self._context.channels[self.topic] = self._channel
        self._delivery.attach(entry, socket)

    def _detach(self) -> None:
        socket, entry = self.socket, self._entry
        self.socket = self._entry = None
        self._delivery.detach()
        if entry is not None:
            entry.owner = None
        if socket is not None:
            socket.session.forget(self.topic)
            del socket.channels[self.topic]
            del self._context.channels[self.topic]

    def _move(self) -> bool:
        """Move to a socket with room. False if there is none."""
        assert self.socket is not None
        socket = self._pool.place_elsewhere(self.socket)
        if socket is None:
            return False
        self._detach()
        self._attach(socket)
        if socket.is_open:
            self._send_join()
        return True

    # -- joining

    def _end_leave(self) -> ClientSocket | None:
        """A join ends the leave that is under way. Returns the socket which that was on."""
        if self.topic not in self._context.channels:
            return None
        socket = self._pool.socket_of(self.topic)
        if socket is None or not (channel := socket.channels[self.topic]).leaving:
            return None
        channel.closed(None)
        return socket if socket.is_open else None

    def _reset(self) -> None:
        self.response = None
        self.leaving = False
        self.end_error = None
        self._rejoin_attempt = 0
        self._joined_at = None
        self._down_since = None
        self._delivery.begin()

    def _first_join_expired(self) -> None:
        settle(
            self._join_waiter, JoinTimeoutError(f"the join of {clip(self.topic)} was not answered in time")
        )

    def _abandon_join(self) -> None:
        """Leave no trace of a join that failed, timed out or was cancelled."""
        socket = self.socket
        if socket is not None and socket.session.state(self.topic) in (JoinState.JOINING, JoinState.JOINED):
            # The server may have joined it nevertheless, or may do so later.
            try:
                socket.session.leave(self.topic, cancel_join=True)
            except FastphxError:
                logger.debug("a leave was not sent", extra={"topic": self.topic})
        self.end(None)

    def _send_join(self) -> None:
        self._stop_rejoining()
        self._join_attempt += 1
        if self._down_since is not None:
            self._down_attempts += 1
        try:
            payload = self._next_payload()
        except RAISED as error:
            self._join_failed(error)
            return
        if inspect.isawaitable(payload):
            self._context.spawn(self._send_join_later(payload, self._join_attempt))
        else:
            self._send_join_with(payload)

    def _next_payload(self) -> Any:
        payload = self._payload
        if not callable(payload):
            return payload
        return payload(self._channel.cursor) if self._payload_takes_cursor else payload()

    async def _send_join_later(self, payload: Any, attempt: int) -> None:
        error = None
        try:
            async with asyncio.timeout(self._context.options.timeout):
                payload = await payload
        except RAISED as raised:
            if ends_this_task(raised):
                raise
            error = raised
        # Meanwhile, it may have been lost, left, or joined again.
        if self._join_attempt != attempt:
            return
        if error is not None:
            self._join_failed(error)
        else:
            self._send_join_with(payload)

    def _send_join_with(self, payload: Any) -> None:
        assert self.socket is not None
        self.join_payload = payload
        deadline_ns = None
        # The first join has join()'s own deadline, because it may have to wait for a connection, too.
        if self._join_waiter is None:
            deadline_ns = deadline_after(self._context.options.timeout)
        try:
            self.socket.session.join(self.topic, payload, deadline_ns=deadline_ns)
        except DisconnectedError:
            # It is sent when the socket is open again.
            return
        except Exception as error:
            self._join_failed(error)

    def _join_failed(self, error: BaseException) -> None:
        """The join was not sent."""
        if settle(self._join_waiter, error):
            return
        self._context.handler_failed(error, "phx_join", self.topic)
        self._rejoin_later()

    def _rejoin_later(self) -> None:
        if self._rejoin_timer is not None or self.leaving or self.socket is None or not self.socket.is_open:
            return
        self._rejoin_attempt += 1
        delay_s = self._context.rejoin_delay(self._rejoin_attempt)
        logger.debug("the rejoin is in %.3f s", delay_s, extra={"topic": self.topic, "delay_s": delay_s})
        self._rejoin_timer = asyncio.get_running_loop().call_later(delay_s, self._rejoin)

    def _rejoin(self) -> None:
        self._rejoin_timer = None
        if self.socket is not None and self.socket.is_open and self.state is not JoinState.JOINED:
            self._send_join()

    def _stop_rejoining(self) -> None:
        if self._rejoin_timer is not None:
            self._rejoin_timer.cancel()
            self._rejoin_timer = None

    # -- outages

    def _begin_outage(self) -> None:
        if self._down_since is None and self._joined_at is not None:
            self._down_since = time.time()
            self._down_attempts = 0
            if asyncio.get_running_loop().time() - self._joined_at >= self._context.options.hold:
                self._rejoin_attempt = 0

    def _end_outage(self, since: float, attempts: int) -> None:
        self._down_since = None
        self.gaps += 1
        self._context.gaps += 1
        outage = Outage(self.topic, since, time.time(), attempts)
        logger.info("joined again", extra={"topic": self.topic, "attempts": attempts})
        self._delivery.dispatch_outage(outage)


def _takes_argument(function: Callable[..., Any]) -> bool:
    """Whether a callable for the join payload has a parameter, for the cursor."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
