"""A socket of a journey: the async client, whose connections are counted and timed."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Literal, Self, cast

from fastphx.client.client import Client
from fastphx.client.options import Options
from fastphx.client.state import ClientState
from fastphx.errors import ClosedError, DisconnectReason
from fastphx.load.journeys.http_cookies import UserCookies
from fastphx.load.journeys.room import Room
from fastphx.load.journeys.step import UNCOUNTED, end_step
from fastphx.load.journeys.visit import Visit
from fastphx.load.plan.plan import Plan
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.transports.endpoint import Params
from fastphx.transports.options import ConnectOptions
from fastphx.transports.pairs import pairs_of

NEVER_S = 86400.0
"""A channel that has crashed is not joined again while its socket is not to reconnect."""


class JourneySocket(Client):
    """A :class:`fastphx.client.client.Client` on one socket of the application: ``async with
    self.socket("/socket") as socket``, or ``await`` it. Its channels are
    :class:`~fastphx.load.journeys.room.Room`.

    It does not reconnect unless it was asked to; a lost connection fails what waits on it.
    """

    channel_class = Room

    def __init__(self, visit: Visit, options: Options, path: str, name: str | None) -> None:
        super().__init__(options)
        self._visit = visit
        self._path = path
        self._name = name
        self._was_open = False
        self._is_counted = False
        """Whether its connection stands in the counts, and its end does not."""
        self.on_state(self._state_changed)

    async def open(self) -> Self:
        """Connect, as :meth:`fastphx.client.client.Client.open` does. The step is ``connect`` and the
        socket's path."""
        visit = self._visit
        run = visit.run
        counts = run.recorder.counts
        step = visit.begin_step(run.counter("connect", self._path, self._name))
        self._remember()
        counts["connect_attempts"] += 1
        try:
            await super().open()
        except BaseException as error:
            counts["connect_errors"] += 1
            self._forget()
            if end_step(step, error, visit):
                run.note_connect(error)
            raise
        self._connected()
        now_ns = monotonic_ns()
        step.ok(ended_ns=now_ns)
        if step is not UNCOUNTED:
            run.recorder.connect.record(now_ns - step.begun_ns)
        return self

    async def close(self) -> None:
        """Close with code 1000."""
        try:
            await super().close()
        finally:
            self._ended("closed")
            self._forget()
            context, note = self._context, self._visit.run.recorder.note
            for _ in range(context.handler_errors - context.payload_errors):
                note("script", "a handler of messages raised")
            for _ in range(context.payload_errors):
                note("decode", "a payload is not JSON")
            context.handler_errors = context.payload_errors = 0

    def abort(self) -> None:
        """Cut the connection."""
        for socket in self.sockets:
            socket.abort()
        self._ended("closed")

    def channel(self, topic: str, payload: Any = NO_PAYLOAD, **options: Any) -> Room:
        """As :meth:`fastphx.client.client.Client.channel`."""
        room = cast(Room, super().channel(topic, payload, **options))
        room.use(self._visit)
        if self.options.reconnect is not False:
            room.on_outage(self._rejoined)
        return room

    async def join(  # type: ignore[override]
        self,
        topic: str,
        payload: Any = NO_PAYLOAD,
        *,
        timeout: float | None = None,
        decoder: Callable[[bytes], Any] | Literal["raw"] | None = None,
        name: str | None = None,
    ) -> Room:
        """Join *topic*, and return its room: see :meth:`fastphx.client.client.Client.join`, and *name* of the
        step."""
        room = self.channel(topic, payload, decoder=decoder)
        await room.join(timeout=timeout, name=name)
        return room

    # -- counting

    def _connected(self) -> None:
        counts = self._visit.run.recorder.counts
        counts["connections"] += 1
        self._is_counted = True

    def _ended(self, how: str) -> None:
        if self._is_counted:
            self._is_counted = False
            self._visit.run.recorder.counts[how] += 1

    def _remember(self) -> None:
        """The visit closes it, where its script does not."""
        self._visit.opened.append(self)

    def _forget(self) -> None:
        for opened in (self._visit.opened, self._visit.kept):
            if self in opened:
                opened.remove(self)

    def _rejoined(self, _: object) -> None:
        counts = self._visit.run.recorder.counts
        counts["join_attempts"] += 1
        counts["joins"] += 1

    def _state_changed(self, state: ClientState) -> None:
        if state is ClientState.RECONNECTING or (
            state is ClientState.CLOSED and not isinstance(self.closed_because, ClosedError)
        ):
            self._lost(self.sockets[0].reason)
        elif state is ClientState.OPEN and self._was_open:
            self._visit.run.recorder.counts["connect_attempts"] += 1
            self._connected()
        self._was_open = self._was_open or state is ClientState.OPEN

    def _lost(self, reason: DisconnectReason | None) -> None:
        if self._is_counted:
            self._visit.run.recorder.note("disconnect", str(reason))
        self._ended("disconnects")


def open_socket(
    visit: Visit,
    path: str | None,
    *,
    params: Params,
    headers: Any,
    auth_token: str | None,
    transport: str,
    reconnect: bool,
    serializer: Any,
    name: str | None,
    **transport_opts: Any,
) -> JourneySocket:
    """A socket of *visit* that is not open yet: with the plan's parameters, headers and TLS, and the given
    ones. See :meth:`fastphx.load.User.socket`."""
    run = visit.run
    plan, number, row = run.plan, visit.index, visit.row
    own = run.target.options(number, row)
    given = list(pairs_of(params))
    replaced = {key for key, _ in given}
    url = run.app.socket_url(path)
    opts = plan_transport_opts(plan, own, url) | {"cookies": UserCookies(visit)}
    options = Options(
        url=url,
        params=[*(pair for pair in run.target.params(number, row) if pair[0] not in replaced), *given],
        headers=[*own.extra_headers, *pairs_of(headers)],
        auth_token=own.auth_token if auth_token is None else auth_token,
        transport=transport,
        serializer=serializer or run.serializer,
        heartbeat_interval=plan.heartbeat_s,
        timeout=plan.timeout_s,
        open_timeout=plan.connect_timeout_s,
        reconnect=None if reconnect else False,
        rejoin_backoff=None if reconnect else _never,
        backoff_cap=plan.max_backoff_s,
        transport_opts=opts | transport_opts,
    )
    return JourneySocket(visit, options, run.app.socket_path(path), name)


def plan_transport_opts(plan: Plan, own: ConnectOptions, url: str) -> dict[str, Any]:
    """What a plan says of the transport of every socket of *url*; *own* is what it says of the user's."""
    opts = {
        "connect_timeout": plan.connect_timeout_s,
        "compress": plan.compress,
        "local_addr": own.local_addr,
        "proxy": None,
    }
    return opts | {"ssl": own.ssl, "ssl_verify": own.ssl_verify} if url.startswith(("wss", "https")) else opts


def _never(_: int) -> float:
    return NEVER_S
