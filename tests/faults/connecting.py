"""Those that connect while calls of the system fail. Each calls *arm* where its site begins, does what its
user does, and returns the errors that this user has met. It ends as without the fault, unless that
*lasts*: then it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from unittest import mock

import fastphx.load.worker.runner
from fastphx import Connect, FastphxError, GenSocketClient, connect, start_link
from fastphx.client import Channel, Client
from fastphx.errors import AlreadyJoinedError, DisconnectReason
from fastphx.liveview import browse
from fastphx.transports import WebSocketTransport
from tests.load.one_worker import totals_of

GIVE_UP_S = 0.25
TIMEOUT_S = 0.5
TRIES = 50
TOPIC = "room:a"

Arm = Callable[[], None]
Met = list[FastphxError]
Subject = Callable[[str, Arm, bool], Awaitable[Met]]
"""Takes the server's ``host:port``, *arm*, and whether the fault *lasts*."""


def _client(place: str, lasts: bool, **options: Any) -> Client:
    return connect(
        f"ws://{place}/socket",
        timeout=TIMEOUT_S,
        open_timeout=GIVE_UP_S if lasts else 10 * TIMEOUT_S,
        backoff_base=0.005,
        backoff_cap=0.01,
        rejoin_backoff=lambda _: 0.005,
        proxy=None,
        **options,
    )


async def _until_answered(channel: Channel, met: Met, tries: int = TRIES) -> None:
    """Push until there is a reply: what is lost with a connection is the user's to send again."""
    for _ in range(tries):
        try:
            with suppress(AlreadyJoinedError):
                # Once it was joined, it is joined again by itself.
                await channel.join()
            reply = await channel.push("echo", {"n": 1})
            assert reply.response == {"n": 1}
            return
        except FastphxError as error:
            met.append(error)
            await asyncio.sleep(0.01)
    raise AssertionError(f"never again: {met[-3:]}")


async def _client_that(place: str, arm: Arm, lasts: bool, **options: Any) -> Met:
    met: Met = []
    socket = _client(place, lasts, **options)
    arm()
    try:
        async with socket:
            await _until_answered(socket.channel(TOPIC), met, 1 if lasts else TRIES)
    except (FastphxError, AssertionError):
        if not lasts:
            raise
    assert socket.stats.in_flight == 0
    return met


async def client(place: str, arm: Arm, lasts: bool) -> Met:
    """A client's first connection, a join and a push."""
    return await _client_that(place, arm, lasts)


async def client_from_an_address(place: str, arm: Arm, lasts: bool) -> Met:
    """The same from a local address, through a socket that fastphx makes itself."""
    return await _client_that(place, arm, lasts, local_addr=("127.0.0.1", 0))


async def client_by_longpoll(place: str, arm: Arm, lasts: bool) -> Met:
    """The same over long polling."""
    return await _client_that(place, arm, lasts, transport="longpoll")


async def client_again(place: str, arm: Arm, lasts: bool) -> Met:
    """A client whose connection is lost, and that connects and joins again."""
    met: Met = []
    async with _client(place, False) as socket:
        channel = socket.channel(TOPIC)
        await channel.join()
        lost = asyncio.Event()
        socket.on_disconnected = lambda *_: lost.set()
        arm()
        try:
            channel.cast("kill_socket", {})
        except FastphxError as error:
            met.append(error)
        if lasts:
            await asyncio.sleep(GIVE_UP_S)
        else:
            await _until_answered(channel, met)
    assert socket.stats.in_flight == 0
    return met


class AskingBehaviour(GenSocketClient):
    """Connects until a push is answered."""

    def __init__(self) -> None:
        self.met: Met = []
        self.done = asyncio.Event()
        self.end: Any = None

    def init(self, arg: str) -> Any:
        return Connect(arg)

    def handle_connected(self, transport: Any) -> None:
        self.send(lambda: transport.join(TOPIC, {}))

    def send(self, act: Callable[[], object]) -> None:
        try:
            act()
        except FastphxError as error:
            self.met.append(error)

    def handle_disconnected(self, reason: DisconnectReason) -> Any:
        self.met.append(reason)
        return Connect(after=0.005)

    def handle_joined(self, topic: str, payload: Any, transport: Any) -> None:
        self.send(lambda: transport.push(topic, "echo", {"n": 1}))

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: Any) -> None:
        self.done.set()

    def terminate(self, reason: Any) -> None:
        self.end = reason


async def behaviour(place: str, arm: Arm, lasts: bool) -> Met:
    """A behaviour's connections, until a push is answered."""
    callbacks = AskingBehaviour()
    arm()
    opts = {"connect_timeout": TIMEOUT_S, "proxy": None}
    url = f"ws://{place}/socket/websocket"
    # A transport that cannot even start, as one is while the system gives no file, ends a socket.
    socket = await start_link(callbacks, WebSocketTransport, url, transport_opts=opts, trap_exit=True)
    assert socket is not None
    try:
        await asyncio.wait_for(callbacks.done.wait(), GIVE_UP_S if lasts else 10 * TIMEOUT_S)
    except TimeoutError:
        assert lasts, callbacks.met[-3:]
    await socket.stop("normal")
    assert callbacks.end == "normal", callbacks.end
    return callbacks.met


async def load(place: str, arm: Arm, lasts: bool) -> Met:
    """A worker of ``fastphx load``, whose sums are exact; what failed is counted."""
    plan = {
        "url": f"ws://{place}/socket",
        "connections": 3,
        "rate": 100,
        "duration": "100ms",
        "timeout": "200ms",
        "connect_timeout": "300ms",
        "graceful_stop": "300ms",
        "max_backoff": "10ms",
    }
    # It collects what lives, which is all of this process.
    with mock.patch.object(fastphx.load.worker.runner, "gc"):
        totals = await totals_of(plan, arm)
    assert totals["arrivals"] == 10
    assert totals["connect_attempts"] >= 3
    return []


async def browser(place: str, arm: Arm, lasts: bool) -> Met:
    """A browser of LiveView pages: a document over HTTP, a socket, and a click."""
    met: Met = []
    async with browse(
        f"http://{place}", live_path="/right/live", timeout=TIMEOUT_S, connect_timeout=TIMEOUT_S, proxy=None
    ) as opened:
        arm()
        for _ in range(1 if lasts else TRIES):
            try:
                view = await opened.open(f"http://{place}/right/page")
                await view.click("#inc")
                break
            except FastphxError as error:
                met.append(error)
        else:
            assert lasts, met[-3:]
    return met
