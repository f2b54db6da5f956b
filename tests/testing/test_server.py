"""Sockets on the server: handshakes, limits, ends of connections, threads, fault switches, counters."""

import asyncio
import base64
import json
import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import picows
import pytest
import trustme
from picows import WSMsgType

from fastphx.testing import Handshake, Server, ServerChannel, ServerReply, SocketHandler, demo_server
from fastphx.testing.demo import RoomChannel
from tests.testing.raw_socket import RawSocket

VSN2 = "?vsn=2.0.0"


async def refusal(url: str, **options: Any) -> int:
    """The HTTP status that a handshake is refused with."""
    with pytest.raises(picows.WSHandshakeError) as caught:
        async with RawSocket(url, **options):
            pass
    assert caught.value.response is not None
    return int(caught.value.response.status)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/socket/websocket?vsn=2.0.0&token=bad", 403),
        ("/socket/websocket?vsn=3.0.0", 403),
        ("/socket/websocket?vsn=2", 403),
        ("/socket?vsn=2.0.0", 404),
        ("/nowhere/websocket?vsn=2.0.0", 404),
        ("/socket/longpol", 404),
    ],
)
async def test_handshakes_that_are_refused(path: str, status: int) -> None:
    async with demo_server() as server:
        assert await refusal(server.url.removesuffix("/socket") + path) == status
        assert server.stats["refused"] == 1
        assert server.stats["connections"] == 0


@pytest.mark.parametrize(
    ("connection", "status"),
    [
        ("Upgrade", 101),
        ("keep-alive, Upgrade", 101),
        ("keep-alive\r\nConnection: upgrade", 101),
        ("close", 400),
    ],
)
async def test_the_connection_header_may_name_more_than_the_upgrade(connection: str, status: int) -> None:
    async with demo_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET /socket/websocket{VSN2} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: {connection}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        writer.close()


async def test_what_connect_is_told_and_what_it_decides() -> None:
    told: list[Handshake] = []

    def connect(handshake: Handshake) -> Any:
        told.append(handshake)
        if handshake.params.get("crash"):
            raise RuntimeError("connect crashed")
        return {"name": handshake.params.get("name")}

    class Who(ServerChannel):
        def join(self, topic: str, payload: Any) -> ServerReply:
            return ServerReply("ok", self.socket.assigns)

    async with Server({"who": Who}, connect=connect, id=lambda assigns: assigns["name"]) as server:
        token = base64.urlsafe_b64encode(b"s\xc3\xa9cret?>").decode().rstrip("=")
        headers = [("Sec-WebSocket-Protocol", f"phoenix, base64url.bearer.phx.{token}"), ("X-One", "1")]
        url = server.websocket_url + VSN2 + "&name=ann&list[]=1&list[]=2&empty="
        async with RawSocket(url, extra_headers=headers) as socket:
            assert (await socket.join("who"))["response"] == {"name": "ann"}
            [handshake] = told
            assert handshake.auth_token == "sécret?>"
            assert handshake.headers["x-one"] == "1"
            assert ("list[]", "1") in handshake.pairs
            assert ("list[]", "2") in handshake.pairs
            assert handshake.params["empty"] == ""
            assert socket.transport.response.headers["Sec-WebSocket-Protocol"] == "phoenix"
            [connection] = server.connections
            assert connection.id == "ann"
            assert connection.params["name"] == "ann"
        for bad in ("%%%", "/w==?"):
            headers = [("Sec-WebSocket-Protocol", f"phoenix, base64url.bearer.phx.{bad}")]
            async with RawSocket(server.websocket_url + VSN2, extra_headers=headers):
                assert told[-1].auth_token is None
        assert await refusal(server.websocket_url + "?vsn=2.0.0&crash=1") == 500
        before = len(told)
        assert await refusal(server.websocket_url + "?vsn=3.0.0&crash=1") == 403
        assert len(told) == before


@pytest.mark.parametrize("wrong", [[], 7, ZeroDivisionError("no id")])
async def test_an_id_that_is_none_refuses_the_handshake(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    def make_id(_assigns: Any) -> Any:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    async with Server({"room:*": RoomChannel}, id=make_id) as server:
        assert await refusal(server.websocket_url + VSN2) == 500
        assert server.stats["connections"] == 0
    assert "connect or id of /socket raised" in caplog.text


@pytest.mark.parametrize("idle_timeout_s", [0, -1.0, float("nan")])
def test_an_idle_timeout_that_cannot_be_one(idle_timeout_s: float) -> None:
    with pytest.raises(ValueError, match="idle_timeout_s is"):
        demo_server(idle_timeout_s=idle_timeout_s)


@pytest.mark.parametrize(
    "option",
    [
        {"max_channels_per_transport": 1 << 70},
        {"max_channels_per_transport": 0},
        {"max_message_size": -5},
        {"max_write_buffer": 0},
        {"max_queue_bytes": 1 << 70},
        {"max_queue_bytes": 1.5},
        {"close_timeout_s": float("nan")},
        {"close_timeout_s": -1.0},
        {"longpoll_window_s": float("nan"), "longpoll": True},
        {"port": 70000},
    ],
)
def test_an_option_that_cannot_be_meant(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(option))} is "):
        Server({"room:*": RoomChannel}, **option)


@pytest.mark.parametrize("idle_timeout_s", [float("inf"), 1e15])
async def test_a_socket_may_be_silent_for_ever(idle_timeout_s: float) -> None:
    async with (
        demo_server(idle_timeout_s=idle_timeout_s, close_timeout_s=0.1) as server,
        RawSocket(server.websocket_url + VSN2 + "&who=silent") as socket,
    ):
        # The sweep that closes idle sockets has run when a stalled client has been cut.
        _, writer = await open_raw(server.port)
        await server.wait_until(lambda stats: stats["connections_open"] == 2)
        next(other for other in server.connections if "who" not in other.params).disconnect()
        await server.wait_until(lambda stats: stats["connections_open"] == 1)
        await socket.recv_nothing()
        assert server.stats["idle_timeouts"] == 0
        writer.close()


@pytest.mark.parametrize(("host", "shown"), [("::1", "ws://[::1]:"), ("", "ws://localhost:")])
async def test_its_url_can_be_connected_to(host: str, shown: str) -> None:
    async with demo_server(host=host) as server:
        assert server.url.startswith(shown)
        ports = {sock.getsockname()[1] for sock in server._listener.sockets}  # type: ignore[union-attr]
        assert ports == {server.port}
        async with RawSocket(server.websocket_url + VSN2) as socket:
            await socket.recv_nothing()


async def test_the_101st_topic_is_refused() -> None:
    async with (
        demo_server(max_channels_per_transport=2) as server,
        RawSocket(server.websocket_url + VSN2) as socket,
    ):
        for topic in ("room:1", "room:2"):
            assert (await socket.join(topic))["status"] == "ok"
        socket.send_json("3", "3", "room:3", "phx_join", {})
        refused = {"response": {"reason": "too many channels joined"}, "status": "error"}
        assert await socket.recv_json() == ["3", "3", "room:3", "phx_reply", refused]
        socket.send_json("4", "4", "room:2", "phx_join", {})
        assert (await socket.recv_json())[1] == "4"
        assert (await socket.recv_json())[3] == "phx_close"
        socket.send_json("4", "5", "room:2", "phx_leave", {})
        assert [(await socket.recv_json())[3] for _ in range(2)] == ["phx_reply", "phx_close"]
        assert (await socket.join("room:3"))["status"] == "ok"


async def test_a_socket_that_speaks_is_not_idle() -> None:
    handler = SocketHandler({"room:*": RoomChannel}, idle_timeout_s=0.3)
    async with Server(sockets={"/socket": handler}) as server:
        async with (
            RawSocket(server.websocket_url + VSN2) as silent,
            RawSocket(server.websocket_url + VSN2) as lively,
        ):

            async def ping() -> None:
                while True:
                    lively.transport.send(WSMsgType.PING, b"hi")
                    assert await lively.recv() == ("pong", b"hi")
                    await asyncio.sleep(0.02)

            pinging = asyncio.create_task(ping())
            assert await silent.recv() == ("close", 1002)
            pinging.cancel()
        assert server.stats["idle_timeouts"] == 1


async def test_fragments_are_put_together() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        send = socket.transport.send
        send(WSMsgType.TEXT, b'["1","2","room:a",', fin=False)
        send(WSMsgType.CONTINUATION, b'"echo",', fin=False)
        send(WSMsgType.PING, b"between")
        send(WSMsgType.CONTINUATION, b'{"n":1}]')
        assert await socket.recv() == ("pong", b"between")
        assert (await socket.recv_json())[4]["response"] == {"n": 1}
        send(WSMsgType.CONTINUATION, b"of nothing")
        assert await socket.recv() == ("close", 1002)


async def test_fragments_have_a_limit() -> None:
    async with (
        Server({"room:*": RoomChannel}, max_message_size=1000) as server,
        RawSocket(server.websocket_url + VSN2) as socket,
    ):
        socket.transport.send(WSMsgType.TEXT, b"[" + b" " * 900, fin=False)
        socket.transport.send(WSMsgType.CONTINUATION, b" " * 200, fin=False)
        assert await socket.recv() == ("close", 1009)


@pytest.mark.parametrize(
    "frame",
    [
        '{"topic":"room:a","event":"echo","payload":{}}',
        '{"topic":1,"event":"echo","payload":{},"ref":null}',
        '{"topic":"room:a","event":"echo","payload":{},"ref":1.5}',
        "[]",
        "{",
        b"\x00",
    ],
)
async def test_bad_frames_of_vsn_1(frame: str | bytes) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url) as socket:
        socket.send(frame)
        assert await socket.recv() == ("close", 1011)
        assert server.stats["bad_frames"] == 1


@pytest.mark.parametrize("event", ["phx_join", "slow"])
async def test_a_payload_that_is_not_json_is_a_bad_frame_when_it_is_read(event: str) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send(f'["1","2","room:a","{event}",{{"a":}}]')
        assert await socket.recv() == ("close", 1011)
        assert server.stats["crashes"] == 0


async def test_disconnecting_by_id_and_draining() -> None:
    async with demo_server() as server:
        url = server.websocket_url + VSN2
        async with (
            RawSocket(url + "&user=u1") as one,
            RawSocket(url + "&user=u1") as two,
            RawSocket(url) as three,
        ):
            assert server.disconnect("user:u1") == 2
            assert server.disconnect("user:nobody") == 0
            assert await one.recv() == await two.recv() == ("close", 1001)
            assert server.drain() == 1
            assert await three.recv() == ("close", 1012)
        with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
            await asyncio.open_connection("127.0.0.1", server.port)
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        assert server.stats["disconnects"] == 3


async def open_raw(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has shaken hands and does nothing by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return reader, writer


async def test_a_client_that_does_not_answer_a_close_is_cut() -> None:
    async with demo_server(close_timeout_s=0.1) as server:
        reader, writer = await open_raw(server.port)
        server.disconnect()
        assert await reader.readexactly(4) == b"\x88\x02\x03\xe9"
        # The client keeps its side open and says nothing.
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        writer.close()


async def test_a_cut_resets_the_connection() -> None:
    async with demo_server() as server:
        reader, writer = await open_raw(server.port)
        server.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_client_that_does_not_read_is_cut() -> None:
    async with (
        demo_server(max_write_buffer=1 << 20) as server,
        RawSocket(server.websocket_url + VSN2) as socket,
    ):
        await socket.join()
        socket.transport.underlying_transport.pause_reading()
        payload = {"filler": "x" * 100_000}
        for _ in range(1000):
            server.broadcast("room:a", "news", payload)
            await asyncio.sleep(0)
            if server.stats["overflows"]:
                break
        assert server.stats["overflows"] == 1
        assert server.topics == {}


async def test_a_stall_holds_back_so_much_and_no_more() -> None:
    async with (
        demo_server(max_write_buffer=1 << 20) as server,
        RawSocket(server.websocket_url + VSN2) as socket,
    ):
        await socket.join()
        server.stall(float("inf"))
        payload = {"filler": "x" * 100_000}
        sent = 0
        while server.broadcast("room:a", "news", payload):
            sent += 1
        assert sent == 10
        assert server.stats["overflows"] == 1
        assert server.topics == {}
        assert await socket.recv() == ("close", 1006)


async def test_stats_over_http() -> None:
    async with demo_server() as server:

        def get(path: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                assert answer.headers["Content-Type"] == "application/json"
                return json.load(answer)

        async with RawSocket(server.websocket_url + VSN2) as socket:
            await socket.join()
            assert await asyncio.to_thread(get, "/stats") == server.stats
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                await asyncio.to_thread(get, "/other")
            refused.value.close()


async def test_over_tls() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with demo_server(ssl=context) as server:
        assert server.url.startswith("wss://")
        async with RawSocket(server.websocket_url + VSN2, ssl_context=trusting) as socket:
            assert (await socket.join("room:a", {"n": 1}))["response"] == {"joined": {"n": 1}}
            server.cut()
            assert await socket.recv() == ("close", 1006)


async def test_a_port_in_use_and_a_second_start() -> None:
    async with demo_server() as server:
        with pytest.raises(OSError, match="in use"):
            await demo_server(port=server.port).start()
        with pytest.raises(RuntimeError, match="already"):
            await server.start()
    with pytest.raises(RuntimeError, match="not been started"):
        demo_server().stats  # noqa: B018
    with pytest.raises(ValueError, match="either"):
        Server()


async def test_two_servers_share_a_port() -> None:
    async with demo_server(reuse_port=True) as one, demo_server(reuse_port=True, port=one.port) as two:
        assert one.port == two.port


# Fault switches.


async def test_refusing_connections_and_joins() -> None:
    async with demo_server() as server:
        for status in (200, 302, 404, 503):
            server.faults.refuse_connects = status
            options = {"max_redirects": 0}
            assert await refusal(server.websocket_url + VSN2, **options) == status
        for wrong in (101, 299, 599, "no"):
            with pytest.raises(ValueError, match="refuse_connects is"):
                server.faults.refuse_connects = wrong  # type: ignore[assignment]
        assert server.faults.refuse_connects == 503
        server.faults.clear()
        assert server.faults.refuse_connects is None
        async with (
            RawSocket(server.websocket_url + VSN2) as socket,
            RawSocket(server.websocket_url + VSN2) as other,
        ):
            server.faults.refuse_joins = {"reason": "full"}
            assert await socket.join() == {"response": {"reason": "full"}, "status": "error"}
            server.faults.clear()
            chosen = server.connections
            for connection in chosen:
                connection.faults.refuse_joins = {"reason": "not you"}
            chosen[0].faults.clear()
            statuses = sorted([(await socket.join())["status"], (await other.join())["status"]])
            assert statuses == ["error", "ok"]


async def test_dropping_and_delaying_replies() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        server.faults.drop_replies = 2
        for ref in "234":
            socket.send_json("1", ref, "room:a", "echo", {})
        assert (await socket.recv_json())[1] == "4"
        assert server.stats["dropped_replies"] == 2
        assert server.stats["replies"] == 1
        server.faults.reply_delay_s = 0.02
        socket.send_json("1", "5", "room:a", "echo", {})
        await socket.recv_nothing()
        assert (await socket.recv_json())[1] == "5"
        assert server.stats["delayed_replies"] == 1
        assert server.stats["replies"] == 2
        server.faults.drop_heartbeats = True
        socket.send_json(None, "6", "phoenix", "heartbeat", {})
        await server.wait_until(lambda stats: stats["heartbeats"] == 2)
        server.faults.clear()
        await socket.recv_nothing()


async def test_a_queue_of_one() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        server.faults.service_s = 0.02
        sent_s = time.monotonic()
        for ref in range(2, 12):
            socket.send_json("1", str(ref), "room:a", "echo", {})
        refs = [(await socket.recv_json())[1] for _ in range(10)]
        assert refs == [str(ref) for ref in range(2, 12)]
        # Not one leaves before its turn; how much later it is read is this machine's affair.
        assert time.monotonic() - sent_s >= 0.2
        assert server.stats["delayed_replies"] == 10
        server.faults.clear()
        socket.send_json("1", "12", "room:a", "echo", {})
        assert (await socket.recv_json())[1] == "12"
        assert server.stats["delayed_replies"] == 10


async def test_a_limit_of_connections() -> None:
    async with demo_server() as server:
        async with RawSocket(server.websocket_url + VSN2):
            server.faults.max_connections = 1
            assert await refusal(server.websocket_url + VSN2) == 503
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        async with RawSocket(server.websocket_url + VSN2):
            assert server.stats["refused"] == 1


async def test_truncating_frames() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        server.connections[0].faults.truncate_frames = 1
        socket.send_json("1", "2", "room:a", "echo", {"n": 1})
        whole = '["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]'
        assert await socket.recv() == ("text", whole[: len(whole) // 2])
        await socket.recv_nothing()
        assert server.stats["truncated_frames"] == 1


async def test_cutting_and_crashing() -> None:
    async with demo_server() as server:
        url = server.websocket_url + VSN2
        async with RawSocket(url) as one, RawSocket(url) as two:
            for socket in (one, two):
                await socket.join("room:a")
                await socket.join("room:b")
            assert server.crash_channels("room:a") == 2
            for socket in (one, two):
                assert (await socket.recv_json())[2:] == ["room:a", "phx_error", {"reason": "channel_crash"}]
            assert server.topics == {"room:b": 2}
            assert server.cut(1) == 1
            await server.wait_until(lambda stats: stats["connections_open"] == 1)
            assert server.cut() == 1
            assert await one.recv() == await two.recv() == ("close", 1006)
            assert server.stats["crashes"] == 2


async def test_a_stall_holds_back_both_ways_and_loses_nothing() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        server.stall(3600.0)
        for ref in range(2, 50):
            socket.send_json("1", str(ref), "room:a", "echo", {})
        server.broadcast("room:a", "news", {})
        async with RawSocket(server.websocket_url + VSN2) as late:
            late.send_json("1", "1", "room:a", "phx_join", {})
            with pytest.raises(TimeoutError):
                await socket.recv(0.05)
            assert server.stats["pushes"] == 0
            assert late.arrived.empty()
            server.stall(0)
            assert (await socket.recv_json())[3] == "news"
            assert [(await socket.recv_json())[1] for _ in range(2, 50)] == [str(ref) for ref in range(2, 50)]
            assert (await late.recv_json())[3] == "phx_reply"
        await socket.recv_nothing()


async def test_every_frame_is_counted() -> None:
    async with demo_server() as server:
        async with RawSocket(server.websocket_url + VSN2) as socket:
            sent = received = 0

            async def exchange(*frame: Any, answers: int = 1) -> None:
                nonlocal sent, received
                text = json.dumps(frame)
                socket.send(text)
                sent += len(text)
                for _ in range(answers):
                    received += len((await socket.recv())[1])

            await exchange("1", "1", "room:a", "phx_join", {})
            await exchange("1", "2", "room:denied", "phx_join", {})
            await exchange("1", "2", "nope", "phx_join", {})
            await exchange("1", "3", "room:a", "echo", {})
            await exchange("1", "4", "room:a", "echo_error", {})
            await exchange("1", "5", "room:a", "noreply", {}, answers=0)
            await exchange("0", "6", "room:a", "echo", {}, answers=0)
            await exchange("1", "7", "room:a", "push", {})
            await exchange("1", "8", "room:a", "new_msg", {})
            await exchange("1", "9", "room:b", "echo", {})
            await exchange(None, "10", "phoenix", "heartbeat", {})
            await exchange("1", "11", "room:a", "stop", {})
            await exchange("12", "12", "room:a", "phx_join", {})
            await exchange("12", "13", "room:a", "crash", {})
            await exchange("14", "14", "room:a", "phx_join", {})
            await exchange("14", "15", "room:a", "phx_leave", {}, answers=2)
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        assert {name: count for name, count in server.stats.items() if count} == {
            "connections": 1,
            "joins": 3,
            "join_errors": 2,
            "leaves": 1,
            "pushes": 7,
            "replies": 2,
            "server_pushes": 1,
            "broadcasts": 1,
            "deliveries": 1,
            "closes": 2,
            "crashes": 1,
            "heartbeats": 1,
            "unmatched": 1,
            "stale": 1,
            "frames_received": 16,
            "frames_sent": 15,
            "bytes_received": sent,
            "bytes_sent": received,
        }


# In a thread.


@pytest.mark.parametrize("use_uvloop", [True, False])
async def test_in_a_thread_of_its_own(use_uvloop: bool) -> None:
    def run() -> Callable[[], int]:
        with demo_server(use_uvloop=use_uvloop) as server:
            assert server.connections == []
            future = asyncio.run_coroutine_threadsafe(talk(server), loop)
            future.result(10)
            assert server.stats["joins"] == 1
            assert server.disconnect() == 1
            return lambda: threading.active_count()

    async def talk(server: Server) -> None:
        socket = await RawSocket(server.websocket_url + VSN2).__aenter__()
        await socket.join()
        sent = await asyncio.to_thread(server.broadcast, "room:a", "news", {"n": 1})
        assert sent == 1
        assert (await socket.recv_json())[4] == {"n": 1}
        sockets.append(socket)

    loop = asyncio.get_running_loop()
    sockets: list[RawSocket] = []
    before = {thread.name for thread in threading.enumerate()}
    await asyncio.to_thread(run)
    assert "fastphx-server" not in {thread.name for thread in threading.enumerate()} - before
    assert await sockets[0].recv() in (("close", 1001), ("close", 1006))
    await sockets[0].__aexit__()


def test_a_thread_that_cannot_listen_says_so() -> None:
    with demo_server() as server, pytest.raises(OSError, match="in use"):
        demo_server(port=server.port).__enter__()


# What breaks the WebSocket protocol.


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame whose first byte is *first*, masked with zeros."""
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


@pytest.mark.parametrize("bits", [0x40, 0x20, 0x10, 0x60])
@pytest.mark.parametrize("opcode", [1, 2, 9, 0])
@pytest.mark.parametrize("compress", [False, True])
async def test_a_reserved_bit_that_has_no_meaning_closes_with_1002(
    bits: int, opcode: int, compress: bool
) -> None:
    async with demo_server(compress=compress) as server, RawSocket(server.websocket_url + VSN2) as socket:
        socket.transport.underlying_transport.write(masked(0x80 | bits | opcode, b"{}"))
        assert await socket.recv() == ("close", 1002)
        assert server.stats["bad_frames"] == 1


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535])
async def test_a_close_code_that_may_not_be_sent_is_answered_with_1002(code: int) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        socket.transport.underlying_transport.write(masked(0x88, code.to_bytes(2, "big")))
        assert await socket.recv() == ("close", 1002)


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
@pytest.mark.parametrize("payload", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82"])
@pytest.mark.parametrize("fragmented", [False, True])
async def test_a_text_message_that_is_not_utf8_closes_with_1007(
    vsn: str, payload: bytes, fragmented: bool
) -> None:
    async with demo_server() as server, RawSocket(f"{server.websocket_url}?vsn={vsn}") as socket:
        message = b'["1","1","room:a","phx_join",{"x":"' + payload + b'"}]'
        if fragmented:
            socket.transport.send(WSMsgType.TEXT, message[:36], fin=False)
            socket.transport.send(WSMsgType.CONTINUATION, message[36:])
        else:
            socket.transport.send(WSMsgType.TEXT, message)
        assert await socket.recv() == ("close", 1007)
        assert server.stats["bad_frames"] == 1
        assert server.stats["joins"] == 0


async def test_a_character_may_be_cut_by_fragments() -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        message = '["1","1","room:ä€😀","phx_join",{}]'.encode()
        for index in range(len(message)):
            socket.transport.send(
                WSMsgType.TEXT if index == 0 else WSMsgType.CONTINUATION,
                message[index : index + 1],
                fin=index == len(message) - 1,
            )
        assert (await socket.recv_json())[2] == "room:ä€😀"
