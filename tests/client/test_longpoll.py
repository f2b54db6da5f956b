"""The client over long polling: as it was asked to, and because no WebSocket gets through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from fastphx import ConnectError, Outage, connect
from fastphx.testing import Server, demo_server

TIMEOUT_S = 30.0


@asynccontextmanager
async def no_websockets(server: Server, *, silent: bool) -> AsyncIterator[str]:
    """A proxy in front of *server* that cuts WebSockets, or is *silent* to them. Gives the socket's URL."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if b"/websocket" in line:
            while silent and await reader.read(65536):
                pass
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        back.write(line)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    proxy = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/socket"
    finally:
        proxy.close()


async def test_join_push_and_an_outage() -> None:
    async with demo_server(longpoll=True) as server, connect(server.url, transport="longpoll") as client:
        room = await client.join("room:a", {"nick": "ann"})
        assert room.response == {"joined": {"nick": "ann"}}
        assert (await room.push("echo", {"n": 1})).response == {"n": 1}
        assert (await room.push("echo", b"\x00\n\xff")).response == b"\x00\n\xff"
        replies = await asyncio.gather(*(room.push("echo", {"n": number}) for number in range(250)))
        assert [reply.response["n"] for reply in replies] == list(range(250))
        # The session ends on the server: the next poll says that it is gone.
        server.disconnect()
        messages = aiter(room)
        message = await asyncio.wait_for(anext(messages), TIMEOUT_S)
        assert isinstance(message, Outage)
        assert (await room.push("echo", {"n": 2})).response == {"n": 2}
        assert client.stats.reconnects == 1
        assert server.stats["heartbeats"] == 0


@pytest.mark.parametrize("silent", [False, True])
async def test_the_fallback(silent: bool) -> None:
    async with (
        demo_server(longpoll=True) as server,
        no_websockets(server, silent=silent) as url,
        connect(url, longpoll_fallback=0.2) as client,
    ):
        room = await client.join("room:a")
        assert (await room.push("echo", {"n": 1})).response == {"n": 1}
        # Nobody waits for a heartbeat that long polling has not.
        assert client.sockets[0]._mute_timer is None
        # What was fallen back to once is used from then on.
        server.disconnect()
        messages = aiter(room)
        message = await asyncio.wait_for(anext(messages), TIMEOUT_S)
        assert isinstance(message, Outage)


async def test_the_fallback_has_options_of_its_own() -> None:
    async with demo_server(longpoll=True) as server:
        own: dict[str, Any] = {"max_batch_size": 1, "longpoller_timeout": 5.0}
        async with connect(server.url, longpoll_fallback=5.0, **own) as client:
            assert (await (await client.join("room:a")).push("status")).status == "ok"
        async with (
            no_websockets(server, silent=False) as url,
            connect(url, longpoll_fallback=5.0, **own) as client,
        ):
            assert (await (await client.join("room:a")).push("status")).status == "ok"
        with pytest.raises(ValueError, match="max_batch_size"):
            connect(server.url, longpoll_fallback=5.0, max_batch_size=0)
        with pytest.raises(ValueError, match="unknown transport option 'max_batch_size'"):
            connect(server.url, max_batch_size=1)


async def test_no_fallback_where_the_server_is_away(unused_tcp_port: int) -> None:
    client = connect(
        f"ws://127.0.0.1:{unused_tcp_port}/socket", longpoll_fallback=5.0, backoff=lambda attempt: 0.01
    )
    opening = asyncio.ensure_future(client)
    async with asyncio.timeout(TIMEOUT_S):
        while client.stats.connect_errors < 2:  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)
        # Without long polling: only a WebSocket gets through.
        async with demo_server(port=unused_tcp_port) as server:
            await opening
            room = await client.join("room:a")
            assert (await room.push("echo", {"n": 1})).response == {"n": 1}
            assert server.stats["connections"] == 1
            await client.close()


async def test_the_fallback_from_a_websocket_that_carries_nothing() -> None:
    async with demo_server(longpoll=True) as server:
        server.faults.drop_heartbeats = True
        async with connect(
            server.url, longpoll_fallback=0.1, backoff=lambda attempt: 0.0, timeout=TIMEOUT_S
        ) as client:
            await client.wait_state("reconnecting", timeout=TIMEOUT_S)
            await client.wait_state("open", timeout=TIMEOUT_S)
            room = await client.join("room:a")
            assert (await room.push("echo", {"n": 1})).response == {"n": 1}
            assert client.stats.heartbeat_timeouts == 1
            assert client.stats.connect_errors == 0


async def test_no_fallback_from_a_websocket_that_works() -> None:
    async with (
        demo_server(longpoll=True) as server,
        connect(server.url, longpoll_fallback=0.05, backoff=lambda attempt: 0.0) as client,
    ):
        room = await client.join("room:a")
        await server.wait_until(lambda stats: stats["heartbeats"] == 1)
        server.cut()
        assert isinstance(await asyncio.wait_for(anext(aiter(room)), TIMEOUT_S), Outage)
        assert client.stats.heartbeat_timeouts == 0
        assert server.stats["connections"] == 2


async def test_a_refused_session_is_http_403() -> None:
    async with demo_server(longpoll=True) as server:
        with pytest.raises(ConnectError) as failure:
            await connect(server.url, transport="longpoll", params={"token": "bad"})
    assert failure.value.status == 403


async def test_compression() -> None:
    async with demo_server(compress=True) as server, connect(server.url, compress=True) as client:
        room = await client.join("room:a")
        body = "x" * 20_000
        assert (await room.push("echo", {"body": body})).response == {"body": body}
        assert server.stats["bytes_sent"] < 500
