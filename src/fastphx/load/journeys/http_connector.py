"""The connections of HTTP that the users of one source address share: to connect is a step of its own."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic_ns
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from fastphx.load.journeys.failure import RequestError
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.step import UNCOUNTED, end_step
from fastphx.load.journeys.visit import Visit
from fastphx.transports.endpoint import shown_url
from fastphx.transports.http_failure import cause_of, what_failed
from fastphx.transports.own_limits import ran_out
from fastphx.transports.source_address import bind

KEPT_ALIVE_S = 30.0
"""How long a connection without requests is kept. Phoenix' servers and nginx keep one for 60 s and more: who
lets go first never sends a request on a connection that the other side is closing."""


class Pending:
    """A request that may have to wait for its connection, during which its own clock stands still."""

    __slots__ = ("deadline", "is_new", "visit", "waited_ns")

    def __init__(self, visit: Visit, deadline: asyncio.Timeout) -> None:
        self.visit = visit
        self.deadline = deadline
        self.waited_ns = 0
        self.is_new = False
        """Whether its connection was made for it, and not kept from another."""

    def hold(self) -> float:
        """It waits: returns what is left of its time, in seconds."""
        left_s = (self.deadline.when() or 0.0) - asyncio.get_running_loop().time()
        self.deadline.reschedule(None)
        self.is_new = True
        return left_s

    def go_on(self, left_s: float, waited_ns: int) -> None:
        """It has waited so long, and has so much time left."""
        self.deadline.reschedule(asyncio.get_running_loop().time() + left_s)
        self.waited_ns += waited_ns


class HttpConnector(aiohttp.TCPConnector):
    """Makes connections, and keeps them for the next request of any user: as many as there are requests, so
    that none waits in a queue of ours."""

    def __init__(self, run: Run, local_addr: tuple[str, int] | None, ssl: Any) -> None:
        super().__init__(
            limit=0,
            ssl=ssl,
            keepalive_timeout=KEPT_ALIVE_S,
            # Two addresses that race would be two connections.
            happy_eyeballs_delay=None,
            socket_factory=None if local_addr is None else _bound_to(local_addr),
        )
        self._run = run
        self._source = None if local_addr is None else local_addr[0]
        self._of_task: dict[asyncio.Task[Any] | None, Pending] = {}

    def begin(self, pending: Pending) -> None:
        """The requests that this task makes from now on are *pending*."""
        self._of_task[asyncio.current_task()] = pending

    def end(self) -> None:
        """The task makes no more."""
        del self._of_task[asyncio.current_task()]

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: Any, timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        # A request whose connection was kept never comes here.
        run = self._run
        pending = self._of_task[asyncio.current_task()]
        begun_ns = monotonic_ns()
        step = UNCOUNTED if run.is_stopping else run.counter("connect", "HTTP").begin(begun_ns, begun_ns)
        left_s = pending.hold()
        try:
            protocol = await self._connect(req, traces, timeout)
        except BaseException as error:
            if end_step(step, error, pending.visit):
                run.note_connect(error)
            raise
        finally:
            pending.go_on(left_s, monotonic_ns() - begun_ns)
        step.ok()
        return protocol

    async def _connect(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        limit_s = self._run.plan.connect_timeout_s
        where = shown_url(str(req.url.origin()))
        try:
            async with asyncio.timeout(limit_s):
                return await super()._create_connection(req, traces, timeout)
        except TimeoutError:
            why = f"no connection within {limit_s:g} s"
            raise RequestError(f"cannot connect to {where}: {why}", reason=why) from None
        except (aiohttp.ClientError, OSError) as error:
            cause = cause_of(error) or error
            why = what_failed(error, self._source)
            reason = "refused" if isinstance(cause, ConnectionRefusedError) else why
            raise RequestError(
                f"cannot connect to {where}: {why}", reason=reason, is_local=ran_out(cause)
            ) from cause


def _bound_to(local_addr: tuple[str, int]) -> Any:
    def bound_socket(address: Any) -> socket.socket:
        family, kind, number, *_ = address
        sock = socket.socket(family, kind, number)
        try:
            bind(sock, local_addr)
        except BaseException:
            sock.close()
            raise
        return sock

    return bound_socket
