"""One connection that is kept up: opened, watched by its heartbeat, opened again. phoenix.js' ``Socket``."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

from fastphx.client.context import Context
from fastphx.client.endpoint import shown_host, transport_url
from fastphx.client.message_queue import MessageQueue
from fastphx.client.options import FORBIDDEN, check_params, resolve
from fastphx.client.raised import RAISED, ends_this_task
from fastphx.client.unjoined import Unjoined
from fastphx.client.waiter import settle
from fastphx.errors import (
    ConnectError,
    ConnectionClosed,
    DecodeError,
    DisconnectReason,
    HeartbeatTimeout,
    OverloadedError,
    TransportDown,
)
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.joins import Join
from fastphx.protocol.message import Message
from fastphx.serializers import JsonV2
from fastphx.timing.wheel import wheel_for
from fastphx.transports.connection import CLOSE_TIMEOUT_S, Connection
from fastphx.transports.endpoint import endpoint_url
from fastphx.transports.named import transport_named
from fastphx.transports.options import ConnectOptions
from fastphx.transports.pairs import pairs_of
from fastphx.transports.redaction import Redaction, connection_secrets

logger = logging.getLogger("fastphx.client")


class SocketChannel(Protocol):
    """A channel as its socket sees it. It is told what happens to the topic, and is the owner of the
    session's Join."""

    leaving: bool
    """Whether a leave was asked for and is not over."""
    join_payload: Any
    """What the last join was sent with."""

    def socket_opened(self) -> object:
        """The socket is connected: join, or join again."""

    def socket_lost(self, reason: DisconnectReason) -> object:
        """The socket is no longer connected."""

    def joined(self, message: Message) -> object:
        """The server has accepted the join."""

    def refused(self, message: Message) -> object:
        """The server has refused the join."""

    def timed_out(self) -> object:
        """The join was not answered in time. The session has sent a leave."""

    def errored(self, message: Message) -> object:
        """The channel crashed on the server."""

    def closed(self, message: Message | None) -> object:
        """The server has closed the channel, or will not say so any more."""

    def end(self, error: Exception | None) -> object:
        """The client is closed, because of *error* unless the user asked for it."""


class SocketOwner(Protocol):
    """Is told what becomes of a socket."""

    def socket_changed(self) -> object:
        """It was opened, or lost."""

    def socket_failed(self, reason: DisconnectReason, error: BaseException) -> object:
        """It is lost for *reason*, and will not be connected again. *error* is to be raised."""


class ClientSocket:
    """One of a client's sockets, with the channels on it. The pool makes it.

    It has a task only while it is connecting. A connected socket has none.
    """

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_closing",
        "_connected_at",
        "_connection",
        "_context",
        "_down_since",
        "_forbidden",
        "_given_opts",
        "_given_url",
        "_gone",
        "_loop",
        "_mute_timer",
        "_options",
        "_owner",
        "_paused",
        "_reopened",
        "_task",
        "_transport_name",
        "_transport_settled",
        "_unjoined",
        "cap",
        "channels",
        "connect_errors",
        "errors",
        "heartbeat_timeouts",
        "is_open",
        "last_heartbeat_at_ns",
        "last_heartbeat_rtt",
        "number",
        "outage_attempts",
        "reason",
        "reconnects",
        "session",
        "unhandled",
        "was_open",
    )

    def __init__(
        self,
        context: Context,
        owner: SocketOwner,
        number: int,
    ) -> None:
        self._context = context
        self._owner = owner
        options = self._options = context.options
        self._loop = asyncio.get_running_loop()
        serializer = options.serializer
        self.session = CallbackSession(
            self,
            # JsonV2 is compiled into the session.
            serializer=None if type(serializer) is JsonV2 else serializer,
            heartbeat_interval_s=options.heartbeat_interval,
            max_in_flight=options.max_in_flight,
            join_ends_leave=True,
        )
        self.session.use_wheel(wheel_for(self._loop))
        self._connection = Connection(self.session, self)
        self.number = number
        self.channels: dict[str, SocketChannel] = {}
        self.cap: int | None = None
        """How many channels the server allows on this socket; None until it has refused one."""
        self.is_open = False
        """Whether it is connected, and its channels know."""
        self.reason: DisconnectReason | None = None
        """Why the last connection, or attempt, ended."""
        self.reconnects = 0
        self.connect_errors = 0
        self.errors = 0
        self.unhandled = 0
        self.heartbeat_timeouts = 0
        self.last_heartbeat_rtt: float | None = None
        self.last_heartbeat_at_ns = 0
        self.outage_attempts = 0
        """Connection attempts since the last connection was lost."""
        self._transport_name = options.transport
        self._transport_settled = False
        self._mute_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._attempt = 0
        self._forbidden = 0
        """Attempts since the last connection that were refused with HTTP 401 or 403."""
        self._given_url = ""
        self._given_opts: Mapping[str, Any] = {}
        """The transport's options of the last attempt."""
        self._connected_at = 0.0
        self._down_since = self._loop.time()
        self.was_open = False
        """Whether it has ever been connected."""
        self._closing = False
        self._gone: asyncio.Future[None] | None = None
        self._paused: dict[MessageQueue, None] = {}
        self._unjoined = Unjoined(context, self)
        self._reopened: asyncio.Future[None] | None = None
        """Is done when the connection that was asked for is open; None if none was asked for."""

    @property
    def queue_depth(self) -> int:
        """How many messages of topics that are not joined wait for an async handler."""
        return self._unjoined.depth

    # -- connecting

    def start(self) -> None:
        """Begin to connect, and go on until it is connected or another attempt makes no sense."""
        self._task = self._loop.create_task(self._connect())
        self._task.add_done_callback(self._connecting_ended)

    def reconnect(self) -> asyncio.Future[None]:
        """Give up the connection or the attempt, and connect at once. The future is done when the socket is
        connected, or the client is closed."""
        if self._reopened is None:
            self._reopened = self._loop.create_future()
        reopened = self._reopened
        self._attempt = 0
        # The task of an attempt that has succeeded may still be there.
        if self._task is not None and not self.is_open:
            self._task.add_done_callback(lambda _: self._start_anew())
            self._task.cancel()
        else:
            self._connection.abort(ConnectionClosed(1000, "to connect again"))
        return reopened

    def _start_anew(self) -> None:
        if not self._closing and self._task is None and not self.is_open:
            self._attempt = 0
            self.start()

    def _connecting_ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, DisconnectReason | ValueError | ImportError):
                logger.error("connecting failed", exc_info=error, extra=self._extra())
            reason = error if isinstance(error, DisconnectReason) else TransportDown(error)
            self._owner.socket_failed(reason, error)

    async def _connect(self) -> None:
        while True:
            if self._attempt:
                await self._wait_before_retry()
            self._attempt += 1
            self.outage_attempts += 1
            error = await self._try_in_time()
            if error is None:
                return
            self.reason = error
            _forget_frames(error)
            self.connect_errors += 1
            logger.warning("not connected: %s", error, extra=self._extra(attempt=self._attempt))
            if isinstance(error, ConnectError) and error.status in FORBIDDEN:
                self._forbidden += 1
            may_ask_again = self._options.asks_for_parameters and self._forbidden == 1
            if not self._context.may_reconnect(error, may_ask_again=may_ask_again):
                raise error

    async def _wait_before_retry(self) -> None:
        delay_s = self._context.reconnect_delay(self._attempt)
        if isinstance(self.reason, ConnectError) and self.reason.retry_after is not None:
            # The delay is added, because all clients were told the same time.
            cap_s = max(self._options.backoff_cap, delay_s)
            delay_s = min(self.reason.retry_after + delay_s, cap_s)
        limit_s = self._options.give_up_after
        if limit_s is not None:
            left_s = self._down_since + limit_s - self._loop.time()
            if delay_s >= left_s:
                await asyncio.sleep(max(0.0, left_s))
                raise self.reason or TransportDown()
        logger.debug("the next attempt is in %.3f s", delay_s, extra=self._extra(delay_s=delay_s))
        await asyncio.sleep(delay_s)

    async def _try_in_time(self) -> DisconnectReason | None:
        """One attempt, cut short when it is time to give up. Returns why it failed. Raises ValueError for
        options with which no attempt can succeed."""
        limit_s = self._options.give_up_after
        if limit_s is None:
            return await self._try()
        try:
            async with asyncio.timeout_at(self._down_since + limit_s) as scope:
                return await self._try()
        except TimeoutError:
            if not scope.expired():
                raise
            message = f"there was no connection for {limit_s:g} s, which is give_up_after"
            return ConnectError(message, status=getattr(self.reason, "status", None))

    async def _try(self) -> DisconnectReason | None:
        fallback_s = self._fallback_s()
        failure: DisconnectReason | None
        if fallback_s is None:
            try:
                return await self._start_transport()
            except DisconnectReason as error:
                return error
        if self._transport_name != "longpoll":
            try:
                async with asyncio.timeout(fallback_s):
                    return await self._start_transport()
            except TimeoutError as error:
                failure = ConnectError(f"not connected within {fallback_s} s")
                failure.__cause__ = error
            except DisconnectReason as error:
                failure = error
            logger.info("falling back to long polling: %s", failure, extra=self._extra())
            self._transport_name = "longpoll"
        try:
            failure = await self._start_transport()
        except DisconnectReason as error:
            failure = error
        if failure is None:
            self._transport_settled = True
        else:
            # If neither gets through, the server may be down: that says nothing against WebSockets.
            self._transport_name = "websocket"
        return failure

    def _fallback_s(self) -> float | None:
        """How long the first WebSocket may take to open, and then to answer a heartbeat, as in phoenix.js.
        None if there is no fallback, or no longer one."""
        if self._transport_settled or self._options.transport != "websocket":
            return None
        return self._options.longpoll_fallback

    def _judged_s(self) -> float | None:
        """How long a connection has to answer a heartbeat before the fallback; None if it does not matter."""
        return None if self._transport_name == "longpoll" else self._fallback_s()

    def _websocket_is_mute(self) -> None:
        """The WebSocket was opened, and nothing comes through it: a proxy swallows it."""
        self._mute_timer = None
        logger.info("falling back to long polling: no heartbeat was answered", extra=self._extra())
        self._transport_name = "longpoll"
        self.on_heartbeat_timeout()

    async def _start_transport(self) -> DisconnectReason | None:
        options = self._options
        name = self._transport_name
        if isinstance(name, str):
            transport_class = transport_named(name)
        else:
            transport_class, name = name, "websocket"
        try:
            if options.asks_for_parameters:
                async with asyncio.timeout(options.timeout):
                    url, opts = await self._parameters(name)
            else:
                url, opts = await self._parameters(name)
        except RAISED as error:
            if not options.asks_for_parameters or ends_this_task(error):
                raise
            # A token's source may be down for a moment, or return nonsense, just as a server may.
            self._context.handler_failed(error, "params, headers or auth_token")
            failure = ConnectError(f"the connection's parameters are not available: {type(error).__name__}")
            failure.__cause__ = error
            return failure
        # With a fallback, it must be known at once whether the WebSocket works.
        phase = 0.0 if self._judged_s() is not None else options.random.random()
        await self._connection.open(transport_class, url, opts, phase=phase)
        if not self._connection.is_up:
            # It was connected only for a moment.
            return self.reason or TransportDown()
        self._opened()
        return None

    async def _parameters(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """The URL and the transport's options of an attempt. Raises ValueError for what fits neither, and
        what a callable raises."""
        options = self._options
        params = check_params(await resolve(options.params))
        vsn = "2.0.0" if options.serializer is None else options.serializer.vsn
        url = endpoint_url(transport_url(options.url, name), params, vsn)
        opts = options.websocket_opts if name == "websocket" else dict(options.transport_opts)
        headers = await resolve(options.headers)
        if headers:
            opts["extra_headers"] = [*pairs_of(opts.get("extra_headers", ())), *pairs_of(headers)]
        token = await resolve(options.auth_token)
        if token is not None:
            opts["auth_token"] = token
        if callable(options.headers) or callable(options.auth_token):
            # The transport would take an invalid value for a wrong option, with which no attempt can succeed.
            ConnectOptions(extra_headers=opts.get("extra_headers", ()), auth_token=token)
        self._given_url, self._given_opts = url, opts
        return url, opts

    def redaction(self, *payloads: object) -> Redaction:
        """What takes out of a server's text the parameters, headers and token of the connection, and what is
        in *payloads*."""
        url, opts = self._given_url, self._given_opts
        headers, token = opts.get("extra_headers", ()), opts.get("auth_token")
        try:
            options = ConnectOptions(extra_headers=headers, auth_token=token)
        except ValueError:
            # A transport of the user's own may take others.
            return Redaction(*connection_secrets(url, ConnectOptions()), headers, token, *payloads)
        return Redaction(*connection_secrets(url, options), *payloads)

    def _without_secrets(self, reason: DisconnectReason) -> DisconnectReason:
        """*reason*, without the join payloads that a server's words may repeat. The transport has taken out
        what the connection was given."""
        if not isinstance(reason, ConnectionClosed) or not reason.reason:
            return reason
        conceal = self.redaction(*(channel.join_payload for channel in self.channels.values()))
        concealed = ConnectionClosed(reason.code, conceal(reason.reason))
        concealed.__cause__ = reason.__cause__
        return concealed

    def _opened(self) -> None:
        self.is_open = True
        self._connected_at = self._loop.time()
        if self.was_open:
            self.reconnects += 1
        self.was_open = self._context.was_connected = True
        self._forbidden = 0
        if (judged_s := self._judged_s()) is not None:
            if self._options.heartbeat_interval:
                self._mute_timer = self._loop.call_later(judged_s, self._websocket_is_mute)
            else:
                self._transport_settled = True
        reopened, self._reopened = self._reopened, None
        settle(reopened, None)
        if logger.isEnabledFor(logging.INFO):
            logger.info("connected", extra=self._extra(attempt=self._attempt))
        for channel in list(self.channels.values()):
            channel.socket_opened()
        self._owner.socket_changed()

    # -- what the connection tells

    def on_connected(self) -> None:
        """It is up. The channels are told when the attempt has returned, so that closing at once is clean."""

    def on_disconnected(self, reason: DisconnectReason) -> None:
        """It is gone: whatever waits on it fails, and connecting begins again."""
        was_open, self.is_open = self.is_open, False
        reason = self.reason = self._without_secrets(reason)
        self._stop_judging()
        self._unjoined.connection_lost()
        if self._paused:
            self._paused.clear()
            self._connection.resume()
        if was_open:
            now = self._loop.time()
            self._down_since = now
            self.outage_attempts = 0
            if now - self._connected_at >= self._options.hold:
                self._attempt = 0
            # The first retry waits, too: all clients of a restarted server lose it at the same moment.
            self._attempt = 0 if self._reopened is not None else max(self._attempt, 1)
        for channel in list(self.channels.values()):
            channel.socket_lost(reason)
        if self._closing:
            return
        logger.warning("disconnected: %s", reason, extra=self._extra())
        if not was_open:
            # The attempt continues with the next one.
            return
        if self._reopened is not None or self._context.may_reconnect(reason):
            self.start()
            self._owner.socket_changed()
        else:
            self._owner.socket_failed(reason, reason)

    def on_error(self, exc: BaseException) -> None:
        """Something failed in the transport or in this class. A disconnect may follow."""
        self.errors += 1
        logger.error("the connection failed", exc_info=exc, extra=self._extra())

    # -- what the session tells

    def on_joined(self, message: Message, join: Join) -> None:
        join.owner.joined(message)

    def on_join_error(self, message: Message, join: Join) -> None:
        join.owner.refused(message)

    def on_join_timeout(self, join: Join) -> None:
        join.owner.timed_out()

    def on_reply(self, message: Message, waiter: asyncio.Future[Any] | None, rtt_ns: int) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result((message, rtt_ns))

    def on_message(self, message: Message) -> None:
        self.unhandled += 1

    def on_closed(self, message: Message | None, join: Join) -> None:
        join.owner.closed(message)

    def on_errored(self, message: Message, join: Join) -> None:
        join.owner.errored(message)

    def on_unknown_topic(self, message: Message) -> None:
        if self._context.message_handlers:
            self._unjoined.deliver(message)

    def on_bad_frame(self, error: DecodeError) -> None:
        self._context.frame_unreadable(error, self._extra())

    def on_heartbeat_reply(self, rtt_ns: int) -> None:
        self.last_heartbeat_rtt = rtt_ns / 1e9
        self.last_heartbeat_at_ns = time.monotonic_ns()
        if self._mute_timer is not None:
            self._stop_judging()
            self._transport_settled = True

    def _stop_judging(self) -> None:
        if self._mute_timer is not None:
            self._mute_timer.cancel()
            self._mute_timer = None

    def on_heartbeat_timeout(self) -> None:
        self.heartbeat_timeouts += 1
        self._connection.abort(HeartbeatTimeout())

    def on_expired(self, ref: int, waiter: asyncio.Future[Any]) -> None:
        settle(waiter, "expired")

    def on_failed(self, ref: int, waiter: asyncio.Future[Any], reason: str) -> None:
        settle(waiter, reason)

    def on_handler_error(self, error: Exception, message: Message) -> None:
        self._context.handler_failed(error, message.event, message.topic)

    # -- back-pressure

    def pause(self, queue: MessageQueue) -> None:
        """Stop reading until *queue*, and every other queue that has asked, is half empty. If the transport
        cannot pause, the connection is given up."""
        is_first = not self._paused
        self._paused[queue] = None
        if is_first:
            try:
                self._connection.pause()
            except OverloadedError as error:
                self._connection.abort(TransportDown(error))

    def resume(self, queue: MessageQueue) -> None:
        """*queue* is half empty."""
        if queue in self._paused:
            del self._paused[queue]
            if not self._paused:
                self._connection.resume()

    # -- closing

    def begin_close(self) -> None:
        """Begin to close with code 1000, and connect no more."""
        self._closing = True
        settle(self._reopened, None)
        if self._task is not None:
            self._task.cancel()
        self._gone = self._loop.create_future()
        self._connection.close(functools.partial(settle, self._gone, None))

    def abort(self) -> None:
        """Cut the connection at once; no more is connected."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
        self._connection.abort(ConnectionClosed(1006, "cut"))

    async def wait_closed(self) -> None:
        """Return when the connection is gone, in bounded time."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT_S)
        if self._gone is not None:
            # This does not await the future itself: cancelling this must not cancel it for others.
            await asyncio.wait([self._gone])

    def _extra(self, **more: Any) -> dict[str, Any]:
        return {"endpoint": shown_host(self._options.url), "shard": self.number, **more}


def _forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks: the error is kept for long, and they hold on to the objects of the attempt."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
