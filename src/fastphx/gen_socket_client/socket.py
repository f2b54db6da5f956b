"""The running socket: the handle that ``start_link`` returns."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import math
import random
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar

from fastphx.errors import (
    MAX_REASON_CHARS,
    BadReturnError,
    DisconnectReason,
    HeartbeatTimeout,
    OverloadedError,
    StoppedError,
    TransportDown,
    clip_repr,
)
from fastphx.gen_socket_client.attempts import Attempts
from fastphx.gen_socket_client.callbacks import Callbacks
from fastphx.gen_socket_client.caller import Caller
from fastphx.gen_socket_client.event_queue import EventQueue
from fastphx.gen_socket_client.info_timer import InfoTimer
from fastphx.gen_socket_client.own_loop import OwnLoop
from fastphx.gen_socket_client.responses import NO_VALUE, Connect, NoConnect, NoReply, Ok, Reply, Stop
from fastphx.gen_socket_client.transport_handle import TransportHandle
from fastphx.protocol.callback_session import CallbackSession
from fastphx.serializers import JsonV2, Serializer
from fastphx.timing.wheel import CallbackTimer, wheel_for
from fastphx.transports.base import Transport
from fastphx.transports.connection import Connection

T = TypeVar("T")
logger = logging.getLogger("fastphx")


class Done:
    """An awaitable that is done."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


class Socket:
    """The handle of a running socket. ``start_link`` returns it, and it is ``self.socket`` in the callbacks.

    ``send_info``, ``send_after`` and ``stop`` may be called from any thread, and so may the methods of the
    transport handle and :func:`~fastphx.gen_socket_client.reply`. From another thread, they run on the
    socket's event loop, and the caller waits for at most ``timeout`` seconds. Everything else belongs to the
    socket's event loop.
    """

    def __init__(
        self,
        client: Callbacks,
        transport_class: type[Transport],
        *,
        serializer: Serializer | None,
        transport_opts: Mapping[str, Any],
        name: str | None,
        timeout: float,
        trap_exit: bool,
        callback_executor: concurrent.futures.Executor | None,
        mailbox_limit: int,
        mailbox_limit_bytes: int,
        rng: random.Random,
        ended: Callable[[Socket], object],
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.trap_exit = trap_exit
        self._client = client
        self._ended = ended
        self._own_loop = OwnLoop(timeout)
        self._loop = self._own_loop.loop
        self._wheel = wheel_for(self._loop)
        self._queue = EventQueue(
            client,
            loop=self._loop,
            wheel=self._wheel,
            executor=callback_executor,
            limit=mailbox_limit,
            limit_bytes=mailbox_limit_bytes,
            respond=self._respond,
            crash=self._crash,
        )
        kind: type = type(serializer)
        self._session = CallbackSession(
            self._queue,
            serializer=None if kind is JsonV2 else serializer,
            heartbeat_interval_s=transport_opts.get("heartbeat_interval", 30.0) or 0.0,
        )
        self._session.use_wheel(self._wheel)
        self._handle = TransportHandle(self._own_loop, self._session)
        self._connection = Connection(self._session, self._queue)
        self._attempts = Attempts(
            self._connection,
            transport_class,
            transport_opts,
            vsn=JsonV2.vsn if serializer is None else serializer.vsn,
            loop=self._loop,
            wheel=self._wheel,
            rng=rng,
            failed=self._disconnected,
            crash=self._crash,
        )
        self._queue.attach(
            self._handle,
            disconnected=self._disconnected,
            heartbeat_timed_out=lambda: self._connection.abort(HeartbeatTimeout()),
            pause=self._pause,
            resume=self._connection.resume,
        )
        self._info_timers: set[InfoTimer] = set()
        self._callers: set[Caller] = set()
        self._late_replies = 0
        self._disconnects = 0
        self._ending = False
        self._end_task: asyncio.Task[None] | None = None
        self._stop_timer: CallbackTimer | None = None
        self._closed: asyncio.Future[Any] = self._loop.create_future()
        self._watchers = 0

    # -- public

    @property
    def connected(self) -> bool:
        """Whether the connection is up."""
        return self._connection.is_up and not self._ending

    @property
    def running(self) -> bool:
        """False once the socket has ended or is about to."""
        return not self._ending

    @property
    def stats(self) -> dict[str, int]:
        """Counters, by name: those of the session, and ``connects``, ``disconnects`` (with failed attempts),
        ``payload_decode_errors``, ``late_replies`` (to calls that had timed out), ``waiting`` (events whose
        turn has not come) and ``mailbox_peak`` (the most events that waited)."""
        return {
            **self._session.stats,
            "connects": self._queue.connects,
            "disconnects": self._disconnects,
            "payload_decode_errors": self._queue.decode_errors,
            "late_replies": self._late_replies,
            "waiting": self._queue.waiting,
            "mailbox_peak": self._queue.peak,
        }

    async def call(self, request: Any, timeout: float | None = 5.0) -> Any:
        """Ask ``handle_call`` and return its answer.

        Raises :class:`~fastphx.errors.CallTimeoutError` after *timeout* seconds (a later answer is dropped,
        and counted), :class:`~fastphx.errors.StoppedError` if the socket is not running or ends meanwhile,
        :class:`~fastphx.errors.OverloadedError` if too many events wait, and RuntimeError if a callback calls
        its own socket.
        """
        if asyncio.get_running_loop() is not self._loop:
            # On another loop, nothing would wake the task that waits, not even a timeout.
            raise RuntimeError(
                "call belongs to the socket's event loop: use asyncio.run_coroutine_threadsafe"
            )
        if self._ending:
            raise StoppedError("the socket is not running")
        if self._queue.is_current:
            raise RuntimeError("a callback called its own socket, and would wait for itself")
        caller = Caller(self._own_loop, self._count_late_reply)
        self._callers.add(caller)
        try:
            self._queue.post(self._client.handle_call, (request, caller, self._handle), caller)
            if timeout is not None:
                caller.expire_after(timeout, self._wheel)
            return await caller.future
        finally:
            self._callers.discard(caller)
            caller.cancel()

    def send_info(self, message: Any) -> None:
        """Give *message* to ``handle_info``, later. Raises :class:`~fastphx.errors.OverloadedError` if too
        many events wait. If the socket has ended, nothing happens, as in Elixir."""
        self._own_loop.run(self._queue.post, self._client.handle_info, (message, self._handle))

    def send_after(self, delay_s: float, message: Any) -> InfoTimer:
        """Give *message* to ``handle_info`` after *delay_s* seconds. Until then, the timer that is returned
        can ``cancel()`` it. Raises ValueError for an invalid delay."""
        if not 0 <= delay_s < math.inf:
            raise ValueError(f"delay_s is {delay_s!r}: give seconds, 0 or more")
        return self._own_loop.run(self._send_after, delay_s, message)

    def stop(self, reason: Any = "normal") -> Awaitable[None]:
        """Stop the socket with *reason*, after the events that already wait.

        Await the result to wait until the socket has ended. From another thread, the call itself waits
        (TimeoutError). A callback may call it, and must not wait: the socket ends after the callback. If the
        socket does not come to it in ``timeout`` seconds, it ends nevertheless: a callback under way is
        cancelled or, in the executor, left behind.
        """
        self._own_loop.run(self._ask_to_stop, reason)
        thread_id = threading.get_ident()
        if thread_id == self._own_loop.thread_id:
            return Done() if self._queue.is_current else self._until_closed()
        if thread_id != self._queue.thread_id:
            ended = asyncio.run_coroutine_threadsafe(self._wait_until_closed(), self._loop)
            ended.result(3 * self.timeout)
        return Done()

    async def wait_closed(self) -> Any:
        """Wait until the socket has ended and its connection is closed. Returns the reason that it stopped
        with. Raises the exception that crashed it, so a TaskGroup that awaits this is like a link."""
        self._watchers += 1
        try:
            return await asyncio.shield(self._closed)
        finally:
            self._watchers -= 1

    # -- for the parts of the package

    async def run_init(self, arg: Any) -> Any:
        """Run ``init``, and return what it returns. Raises what it raises."""
        return await self._queue.run_slowly(self._client.init, (arg,))

    def begin(self, response: Connect | NoConnect) -> None:
        """Do what ``init`` returned. Raises ValueError for an invalid URL or parameter."""
        if isinstance(response, Connect):
            self._attempts.connect(response)
        else:
            self._attempts.remember(response.url, response.params)
        self._queue.start()

    def abandon(self) -> None:
        """The socket was not started after all."""
        self._ending = True
        self._cancel_timers()
        self._queue.end()
        self._close(None, None)

    def _count_late_reply(self) -> None:
        self._late_replies += 1

    # -- inside

    def _pause(self) -> None:
        try:
            self._connection.pause()
        except OverloadedError as error:
            self._crash(error)

    def _disconnected(self, reason: DisconnectReason) -> None:
        if self._ending:
            return
        self._disconnects += 1
        if isinstance(reason, TransportDown) and reason.exc is not None and not self.trap_exit:
            reason.__cause__ = reason.exc
            self._crash(reason)
        else:
            self._queue.deliver(self._client.handle_disconnected, (reason,))

    def _send_after(self, delay_s: float, message: Any) -> InfoTimer:
        timer = InfoTimer(
            self._own_loop,
            self._wheel,
            delay_s,
            lambda: self._queue.deliver(self._client.handle_info, (message, self._handle)),
            self._info_timers,
        )
        if self._ending:
            timer.cancel_here()
        return timer

    def _ask_to_stop(self, reason: Any) -> None:
        if self._ending:
            return
        if self._stop_timer is None:
            self._stop_timer = CallbackTimer(lambda: self._end(reason, None))
            self._stop_timer.schedule(self._wheel, self.timeout)
        self._queue.post(Stop(reason), (), bounded=False)

    def _until_closed(self) -> asyncio.Future[None]:
        # A future and not a coroutine: nobody has to await it.
        closed: asyncio.Future[None] = self._loop.create_future()

        def tell(_: asyncio.Future[Any]) -> None:
            if not closed.done():
                closed.set_result(None)

        self._closed.add_done_callback(tell)
        return closed

    async def _wait_until_closed(self) -> None:
        await self._until_closed()

    # -- what a callback returned

    def _respond(self, callback: Callable[..., Any] | Stop, response: Any, caller: Caller | None) -> None:
        if self._ending:
            # The callback has ended the socket before it returned.
            return
        if caller is not None:
            self._respond_to_call(response, caller)
        elif response is None:
            return
        elif isinstance(response, Ok):
            self._queue.start_timeout(response.timeout)
        elif isinstance(response, Connect):
            self._attempts.connect(response)
        elif isinstance(response, Stop):
            self._end(response.reason, None)
        else:
            name = getattr(callback, "__name__", clip_repr(callback))
            raise _bad_return(name, response, "None, Ok, Connect or Stop")

    def _respond_to_call(self, response: Any, caller: Caller) -> None:
        if isinstance(response, Reply):
            caller.answer(response.value)
            self._queue.start_timeout(response.timeout)
        elif isinstance(response, NoReply):
            self._queue.start_timeout(response.timeout)
        elif isinstance(response, Stop):
            if response.reply is not NO_VALUE:
                caller.answer(response.reply)
            self._end(response.reason, None)
        else:
            raise _bad_return("handle_call", response, "Reply, NoReply or Stop")

    # -- the end

    def _crash(self, error: BaseException) -> None:
        if isinstance(error, StopIteration | asyncio.CancelledError):
            # A future cannot hold these, and whoever waits would take them for exceptions of its own.
            wrapped = RuntimeError(f"a callback raised {type(error).__name__}")
            wrapped.__cause__ = error
            error = wrapped
        self._end(error, error)

    def _end(self, reason: Any, error: BaseException | None) -> None:
        if self._ending:
            return
        self._ending = True
        self._cancel_timers()
        self._queue.end()
        if self._queue.takes_time(self._client.terminate):
            self._end_task = self._loop.create_task(self._end_slowly(reason, error), name="fastphx terminate")
            return
        try:
            self._client.terminate(reason)
        except Exception as second:
            logger.error("terminate failed: %s", second, exc_info=second)
        finally:
            self._close(reason, error)

    def _cancel_timers(self) -> None:
        if self._stop_timer is not None:
            self._stop_timer.cancel()
        for timer in list(self._info_timers):
            timer.cancel_here()

    async def _end_slowly(self, reason: Any, error: BaseException | None) -> None:
        try:
            await self._queue.settle(self.timeout)
            async with asyncio.timeout(self.timeout):
                await self._queue.run_slowly(self._client.terminate, (reason,))
        except TimeoutError:
            logger.error("terminate took more than %g s, and was given up", self.timeout)
        except Exception as second:
            logger.error("terminate failed: %s", second, exc_info=second)
        finally:
            self._close(reason, error)

    def _close(self, reason: Any, error: BaseException | None) -> None:
        self._ended(self)
        for caller in self._callers:
            failure = StoppedError(f"the socket ended: {clip_repr(reason, MAX_REASON_CHARS)}")
            failure.__cause__ = error
            caller.fail(failure)
        self._callers.clear()
        self._attempts.end()
        # Nobody wants what comes from now on.
        self._session.disconnected()
        self._connection.close(lambda: self._has_closed(reason, error))

    def _has_closed(self, reason: Any, error: BaseException | None) -> None:
        if self._closed.done():
            return
        if error is None:
            self._closed.set_result(reason)
            return
        if not self._watchers:
            logger.error("a socket crashed: %s", error, exc_info=error)
        self._closed.set_exception(error)
        # It is logged, or somebody waits for it: nobody else needs to be told.
        self._closed.exception()


def _bad_return(name: str, response: Any, allowed: str) -> BadReturnError:
    if asyncio.iscoroutine(response):
        response.close()
        return BadReturnError(f"{name} returned a coroutine: write it as `async def {name}`")
    return BadReturnError(f"{name} returned {clip_repr(response)}: return {allowed}")
