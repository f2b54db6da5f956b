"""Running callbacks: one at a time and in order; plain ones at once, slow ones out of a mailbox."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from fastphx.errors import BadReturnError, DecodeError, OverloadedError, StoppedError
from fastphx.gen_socket_client.behaviour import GenSocketClient
from fastphx.gen_socket_client.caller import Caller
from fastphx.gen_socket_client.mailbox import Mailbox
from fastphx.gen_socket_client.responses import TIMEOUT, Stop
from fastphx.gen_socket_client.transport_handle import TransportHandle
from fastphx.protocol.codec import Message
from fastphx.timing.wheel import CallbackTimer, TimerWheel

logger = logging.getLogger("fastphx")

CALLBACKS: Final = (
    "handle_connected",
    "handle_disconnected",
    "handle_joined",
    "handle_join_error",
    "handle_channel_closed",
    "handle_message",
    "handle_reply",
    "handle_info",
    "handle_call",
    "handle_decode_error",
)

EVENTS_A_TURN: Final = 64
"""How many callbacks that never wait run before the event loop has its turn."""

Event = tuple[Callable[..., Any] | str | Stop, tuple[Any, ...], Caller | None]
"""A callback, its arguments, and who waits for an answer. A callback given by name takes a Message, whose
payload is decoded when its turn has come; a Stop takes effect when its turn has come."""


class Callbacks:
    """Runs the callbacks of one socket.

    *respond* is told what a callback returned, *crash* what it raised; *pause* and *resume* are the
    mailbox's. ``mailbox`` is None where every callback is plain and runs on the event loop.
    """

    def __init__(
        self,
        client: GenSocketClient,
        handle: TransportHandle,
        *,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        executor: concurrent.futures.Executor | None,
        limit: int,
        respond: Callable[[Callable[..., Any] | Stop, Any, Caller | None], None],
        crash: Callable[[BaseException], None],
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        slow = executor is not None or any(
            inspect.iscoroutinefunction(getattr(client, name)) for name in CALLBACKS
        )
        mailbox: Mailbox[Event] = Mailbox(limit, pause, resume)
        self.mailbox = mailbox if slow else None
        self.idle = False
        """Whether a callback may be run at once."""
        self.started = False
        self.ended = False
        self.later: deque[Event] = deque()
        """What came while a callback ran."""
        self.decode_errors = 0
        self.thread_id: int | None = None
        """The executor's thread that runs a callback now."""
        self._client = client
        self._handle = handle
        self._loop = loop
        self._wheel = wheel
        self._executor = executor
        self._limit = limit
        self._respond = respond
        self._crash = crash
        self._posted: deque[Event] = deque()
        self._posted_scheduled = False
        self._drain_task: asyncio.Task[None] | None = None
        self._timer: CallbackTimer | None = None

    @property
    def waiting(self) -> int:
        """How many events wait."""
        in_mailbox = 0 if self.mailbox is None else len(self.mailbox)
        return in_mailbox + len(self.later) + len(self._posted)

    @property
    def is_current(self) -> bool:
        """Whether an ``async`` callback asks this, in the task that runs it."""
        return self._drain_task is not None and self._drain_task is asyncio.current_task(self._loop)

    def start(self) -> None:
        """Run callbacks from now on; what came before is run first."""
        self.started = True
        if self.mailbox is None:
            self.idle = True
            self._schedule_posted()
        elif len(self.mailbox):
            self._drain()

    def deliver(self, event: Event) -> None:
        """Take what the network or a timer brings."""
        if self.ended:
            self._refuse(event)
        elif self.mailbox is not None:
            self.mailbox.put(event)
            self._drain()
        elif self.idle:
            self._run_event(event)
            self.run_later()
        elif len(self.later) >= self._limit:
            self._crash(OverloadedError(f"{len(self.later)} events came during one callback (mailbox_limit)"))
        else:
            self.later.append(event)

    def post(self, event: Event, *, bounded: bool = True) -> None:
        """Take what a user sends, and never run it on the user's own stack. Where it is *bounded*, raises
        :class:`~fastphx.errors.OverloadedError` while too many events wait."""
        if self.ended:
            self._refuse(event)
            return
        waiting = self.waiting
        if bounded and waiting >= self._limit:
            raise OverloadedError(f"{waiting} events wait, which is mailbox_limit: slow down, or raise it")
        if self.mailbox is not None:
            self.mailbox.put(event)
            self._drain()
            return
        self._posted.append(event)
        self._schedule_posted()

    def run(self, callback: Callable[..., Any], args: tuple[Any, ...], caller: Caller | None = None) -> None:
        """Run a plain callback here and now, which is the fast path. Only where ``idle``."""
        if self._timer is not None:
            self._cancel_timeout()
        self.idle = False
        try:
            response = callback(*args)
            if response is not None or caller is not None:
                self._respond(callback, response, caller)
        except Exception as error:
            self._crash(error)
        except BaseException as error:
            self._crash(error)
            if not isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self.idle = not self.ended

    def run_later(self) -> None:
        """Run what came while a callback ran."""
        while self.later and not self.ended:
            self._run_event(self.later.popleft())

    async def run_slowly(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a callback where it belongs, and return what it returns."""
        if self._executor is not None and not inspect.iscoroutinefunction(callback):
            response = await self._loop.run_in_executor(self._executor, self._run_in_thread, callback, args)
        else:
            response = callback(*args)
        return await response if inspect.isawaitable(response) else response

    def is_slow(self, callback: Callable[..., Any]) -> bool:
        """Whether *callback* cannot be run at once."""
        return self.mailbox is not None or inspect.iscoroutinefunction(callback)

    def start_timeout(self, timeout_s: float | None) -> None:
        """Give ``handle_info`` a TIMEOUT where nothing else comes in time. None: no. Raises
        :class:`~fastphx.errors.BadReturnError` for a time that cannot be one."""
        if timeout_s is not None:
            if not isinstance(timeout_s, int | float) or not 0 <= timeout_s < math.inf:
                raise BadReturnError(f"timeout={timeout_s!r} was returned: give seconds, 0 or more")
            if self._timer is None:
                self._timer = CallbackTimer(self._time_out)
            self._timer.schedule(self._wheel, timeout_s)

    def end(self) -> None:
        """Run nothing more. An ``async`` callback that is under way is cancelled."""
        self.ended = True
        self.idle = False
        self._cancel_timeout()
        self.later.clear()
        self._posted.clear()
        if self.mailbox is not None:
            self.mailbox.clear()
        task = self._drain_task
        if task is not None and self._executor is None and not self.is_current:
            task.cancel()

    async def settle(self, timeout_s: float) -> None:
        """Wait until the callback that is under way has ended, for at most *timeout_s* seconds."""
        task = self._drain_task
        if task is not None:
            _, pending = await asyncio.wait({task}, timeout=timeout_s)
            if pending:
                logger.error("a callback still runs %g s after its socket was told to end", timeout_s)
                task.cancel()

    def _run_event(self, event: Event) -> None:
        callback, args, caller = self._ready(event)
        if isinstance(callback, Stop):
            self._respond(callback, callback, None)
        else:
            self.run(callback, args, caller)

    def _schedule_posted(self) -> None:
        if self.started and not self._posted_scheduled and (self._posted or self.later):
            self._posted_scheduled = True
            self._loop.call_soon(self._run_posted)

    def _run_posted(self) -> None:
        # Only what was there at the start: a callback that always posts must not keep the loop from others.
        self._posted_scheduled = False
        self.run_later()
        for _ in range(len(self._posted)):
            if self.ended:
                return
            self.deliver(self._posted.popleft())
        self._schedule_posted()

    def _drain(self) -> None:
        if self._drain_task is None and self.started:
            self._drain_task = self._loop.create_task(self._drain_mailbox(), name="fastphx callbacks")

    async def _drain_mailbox(self) -> None:
        """Slow callbacks, one after the other; the task ends with the last event."""
        mailbox = self.mailbox
        assert mailbox is not None
        turns = 0
        try:
            while len(mailbox) and not self.ended:
                await self._run_event_slowly(mailbox.take())
                turns += 1
                if turns % EVENTS_A_TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._drain_task = None

    async def _run_event_slowly(self, event: Event) -> None:
        callback, args, caller = self._ready(event)
        self._cancel_timeout()
        try:
            response = callback if isinstance(callback, Stop) else await self.run_slowly(callback, args)
            if not self.ended:
                self._respond(callback, response, caller)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self.ended or (task is not None and task.cancelling()):
                raise
            self._crash(error)
        except Exception as error:
            if self.ended:
                logger.error("a callback failed while its socket ended: %s", error, exc_info=error)
            else:
                self._crash(error)
        except BaseException as error:
            self._crash(error)
            raise

    def _run_in_thread(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self.thread_id = threading.get_ident()
        try:
            return callback(*args)
        except StopIteration as error:
            # A future cannot hold it: it would never be done.
            raise RuntimeError("a callback raised StopIteration") from error
        finally:
            self.thread_id = None

    def _ready(self, event: Event) -> tuple[Callable[..., Any] | Stop, tuple[Any, ...], Caller | None]:
        """The event with its payload decoded: a payload that cannot be is ``handle_decode_error``'s."""
        name, args, caller = event
        if not isinstance(name, str):
            return name, args, caller
        message: Message = args[0]
        try:
            joining = name in ("handle_joined", "handle_join_error")
            payload = message.response if joining else message.payload
        except DecodeError as error:
            self.decode_errors += 1
            return self._client.handle_decode_error, (error, self._handle), None
        callback = getattr(self._client, name)
        if name == "handle_message":
            return callback, (message.topic, message.event, payload, self._handle), None
        if name == "handle_reply":
            number = message.ref_number
            ref = message.ref if number is None else number
            return callback, (message.topic, ref, payload, self._handle), None
        return callback, (message.topic, payload, self._handle), None

    def _refuse(self, event: Event) -> None:
        if event[2] is not None:
            event[2].fail(StoppedError("the socket is not running"))

    def _cancel_timeout(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        # What waits already came before it.
        if not self.waiting:
            self.deliver((self._client.handle_info, (TIMEOUT, self._handle), None))
