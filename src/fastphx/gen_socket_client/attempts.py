"""The attempts to connect that a socket's callbacks ask for."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from fastphx.errors import BadReturnError, DisconnectReason, OverloadedError, TransportDown
from fastphx.gen_socket_client.responses import Connect
from fastphx.timing.wheel import CallbackTimer, TimerWheel
from fastphx.transports.base import Transport
from fastphx.transports.connection import Connection
from fastphx.transports.endpoint import Params, endpoint_url
from fastphx.transports.pairs import pairs_of


class Attempts:
    """Opens *connection* where and when a :class:`Connect` says, one attempt at a time.

    *failed* is told why an attempt failed. *crash* is told that the connection can no longer be used. *rng*
    spreads the heartbeats.
    """

    def __init__(
        self,
        connection: Connection,
        transport_class: type[Transport],
        transport_opts: Mapping[str, Any],
        *,
        vsn: str,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        rng: random.Random,
        failed: Callable[[DisconnectReason], None],
        crash: Callable[[BaseException], None],
    ) -> None:
        self._connection = connection
        self._transport_class = transport_class
        self._transport_opts = transport_opts
        self._vsn = vsn
        self._loop = loop
        self._wheel = wheel
        self._rng = rng
        self._failed = failed
        self._crash = crash
        self._url: str | None = None
        self._params: list[tuple[str, Any]] = []
        self._upcoming: asyncio.Task[None] | None = None
        """The task of an attempt that has not begun to open the connection yet."""
        self._timer = CallbackTimer(self._start)

    def remember(self, url: str, params: Params | None) -> None:
        """Remember where to connect. Raises ValueError for an invalid URL or parameter."""
        try:
            pairs = [(key, value) for key, value in pairs_of(params or ())]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"params is a {type(params).__name__}: give a mapping, or (name, value) pairs"
            ) from error
        endpoint_url(url, pairs, self._vsn)
        self._url, self._params = url, pairs

    def connect(self, connect: Connect) -> None:
        """Do what *connect* says, in place of an attempt that was to come later. Raises
        :class:`~fastphx.errors.BadReturnError` while connected or connecting."""
        if self._upcoming is not None or not self._connection.is_free:
            state = "connected" if self._connection.is_up else "connecting"
            raise BadReturnError(f"Connect was returned while the socket is already {state}")
        if not isinstance(connect.after, int | float) or not 0 <= connect.after < math.inf:
            raise BadReturnError(f"Connect(after={connect.after!r}): give seconds, 0 or more")
        url = self._url if connect.url is None else connect.url
        if url is None:
            raise BadReturnError("Connect() was returned, and no url was ever given: return Connect(url, …)")
        self.remember(url, self._params if connect.params is None else connect.params)
        if connect.after > 0:
            self._timer.schedule(self._wheel, connect.after)
        else:
            self._start()

    def end(self) -> None:
        """Make no more attempts. One that is under way ends when the connection is closed."""
        self._timer.cancel()
        if self._upcoming is not None:
            self._upcoming.cancel()

    def _start(self) -> None:
        self._timer.cancel()
        self._upcoming = self._loop.create_task(self._run(), name="fastphx connect")

    async def _run(self) -> None:
        self._upcoming = None
        assert self._url is not None
        url = endpoint_url(self._url, self._params, self._vsn)
        failure: DisconnectReason | None = None
        try:
            await self._connection.open(
                self._transport_class, url, self._transport_opts, phase=self._rng.random()
            )
        except DisconnectReason as reason:
            failure = reason
        except OverloadedError as error:
            self._crash(error)
        except Exception as error:
            failure = TransportDown(error)
            failure.__cause__ = error
        if failure is not None:
            self._failed(failure)
