"""A hundred kilobytes on the wire may be a hundred megabytes of messages: a full queue holds them back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from typing import Any

import pytest

from fastphx import connect
from tests.client.waiting import until, within
from tests.transports.raw_server import TEXT, Peer, RawServer, frame

COUNT = 100
MESSAGE_BYTES = 1024 * 1024
MAX_QUEUE_BYTES = 4 * MESSAGE_BYTES


def deflated_frame(number: int) -> bytes:
    message = b'[null,null,"room:a","n",{"n":%d,"filler":"%s"}]' % (number, b"x" * MESSAGE_BYTES)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return frame(TEXT, (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=4)


async def serve(peer: Peer) -> None:
    """Accept the join, and then send all messages at once."""
    await peer.accept(headers="Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")
    _, data = await peer.frame()
    join = json.loads(data)
    reply = [join[0], join[1], "room:a", "phx_reply", {"status": "ok", "response": {}}]
    messages = b"".join(deflated_frame(number) for number in range(COUNT))
    assert len(messages) < 256 * 1024
    peer.send(frame(TEXT, json.dumps(reply).encode()))
    await peer.frame()
    peer.send(messages)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await peer.close_frame()


@pytest.mark.parametrize("how", ["iterator", "handler"])
async def test_what_one_read_inflates_to_is_bounded(how: str) -> None:
    gate = asyncio.Event()
    seen: list[int] = []
    depths: list[int] = []

    async def take(message: Any) -> None:
        await gate.wait()
        depths.append(room.queue_depth)
        seen.append(message.payload["n"])

    async with (
        RawServer(serve) as raw,
        connect(raw.url.removesuffix("/websocket"), compress=True, heartbeat_interval=0) as client,
    ):
        room = await client.join("room:a", policy="block", max_queue_bytes=MAX_QUEUE_BYTES)
        if how == "handler":
            room.on("n", take)
        else:
            messages = aiter(room)
        room.cast("go", {})
        await until(lambda: client.sockets[0]._paused)
        for _ in range(20):
            await asyncio.sleep(0)
        assert room.queue_depth <= MAX_QUEUE_BYTES // MESSAGE_BYTES
        gate.set()
        if how == "iterator":
            for _ in range(COUNT):
                await take(await within(anext(messages)))
        else:
            await until(lambda: len(seen) == COUNT)
    assert seen == list(range(COUNT))
    assert max(depths) <= MAX_QUEUE_BYTES // MESSAGE_BYTES
    assert room.dropped == 0
