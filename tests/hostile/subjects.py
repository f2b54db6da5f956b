"""Those that a hostile server is tried on. Each does what its user does at a URL, and returns the errors that
this user meets; what it raises, other than fastphx' own errors, is a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fastphx import Connect, GenSocketClient, connect, start_link
from fastphx.client import Outage, Presence
from fastphx.errors import ConnectionClosed, DisconnectReason, FastphxError
from fastphx.liveview import browse
from fastphx.transports import WebSocketTransport
from fastphx.transports.longpoll import LongPollTransport
from tests.hostile.frames import MAX_MESSAGE_SIZE
from tests.hostile.misbehaviours import Misbehaviour
from tests.load.one_worker import totals_of

TIMEOUT_S = 0.4
"""What an answer may take. Most that is not right is silent."""
LISTEN_S = 0.1
CODE_TIMEOUT_S = 20.0
"""What the close that has to come may take."""
TOPIC = "room:a"

Met = list[FastphxError]
Subject = Callable[[str, Misbehaviour], Awaitable[Met]]
"""Takes ``host:port/slug``, and what happens there."""


@contextmanager
def may_fail(met: Met) -> Iterator[None]:
    """An error of fastphx is what a user has to expect."""
    try:
        yield
    except FastphxError as error:
        met.append(error)


def transport_opts(misbehaviour: Misbehaviour) -> dict[str, Any]:
    return {
        "connect_timeout": TIMEOUT_S,
        "max_message_size": MAX_MESSAGE_SIZE,
        "compress": misbehaviour.family == "bomb",
        "proxy": None,
    }


async def client(place: str, misbehaviour: Misbehaviour, transport: str = "websocket") -> Met:
    """The async client, which connects and joins again after all that may have been an accident."""
    met: Met = []
    socket = connect(
        f"ws://{place}/socket",
        transport=transport,
        timeout=TIMEOUT_S,
        open_timeout=2 * TIMEOUT_S,
        heartbeat_interval=0.1,
        backoff_base=0.02,
        backoff_cap=0.05,
        give_up_after=2 * TIMEOUT_S,
        rejoin_backoff=lambda _: 0.02,
        **transport_opts(misbehaviour),
    )

    def read(message: Any) -> None:
        with may_fail(met):
            assert message is None or message.payload is not met

    async def follow() -> None:
        with may_fail(met):
            async for message in room:
                if not isinstance(message, Outage):
                    read(message)

    with may_fail(met):
        async with socket:
            room = socket.channel(TOPIC, {"name": "ann"}, max_queue=100)
            presence = Presence(room)
            for event in ("e", "hello", "phx_close", "phx_error"):
                room.on(event, read)
            with may_fail(met):
                await room.join()
            for _ in range(2):
                with may_fail(met):
                    await room.push("echo", {"n": 1})
            with may_fail(met):
                room.cast("echo", {})
            following = asyncio.create_task(follow())
            await asyncio.wait((following,), timeout=LISTEN_S)
            presence.list()
            with may_fail(met):
                await room.leave()
            following.cancel()
            await asyncio.wait((following,))
            if not following.cancelled():
                following.result()
    assert socket.stats.in_flight == 0
    return met


async def client_by_longpoll(place: str, misbehaviour: Misbehaviour) -> Met:
    """The same over long polling."""
    return await client(place, misbehaviour, "longpoll")


class Behaviour(GenSocketClient):
    """Joins, pushes, and connects twice more; where it is to close with a *code*, until it has."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.met: Met = []
        self.reasons: list[DisconnectReason] = []
        self.replies = 0
        self.done = asyncio.Event()
        self.crash: BaseException | None = None

    def init(self, arg: str) -> Any:
        return Connect(arg)

    def handle_connected(self, transport: Any) -> None:
        with may_fail(self.met):
            transport.join(TOPIC, {})

    def handle_disconnected(self, reason: DisconnectReason) -> Any:
        self.reasons.append(reason)
        self.met.append(reason)
        is_closed = isinstance(reason, ConnectionClosed) and reason.code != 1006
        if is_closed if self.code else len(self.reasons) == 3:
            self.done.set()
            return None
        return Connect(after=0.01)

    def handle_joined(self, topic: str, payload: Any, transport: Any) -> None:
        with may_fail(self.met):
            transport.push(topic, "echo", {"n": 1})
            transport.push(topic, "echo", b"\x00")

    def handle_join_error(self, topic: str, payload: Any, transport: Any) -> None:
        self.done.set()

    def handle_reply(self, topic: str, ref: int, payload: Any, transport: Any) -> None:
        self.replies += 1
        if self.replies == 6 and not self.code:
            self.done.set()

    def handle_decode_error(self, error: Any, transport: Any) -> None:
        self.met.append(error)

    def terminate(self, reason: Any) -> None:
        self.crash = reason if isinstance(reason, BaseException) else None


async def behaviour(place: str, misbehaviour: Misbehaviour, transport: Any = WebSocketTransport) -> Met:
    """A socket of callbacks."""
    callbacks = Behaviour(misbehaviour.code)
    opts = {**transport_opts(misbehaviour), "heartbeat_interval": 30 if misbehaviour.code else 0.1}
    url = f"ws://{place}/socket/websocket"
    socket = await start_link(callbacks, transport, url, transport_opts=opts, mailbox_limit=1000)
    assert socket is not None
    with suppress(TimeoutError):
        await asyncio.wait_for(callbacks.done.wait(), CODE_TIMEOUT_S if misbehaviour.code else 2 * TIMEOUT_S)
    await socket.stop("normal")
    if callbacks.crash is not None:
        if not isinstance(callbacks.crash, FastphxError):
            raise callbacks.crash
        callbacks.met.append(callbacks.crash)
    return callbacks.met


async def behaviour_by_longpoll(place: str, misbehaviour: Misbehaviour) -> Met:
    """The same over long polling."""
    return await behaviour(place, misbehaviour, LongPollTransport)


async def load(place: str, misbehaviour: Misbehaviour) -> Met:
    """A worker of ``fastphx load``, whose sums are exact."""
    plan = {
        "url": f"ws://{place}/socket",
        "connections": 2,
        "rate": 40,
        "duration": "300ms",
        "timeout": "200ms",
        "join_timeout": "200ms",
        "connect_timeout": "300ms",
        "graceful_stop": "200ms",
        "heartbeat": "100ms",
        "max_backoff": "50ms",
        "compress": misbehaviour.family == "bomb",
    }
    totals = await totals_of(plan)
    assert totals["arrivals"] > 0
    return []


async def live(place: str, misbehaviour: Misbehaviour, transport: str = "websocket") -> Met:
    """A browser of LiveView pages."""
    met: Met = []
    opts = {"max_message_size": MAX_MESSAGE_SIZE, "compress": misbehaviour.family == "bomb", "proxy": None}
    async with browse(
        f"http://{place}",
        live_path=f"/{place.partition('/')[2]}/live",
        transport=transport,
        timeout=2 * TIMEOUT_S,
        connect_timeout=TIMEOUT_S,
        heartbeat_interval=0.1,
        **opts,
    ) as browser:
        with may_fail(met):
            view = await browser.open(f"http://{place}/page")
            for _ in range(2):
                with may_fail(met):
                    view = await view.click("#inc")
            with may_fail(met):
                await view.event("other", {"a": 1}, timeout=TIMEOUT_S)
            for read in (view.html, view.page_text):
                with may_fail(met):
                    read()
    return met


async def live_by_longpoll(place: str, misbehaviour: Misbehaviour) -> Met:
    """The same over long polling."""
    return await live(place, misbehaviour, "longpoll")
