"""`client.reconnect()`: reopening by hand, while channels are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastphx import Client, ClosedError, Outage, connect
from fastphx.testing import Channel, Handshake, Server
from tests.client.backoff import at_once
from tests.client.waiting import until, within


async def test_a_changed_token_is_asked_for_and_channels_are_kept() -> None:
    seen: list[str | None] = []

    def connected(handshake: Handshake) -> dict[str, Any]:
        seen.append(handshake.auth_token)
        return {}

    token = "old"
    async with (
        Server({"room:*": Channel}, connect=connected) as server,
        connect(
            server.url, auth_token=lambda: token, shards=2, reconnect=False, backoff=lambda attempt: 60.0
        ) as client,
    ):
        room = await client.join("room:lobby")
        messages = aiter(room)
        token = "new"
        await within(client.reconnect())
        assert client.state == "open"
        assert seen == ["old", "old", "new", "new"]
        assert isinstance(await within(anext(messages)), Outage)
        assert room.state.name == "JOINED"
        assert client.stats.reconnects == 2
        await within(asyncio.gather(client.reconnect(), client.reconnect()))


async def test_it_may_be_the_first_thing_that_is_asked_for(server: Server) -> None:
    async with connect(server.url) as client:
        await within(client.reconnect())
        assert client.stats.reconnects == 1


async def test_it_does_not_wait_for_the_backoff(server: Server) -> None:
    async with connect(server.url, backoff=lambda attempt: 1000.0) as client:
        room = await client.join("room:lobby")
        server.cut()
        await within(client.wait_state("reconnecting"))
        await within(client.reconnect())
        await until(lambda: room.gaps == 1)


async def test_it_ends_at_its_deadline_and_with_the_client(server: Server, client: Client) -> None:
    server.faults.refuse_connects = 503
    with pytest.raises(TimeoutError):
        await within(client.reconnect(timeout=0.05))
    assert client.state == "reconnecting"
    waiting = asyncio.ensure_future(client.reconnect())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClosedError):
        await within(waiting)
    with pytest.raises(ClosedError):
        await client.reconnect()
    with pytest.raises(ClosedError):
        await connect(server.url, backoff=at_once).reconnect()
