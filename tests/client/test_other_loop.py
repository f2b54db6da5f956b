"""A client and a socket of the behaviour, used from another event loop of the same thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest

from fastphx import Client, connect, start_link
from fastphx.testing import demo_server
from tests.gen_socket_client.recorder import Recorder

TIMEOUT_S = 30.0

USES: list[Callable[[Client, Any], Awaitable[object]]] = [
    lambda _, room: room.push("echo", {}, timeout=1.0),
    lambda client, _: client.join("room:other", timeout=1.0),
    lambda _, room: room.leave(timeout=1.0),
    lambda client, _: client.wait_closed(),
    lambda _, room: _cast(room),
    lambda _, room: _iterate(room),
    lambda client, _: client.wait_state("closed"),
    lambda client, _: anext(client.states()),
    lambda client, _: client.reconnect(timeout=1.0),
    lambda client, _: client.close(),
]
NAMES = [
    "push",
    "join",
    "leave",
    "wait_closed",
    "cast",
    "iterate",
    "wait_state",
    "states",
    "reconnect",
    "close",
]


async def _cast(room: Any) -> None:
    room.cast("echo")


async def _iterate(room: Any) -> None:
    async for _ in room:
        pass


@pytest.mark.parametrize("use", USES, ids=NAMES)
def test_a_client_says_that_it_belongs_to_another_loop(
    use: Callable[[Client, Any], Awaitable[object]],
) -> None:
    async def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.wait_for(use(client, room), TIMEOUT_S)

    with closing(asyncio.new_event_loop()) as loop, demo_server() as server:
        client = loop.run_until_complete(connect(server.url).open())
        room = loop.run_until_complete(client.join("room:lobby"))
        asyncio.run(elsewhere())
        assert loop.run_until_complete(room.push("echo", {"a": 1})).response == {"a": 1}
        loop.run_until_complete(client.close())


def test_a_socket_says_that_it_belongs_to_another_loop() -> None:
    async def begin() -> Any:
        return await start_link(Recorder(), arg=server.websocket_url)

    async def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="the socket's event loop"):
            await socket.call(lambda _: 1, timeout=1.0)

    async def ask() -> Any:
        return await socket.call(lambda _: 1)

    async def end() -> None:
        await socket.stop()

    with closing(asyncio.new_event_loop()) as loop, demo_server() as server:
        socket = loop.run_until_complete(begin())
        asyncio.run(elsewhere())
        assert loop.run_until_complete(ask()) == 1
        assert socket.stats["waiting"] == 0
        loop.run_until_complete(end())
