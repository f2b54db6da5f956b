"""What the parts of one client share: its options, its counters, its tasks, and how errors are reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastphx.client.options import Options, reconnects_by_default
from fastphx.client.raised import RAISED
from fastphx.errors import DecodeError, DisconnectReason
from fastphx.foreign_text import is_logged
from fastphx.protocol.message import Message

logger = logging.getLogger("fastphx.client")


class Context:
    """One for each client. Sockets, channels, deliveries and buffers know nothing else of their client."""

    __slots__ = (
        "_tasks",
        "_undecoded",
        "channels",
        "closed_because",
        "dropped",
        "gaps",
        "handler_errors",
        "loop",
        "message_handlers",
        "options",
        "payload_errors",
        "unhandled",
        "unsent",
        "unsent_dropped",
        "was_connected",
    )

    def __init__(self, options: Options) -> None:
        self.options = options
        self.channels: dict[str, Any] = {}
        """The channels by topic: those that are joined, being joined, or to be joined again."""
        self.message_handlers: tuple[tuple[Callable[[Message], Any], bool], ...] = ()
        """The handlers for messages of topics that are not joined, and whether each is async."""
        self.closed_because: BaseException | None = None
        """Why the client is closed; None while it is not."""
        self.was_connected = False
        """Whether any attempt of the client has succeeded."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop in which the client was opened; None before that."""
        # These are counted over all channels, for the client's statistics.
        self.dropped = 0
        self.gaps = 0
        self.handler_errors = 0
        self.payload_errors = 0
        """Those of the handlers' errors that are the server's: payloads that cannot be decoded."""
        self.unhandled = 0
        self.unsent = 0
        self.unsent_dropped = 0
        self._undecoded = 0
        """How many frames and payloads could not be decoded, for the log."""
        # The collector does not look at a dict that is empty, as it mostly is.
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def own_loop(self) -> asyncio.AbstractEventLoop:
        """The running event loop. Raises RuntimeError if it is not the client's: nothing would wake a task
        that waits there, not even a timeout."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop and self.loop is not None:
            raise RuntimeError("the client belongs to another event loop: use it where it was opened")
        return loop

    # -- tasks

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *coroutine* as a task of the client."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.handler_failed(error, "a task")

    async def cancel_tasks(self, timeout_s: float) -> None:
        """Cancel every task except the one that calls this, and wait for them, at most *timeout_s*."""
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    # -- what is the user's and may raise

    def handler_failed(self, error: BaseException, event: str, topic: str | None = None) -> None:
        """Log and count that a callable of the user's raised. The connection goes on."""
        self.handler_errors += 1
        extra: dict[str, Any] = {"topic": topic, "event": event}
        if isinstance(error, DecodeError):
            self.payload_errors += 1
            self._undecoded += 1
            if not is_logged(self._undecoded):
                return
            extra["count"] = self._undecoded
            # The error quotes the payload. What the decoder raised may quote it, too.
            logger.error("the handler of %s failed: a payload cannot be decoded", event, extra=extra)
            logger.debug("the payload that cannot be decoded", exc_info=error, extra=extra)
            return
        logger.error("the handler of %s failed", event, exc_info=error, extra=extra)

    def frame_unreadable(self, error: DecodeError, extra: dict[str, Any]) -> None:
        """Log that a frame cannot be read. The session counts them."""
        self._undecoded += 1
        if is_logged(self._undecoded):
            extra |= {"position": error.position, "count": self._undecoded}
            logger.warning("a frame cannot be read: %s", error.reason, extra=extra)

    def may_reconnect(self, reason: DisconnectReason, *, may_ask_again: bool = False) -> bool:
        """What the options say. If the user's rule raises or returns no bool, the default applies."""
        was_connected = self.was_connected
        try:
            return self.options.may_reconnect(
                reason, was_connected=was_connected, may_ask_again=may_ask_again
            )
        except RAISED as error:
            self.handler_failed(error, "reconnect")
            return reconnects_by_default(reason, was_connected=was_connected, may_ask_again=may_ask_again)

    def reconnect_delay(self, attempt: int) -> float:
        """How long to wait before connection attempt *attempt*, in seconds. If the user's backoff raises or
        returns an invalid delay, the default applies."""
        try:
            return self.options.reconnect_delay(attempt)
        except RAISED as error:
            self.handler_failed(error, "backoff")
            return self.options.default_reconnect_delay(attempt)

    def rejoin_delay(self, attempt: int) -> float:
        """How long to wait before rejoin *attempt*, in seconds. If the user's backoff raises or returns an
        invalid delay, the default applies."""
        try:
            return self.options.rejoin_delay(attempt)
        except RAISED as error:
            self.handler_failed(error, "rejoin_backoff")
            return self.options.default_rejoin_delay(attempt)
