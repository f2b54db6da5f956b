"""Messages of topics that no channel has joined: phoenix.js' ``socket.onMessage``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from fastphx.client.context import Context
from fastphx.client.message_queue import MessageQueue
from fastphx.client.queue_policy import MAX_QUEUE_BYTES
from fastphx.client.raised import RAISED, ends_this_task
from fastphx.protocol.message import Message

MAX_QUEUE = 1000
"""How many may wait for an async handler. Then the socket stops reading, as with the policy ``block``."""


class PausableSocket(Protocol):
    """Reads the messages."""

    def pause(self, queue: MessageQueue) -> object: ...
    def resume(self, queue: MessageQueue) -> object: ...


class Unjoined:
    """One for each socket. Hands the messages to ``context.message_handlers``."""

    __slots__ = ("_context", "_queue", "_running", "_socket")

    def __init__(self, context: Context, socket: PausableSocket) -> None:
        self._context = context
        self._socket = socket
        self._queue: MessageQueue | None = None
        self._running = False

    @property
    def depth(self) -> int:
        """Messages that wait for an async handler."""
        return 0 if self._queue is None else len(self._queue)

    def deliver(self, message: Message) -> None:
        """Call each handler. If one is async, messages wait for all of them, one after another."""
        handlers = self._context.message_handlers
        if not any(asynchronous for _, asynchronous in handlers) and not self._running:
            for handler, _ in handlers:
                self._call(handler, message)
            return
        if self._queue is None:
            self._queue = MessageQueue("topics not joined", MAX_QUEUE, MAX_QUEUE_BYTES, "block", None, self)
        self._queue.put(message)
        if not self._running:
            self._running = True
            self._context.spawn(self._run(self._queue))

    def connection_lost(self) -> None:
        """The next connection reads until the queue is full again."""
        if self._queue is not None:
            self._queue.paused = False

    def pause(self, queue: MessageQueue) -> None:
        self._socket.pause(queue)

    def resume(self, queue: MessageQueue) -> None:
        self._socket.resume(queue)

    def lost(self, count: int) -> None:
        self._context.dropped += count

    def _call(self, handler: Callable[[Message], Any], message: Message) -> Any:
        try:
            return handler(message)
        except RAISED as error:
            self._context.handler_failed(error, message.event, message.topic)
            return None

    async def _run(self, queue: MessageQueue) -> None:
        try:
            while queue.waiting:
                message = queue.pop()
                for handler, _ in self._context.message_handlers:
                    result = self._call(handler, message)
                    if inspect.isawaitable(result):
                        try:
                            await result
                        except RAISED as error:
                            if ends_this_task(error):
                                raise
                            self._context.handler_failed(error, message.event, message.topic)
        finally:
            self._running = False
