"""What a client makes the server keep is bounded in bytes and in number, and what passes that is counted."""

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from fastphx.testing import Server, ServerConnection, demo_server
from tests.testing.raw_socket import RawSocket
from tests.testing.test_longpoll import Poller

VSN2 = "?vsn=2.0.0"
LIMIT = 1 << 20


async def flood(
    server: Server, client: RawSocket, send: Callable[[], object], kept: Callable[[ServerConnection], int]
) -> int:
    """Send until the server counts an overflow; returns the most that it kept."""
    most = 0
    while not server.stats["overflows"]:
        if client.transport.underlying_transport.get_write_buffer_size() == 0:
            for _ in range(20):
                send()
        await asyncio.sleep(0)
        most = max([most, *map(kept, server.connections)])
    assert server.stats["overflows"] == 1
    await server.wait_until(lambda stats: stats["connections_open"] == 0)
    return most


def unsent(connection: ServerConnection) -> int:
    return connection.unsent_bytes


def queued(connection: ServerConnection) -> int:
    return connection.queued_bytes


def hold_little_in_the_system(server: Server) -> None:
    """Of what is not read the system keeps megabytes first, if it is let: what is accepted inherits this."""
    for listener in server._listener.sockets:  # type: ignore[union-attr]
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)


def small_socket(server: Server) -> socket.socket:
    """The client's end of the same."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    sock.connect(("127.0.0.1", server.port))
    sock.setblocking(False)
    return sock


def stop_reading(client: RawSocket) -> None:
    client.transport.underlying_transport.pause_reading()


def push(event: str, size: int, topic: str = "room:a") -> Callable[[RawSocket], object]:
    return lambda client: client.send_json("1", "2", topic, event, {"filler": "x" * size})


async def answer_without_reading(what: Callable[[RawSocket], object], topic: str = "room:a") -> None:
    async with asyncio.timeout(30), demo_server(max_write_buffer=LIMIT) as server:
        hold_little_in_the_system(server)
        options = {"socket_factory": lambda _: small_socket(server)}
        async with RawSocket(server.websocket_url + VSN2, **options) as client:
            await client.join(topic, {"user": "ann"})
            stop_reading(client)
            most = await flood(server, client, lambda: what(client), unsent)
        # The transport's own share is its high-water mark and the frame that passed it.
        assert LIMIT // 2 < most < LIMIT + 256 * 1024


@pytest.mark.parametrize("size", [0, 125])
async def test_pings(size: int) -> None:
    if size == 0 and sys.version_info >= (3, 12) and type(asyncio.get_running_loop()).__module__ != "uvloop":
        pytest.skip(
            "from 3.12 on, asyncio adds up its queue at each write: half a million of two bytes take minutes"
        )
    # Masked with zeros.
    pings = 50 * (bytes([0x89, 0x80 | size, 0, 0, 0, 0]) + b"x" * size)
    await answer_without_reading(lambda client: client.transport.underlying_transport.write(pings))


@pytest.mark.parametrize(
    ("event", "size"),
    [
        ("echo", 0),
        ("echo", 20_000),
        ("push", 20_000),
        ("new_msg", 20_000),
        ("stop_reply", 0),
        ("phx_leave", 0),
    ],
)
async def test_messages_that_are_answered(event: str, size: int) -> None:
    await answer_without_reading(push(event, size))


@pytest.mark.parametrize(
    "frame",
    [
        (None, "9", "phoenix", "heartbeat", {}),
        ("9", "9", "room:a", "phx_join", {"filler": "x" * 1000}),
        ("9", "9", "room:denied", "phx_join", {}),
        ("9", "9", "nowhere", "phx_join", {}),
        ("9", "9", "nowhere", "echo", {}),
    ],
)
async def test_what_the_server_answers_by_itself(frame: tuple[Any, ...]) -> None:
    await answer_without_reading(lambda client: client.send_json(*frame))


async def test_presence_diffs() -> None:
    await answer_without_reading(
        lambda client: client.send_json("1", "2", "presence:a", "update", {"status": "x" * 100}), "presence:a"
    )


async def test_broadcasts_to_one_who_does_not_read() -> None:
    async with asyncio.timeout(30):
        async with (
            demo_server(max_write_buffer=LIMIT) as server,
            RawSocket(server.websocket_url + VSN2) as reader,
            RawSocket(server.websocket_url + VSN2) as other,
        ):
            await reader.join()
            await other.join()
            stop_reading(reader)
            while not server.stats["overflows"]:
                other.send_json("1", "2", "room:a", "new_msg", {"filler": "x" * 20_000})
                assert (await other.recv_json())[3] == "new_msg"
                assert max(map(unsent, server.connections)) < LIMIT + 256 * 1024
            assert server.stats["overflows"] == 1
            await server.wait_until(lambda stats: stats["connections_open"] == 1)
            assert server.topics == {"room:a": 1}


async def test_what_has_waited_comes_in_its_order_when_the_client_reads_again() -> None:
    async with (
        demo_server(max_write_buffer=64 * LIMIT) as server,
        RawSocket(server.websocket_url + VSN2) as client,
    ):
        await client.join()
        transport = client.transport.underlying_transport
        transport.pause_reading()
        [connection] = server.connections
        sent = 0
        while connection.unsent_bytes < 2 * LIMIT:
            sent += 1
            client.send_json("1", str(sent), "room:a", "echo", {"filler": "x" * 20_000})
            client.transport.send_ping(str(sent).encode())
            await asyncio.sleep(0)
        transport.resume_reading()
        for number in range(1, sent + 1):
            assert (await client.recv_json())[1] == str(number)
            assert await client.recv() == ("pong", str(number).encode())
        await client.recv_nothing()
        assert connection.unsent_bytes == 0


async def test_a_close_comes_after_what_has_waited() -> None:
    async with (
        demo_server(max_write_buffer=64 * LIMIT) as server,
        RawSocket(server.websocket_url + VSN2) as client,
    ):
        await client.join()
        transport = client.transport.underlying_transport
        transport.pause_reading()
        sent = 0
        while server.connections[0].unsent_bytes < 2 * LIMIT:
            sent += 1
            server.broadcast("room:a", "news", {"n": sent, "filler": "x" * 20_000})
        server.disconnect()
        transport.resume_reading()
        for number in range(1, sent + 1):
            assert (await client.recv_json())[4]["n"] == number
        assert await client.recv() == ("close", 1001)


async def test_a_client_that_closes_and_does_not_read_is_cut() -> None:
    async with (
        demo_server(close_timeout_s=0.1) as server,
        RawSocket(server.websocket_url + VSN2) as client,
    ):
        await client.join()
        client.transport.underlying_transport.pause_reading()
        while server.connections[0].unsent_bytes < LIMIT:
            server.broadcast("room:a", "news", {"filler": "x" * 20_000})
        client.transport.send_close()
        await server.wait_until(lambda stats: stats["connections_open"] == 0)


@pytest.mark.parametrize("size", [0, 100_000])
async def test_messages_that_wait_for_a_coroutine(size: int) -> None:
    async with asyncio.timeout(30):
        async with (
            demo_server(max_queue_bytes=LIMIT) as server,
            RawSocket(server.websocket_url + VSN2) as client,
        ):
            for topic in ("room:a", "room:b"):
                await client.join(topic)
            frames = [
                json.dumps(["1", "2", topic, "slow", {"ms": 60_000, "filler": "x" * size}])
                for topic in ("room:a", "room:b")
            ]

            def send() -> None:
                for frame in frames:
                    client.send(frame)

            most = await flood(server, client, send, queued)
            assert 0 < most <= LIMIT
            assert await client.recv() == ("close", 1008)


async def test_what_was_handled_takes_no_room() -> None:
    async with (
        demo_server(max_queue_bytes=LIMIT) as server,
        RawSocket(server.websocket_url + VSN2) as client,
    ):
        await client.join()
        [connection] = server.connections
        joined = connection.queued_bytes
        for ref in "234":
            client.send_json("1", ref, "room:a", "slow", {"ms": 1})
        for _ in range(3):
            assert (await client.recv_json())[4]["status"] == "ok"
        assert connection.queued_bytes == joined
        for last in ("phx_leave", "crash"):
            client.send_json("1", "5", "room:a", "slow", {"ms": 3_600_000 if last == "crash" else 1})
            client.send_json("1", "6", "room:a", last, {})
            if last == "crash":
                await server.wait_until(lambda stats: stats["pushes"] == 6)
                assert server.crash_channels() == 1
                assert (await client.recv_json())[3] == "phx_error"
            else:
                assert [(await client.recv_json())[3] for _ in range(3)][-1] == "phx_close"
            assert connection.queued_bytes == 0
            await client.join()


async def test_topics_that_are_joined() -> None:
    async with asyncio.timeout(30):
        async with (
            demo_server(max_queue_bytes=LIMIT) as server,
            RawSocket(server.websocket_url + VSN2) as client,
        ):
            numbers = iter(range(1000))
            topic = "room:" + "t" * 50_000
            send = lambda: client.send_json("1", "1", f"{topic}{next(numbers)}", "phx_join", {})  # noqa: E731
            assert await flood(server, client, send, queued) <= LIMIT
            assert 0 < server.stats["joins"] < 10
            assert server.topics == {}


async def test_replies_that_are_put_off() -> None:
    async with asyncio.timeout(30):
        async with (
            demo_server(max_write_buffer=LIMIT) as server,
            RawSocket(server.websocket_url + VSN2) as client,
        ):
            await client.join()
            server.faults.reply_delay_s = 3600.0
            most = await flood(server, client, lambda: push("echo", 20_000)(client), unsent)
            assert LIMIT // 2 < most <= LIMIT


async def test_a_session_of_long_polling_that_nobody_polls() -> None:
    async with (
        demo_server(longpoll=True, max_write_buffer=LIMIT) as server,
        aiohttp.ClientSession() as http,
    ):
        poller = Poller(http, server)
        await poller.open()
        assert await poller.post('["1","1","room:a","phx_join",{}]') == {"status": 200}
        await server.wait_until(lambda stats: stats["joins"] == 1)
        async with asyncio.timeout(30):
            while not server.stats["overflows"]:
                server.broadcast("room:a", "news", {"filler": "x" * 100_000})
                await asyncio.sleep(0)
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        await server.wait_until(lambda _: not server._longpoll._sessions)  # type: ignore[union-attr]
        assert await poller.post('["1","2","room:a","echo",{}]') == {"status": 410}


async def test_posts_to_a_session_that_the_server_does_not_read() -> None:
    async with (
        demo_server(longpoll=True, max_queue_bytes=LIMIT) as server,
        aiohttp.ClientSession() as http,
    ):
        poller = Poller(http, server)
        await poller.open()
        server.stall(3600)
        body = json.dumps(["1", "1", "room:a", "phx_join", {"filler": "x" * 500_000}])
        async with asyncio.timeout(30):
            while (await poller.post(body))["status"] == 200:
                pass
        assert server.stats["overflows"] == 1
        server.stall(0)
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
