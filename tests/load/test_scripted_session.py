"""A script's session where a run stamps its messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastphx.load.worker.meter import Meter
from fastphx.load.worker.scripted import ScriptedSession
from fastphx.load.worker.stamp import Stamp
from fastphx.timing.wheel import wheel_for
from fastphx.transports import connect
from tests.transports.raw_server import TEXT, Peer, RawServer, close_frame, frame

DEADLINE_S = 30.0
STAMPED = b'{"fastphx":"host:0000000000000000001"}'


class Owner:
    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.got: list[Any] = []

    def session_joined(self, session: ScriptedSession) -> None:
        pass

    def session_disconnected(self, session: ScriptedSession, reason: Any) -> None:
        self.gone.set()

    def on_message(self, *values: Any) -> None:
        self.got.append(values[:2])


async def played(owner: Owner, serve: Callable[[Peer], Awaitable[None]], **options: Any) -> Meter:
    """The meter of *owner*'s session, once its connection to a server that does *serve* is gone."""
    wheel = wheel_for(asyncio.get_running_loop())
    meter = Meter(owner, wheel, timeout_s=DEADLINE_S, join_timeout_s=DEADLINE_S, **options)
    session = ScriptedSession(meter, 0, ("room:a",), pushes=False)
    session.use_script(owner)
    async with RawServer(serve) as server, asyncio.timeout(DEADLINE_S):
        await connect(server.url, session, session)
        await owner.gone.wait()
    return meter


async def test_a_stamped_message_on_a_topic_that_nobody_has_joined_is_a_delivery() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        peer.send(frame(TEXT, b'["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'))
        peer.send(frame(TEXT, b'[null,null,"__absinthe__:doc:1","new_msg",%b]' % STAMPED) + close_frame(1000))
        await peer.end()

    owner = Owner()
    stamp = Stamp(STAMPED, "fastphx")
    meter = await played(owner, serve, event=b"new_msg", payload=STAMPED, expects_reply=False, stamp=stamp)
    assert owner.got == [("__absinthe__:doc:1", "new_msg")]
    assert (meter.counts["deliveries"], meter.delivery.count) == (1, 1)


async def test_a_reply_without_a_status_is_no_end_of_the_connection() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.frame()
        peer.send(frame(TEXT, b'["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'))
        pushed = b""
        while b'"echo"' not in pushed:
            # A heartbeat may come before it.
            _, pushed = await peer.frame()
        reply = ["1", json.loads(pushed)[1], "room:a", "phx_reply", {"response": {}, "state": "ok"}]
        peer.send(frame(TEXT, json.dumps(reply).encode()) + close_frame(1000))
        await peer.end()

    class Pushing(Owner):
        def session_joined(self, session: ScriptedSession) -> None:
            session.send("room:a", "echo", {}, True)

        def session_disconnected(self, session: ScriptedSession, reason: Any) -> None:
            self.got.append(reason.code)
            self.gone.set()

        def note(self, kind: str, _what: str) -> None:
            self.got.append(kind)

        def on_reply(self, *values: Any) -> None:
            self.got.append(values)

    owner = Pushing()
    meter = await played(owner, serve, event=b"echo", payload=b"{}")
    assert owner.got == ["decode", 1000]
    assert meter.counts["decode_errors"] == 1
