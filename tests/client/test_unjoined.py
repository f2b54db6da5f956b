"""`client.on_message`: messages of topics that are not joined."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import picows
import pytest

from fastphx import Client, connect
from fastphx.protocol.message import Message
from tests.client.waiting import until


class Sender(picows.WSListener):  # type: ignore[misc]
    """Answers everything, and sends as many messages of another topic as it is pushed."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        join_ref, ref, topic, event, payload = json.loads(frame.get_payload_as_bytes())
        self.send(transport, [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}])
        if event == "send":
            for n in range(payload["count"]):
                values = [None, None, "other", "data", {"n": n, "filler": "x" * payload["size"]}]
                self.send(transport, values)

    def send(self, transport: picows.WSTransport, values: list[Any]) -> None:
        transport.send(picows.WSMsgType.TEXT, json.dumps(values).encode())


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    server = await picows.ws_create_server(lambda request: Sender(), "127.0.0.1", 0)
    try:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/socket"
        async with connect(url, heartbeat_interval=0) as client:
            yield client
    finally:
        server.close()


async def test_handlers_get_what_no_channel_takes(client: Client) -> None:
    room = await client.join("room:lobby")
    seen: list[tuple[str, str, int]] = []

    @client.on_message
    def fails(message: Message) -> None:
        raise RuntimeError("a handler fails")

    @client.on_message
    def take(message: Message) -> None:
        seen.append((message.topic, message.event, message.payload["n"]))

    await room.push("send", {"count": 3, "size": 0})
    await until(lambda: len(seen) == 3)
    assert seen == [("other", "data", n) for n in range(3)]
    assert (client.stats.unknown_topic, client.stats.handler_errors) == (3, 3)


@pytest.mark.parametrize(("count", "size"), [(3000, 0), (60, 1 << 20)])
async def test_an_async_handler_keeps_the_order_within_a_bound(client: Client, count: int, size: int) -> None:
    room = await client.join("room:lobby")
    gate = asyncio.Event()
    seen: list[int] = []

    @client.on_message
    async def take(message: Message) -> None:
        await gate.wait()
        seen.append(message.payload["n"])

    room.cast("send", {"count": count, "size": size})
    await until(lambda: client.sockets[0]._paused)
    assert client.stats.queue_depth > 0
    gate.set()
    await until(lambda: len(seen) == count)
    assert seen == list(range(count))
    assert client.stats.queue_depth == client.stats.dropped == 0
