"""The client: what a user sees of one or several sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

from fastphx.client.channel import Channel
from fastphx.client.context import Context
from fastphx.client.deadline import checked_timeout
from fastphx.client.delivery import Decoder, is_async
from fastphx.client.endpoint import shown_host
from fastphx.client.options import Options
from fastphx.client.pool import Pool
from fastphx.client.queue_policy import MAX_QUEUE_BYTES, Policy
from fastphx.client.socket import ClientSocket
from fastphx.client.state import ClientState, StateCallback, StateChanges
from fastphx.client.stats import Stats
from fastphx.errors import ClosedError, ConnectError
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.protocol.message import Message
from fastphx.transports.connection import CLOSE_TIMEOUT_S

MessageHandler = TypeVar("MessageHandler", bound=Callable[[Message], object])

_SUMMED = (
    "frames_in",
    "frames_out",
    "bytes_in",
    "bytes_out",
    "messages",
    "replies",
    "decode_errors",
    "stale",
    "unknown_topic",
    "expired",
    "heartbeats_sent",
    "heartbeats_answered",
    "stale_heartbeats",
)


class Client:
    """Channels over one or several connections, which are opened again when lost. :func:`fastphx.connect`
    makes a client.

    It belongs to one event loop and its thread. A closed client stays closed: make another.
    """

    channel_class: ClassVar[type[Channel]] = Channel

    def __init__(self, options: Options) -> None:
        self._context = Context(options)
        self._pool = Pool(self._context)
        self._state_tasks: dict[asyncio.Task[Any], None] = {}

    def __repr__(self) -> str:
        return f"<Client {shown_host(self.options.url)} {self.state} channels={len(self.channels)}>"

    @property
    def options(self) -> Options:
        """The options that it was made with."""
        return self._context.options

    @property
    def sockets(self) -> list[ClientSocket]:
        """Its sockets: one, or as many as ``shards`` asks for."""
        return self._pool.sockets

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels by topic: those that are joined, being joined, or to be joined again."""
        return self._context.channels

    @property
    def closed_because(self) -> BaseException | None:
        """Why the client is closed; None while it is not."""
        return self._context.closed_because

    # -- opening and closing

    async def open(self) -> Self:
        """Connect, and return when the connection is open.

        Failed attempts are repeated, with backoff, for ``open_timeout`` seconds. After that, or if another
        attempt makes no sense (HTTP 401, 403, 404 and 410), this raises ConnectError, and the client is
        closed. Raises ValueError for an invalid option of the transport.
        """
        if self.sockets or self.closed_because is not None:
            raise RuntimeError("a client is opened once: make another with connect()")
        self._context.loop = asyncio.get_running_loop()
        self._pool.open()
        settled = frozenset((ClientState.OPEN, ClientState.CLOSED))
        try:
            await self._pool.state.wait(settled, self.options.open_timeout)
        except TimeoutError:
            reason = next((socket.reason for socket in self.sockets if socket.reason is not None), None)
            await self.close()
            message = f"not connected within {self.options.open_timeout:g} s" + (
                f": {reason}" if reason else ""
            )
            status, body = (reason.status, reason.body) if isinstance(reason, ConnectError) else (None, b"")
            raise ConnectError(message, status=status, body=body) from reason
        except BaseException:
            await self.close()
            raise
        if self.state is ClientState.CLOSED:
            await self._wait_gone()
            if self.closed_because is None or isinstance(self.closed_because, ClosedError):
                raise ClosedError("the client was closed before it was connected")
            raise self.closed_because
        return self

    async def reconnect(self, *, timeout: float | None = None) -> None:
        """Give up every connection and connect again at once, because a token or the network has changed.
        Parameters that are callables are called again. The channels are kept, and joined again after an
        outage.

        Returns when every socket is open again. Raises TimeoutError after *timeout* seconds (the client's
        ``open_timeout`` by default), and the attempts go on; ClosedError, or why the client is closed.
        """
        timeout_s = self.options.open_timeout if timeout is None else checked_timeout(timeout, 0.0)
        if self.closed_because is None and not self.sockets:
            raise ClosedError("the client was not opened yet")
        self._context.own_loop()
        async with asyncio.timeout(timeout_s):
            reopened = [] if self.closed_because else [socket.reconnect() for socket in self.sockets]
            if reopened:
                # This does not await the futures themselves: cancelling it must not cancel them for others.
                await asyncio.wait(reopened)
        if self.closed_because is not None:
            raise self.closed_because

    async def close(self) -> None:
        """Close every socket with code 1000. Whatever waits fails with ClosedError. Closing twice is fine."""
        if self.closed_because is None:
            self._context.own_loop()
        self._pool.begin_close(ClosedError("the client was closed"), None)
        await self._wait_gone()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.open().__await__()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def wait_closed(self) -> None:
        """Return when :meth:`close` has closed the client. If it closed by itself, raise the reason."""
        self._context.own_loop()
        await self._pool.state.wait(frozenset((ClientState.CLOSED,)), None)
        if not isinstance(self.closed_because, ClosedError) and self.closed_because is not None:
            raise self.closed_because

    async def _wait_gone(self) -> None:
        await self._pool.wait_closed()
        # Tasks may still have to act on the close.
        if told := self._state_tasks.keys() - {asyncio.current_task()}:
            await asyncio.wait(told, timeout=CLOSE_TIMEOUT_S)
        await self._context.cancel_tasks(CLOSE_TIMEOUT_S)

    # -- channels

    def channel(
        self,
        topic: str,
        payload: Any = NO_PAYLOAD,
        *,
        decoder: Decoder | Literal["raw"] | None = None,
        max_queue: int = 1000,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        policy: Policy = "block",
        key: Callable[[Message], Any] | None = None,
    ) -> Channel:
        """A channel that is not joined yet: set its handlers, then ``await channel.join()``.

        *payload* of the join: anything that orjson takes, or a callable, plain or async, that is called at
        each join, with ``channel.cursor`` if it has a parameter. *decoder*: a callable that makes a payload
        from its bytes when it is read (such as ``msgspec.json.Decoder(T).decode``), or ``"raw"`` for the
        bytes; None: orjson. What a decoder raises comes out of ``message.payload`` as a DecodeError.

        *max_queue* messages, of *max_queue_bytes* together, may wait for an iterator or an async handler.
        Beyond that, *policy* applies (see :data:`~fastphx.client.queue_policy.Policy`). *key* gives each
        message its key for the policy ``latest``. Raises ValueError for an invalid argument.
        """
        return self.channel_class(
            self._context,
            self._pool,
            topic,
            payload,
            decoder=decoder,
            max_queue=max_queue,
            max_queue_bytes=max_queue_bytes,
            policy=policy,
            key=key,
        )

    async def join(
        self,
        topic: str,
        payload: Any = NO_PAYLOAD,
        *,
        timeout: float | None = None,
        decoder: Decoder | Literal["raw"] | None = None,
        max_queue: int = 1000,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        policy: Policy = "block",
        key: Callable[[Message], Any] | None = None,
    ) -> Channel:
        """Join *topic*, and return its channel: :meth:`channel`, then
        :meth:`~fastphx.client.channel.Channel.join`.

        For five seconds, the first messages after the join are kept for whoever sets a handler or begins to
        iterate: *max_queue* messages, but at least 64, and at most *max_queue_bytes*.
        """
        channel = self.channel(
            topic,
            payload,
            decoder=decoder,
            max_queue=max_queue,
            max_queue_bytes=max_queue_bytes,
            policy=policy,
            key=key,
        )
        await channel.join(timeout=timeout)
        return channel

    def on_message(self, handler: MessageHandler) -> MessageHandler:
        """Call *handler(message)*, plain or async, for each message of a topic that is not joined here. This
        is also a decorator. It is phoenix.js' ``socket.onMessage`` for messages that no channel takes, such
        as the data of an Absinthe GraphQL subscription.

        A plain function is called when the message is read. If one handler is async, messages wait for all
        handlers, and are handled one after another. A socket on which 1,000 messages wait, or 16 MiB of
        payloads, stops reading until half of them are taken. An exception of a handler is logged and counted.
        """
        self._context.message_handlers += ((handler, is_async(handler)),)
        return handler

    # -- states

    @property
    def state(self) -> ClientState:
        """OPEN if all sockets are open, except for those that ``shards="auto"`` is adding."""
        return self._pool.state.value

    async def wait_state(self, *states: ClientState | str, timeout: float | None = None) -> ClientState:
        """Return when the client is in one of *states*. Raises TimeoutError after *timeout* seconds."""
        timeout_s = None if timeout is None else checked_timeout(timeout, 0.0)
        return await self._pool.state.wait(frozenset(ClientState(state) for state in states), timeout_s)

    def on_state(self, callback: StateCallback) -> StateCallback:
        """Call *callback(state)*, plain or async, at each change of state."""
        if is_async(callback):
            asynchronous = cast(Callable[[ClientState], Coroutine[Any, Any, Any]], callback)

            def begin(state: ClientState) -> None:
                task = self._context.spawn(asynchronous(state))
                self._state_tasks[task] = None
                task.add_done_callback(self._state_tasks.pop)

            self._pool.state.add(begin)
        else:
            self._pool.state.add(callback)
        return callback

    def states(self) -> StateChanges:
        """An async iterator over the changes of state from now on. It ends after ``closed``."""
        return self._pool.state.changes(is_closed=self.closed_because is not None)

    # -- statistics

    @property
    def stats(self) -> Stats:
        """A snapshot of all counters."""
        context = self._context
        sockets = self.sockets
        channels = self.channels.values()
        totals = dict.fromkeys(_SUMMED, 0)
        for socket in sockets:
            counters = socket.session.stats
            for name in _SUMMED:
                totals[name] += counters[name]
        last = max(sockets, key=lambda socket: socket.last_heartbeat_at_ns, default=None)
        return Stats(
            sockets=sum(socket.is_open for socket in sockets),
            channels=len(channels),
            unhandled=context.unhandled + sum(socket.unhandled for socket in sockets),
            handler_errors=context.handler_errors,
            in_flight=sum(len(socket.session.refs) for socket in sockets),
            unsent=context.unsent,
            unsent_dropped=context.unsent_dropped,
            queue_depth=sum(channel.queue_depth for channel in channels)
            + sum(socket.queue_depth for socket in sockets),
            dropped=context.dropped,
            reconnects=sum(socket.reconnects for socket in sockets),
            connect_errors=sum(socket.connect_errors for socket in sockets),
            gaps=context.gaps,
            heartbeat_timeouts=sum(socket.heartbeat_timeouts for socket in sockets),
            last_heartbeat_rtt=None if last is None else last.last_heartbeat_rtt,
            **totals,
        )
