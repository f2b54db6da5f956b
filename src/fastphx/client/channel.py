"""A channel on a topic: join, push, handlers, iteration. phoenix.js' ``Channel``."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from fastphx.client.channel_iterator import ChannelIterator
from fastphx.client.delivery import Decoder, Delivery, Handler
from fastphx.client.outage import Outage
from fastphx.client.push import Reply, push_failure
from fastphx.client.push_buffer import PushBuffer, UnsentPush, settle
from fastphx.client.queue_policy import Policy, check_queue
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
    PushError,
    clip,
)
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.codec import Message
from fastphx.protocol.joins import Join, JoinState

if TYPE_CHECKING:
    from fastphx.client.client import Client
    from fastphx.client.socket import Socket

MAX_JOIN_WAITERS = 1024
"""Pushes that may wait for their channel's pending join."""

TOO_MANY_CHANNELS = "too many channels joined"
"""Phoenix's reason where a socket has max_channels_per_transport channels already (from 1.8.9)."""

H = TypeVar("H", bound=Handler)

logger = logging.getLogger("fastphx.client")


class Channel:
    """One topic of a client. ``client.channel`` and ``client.join`` make it, and document its arguments.

    ``async for message in channel`` yields what no handler takes, in order, and an
    :class:`~fastphx.client.outage.Outage` after each; one iterator at a time. It ends when the channel is
    left or closed, and raises ClosedError where the client was closed for a reason. What comes after the
    iterator is gone (the loop was left) is not queued any more.

    ``cursor`` is the user's own: whatever says how far he has read. A join payload that is a callable with a
    parameter is given it at each rejoin.
    """

    __slots__ = (
        "__weakref__",
        "_client",
        "_delivery",
        "_down_attempts",
        "_down_since",
        "_end_error",
        "_entry",
        "_join_attempt",
        "_join_waiter",
        "_joined_at",
        "_leave_waiter",
        "_leaving",
        "_payload",
        "_payload_takes_cursor",
        "_rejoin_attempt",
        "_rejoin_timer",
        "_socket",
        "_timeout_s",
        "cursor",
        "gaps",
        "response",
        "topic",
        "unsent",
    )

    def __init__(
        self,
        client: Client,
        topic: str,
        payload: Any,
        *,
        decoder: Decoder | Literal["raw"] | None,
        max_queue: int,
        policy: Policy,
        key: Callable[[Message], Any] | None,
    ) -> None:
        if not isinstance(topic, str):
            raise TypeError(f"the topic is {clip(repr(topic))}: give a str")
        check_queue(max_queue, policy, key)
        if decoder is not None and decoder != "raw" and not callable(decoder):
            raise ValueError(f"decoder is {clip(repr(decoder))}: give a callable of bytes, or 'raw'")
        self.topic = topic
        self.cursor: Any = None
        self.response: Any = None
        """What the server answered the last join with."""
        self.gaps = 0
        """How many outages there were."""
        self._client = client
        self._timeout_s = client.options.timeout
        self._payload = payload
        self._payload_takes_cursor = callable(payload) and _takes_argument(payload)
        # bytes() of bytes is the same object.
        own_decoder: Decoder | None = bytes if decoder == "raw" else decoder
        self._delivery = Delivery(
            client, topic, decoder=own_decoder, max_queue=max_queue, policy=policy, key=key
        )
        self._socket: Socket | None = None
        self._entry: Join | None = None
        self.unsent = PushBuffer(client, topic)
        """Pushes and casts that wait for the channel to be joined; ``len()`` of it says how many."""
        self._join_waiter: asyncio.Future[Any] | None = None
        self._join_attempt = 0
        self._leave_waiter: asyncio.Future[None] | None = None
        self._leaving = False
        self._rejoin_timer: asyncio.TimerHandle | None = None
        self._rejoin_attempt = 0
        self._joined_at = 0.0
        self._down_since: float | None = None
        self._down_attempts = 0
        self._end_error: Exception | None = None

    def __repr__(self) -> str:
        return f"<Channel {self.topic!r} {self.state}>"

    @property
    def state(self) -> JoinState:
        """As phoenix.js' ``channel.state``; JOINING also while the first connection is waited for."""
        if self._socket is None:
            return JoinState.CLOSED
        state = self._socket.session.state(self.topic)
        return JoinState.JOINING if state is JoinState.CLOSED else state

    @property
    def is_held_by_server(self) -> bool:
        """Whether it counts among the channels that the server has on this socket: one that is being left
        still does."""
        return self._socket is not None and self._socket.session.joined(self.topic)

    @property
    def join_ref(self) -> int:
        """Of the current join; 0 where there is none."""
        return 0 if self._entry is None else self._entry.join_ref

    @property
    def queue_depth(self) -> int:
        """Messages that wait for the iterator or an async handler."""
        return self._delivery.depth

    @property
    def dropped(self) -> int:
        """Messages that were queued and dropped, by the policy or because the iterator was gone."""
        return self._delivery.dropped

    # -- joining and leaving

    async def join(self, *, timeout: float | None = None) -> Any:
        """Join, and return the server's response; *timeout* in seconds, the client's by default.

        Waits for the connection where there is none. From then on the channel is joined again after each
        disconnect and crash, until it is left, or the server closes it. Raises JoinError where the server
        refuses, JoinTimeoutError, AlreadyJoinedError where the client has the topic already, ClosedError,
        EncodingError, and what a payload callable raises; the channel is then not joined, and may be joined
        again.
        """
        timeout_s = _timeout(timeout, self._timeout_s)
        client = self._client
        loop = asyncio.get_running_loop()
        if self._socket is not None or self.topic in client.channels:
            raise AlreadyJoinedError(f"{clip(self.topic)} is joined, or being joined, on this client already")
        self._reset()
        waiter = self._join_waiter = loop.create_future()
        timer = None
        try:
            self._attach(client.place(self))
            if timeout_s != math.inf:
                timer = loop.call_later(timeout_s, self._first_join_expired)
            assert self._socket is not None
            if self._socket.is_open:
                self._send_join()
            outcome = await waiter
            if isinstance(outcome, BaseException):
                raise outcome
        except BaseException:
            self._abandon_join()
            raise
        finally:
            self._join_waiter = None
            if timer is not None:
                timer.cancel()
        self._delivery.joined()
        return self.response

    async def leave(self, *, timeout: float | None = None) -> None:
        """Leave, and return when the server has closed the channel, or after *timeout* seconds. A pending
        join is cancelled. Raises NotJoinedError where the channel is closed already."""
        timeout_s = _timeout(timeout, self._timeout_s)
        socket = self._socket
        if socket is None:
            raise NotJoinedError(f"{clip(self.topic)} is not joined: there is nothing to leave")
        self._leaving = True
        self._stop_rejoining()
        if self._leave_waiter is None:
            self._settle_join(ClosedError(f"{clip(self.topic)} was left while it was being joined"))
            self.unsent.fail(ClosedError(f"{clip(self.topic)} was left"))
            state = socket.session.state(self.topic)
            if state not in (JoinState.JOINED, JoinState.JOINING):
                self.closed(None)
                return
            try:
                socket.session.leave(self.topic, deadline_ns=_deadline(timeout_s), cancel_join=True)
            except (DisconnectedError, OverloadedError):
                # The connection is about to end, and the channel with it.
                self.closed(None)
                return
            if self._socket is None:
                return
            self._leave_waiter = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._leave_waiter)

    def _reset(self) -> None:
        self.response = None
        self._leaving = False
        self._end_error = None
        self._rejoin_attempt = 0
        self._joined_at = 0.0
        self._down_since = None
        self._delivery.begin()

    def _attach(self, socket: Socket) -> None:
        entry = socket.session.join_entry(self.topic)
        entry.owner = self
        self._entry = entry
        self._socket = socket
        socket.channels[self.topic] = self
        self._client.channels[self.topic] = self
        self._delivery.attach(entry, socket)

    def _detach(self) -> None:
        socket, entry = self._socket, self._entry
        self._socket = self._entry = None
        self._delivery.detach()
        if entry is not None:
            entry.owner = None
        if socket is not None:
            socket.session.forget(self.topic)
            socket.channels.pop(self.topic, None)

    def move(self, socket: Socket) -> None:
        """Go on on another socket, where there is room: for the client."""
        self._detach()
        self._attach(socket)
        if socket.is_open:
            self._send_join()

    def _first_join_expired(self) -> None:
        self._settle_join(JoinTimeoutError(f"the join of {clip(self.topic)} was not answered in time"))

    def _settle_join(self, outcome: object) -> bool:
        return settle(self._join_waiter, outcome)

    def _abandon_join(self) -> None:
        """Leave no trace of a join that failed, timed out or was cancelled."""
        socket = self._socket
        if socket is not None and socket.session.state(self.topic) in (JoinState.JOINING, JoinState.JOINED):
            # The server may have joined it all the same, or may yet.
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
        payload = self._payload
        if callable(payload):
            try:
                payload = payload(self.cursor) if self._payload_takes_cursor else payload()
            except Exception as error:
                self._join_failed(error)
                return
            if inspect.isawaitable(payload):
                assert self._socket is not None
                self._client.spawn(self._send_join_later(payload, self._socket, self._join_attempt))
                return
        self._send_join_with(payload)

    async def _send_join_later(self, payload: Any, socket: Socket, attempt: int) -> None:
        generation = socket.generation
        error = None
        try:
            async with asyncio.timeout(self._timeout_s):
                payload = await payload
        except Exception as raised:
            error = raised
        # Meanwhile it may have been lost, left, or joined anew.
        if self._join_attempt != attempt or socket.generation != generation:
            return
        if error is not None:
            self._join_failed(error)
        else:
            self._send_join_with(payload)

    def _send_join_with(self, payload: Any) -> None:
        assert self._socket is not None
        # The first join's deadline is join()'s own: it may have to wait for a connection as well.
        deadline_ns = None if self._join_waiter is not None else _deadline(self._timeout_s)
        try:
            self._socket.session.join(self.topic, payload, deadline_ns=deadline_ns)
        except DisconnectedError:
            # It is sent when the socket is open again.
            return
        except Exception as error:
            self._join_failed(error)

    def _join_failed(self, error: Exception) -> None:
        """It was not sent."""
        if self._settle_join(error):
            return
        self._client.handler_failed(error, "phx_join", self.topic)
        self._rejoin_later()

    def _rejoin_later(self) -> None:
        if (
            self._rejoin_timer is not None
            or self._leaving
            or self._socket is None
            or not self._socket.is_open
        ):
            return
        self._rejoin_attempt += 1
        delay_s = self._client.rejoin_delay(self._rejoin_attempt)
        logger.debug("the rejoin is in %.3f s", delay_s, extra={"topic": self.topic, "delay_s": delay_s})
        self._rejoin_timer = asyncio.get_running_loop().call_later(delay_s, self._rejoin)

    def _rejoin(self) -> None:
        self._rejoin_timer = None
        if self._socket is not None and self._socket.is_open and self.state is not JoinState.JOINED:
            self._send_join()

    def _stop_rejoining(self) -> None:
        if self._rejoin_timer is not None:
            self._rejoin_timer.cancel()
            self._rejoin_timer = None

    # -- what the socket tells

    def socket_opened(self) -> None:
        """The socket is connected: join, or join again."""
        self._send_join()

    def socket_lost(self, reason: DisconnectReason) -> None:
        """The socket is not connected any more."""
        self._stop_rejoining()
        self._delivery.connection_lost()
        if self._leaving:
            self.closed(None)
            return
        self._begin_outage()
        if not self._client.options.buffer:
            self.unsent.fail("disconnected")

    def joined(self, message: Message) -> None:
        """The server has accepted the join."""
        socket = self._socket
        assert socket is not None
        try:
            self.response = message.response
        except DecodeError as error:
            self.response = None
            self._client.handler_failed(error, "phx_reply", self.topic)
        self._joined_at = asyncio.get_running_loop().time()
        if self._down_since is not None:
            self._end_outage(self._down_since, self._down_attempts + max(0, socket.outage_attempts - 1))
        self._settle_join(None)
        self.unsent.send(socket)

    def refused(self, message: Message) -> None:
        """The server has refused the join."""
        try:
            response = message.response
        except DecodeError as error:
            response = {"reason": str(error)}
        full = isinstance(response, dict) and response.get("reason") == TOO_MANY_CHANNELS
        if full and self._client.move_to_room(self):
            return
        if self._settle_join(JoinError(self.topic, response)):
            return
        logger.warning("a rejoin was refused", extra={"topic": self.topic})
        self._delivery.dispatch("phx_error", message)
        self._rejoin_later()

    def timed_out(self) -> None:
        """A rejoin was not answered in time; the session has left it."""
        logger.warning("a rejoin was not answered in time", extra={"topic": self.topic})
        self._rejoin_later()

    def errored(self, message: Message) -> None:
        """The channel crashed on the server."""
        logger.warning("the channel crashed on the server", extra={"topic": self.topic})
        self._begin_outage()
        if not self._client.options.buffer:
            self.unsent.fail("errored")
        self._delivery.dispatch("phx_error", message)
        self._rejoin_later()

    def closed(self, message: Message | None) -> None:
        """The server closed the channel, as we asked or by itself: it is not joined again."""
        self._delivery.dispatch("phx_close", message)
        self.end(None)

    def end(self, error: Exception | None) -> None:
        """The channel is over, for the given reason if it is one of ours; everything that waits hears of
        it."""
        if self._client.channels.get(self.topic) is self:
            del self._client.channels[self.topic]
        self._stop_rejoining()
        self._join_attempt += 1
        self._detach()
        self._end_error = error
        self._settle_join(error or ClosedError(f"{clip(self.topic)} was closed"))
        self.unsent.fail(error or ClosedError(f"{clip(self.topic)} was closed"))
        settle(self._leave_waiter, None)
        self._leave_waiter = None
        self._delivery.end(error)

    def _begin_outage(self) -> None:
        if self._down_since is None and self._joined_at:
            self._down_since = time.time()
            self._down_attempts = 0
            if asyncio.get_running_loop().time() - self._joined_at >= self._client.options.hold:
                self._rejoin_attempt = 0

    def _end_outage(self, since: float, attempts: int) -> None:
        self._down_since = None
        self.gaps += 1
        self._client.gaps += 1
        outage = Outage(self.topic, since, time.time(), attempts)
        logger.info("joined again", extra={"topic": self.topic, "attempts": attempts})
        self._delivery.dispatch_outage(outage)

    # -- pushing

    async def push(
        self, event: str, payload: Any = None, *, timeout: float | None = None, check: bool = True
    ) -> Reply:
        """Push, and return the server's reply. *payload*: what orjson takes, ``bytes`` for a binary frame,
        None for an empty object. *timeout* in seconds, the client's by default.

        Where the channel is being joined, the push waits for that. While disconnected it waits too where the
        client has a ``buffer``, else it raises DisconnectedError. It is never sent twice. Raises PushError
        for a status other than ok, unless *check* is False; PushTimeoutError; ConnectionLostError,
        ChannelCrashedError or ClosedError where the reply can no longer come; NotJoinedError, EncodingError
        and OverloadedError, with nothing sent.
        """
        timeout_s = self._timeout_s if timeout is None else _timeout(timeout, self._timeout_s)
        socket = self._socket
        if socket is None:
            raise self._not_joined()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Any] = loop.create_future()
        deadline_ns = _deadline(timeout_s)
        session: CallbackSession | None = socket.session
        unsent = timer = None
        ref = 0
        try:
            ref = socket.session.push_awaited(self.topic, event, payload, waiter, deadline_ns=deadline_ns)
        except (NotJoinedError, DisconnectedError):
            unsent = UnsentPush(event, payload, deadline_ns, waiter)
            if not self._keep_unsent(unsent):
                raise
            if timeout_s != math.inf:
                timer = loop.call_later(timeout_s, self.unsent.expire, unsent)
        try:
            outcome = await waiter
        except asyncio.CancelledError:
            if unsent is not None:
                self.unsent.discard(unsent)
                ref, session = unsent.ref, unsent.session
            # Where the waiter has its outcome already, the ref may be another push's by now.
            if session is not None and waiter.cancelled():
                session.abandon(ref)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if type(outcome) is not tuple:
            raise self._failure(outcome, event, timeout_s)
        message, rtt_ns = outcome
        reply = Reply(message.status, message.response, message.ref_number or 0, rtt_ns / 1e9)
        if check and reply.status != "ok":
            raise PushError(self.topic, event, reply)
        return reply

    def cast(self, event: str, payload: Any = None) -> None:
        """Push without waiting for a reply, which is ignored if there is one.

        Kept as a push is where it cannot be sent now, for the client's timeout at most; a cast that is not
        sent by then is counted in ``stats.unsent_dropped``. Raises DisconnectedError, NotJoinedError,
        EncodingError, OverloadedError.
        """
        socket = self._socket
        if socket is None:
            raise self._not_joined()
        try:
            socket.session.push(self.topic, event, payload)
        except (NotJoinedError, DisconnectedError):
            if not self._keep_unsent(UnsentPush(event, payload, _deadline(self._timeout_s), None)):
                raise

    def _not_joined(self) -> FastphxError:
        if self._client.closed_because is not None:
            return ClosedError("the client is closed")
        return NotJoinedError(f"nothing can be sent to {clip(self.topic)}: it is not joined")

    def _keep_unsent(self, unsent: UnsentPush) -> bool:
        """Keep a push until the channel is joined, where that is allowed. Raises OverloadedError."""
        socket = self._socket
        if socket is None or self._leaving:
            return False
        limit = self._client.options.buffer
        if socket.is_open and socket.session.state(self.topic) in (JoinState.JOINING, JoinState.CLOSED):
            if len(self.unsent) >= max(limit, MAX_JOIN_WAITERS):
                raise OverloadedError(
                    f"{len(self.unsent)} pushes wait for {clip(self.topic)} to be joined: slow down"
                )
        elif not limit:
            return False
        elif self._client.unsent >= limit and not self._client.drop_expired():
            raise OverloadedError(
                f"{self._client.unsent} pushes are buffered, which is buffer: slow down, or raise it"
            )
        self.unsent.add(unsent)
        return True

    def _failure(self, outcome: object, event: str, timeout_s: float) -> Exception:
        if outcome == "disconnected" and self._client.closed_because is not None:
            outcome = "closed"
        return push_failure(outcome, self.topic, event, timeout_s)

    # -- messages

    @overload
    def on(self, event: str, handler: H) -> H: ...
    @overload
    def on(self, event: str, handler: None = None) -> Callable[[H], H]: ...
    def on(self, event: str, handler: H | None = None) -> H | Callable[[H], H]:
        """Call *handler(message)* for each message of *event*; without a handler, a decorator.

        A plain function is called as the message is read. A coroutine function is awaited before the next
        message's handler is called: where a channel has one, all its handlers take their turn, from a queue
        with the channel's bound and policy. What a handler raises is logged and counted, and the connection
        goes on.
        """
        if handler is None:
            return functools.partial(self.on, event)
        self._delivery.on(event, handler)
        if self._is_joined_once():
            self._delivery.take_backlog()
        return handler

    def off(self, event: str, handler: Handler | None = None) -> None:
        """Call *handler*, or any handler, for *event* no more."""
        self._delivery.off(event, handler)

    def on_outage(self, handler: H) -> H:
        """Call *handler(outage)* after each rejoin, before the first message; see :meth:`on`."""
        return self.on(Outage.EVENT, handler)

    def on_error(self, handler: H) -> H:
        """Call *handler(message)* when the channel has crashed on the server, or a rejoin was refused."""
        return self.on("phx_error", handler)

    def on_close(self, handler: H) -> H:
        """Call *handler(message)* when the channel was closed; with None where a leave was not answered,
        or there was nobody to answer it."""
        return self.on("phx_close", handler)

    def __aiter__(self) -> ChannelIterator:
        if not self._joined_at:
            raise self._not_joined()
        iterator = self._delivery.iterate(closed=self._socket is None, error=self._end_error)
        if self._is_joined_once():
            self._delivery.take_backlog()
        return iterator

    def _is_joined_once(self) -> bool:
        """Whether :meth:`join` has returned: what came before it is handed out only to who was there."""
        return bool(self._joined_at) and self._join_waiter is None


def _takes_argument(function: Callable[..., Any]) -> bool:
    """Whether a join payload callable has a parameter, for the cursor."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )


def _timeout(timeout: float | None, default_s: float) -> float:
    timeout_s = default_s if timeout is None else timeout
    if not timeout_s > 0:
        raise ValueError(f"timeout is {timeout_s}: give seconds, above 0")
    return timeout_s


def _deadline(timeout_s: float) -> int | None:
    return None if timeout_s == math.inf else time.monotonic_ns() + int(timeout_s * 1e9)
