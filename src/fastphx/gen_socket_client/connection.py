"""A socket's connection: made when a callback asks for it, and lost for one typed reason."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastphx.errors import BadReturnError, DisconnectReason, HeartbeatTimeout, OverloadedError, TransportDown
from fastphx.gen_socket_client.responses import Connect, Params
from fastphx.protocol.callback_session import CallbackSession, CollectingWriter
from fastphx.protocol.sink import FrameSink, FrameWriter
from fastphx.timing.wheel import CallbackTimer, TimerWheel
from fastphx.transports.base import Transport
from fastphx.transports.endpoint import endpoint_url

logger = logging.getLogger("fastphx")

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a transport may take to report its end after it was told to close."""


class Connection:
    """The owner (:class:`~fastphx.transports.base.TransportOwner`) of one transport after the other.

    *connected* is called when one is up, *disconnected* with the reason when it is gone or could not be
    made, *crash* where it can be used no longer. Heartbeats are spread with *rng*.
    """

    def __init__(
        self,
        session: CallbackSession,
        transport_class: type[Transport],
        transport_opts: Mapping[str, Any],
        *,
        vsn: str,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        rng: random.Random,
        connected: Callable[[], None],
        disconnected: Callable[[DisconnectReason], None],
        crash: Callable[[BaseException], None],
    ) -> None:
        self.sink: FrameSink | None = session
        self.is_up = False
        self.connects = 0
        self.disconnects = 0
        self._session = session
        self._transport_class = transport_class
        self._transport_opts = transport_opts
        self._vsn = vsn
        self._loop = loop
        self._wheel = wheel
        self._rng = rng
        self._connected = connected
        self._disconnected = disconnected
        self._crash = crash
        self._url: str | None = None
        self._params: list[tuple[str, Any]] = []
        self._transport: Transport | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._timer = CallbackTimer(self._start_attempt)
        self._writer_wanted = False
        self._reason: DisconnectReason | None = None
        self._paused = False
        self._ended: Callable[[], None] | None = None

    # -- what the socket asks for

    def remember(self, url: str, params: Params | None) -> None:
        """Where to connect. Raises ValueError for a URL or parameter that cannot be one."""
        try:
            pairs = [
                (key, value)
                for key, value in (params.items() if isinstance(params, Mapping) else params or ())
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"params is a {type(params).__name__}: give a mapping, or (name, value) pairs"
            ) from error
        endpoint_url(url, pairs, self._vsn)
        self._url, self._params = url, pairs

    def connect(self, connect: Connect) -> None:
        """Do what *connect* says; a later attempt that was asked for before is forgotten. Raises
        :class:`~fastphx.errors.BadReturnError` while connected or connecting."""
        if self.is_up or self._attempt is not None:
            state = "connected" if self.is_up else "connecting"
            raise BadReturnError(f"Connect was returned while the socket is {state} already")
        if not isinstance(connect.after, int | float) or not 0 <= connect.after < float("inf"):
            raise BadReturnError(f"Connect(after={connect.after!r}): give seconds, 0 or more")
        url = self._url if connect.url is None else connect.url
        if url is None:
            raise BadReturnError("Connect() was returned and no url was ever given: return Connect(url, …)")
        self.remember(url, self._params if connect.params is None else connect.params)
        if connect.after > 0:
            self._timer.schedule(self._wheel, connect.after)
        else:
            self._start_attempt()

    def pause(self) -> None:
        """Stop reading, now and whenever connected, until :meth:`resume`."""
        self._paused = True
        if self._transport is None:
            return
        pause = getattr(self._transport, "pause_reading", None)
        if pause is None:
            self._crash(OverloadedError("the mailbox is full, and the transport has no pause_reading"))
        else:
            pause()
            self._session.set_reading(False, time.monotonic_ns())

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if self._transport is not None:
            resume = getattr(self._transport, "resume_reading", None)
            if resume is not None:
                resume()
                self._session.set_reading(True, time.monotonic_ns())

    def heartbeat_timed_out(self) -> None:
        """The server does not answer: give the connection up."""
        transport = self._transport
        if transport is None or self._reason is not None:
            return
        self._reason = HeartbeatTimeout()
        abort = getattr(transport, "abort", None)
        if abort is not None:
            abort(self._reason)
        else:
            transport.close()

    def end(self, ended: Callable[[], None]) -> None:
        """Close for good, and call *ended* when that is done, in at most CLOSE_TIMEOUT_S seconds."""
        self._ended = ended
        self._timer.cancel()
        self._session.disconnected()
        self.is_up = False
        if self._attempt is not None:
            self._attempt.add_done_callback(lambda _: self._has_ended())
            self._attempt.cancel()
        elif self._transport is not None:
            self._close(self._transport)
        else:
            self._has_ended()

    # -- what the transport reports

    def notify_connected(self, writer: FrameWriter | None) -> None:
        """See :class:`~fastphx.transports.base.TransportOwner`."""
        if self._ended is not None:
            return
        if writer is not None:
            self._open(writer)
        elif self._transport is not None:
            self._open(CollectingWriter(self._transport.push))
        else:
            self._writer_wanted = True

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        """See :class:`~fastphx.transports.base.TransportOwner`."""
        if self._ended is not None:
            if self._attempt is None:
                self._has_ended()
            return
        if self._reason is None:
            self._reason = reason
        if self._attempt is None:
            if self._transport is not None:
                self._lost(self._reason)
        else:
            # Gone before start() has returned: the attempt's end reports it, so that there is never a
            # second attempt beside the first.
            self.is_up = False
            self._session.disconnected()

    def notify_message(self, opcode: int, data: bytes) -> None:
        """See :class:`~fastphx.transports.base.TransportOwner`."""
        if self._ended is None:
            self._session.receive(data, opcode)

    def notify_error(self, exc: BaseException) -> None:
        """See :class:`~fastphx.transports.base.TransportOwner`."""
        logger.warning("the transport reports an error: %s", exc, exc_info=exc)

    # -- inside

    def _start_attempt(self) -> None:
        self._timer.cancel()
        self._attempt = self._loop.create_task(self._run_attempt(), name="fastphx connect")

    async def _run_attempt(self) -> None:
        assert self._url is not None
        url = endpoint_url(self._url, self._params, self._vsn)
        self._reason = None
        self._writer_wanted = False
        transport: Transport | None = None
        failure: DisconnectReason | None = None
        try:
            transport = await self._transport_class.start(url, self, self._transport_opts)
        except DisconnectReason as reason:
            failure = reason
        except Exception as error:
            failure = TransportDown(error)
            failure.__cause__ = error
        finally:
            if self._ended is None:
                self._attempt = None
        if self._ended is not None:
            # Too late: end() waits for this task.
            if transport is not None:
                transport.close()
            return
        failure = self._reason or failure
        if failure is not None:
            self._lost(failure)
            return
        self._transport = transport
        if self._writer_wanted and transport is not None:
            self._open(CollectingWriter(transport.push))
        if self._paused:
            self.pause()

    def _open(self, writer: FrameWriter) -> None:
        self._writer_wanted = False
        self.is_up = True
        self.connects += 1
        self._session.opened(writer, time.monotonic_ns(), self._rng.random())
        self._connected()

    def _lost(self, reason: DisconnectReason) -> None:
        self.is_up = False
        self.disconnects += 1
        self._transport = None
        self._session.disconnected()
        self._disconnected(reason)

    def _close(self, transport: Transport) -> None:
        self._timer = CallbackTimer(self._close_timed_out)
        self._timer.schedule(self._wheel, CLOSE_TIMEOUT_S)
        try:
            transport.close()
        except Exception as error:
            logger.error("the transport could not be closed: %s", error, exc_info=error)
            self._has_ended()

    def _close_timed_out(self) -> None:
        logger.error("the transport has not reported its end %g s after it was closed", CLOSE_TIMEOUT_S)
        self._has_ended()

    def _has_ended(self) -> None:
        self._timer.cancel()
        self._transport = None
        ended, self._ended = self._ended, _nothing
        if ended is not None:
            ended()


def _nothing() -> None:
    return
