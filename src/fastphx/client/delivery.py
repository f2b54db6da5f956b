"""How a channel's messages reach its user: handlers, iteration, and a backlog of what came before either."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from fastphx.client.channel_iterator import ChannelIterator
from fastphx.client.context import Context
from fastphx.client.message_queue import MessageQueue
from fastphx.client.outage import Outage
from fastphx.client.queue_policy import Policy
from fastphx.client.raised import RAISED, ends_this_task
from fastphx.client.socket import ClientSocket
from fastphx.errors import OverloadedError, clip
from fastphx.protocol.joins import Join
from fastphx.protocol.message import Message
from fastphx.timing.wheel import CallbackTimer, wheel_for

BACKLOG = 64
"""How many messages are kept at least, after the first join, until a handler or an iterator takes them. If
the channel's queue holds more messages, as many as it holds; and no more bytes than it holds. The oldest are
dropped first, and counted."""

BACKLOG_S = 5.0
"""How long after the join they are kept."""

Decoder = Callable[[bytes], Any]
Handler = Callable[[Any], object]


class Delivery:
    """One for each channel. It sets callables on the session's Join, with as few Python frames as possible
    on the way to a handler."""

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_backlog_timer",
        "_context",
        "_decoder",
        "_entry",
        "_flush_handle",
        "_handlers",
        "_holding",
        "_key",
        "_mailbox",
        "_mailbox_task",
        "_max_queue",
        "_max_queue_bytes",
        "_policy",
        "_queue",
        "_socket",
        "_topic",
        "dropped",
    )

    def __init__(
        self,
        context: Context,
        topic: str,
        *,
        decoder: Decoder | None,
        max_queue: int,
        max_queue_bytes: int,
        policy: Policy,
        key: Callable[[Message], Any] | None,
    ) -> None:
        self.dropped = 0
        self._context = context
        self._topic = topic
        self._decoder = decoder
        self._max_queue = max_queue
        self._max_queue_bytes = max_queue_bytes
        self._policy: Policy = policy
        self._key = key
        self._socket: ClientSocket | None = None
        self._entry: Join | None = None
        self._handlers: dict[str, tuple[Handler, ...]] = {}
        self._backlog: list[Message] | None = None
        self._backlog_bytes = 0
        self._backlog_timer: CallbackTimer | None = None
        self._flush_handle: asyncio.Handle | None = None
        self._holding = False
        self._queue: MessageQueue | None = None
        self._mailbox: MessageQueue | None = None
        self._mailbox_task: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """Messages that wait for somebody to take them."""
        return sum(len(queue) for queue in (self._queue, self._mailbox, self._backlog) if queue is not None)

    # -- the channel's life

    def begin(self) -> None:
        """The channel is being joined: keep what comes until somebody takes it."""
        self._backlog = []
        self._backlog_bytes = 0
        self._holding = True
        self._replace_queue(None)

    def joined(self) -> None:
        """The user knows that the channel is joined, and may set handlers or iterate."""
        if self._backlog is not None:
            self._backlog_timer = CallbackTimer(self._close_backlog)
            self._backlog_timer.schedule(wheel_for(asyncio.get_running_loop()), BACKLOG_S)
            self.take_backlog()

    def attach(self, entry: Join, socket: ClientSocket) -> None:
        self._entry = entry
        self._socket = socket
        self._install()

    def detach(self) -> None:
        if self._entry is not None:
            self._entry.handlers = self._entry.on_message = None
        for queue in (self._queue, self._mailbox):
            if queue is not None:
                queue.unpause()
        self._entry = self._socket = None

    def connection_lost(self) -> None:
        """The next connection reads until a queue is full again."""
        for queue in (self._queue, self._mailbox):
            if queue is not None:
                queue.paused = False

    def end(self, error: Exception | None) -> None:
        """The channel is closed: iteration ends, with *error* if there is one."""
        self._close_backlog()
        if self._queue is not None:
            self._queue.close(error)

    # -- handlers

    def on(self, event: str, handler: Handler) -> None:
        if self._mailbox is None and is_async(handler):
            key = self._key
            self._mailbox = self._new_queue(
                None if key is None else lambda item: key(item[1]) if type(item[1]) is Message else item[1]
            )
        self._handlers[event] = (*self._handlers.get(event, ()), handler)
        self._install()

    def off(self, event: str, handler: Handler | None) -> None:
        kept = tuple(other for other in self._handlers.get(event, ()) if handler not in (None, other))
        if kept:
            self._handlers[event] = kept
        else:
            self._handlers.pop(event, None)
        # A user who removes handlers is not about to set the first one.
        self._close_backlog()

    def dispatch(self, event: str, message: Any) -> None:
        """Call the handlers for something that the session does not deliver."""
        handlers = self._handlers.get(event)
        if handlers is None:
            return
        if self._mailbox is None:
            self._call_each(handlers, message)
            return
        try:
            self._mail(handlers, message)
        except Exception as error:
            self._context.handler_failed(error, event, self._topic)

    def dispatch_outage(self, outage: Outage) -> None:
        if self._queue is not None:
            self._queue.put(outage)
        self.dispatch(Outage.EVENT, outage)

    def _install(self) -> None:
        entry = self._entry
        if entry is None:
            return
        if self._holding:
            entry.handlers = None
            entry.on_message = self._keep
            return
        entry.handlers = {event: self._one(handlers) for event, handlers in self._handlers.items()} or None
        if self._backlog is not None:
            entry.on_message = self._keep
        else:
            entry.on_message = None if self._queue is None else self._put(self._queue)

    def _put(self, queue: MessageQueue) -> Handler:
        # A key may be made from the payload.
        return queue.put if self._key is None else self._decoded(queue.put)

    def _one(self, handlers: tuple[Handler, ...]) -> Handler:
        """One callable for *handlers*: the handler itself if that is enough."""
        if self._mailbox is not None:
            mail = functools.partial(self._mail, handlers)
            return mail if self._key is None else self._decoded(mail)
        if len(handlers) == 1:
            return self._decoded(handlers[0])
        return self._decoded(functools.partial(self._call_each, handlers))

    def _decoded(self, handler: Handler) -> Handler:
        decoder = self._decoder
        if decoder is None:
            return handler

        def decoded(message: Message) -> None:
            message.decoder = decoder
            handler(message)

        return decoded

    def _call_each(self, handlers: tuple[Handler, ...], message: Any) -> None:
        for handler in handlers:
            try:
                handler(message)
            except RAISED as error:
                self._context.handler_failed(error, _event(message), self._topic)

    # -- async handlers

    def _mail(self, handlers: tuple[Handler, ...], message: Any) -> None:
        assert self._mailbox is not None
        self._mailbox.put((handlers, message))
        if self._mailbox_task is None:
            self._mailbox_task = self._context.spawn(self._run_mailbox(self._mailbox))

    async def _run_mailbox(self, mailbox: MessageQueue) -> None:
        """Take messages one after another, in order, until none is left."""
        try:
            while mailbox.waiting:
                try:
                    handlers, message = mailbox.pop()
                except OverloadedError as error:
                    self._context.handler_failed(error, "all events", self._topic)
                    continue
                if self._decoder is not None and type(message) is Message:
                    message.decoder = self._decoder
                for handler in handlers:
                    try:
                        result = handler(message)
                        if inspect.isawaitable(result):
                            await result
                    except RAISED as error:
                        if ends_this_task(error):
                            raise
                        self._context.handler_failed(error, _event(message), self._topic)
        finally:
            self._mailbox_task = None

    # -- iteration

    def iterate(self, *, closed: bool, error: Exception | None) -> ChannelIterator:
        """An iterator over messages that no handler takes. Raises RuntimeError if there already is one."""
        if self._queue is not None and not self._queue.closed:
            raise RuntimeError(f"{clip(self._topic)} already has an iterator: use one at a time")
        queue = self._new_queue(self._key)
        if closed:
            queue.close(error)
        self._replace_queue(queue)
        self._install()
        return ChannelIterator(self, queue, self._decoder)

    def stop_iterating(self, queue: MessageQueue) -> None:
        """The iterator is gone."""
        if self._queue is queue:
            self._replace_queue(None)
            self._install()

    def _new_queue(self, key: Callable[[Any], Any] | None) -> MessageQueue:
        return MessageQueue(self._topic, self._max_queue, self._max_queue_bytes, self._policy, key, self)

    def _replace_queue(self, queue: MessageQueue | None) -> None:
        if self._queue is not None:
            self._queue.clear()
        self._queue = queue

    def pause(self, queue: MessageQueue) -> None:
        """A queue is full: the socket stops reading."""
        if self._socket is not None:
            self._socket.pause(queue)

    def resume(self, queue: MessageQueue) -> None:
        """A queue that was full is half empty."""
        if self._socket is not None:
            self._socket.resume(queue)

    def lost(self, count: int) -> None:
        """A queue has dropped *count* messages."""
        self.dropped += count
        self._context.dropped += count

    # -- what came before anybody took it

    def take_backlog(self) -> None:
        """Somebody can take the backlog now: deliver it at the loop's next turn. By then, several handlers
        may be set, and all get their part of it, in order. What comes until then is kept as well."""
        if (self._handlers or self._queue is not None) and self._backlog is not None:
            self._holding = True
            self._install()
            if self._flush_handle is None:
                self._flush_handle = asyncio.get_running_loop().call_soon(self._flush_backlog)

    def _keep(self, message: Message) -> None:
        backlog = self._backlog
        assert backlog is not None
        backlog.append(message)
        self._backlog_bytes += message.byte_count()
        # A handler that is already there must not miss what comes from the next turn on.
        while self._flush_handle is None and (
            len(backlog) > max(BACKLOG, self._max_queue)
            or (self._backlog_bytes > self._max_queue_bytes and len(backlog) > 1)
        ):
            self._backlog_bytes -= backlog.pop(0).byte_count()
            self._context.unhandled += 1

    def _flush_backlog(self) -> None:
        """Hand out the backlog to the handlers and the iterator. What nobody takes stays in it."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        if self._backlog is None:
            return
        backlog = self._backlog
        rest: list[Message] = []
        self._backlog_bytes = 0
        self._holding = False
        self._backlog = rest if self._queue is None else None
        self._install()
        for message in backlog:
            handlers = self._handlers.get(message.event)
            try:
                if handlers is not None:
                    self._one(handlers)(message)
                elif self._queue is not None:
                    self._put(self._queue)(message)
                else:
                    rest.append(message)
                    self._backlog_bytes += message.byte_count()
            except RAISED as error:
                self._context.handler_failed(error, message.event, self._topic)

    def _close_backlog(self) -> None:
        """The time is over: drop what nobody has taken."""
        if self._backlog_timer is not None:
            self._backlog_timer.cancel()
            self._backlog_timer = None
        if self._holding and self._handlers:
            self._flush_backlog()
        if self._backlog is not None:
            self._context.unhandled += len(self._backlog)
            self._backlog = None
        self._holding = False
        self._install()


def is_async(handler: Callable[..., object]) -> bool:
    """Whether *handler* is a coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def _event(message: Any) -> str:
    return getattr(message, "event", "phx_close")
