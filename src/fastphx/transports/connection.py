"""A connection that can be opened again and again. It owns one transport after another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from fastphx.errors import ConnectError, DisconnectReason, OverloadedError, TransportDown
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.sink import CallbackWriter, FrameSink, FrameWriter
from fastphx.timing.wheel import CallbackTimer, wheel_for
from fastphx.transports.base import Transport

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a transport may take to report its end after it was told to close."""

CONNECTED_TIMEOUT_S: Final = 5.0
"""How long a transport may take to say that it is connected after ``start`` has returned it."""

MAX_EARLY_MESSAGES: Final = 1000
"""How many messages may come before ``start`` has returned the transport, which cannot send until then."""

logger = logging.getLogger("fastphx")


class ConnectionHandler(Protocol):
    """Is told what happens to a :class:`Connection`, in order. No method may be a coroutine function."""

    def on_connected(self) -> object:
        """It is up, and the session can send. :meth:`Connection.open` may not have returned yet."""

    def on_disconnected(self, reason: DisconnectReason) -> object:
        """It is gone. Called once for each ``on_connected``; the connection may be opened again."""

    def on_error(self, exc: BaseException) -> object:
        """The transport reports *exc*. The connection is still up; it may end next."""


class Connection:
    """Opens *session* over a transport, and tells *handler* what happens to it.

    Its user decides when and where to connect. It runs on one event loop.
    """

    __slots__ = (
        "_attempt",
        "_can_pause",
        "_closed",
        "_early",
        "_handler",
        "_has_heartbeat",
        "_is_gone",
        "_loop",
        "_opening",
        "_paused",
        "_phase",
        "_reason",
        "_session",
        "_timer",
        "_transport",
        "_waiter",
        "_was_up",
        "is_up",
    )

    def __init__(self, session: CallbackSession, handler: ConnectionHandler) -> None:
        self.is_up = False
        """Whether the session can send."""
        self._session = session
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._attempt: _Attempt | None = None
        """Owns the present transport, from before ``start`` is called."""
        self._transport: Transport | None = None
        self._opening: asyncio.Task[Any] | None = None
        """The task that awaits ``open``."""
        self._was_up = False
        """Whether ``on_connected`` was called, and ``on_disconnected`` was not yet."""
        self._is_gone = False
        """Whether the transport has reported its end."""
        self._reason: DisconnectReason | None = None
        """Why the transport ends. Only the first reason counts."""
        self._early: list[tuple[int, bytes]] | None = None
        """The messages that came after the transport was connected and before it could send."""
        self._paused = False
        self._can_pause = True
        self._has_heartbeat = True
        self._phase = 0.0
        self._timer: CallbackTimer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed: Callable[[], object] | None = None

    # -- what its user asks for

    @property
    def transport(self) -> Transport | None:
        """The transport; None if there is none, or ``start`` has not returned it yet."""
        return self._transport

    @property
    def is_free(self) -> bool:
        """Whether ``open`` may be called: it is neither up nor opening nor ending."""
        return self._opening is None and self._transport is None and self._closed is None

    async def open(
        self, transport_class: type[Transport], url: str, opts: Mapping[str, Any], *, phase: float = 0.0
    ) -> None:
        """Connect once with ``transport_class.start(url, …, opts)``. The first heartbeat is due after *phase*
        (0 to 1) of its interval.

        If this fails before ``on_connected`` was called, it raises what ``start`` raised: a
        :class:`~fastphx.errors.DisconnectReason` for a failed attempt, any other exception for a wrong option
        or a fault of the transport. The handler is told what happens after that. A connection that is lost
        at once is gone when this returns; ``is_up`` is False then.

        It may be cancelled. Raises RuntimeError if the connection is not free, and
        :class:`~fastphx.errors.OverloadedError` if reading is paused and the transport cannot pause.
        """
        if not self.is_free:
            raise RuntimeError("this connection is open already, or opening, or closed")
        self._can_pause = hasattr(transport_class, "pause_reading")
        if self._paused:
            self._check_pausable()
        self._has_heartbeat = getattr(transport_class, "heartbeat", True)
        self._phase = phase
        self._reason = None
        self._is_gone = False
        self._opening = asyncio.current_task()
        self._attempt = _Attempt(self, self._session)
        try:
            transport = self._transport = await transport_class.start(url, self._attempt, opts)
            if self._early is None and not self._was_up and not self._is_ending:
                await self._until_connected()
        except BaseException as error:
            self._opening = None
            self._opening_failed(error)
        else:
            self._opening = None
            if self._early is not None:
                self._use_early(transport, self._early)
            if self._transport is transport:
                self._opened(transport)

    def pause(self) -> None:
        """Read nothing until :meth:`resume`, on this transport and on later ones. Raises
        :class:`~fastphx.errors.OverloadedError` if the transport has no ``pause_reading``."""
        self._paused = True
        if not self.is_free:
            self._check_pausable()
        if self._transport is not None and self._opening is None:
            self._pause(self._transport)

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        resume = getattr(self._transport, "resume_reading", None)
        if resume is not None and self._opening is None:
            resume()
            self._session.set_reading(True, time.monotonic_ns())

    def abort(self, reason: DisconnectReason) -> None:
        """Give the connection up for *reason*, such as an unanswered heartbeat. ``on_disconnected`` follows:
        at once if the transport has an ``abort``, otherwise when the transport has closed."""
        if self._reason is not None or self.is_free:
            return
        self._reason = reason
        if self._opening is None and self._transport is not None:
            self._end(self._transport)
        # Otherwise, the end of the attempt does it.

    def close(self, closed: Callable[[], object]) -> None:
        """Close for good, in at most ``CLOSE_TIMEOUT_S``, and call *closed* once when that is done.

        An attempt is cancelled. If the connection was up, ``on_disconnected`` comes first, and messages that
        arrive before it are still delivered.
        """
        self._closed = closed
        if self._opening is not None:
            self._start_timer()
            self._opening.cancel()
        elif self._transport is not None:
            self._end(self._transport)
        else:
            self._lost()

    # -- what the transport reports

    def _transport_connected(self, writer: FrameWriter | None) -> None:
        if self._is_ending or self._was_up or self.is_free:
            return
        if writer is not None:
            self._up(writer)
        elif self._transport is not None:
            self._up(CallbackWriter(self._transport.push))
        else:
            # Nothing can be sent before start has returned the transport.
            self._early = []

    def _transport_disconnected(self, reason: DisconnectReason) -> None:
        if self._is_gone or (self._opening is None and self._transport is None):
            # From a transport that was given up.
            return
        self._is_gone = True
        if self._reason is None:
            self._reason = reason
        if self._opening is None:
            self._lost()
        else:
            # The handler hears of it at the end of the attempt: two attempts must never run at once.
            self._down()
            self._tell_waiter()

    def _transport_message(self, opcode: int, data: bytes) -> None:
        if self._early is not None and (self._early or not self.is_up):
            if len(self._early) >= MAX_EARLY_MESSAGES:
                raise OverloadedError(f"{MAX_EARLY_MESSAGES} messages came before start returned")
            self._early.append((opcode, data))
        elif self.is_up:
            self._session.receive(data, opcode)

    def _transport_error(self, exc: BaseException) -> None:
        self._handler.on_error(exc)

    # -- inside

    @property
    def _is_ending(self) -> bool:
        return self._is_gone or self._reason is not None or self._closed is not None

    def _up(self, writer: FrameWriter) -> None:
        self.is_up = True
        self._was_up = True
        self._tell_waiter()
        self._session.opened(writer, time.monotonic_ns(), self._phase, heartbeat=self._has_heartbeat)
        self._handler.on_connected()

    def _down(self) -> None:
        self._early = None
        if self.is_up:
            self.is_up = False
            self._session.disconnected()

    def _use_early(self, transport: Transport, early: list[tuple[int, bytes]]) -> None:
        """The transport can send now: say that it is connected, then deliver what came before, in order."""
        try:
            if not self._is_ending:
                self._up(CallbackWriter(transport.push))
            while early:
                opcode, data = early.pop(0)
                if self.is_up:
                    self._session.receive(data, opcode)
        except Exception as error:
            self._handler.on_error(error)
            self.abort(TransportDown(error))
        finally:
            self._early = None

    async def _until_connected(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout(CONNECTED_TIMEOUT_S):
                await self._waiter
        except TimeoutError:
            raise ConnectError(
                f"the transport was started and is not connected after {CONNECTED_TIMEOUT_S:g} s"
            ) from None
        finally:
            self._waiter = None

    def _tell_waiter(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _opened(self, transport: Transport) -> None:
        """See how an attempt ended whose ``start`` has returned."""
        if self._is_gone:
            reason = self._reason
            was_up = self._was_up
            self._lost()
            if reason is not None and not was_up:
                raise reason
        elif self._reason is not None and not self._was_up:
            self._opening_failed(self._reason)
        elif self._is_ending:
            self._end(transport)
        elif self._paused:
            self._pause(transport)

    def _opening_failed(self, error: BaseException) -> None:
        """Tell the handler of *error* if it was told of a connection; otherwise raise it."""
        transport, self._transport = self._transport, None
        if transport is not None:
            try:
                transport.close()
            except Exception as second:
                logger.error("the transport could not be closed: %s", second, exc_info=second)
        if self._reason is None:
            self._reason = error if isinstance(error, DisconnectReason) else TransportDown(error)
        elif isinstance(error, Exception):
            # The transport had said why before start raised something else.
            error = self._reason
        was_up = self._was_up
        self._lost()
        if not was_up or not isinstance(error, Exception):
            raise error

    def _check_pausable(self) -> None:
        if not self._can_pause:
            raise OverloadedError(
                "messages come faster than they are taken, and the transport has no pause_reading"
            )

    def _pause(self, transport: Any) -> None:
        transport.pause_reading()
        self._session.set_reading(False, time.monotonic_ns())

    def _end(self, transport: Any) -> None:
        """Make the transport end. It reports its end, or is given up after a while."""
        self._start_timer()
        try:
            if self._closed is None and hasattr(transport, "abort"):
                transport.abort(self._reason)
            else:
                transport.close()
        except Exception as error:
            logger.error("the transport could not be closed: %s", error, exc_info=error)
            self._lost()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = CallbackTimer(self._give_up)
        self._timer.schedule(wheel_for(self._loop), CLOSE_TIMEOUT_S)

    def _give_up(self) -> None:
        logger.error("the transport has not reported its end %g s after it was closed", CLOSE_TIMEOUT_S)
        try:
            abort = getattr(self._transport, "abort", None)
            if abort is not None:
                abort(self._reason)
        finally:
            self._lost()

    def _lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        if self._opening is None:
            self._attempt = None
        try:
            self._down()
            if self._was_up:
                self._was_up = False
                self._handler.on_disconnected(self._reason or TransportDown())
        finally:
            if self._closed is not None:
                closed, self._closed = self._closed, _nothing
                closed()


class _Attempt:
    """The owner of one transport. The connection hears nothing from a transport that was given up."""

    __slots__ = ("_connection", "sink")

    def __init__(self, connection: Connection, sink: FrameSink) -> None:
        self._connection = connection
        self.sink: FrameSink | None = sink

    def notify_connected(self, writer: FrameWriter | None) -> None:
        if self._connection._attempt is self:
            self._connection._transport_connected(writer)

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        if self._connection._attempt is self:
            self._connection._transport_disconnected(reason)

    def notify_message(self, opcode: int, data: bytes) -> None:
        if self._connection._attempt is self:
            self._connection._transport_message(opcode, data)

    def notify_error(self, exc: BaseException) -> None:
        if self._connection._attempt is self:
            self._connection._transport_error(exc)
        else:
            logger.error("a transport that was given up reports: %s", exc, exc_info=exc)


def _nothing() -> None:
    return
