"""Which of a client's sockets a topic goes to."""

from __future__ import annotations

from fastphx import connect
from fastphx.testing import Server, demo_server
from tests.client.backoff import at_once


async def test_a_topic_goes_to_the_socket_with_the_fewest(server: Server) -> None:
    async with connect(server.url, shards=3) as client:
        rooms = [await client.join(f"room:{n}") for n in range(7)]

        def counts() -> list[int]:
            return [len(socket.channels) for socket in client.sockets]

        assert counts() == [3, 2, 2]
        for room in rooms:
            if room.topic in client.sockets[2].channels:
                await room.leave()
        assert counts() == [3, 2, 0]
        for n in range(3):
            await client.join(f"room:more:{n}")
        # The first of those with as many.
        assert counts() == [3, 3, 2]


async def test_what_one_socket_is_refused_goes_to_the_one_with_the_fewest() -> None:
    async with (
        demo_server(max_channels_per_transport=4) as server,
        connect(server.url, shards="auto", backoff=at_once, rejoin_backoff=at_once) as client,
    ):
        rooms = [await client.join(f"room:{n}") for n in range(12)]
        assert [len(socket.channels) for socket in client.sockets] == [4, 4, 4]
        # One place on the second, two on the third; the first is believed to have room, and is full.
        for room in (rooms[4], rooms[8], rooms[9]):
            await room.leave()
        client.sockets[0].cap = 5
        await client.join("room:moved")
        assert [len(socket.channels) for socket in client.sockets] == [4, 3, 3]
        assert "room:moved" in client.sockets[2].channels
