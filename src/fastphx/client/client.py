"""The face of one or several sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Literal, Self, cast

from fastphx.client.channel import Channel
from fastphx.client.delivery import Decoder, is_async
from fastphx.client.endpoint import shown_host
from fastphx.client.options import Options, reconnects_by_default
from fastphx.client.queue_policy import Policy
from fastphx.client.shards import learn_cap, roomiest
from fastphx.client.socket import CLOSE_TIMEOUT_S, Socket
from fastphx.client.state import ClientState, StateCallback, StateChanges, StateFeed
from fastphx.client.stats import Stats
from fastphx.errors import ClosedError, ConnectError, DecodeError, DisconnectReason, OverloadedError
from fastphx.protocol.codec import Message

logger = logging.getLogger("fastphx.client")

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
    """Channels over a kept connection, or several; :func:`fastphx.connect` makes it.

    For one event loop and its thread. A closed client stays closed: make another.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sockets: list[Socket] = []
        self.channels: dict[str, Channel] = {}
        """By topic: those that are joined, being joined, or to be joined again."""
        self.closed_because: BaseException | None = None
        """Why the client is closed; None while it is not."""
        self.dropped = 0
        self.gaps = 0
        self.handler_errors = 0
        self.unhandled = 0
        self.unsent = 0
        self.unsent_dropped = 0
        self._state = StateFeed()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._state_tasks: set[asyncio.Task[Any]] = set()
        self._opened_once = False
        self._cap: int | None = None

    def __repr__(self) -> str:
        return f"<Client {shown_host(self.options.url)} {self.state} channels={len(self.channels)}>"

    # -- opening and closing

    async def open(self) -> Self:
        """Connect, and return when the connection is open.

        Attempts go on, with backoff, for ``open_timeout`` seconds; then, or where another attempt makes no
        sense (HTTP 403), ConnectError is raised, and the client is closed. Raises ValueError for a
        transport's option that cannot be meant.
        """
        if self.sockets or self.closed_because is not None:
            raise RuntimeError("a client is opened once: make another with connect()")
        self._set_state(ClientState.CONNECTING)
        for _ in range(1 if self.options.shards == "auto" else self.options.shards):
            self._add_socket()
        settled = frozenset((ClientState.OPEN, ClientState.CLOSED))
        try:
            await self._state.wait(settled, self.options.open_timeout)
        except TimeoutError:
            reason = next((socket.reason for socket in self.sockets if socket.reason is not None), None)
            await self.close()
            message = f"not connected within {self.options.open_timeout:g} s" + (
                f": {reason}" if reason else ""
            )
            raise ConnectError(message) from reason
        except BaseException:
            await self.close()
            raise
        if self.state is ClientState.CLOSED:
            await self._wait_gone()
            if self.closed_because is None or isinstance(self.closed_because, ClosedError):
                raise ClosedError("the client was closed before it was connected")
            raise self.closed_because
        return self

    async def close(self) -> None:
        """Close every socket with code 1000. What waits fails with ClosedError. Closing twice is fine."""
        self._close_because(ClosedError("the client was closed"), None)
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
        """Return when the client was closed by :meth:`close`; raise the reason where it closed by itself."""
        await self._state.wait(frozenset((ClientState.CLOSED,)), None)
        if not isinstance(self.closed_because, ClosedError) and self.closed_because is not None:
            raise self.closed_because

    def _close_because(self, reason: BaseException, error: Exception | None) -> None:
        if self.closed_because is not None:
            return
        self.closed_because = reason
        for socket in self.sockets:
            socket.begin_close()
        for channel in list(self.channels.values()):
            channel.end(error)
        self._set_state(ClientState.CLOSED)

    async def _wait_gone(self) -> None:
        for socket in self.sockets:
            await socket.wait_closed()
        current = asyncio.current_task()
        # They may have to act on the news that it is closed.
        if told := self._state_tasks - {current}:
            await asyncio.wait(told, timeout=CLOSE_TIMEOUT_S)
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)

    # -- channels

    def channel(
        self,
        topic: str,
        payload: Any = None,
        *,
        decoder: Decoder | Literal["raw"] | None = None,
        max_queue: int = 1000,
        policy: Policy = "block",
        key: Callable[[Message], Any] | None = None,
    ) -> Channel:
        """A channel that is not joined yet: set its handlers, then ``await channel.join()``.

        *payload* of the join: what orjson takes, or a callable, plain or async, that is called at each join
        and given ``channel.cursor`` where it has a parameter. *decoder*: what makes a payload of its bytes
        (such as ``msgspec.json.Decoder(T).decode``) when it is read, or ``"raw"`` for the bytes; None is
        orjson. What a decoder raises comes out of ``message.payload`` as a DecodeError. *max_queue* messages
        wait for an iterator or an async handler; past that the *policy* holds (see
        :data:`~fastphx.client.queue_policy.Policy`). *key* tells the messages of the policy ``latest``
        apart. Raises ValueError.
        """
        return Channel(self, topic, payload, decoder=decoder, max_queue=max_queue, policy=policy, key=key)

    async def join(
        self,
        topic: str,
        payload: Any = None,
        *,
        timeout: float | None = None,
        decoder: Decoder | Literal["raw"] | None = None,
        max_queue: int = 1000,
        policy: Policy = "block",
        key: Callable[[Message], Any] | None = None,
    ) -> Channel:
        """Join *topic*, and return its channel: :meth:`channel`, then
        :meth:`~fastphx.client.channel.Channel.join`.

        The first messages after the join (*max_queue* at most, or 64 where that is less; for five seconds)
        are kept for whoever sets a handler or begins to iterate.
        """
        channel = self.channel(topic, payload, decoder=decoder, max_queue=max_queue, policy=policy, key=key)
        await channel.join(timeout=timeout)
        return channel

    # -- states

    @property
    def state(self) -> ClientState:
        """Open where all its sockets are."""
        return self._state.value

    async def wait_state(self, *states: ClientState | str, timeout: float | None = None) -> ClientState:
        """Return when the client is in one of *states*; raises TimeoutError after *timeout* seconds."""
        return await self._state.wait(frozenset(ClientState(state) for state in states), timeout)

    def on_state(self, callback: StateCallback) -> StateCallback:
        """Call *callback(state)*, plain or async, at each change of state."""
        if is_async(callback):
            asynchronous = cast(Callable[[ClientState], Coroutine[Any, Any, Any]], callback)

            def begin(state: ClientState) -> None:
                task = self.spawn(asynchronous(state))
                self._state_tasks.add(task)
                task.add_done_callback(self._state_tasks.discard)

            self._state.add(begin)
        else:
            self._state.add(callback)
        return callback

    def states(self) -> StateChanges:
        """An async iterator over the changes of state from now on; it ends after ``closed``."""
        return self._state.changes(is_closed=self.closed_because is not None)

    def _set_state(self, state: ClientState) -> None:
        self._state.set(state, lambda error: self.handler_failed(error, "state"))

    # -- for its sockets and channels

    def socket_changed(self) -> None:
        """A socket was opened or lost."""
        if self.closed_because is not None:
            return
        if all(socket.is_open for socket in self.sockets):
            self._opened_once = True
            self._set_state(ClientState.OPEN)
        elif self._opened_once:
            self._set_state(ClientState.RECONNECTING)

    def socket_failed(self, reason: DisconnectReason, error: BaseException) -> None:
        """A socket is lost, and is not to be connected again: that is the end of the client."""
        if self.closed_because is not None:
            return
        logger.error("closed: %s", reason, extra={"endpoint": shown_host(self.options.url)})
        closed = ClosedError(f"the client is closed: {reason}")
        closed.__cause__ = error
        self._close_because(error, closed)

    def place(self, channel: Channel) -> Socket:
        """The socket for a new channel. Raises ClosedError, OverloadedError."""
        if self.closed_because is not None or not self.sockets:
            raise ClosedError("the client is closed, or was not opened yet") from self.closed_because
        if self.options.shards == "auto":
            # One socket after the other: the server's connections are dear too.
            for socket in self.sockets:
                if socket.cap is None or len(socket.channels) < socket.cap:
                    return socket
            return self._add_shard()
        # Where all are full, the server is to say so.
        return roomiest(self.sockets) or self.sockets[0]

    def move_to_room(self, channel: Channel) -> bool:
        """The server has refused *channel* a place on its socket: give it one elsewhere, if there is any."""
        old = next(socket for socket in self.sockets if socket.channels.get(channel.topic) is channel)
        # Where more were put on it than it holds, that is why: nothing new is to be learned.
        if old.cap is None or len(old.channels) <= old.cap:
            held = sum(other.is_held_by_server for other in old.channels.values())
            if held == 0:
                return False
            learn_cap(old, held)
        if self.options.shards == "auto":
            self._cap = old.cap
        target = roomiest([socket for socket in self.sockets if socket is not old])
        if target is None:
            if self.options.shards != "auto" or len(self.sockets) >= self.options.max_shards:
                return False
            target = self._add_shard()
        channel.move(target)
        return True

    def _add_shard(self) -> Socket:
        if len(self.sockets) >= self.options.max_shards:
            raise OverloadedError(f"{len(self.sockets)} sockets are full, which is max_shards: raise it")
        socket = self._add_socket()
        socket.cap = self._cap
        logger.info("opened another socket", extra={"shard": socket.number, "cap": self._cap})
        return socket

    def _add_socket(self) -> Socket:
        socket = Socket(self, self.options, len(self.sockets))
        self.sockets.append(socket)
        socket.start()
        return socket

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *coroutine* as a task of this client's."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.handler_failed(error, "a task")

    def handler_failed(self, error: BaseException, event: str, topic: str | None = None) -> None:
        """Something of the user's raised: it is logged and counted, and the connection goes on."""
        self.handler_errors += 1
        extra = {"topic": topic, "event": event}
        if isinstance(error, DecodeError):
            # It quotes the payload, and so may what the decoder has raised.
            logger.error("the handler of %s failed: a payload cannot be decoded", event, extra=extra)
            logger.debug("the payload that cannot be decoded", exc_info=error, extra=extra)
            return
        logger.error("the handler of %s failed", event, exc_info=error, extra=extra)

    def may_reconnect(self, reason: DisconnectReason) -> bool:
        """What the options say; a rule that raises is one that is not there."""
        try:
            return self.options.may_reconnect(reason)
        except Exception as error:
            self.handler_failed(error, "reconnect")
            return reconnects_by_default(reason)

    def reconnect_delay(self, attempt: int) -> float:
        """The same, for the delay before a connection attempt, in seconds."""
        try:
            return self.options.reconnect_delay(attempt)
        except Exception as error:
            self.handler_failed(error, "backoff")
            return self.options.default_reconnect_delay(attempt)

    def rejoin_delay(self, attempt: int) -> float:
        """The same, for the delay before a rejoin, in seconds."""
        try:
            return self.options.rejoin_delay(attempt)
        except Exception as error:
            self.handler_failed(error, "rejoin_backoff")
            return self.options.default_rejoin_delay(attempt)

    def drop_expired(self) -> bool:
        """Drop the casts that are past their deadline. True where there is room in the buffer again."""
        for channel in list(self.channels.values()):
            channel.unsent.drop_expired()
        return self.unsent < self.options.buffer

    # -- statistics

    @property
    def stats(self) -> Stats:
        """A snapshot of all counters."""
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
            unhandled=self.unhandled + sum(socket.unhandled for socket in sockets),
            handler_errors=self.handler_errors,
            in_flight=sum(len(socket.session.refs) for socket in sockets),
            unsent=self.unsent,
            unsent_dropped=self.unsent_dropped,
            queue_depth=sum(channel.queue_depth for channel in channels),
            dropped=self.dropped,
            reconnects=sum(socket.reconnects for socket in sockets),
            connect_errors=sum(socket.connect_errors for socket in sockets),
            gaps=self.gaps,
            heartbeat_timeouts=sum(socket.heartbeat_timeouts for socket in sockets),
            last_heartbeat_rtt=None if last is None else last.last_heartbeat_rtt,
            **totals,
        )
