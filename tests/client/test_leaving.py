"""A topic that is left can be joined again at once; what still comes of the join before is stale."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import picows
import pytest

from fastphx import Client, ClosedError, connect
from fastphx.protocol.joins import JoinState
from fastphx.testing import Server
from tests.client.waiting import until, within

OpenClient = Callable[..., Awaitable[Client]]


@pytest.mark.parametrize("same", [True, False])
async def test_joining_while_leaving(server: Server, client: Client, same: bool) -> None:
    room = await client.join("room:lobby")
    first_ref = room.join_ref
    closes: list[Any] = []
    room.on_close(closes.append)
    push = asyncio.ensure_future(room.push("noreply", {}))
    await asyncio.sleep(0)
    leaving = asyncio.ensure_future(room.leave())
    await asyncio.sleep(0)
    again = room if same else client.channel("room:lobby")
    joining = asyncio.ensure_future(again.join())
    await within(leaving)
    assert await within(joining) == {"joined": {}}
    with pytest.raises(ClosedError):
        await within(push)
    assert closes == [None]
    assert again.join_ref > first_ref
    assert (await within(again.push("echo", {"n": 1}))).response == {"n": 1}
    await until(lambda: client.stats.stale)
    assert client.stats.unknown_topic == 0
    assert client.channels == {"room:lobby": again}
    assert again.state is JoinState.JOINED


async def test_joining_while_a_cancelled_join_is_being_left(client: Client) -> None:
    room = client.channel("room:lobby")
    first = asyncio.ensure_future(room.join())
    await asyncio.sleep(0)
    leaving = asyncio.ensure_future(room.leave())
    await asyncio.sleep(0)
    second = asyncio.ensure_future(room.join())
    with pytest.raises(ClosedError):
        await within(first)
    await within(leaving)
    assert await within(second) == {"joined": {}}
    assert (await within(room.push("echo", {}))).status == "ok"


class Leaver(picows.WSListener):  # type: ignore[misc]
    """Answers a leave with the frames of *order*, and what it kept back after the next join's reply."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.late: list[list[Any]] = []

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        join_ref, ref, topic, event, _ = json.loads(frame.get_payload_as_bytes())
        reply = [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}]
        if event == "phx_leave":
            close = [join_ref, join_ref, topic, "phx_close", {}]
            frames = {"close, reply": [close, reply], "reply, close": [reply, close], "close": [close]}
            if self.order == "late":
                self.late = [close, reply]
            for values in frames.get(self.order, []):
                self.send(transport, values)
        else:
            self.send(transport, reply)
            late, self.late = self.late, []
            for values in late:
                self.send(transport, values)

    def send(self, transport: picows.WSTransport, values: list[Any]) -> None:
        transport.send(picows.WSMsgType.TEXT, json.dumps(values).encode())


@asynccontextmanager
async def leaver(order: str) -> AsyncIterator[Client]:
    server = await picows.ws_create_server(lambda request: Leaver(order), "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/socket"
        async with connect(url, heartbeat_interval=0) as client:
            yield client
    finally:
        server.close()


@pytest.mark.parametrize(("order", "stale"), [("close, reply", 1), ("reply, close", 1), ("close", 0)])
async def test_the_first_answer_ends_a_leave(order: str, stale: int) -> None:
    async with leaver(order) as client:
        room = await client.join("lv:1")
        await within(room.leave())
        other = await client.join("lv:2")
        await within(other.push("event", {}))
        assert (client.stats.stale, client.stats.unknown_topic) == (stale, 0)
        await within(room.join())


async def test_a_leave_that_is_answered_after_the_next_join() -> None:
    async with leaver("late") as client:
        room = await client.join("lv:1")
        leaving = asyncio.ensure_future(room.leave(timeout=1000))
        await asyncio.sleep(0)
        await within(room.join())
        await within(leaving)
        assert (await within(room.push("event", {}))).status == "ok"
        assert (client.stats.stale, client.stats.unknown_topic) == (2, 0)


async def test_each_leave_ends_at_its_own_deadline() -> None:
    async with leaver("none") as client:
        room = await client.join("lv:1")
        patient = asyncio.ensure_future(room.leave(timeout=1000))
        await asyncio.sleep(0)
        await within(room.leave(timeout=0.02))
        assert not patient.done()
        await within(room.join())
        await within(patient)
