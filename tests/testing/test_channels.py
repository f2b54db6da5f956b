"""Channel classes: what their callbacks return, how they end, whom a broadcast reaches."""

import asyncio
from typing import Any

import pytest

import fastphx
import fastphx.testing
from fastphx.errors import EncodingError
from fastphx.protocol.frame_write import RawJson
from fastphx.protocol.message import Message
from fastphx.testing import Server, ServerChannel, ServerConnection, ServerReply, ServerStop
from tests.testing.raw_socket import RawSocket

VSN2 = "?vsn=2.0.0"


class Room(ServerChannel):
    """Does what each test's event asks for, and notes how it ended."""

    ended: list[Any] = []  # noqa: RUF012 - each test clears it

    def join(self, topic: str, payload: Any) -> Any:
        if payload.get("slow"):
            return self.slow_join(payload["slow"])
        return payload["answer"](self) if callable(payload.get("answer")) else None

    async def slow_join(self, milliseconds: float) -> ServerReply:
        await asyncio.sleep(milliseconds / 1000)
        if milliseconds > 40:
            raise RuntimeError("too slow")
        return ServerReply("ok", {"slow": True})

    async def slow(self, message: Message) -> Any:
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        if message.payload.get("crash"):
            raise RuntimeError("crashed while it was slow")
        return ServerReply("ok", {"slow": message.payload["n"]})

    def handle_in(self, event: str, message: Message) -> Any:
        match event:
            case "slow":
                return self.slow(message)
            case "fast":
                return ServerReply("ok", {"fast": message.payload["n"]})
            case "info":
                self.send_info({"n": message.payload["n"]})
                return ServerReply("ok")
            case "stall":
                self.socket.stall(0.05)
                return ServerReply("ok")
            case "later":
                asyncio.get_running_loop().call_soon(self.reply, message, ServerReply("ok", {"later": True}))
                return None
            case "after":
                self.send_after(0.01, {"n": "after"})
                return None
            case "others":
                assert self.broadcast_from("from_other", message.payload) == 1
                return None
            case "raw":
                return ServerReply("ok", RawJson('{"z": 1,"a":2}'))
            case "sorted":
                return ServerReply("ok", {"z": 1, "a": {"y": 2, "b": 3}})
            case "status":
                return ServerReply("teapot", {})
            case "binary":
                return ServerReply("ok", b"\x00\xff")
            case "unencodable":
                return ServerReply("ok", {"it": object()})
            case "wrong":
                return 42
            case "odd_stop":
                return ServerStop("tired", ServerReply("ok", {"bye": 1}))
            case "shutdown":
                return ServerStop(("shutdown", "for a reason"))
        return super().handle_in(event, message)

    def handle_info(self, message: Any) -> Any:
        if message.get("n") == "stop":
            return ServerStop("normal")
        self.push("info", message)
        return None

    def terminate(self, reason: Any) -> None:
        self.ended.append(repr(reason) if isinstance(reason, Exception) else reason)


@pytest.fixture(autouse=True)
def _clear() -> None:
    Room.ended.clear()


def room_server(**options: Any) -> Server:
    return Server({"room:*": Room, "exact": Room}, **options)


async def test_one_callback_at_a_time_in_the_order_of_arrival() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        for ref, event in enumerate(["slow", "fast", "slow", "info", "fast"], 2):
            socket.send_json("1", str(ref), "room:a", event, {"n": ref})
        await socket.recv_nothing()  # heartbeats are not held up by a channel
        arrived = [await socket.recv_json() for _ in range(6)]
        assert [(frame[1], frame[4].get("response", frame[4])) for frame in arrived] == [
            ("2", {"slow": 2}),
            ("3", {"fast": 3}),
            ("4", {"slow": 4}),
            ("5", {}),
            ("6", {"fast": 6}),
            (None, {"n": 5}),
        ]
        assert server.stats["pushes"] == 5
        assert server.stats["replies"] == 5
        assert server.stats["server_pushes"] == 1


async def test_a_slow_join_holds_up_its_topic_only() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        socket.send_json("1", "1", "room:a", "phx_join", {"slow": 20})
        socket.send_json("1", "2", "room:a", "fast", {"n": 2})
        socket.send_json("3", "3", "room:b", "phx_join", {})
        assert [(await socket.recv_json())[1] for _ in range(3)] == ["3", "1", "2"]
        socket.send_json("4", "4", "room:c", "phx_join", {"slow": 50})
        assert (await socket.recv_json())[4] == {"response": {"reason": "join crashed"}, "status": "error"}
        assert server.stats["joins"] == 2
        assert server.stats["join_errors"] == 1


async def test_the_old_channel_is_closed_after_the_reply_to_a_slow_join_of_its_topic() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("2", "2", "room:a", "phx_join", {"slow": 1})
        assert [(await socket.recv_json())[:4] for _ in range(2)] == [
            ["2", "2", "room:a", "phx_reply"],
            ["1", "1", "room:a", "phx_close"],
        ]
        # A join that comes while the other is under way ends that one too.
        socket.send_json("3", "3", "room:a", "phx_join", {"slow": 3_600_000})
        socket.send_json("4", "4", "room:a", "phx_join", {})
        assert [(await socket.recv_json())[:4] for _ in range(3)] == [
            ["2", "2", "room:a", "phx_close"],
            ["4", "4", "room:a", "phx_reply"],
            ["3", "3", "room:a", "phx_close"],
        ]
        assert server.topics == {"room:a": 1}


async def test_a_channel_that_cannot_be_made_is_a_join_that_crashed() -> None:
    def make() -> ServerChannel:
        raise ZeroDivisionError("in the constructor")

    async with Server({"made": make, "no": object}, sockets=None) as server:  # type: ignore[dict-item]
        async with RawSocket(server.websocket_url + VSN2) as socket:
            for topic in ("made", "no"):
                refused = {"response": {"reason": "join crashed"}, "status": "error"}
                assert await socket.join(topic) == refused
            await socket.recv_nothing()
        assert server.stats["crashes"] == 2


async def test_a_leave_waits_for_the_callback_before_it() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "slow", {"n": 2})
        socket.send_json("1", "3", "room:a", "phx_leave", {})
        assert [(await socket.recv_json())[3] for _ in range(3)] == ["phx_reply", "phx_reply", "phx_close"]
        assert Room.ended == ["left"]


async def test_a_slow_callback_that_raises_crashes_the_channel() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "slow", {"n": 2, "crash": True})
        assert await socket.recv_json() == ["1", "1", "room:a", "phx_error", {"reason": "channel_crash"}]
        assert Room.ended == ["RuntimeError('crashed while it was slow')"]
        assert server.stats["crashes"] == 1


async def test_a_callback_is_cancelled_with_its_socket() -> None:
    async with room_server() as server:
        async with RawSocket(server.websocket_url + VSN2) as socket:
            await socket.join()
            socket.send_json("1", "2", "room:a", "slow", {"n": 2})
            await server.wait_until(lambda stats: stats["pushes"] == 1)
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        await asyncio.sleep(0)
        assert Room.ended == ["closed", "cancelled"]
        assert server.stats["replies"] == 0


async def test_what_was_read_before_a_stall_is_handled_after_it() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        # One loop runs both sides: the server reads these in one go.
        for ref, event in enumerate(["stall", "fast", "fast"], 2):
            socket.send_json("1", str(ref), "room:a", event, {"n": ref})
        await server.wait_until(lambda stats: stats["pushes"] == 1)
        assert socket.arrived.empty()
        assert [(await socket.recv_json())[1] for _ in range(3)] == ["2", "3", "4"]


async def test_replies_and_infos_that_come_later() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "later", {})
        assert (await socket.recv_json())[4]["response"] == {"later": True}
        socket.send_json("1", "3", "room:a", "after", {})
        assert await socket.recv_json() == ["1", None, "room:a", "info", {"n": "after"}]
        [connection] = server.connections
        channel = connection.channels["room:a"]
        channel.send_info({"n": "stop"})
        channel.send_info({"n": "never"})
        assert (await socket.recv_json())[3] == "phx_close"
        assert not channel.is_joined
        channel.send_info({"n": "too late"})
        await socket.recv_nothing()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("raw", '["1","2","room:a","phx_reply",{"response":{"z": 1,"a":2},"status":"ok"}]'),
        ("sorted", '["1","2","room:a","phx_reply",{"response":{"a":{"b":3,"y":2},"z":1},"status":"ok"}]'),
        ("status", '["1","2","room:a","phx_reply",{"response":{},"status":"teapot"}]'),
        ("unencodable", '["1","1","room:a","phx_error",{"reason":"channel_crash"}]'),
        ("wrong", '["1","1","room:a","phx_error",{"reason":"channel_crash"}]'),
        ("no_such_event", '["1","1","room:a","phx_error",{"reason":"channel_crash"}]'),
        ("shutdown", '["1","1","room:a","phx_close",{}]'),
    ],
)
async def test_what_a_callback_returns(event: str, expected: str) -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", event, {})
        assert await socket.recv() == ("text", expected)
        await socket.recv_nothing()


async def test_a_reply_and_then_an_odd_end() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "odd_stop", {})
        assert (await socket.recv_json())[4]["response"] == {"bye": 1}
        assert (await socket.recv_json())[3] == "phx_error"
        assert Room.ended == ["tired"]


async def test_binary_answers_a_text_push_and_crashes_vsn_1() -> None:
    async with room_server() as server:
        async with RawSocket(server.websocket_url + VSN2) as socket:
            await socket.join()
            socket.send_json("1", "2", "room:a", "binary", {})
            assert await socket.recv() == ("hex", "01010106023132726f6f6d3a616f6b00ff")
        async with RawSocket(server.websocket_url) as socket:
            socket.send('{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}')
            await socket.recv()
            socket.send('{"topic":"room:a","event":"binary","payload":{},"ref":"2"}')
            expected = (
                '{"event":"phx_error","payload":{"reason":"channel_crash"},"ref":null,"topic":"room:a"}'
            )
            assert await socket.recv() == ("text", expected)


@pytest.mark.parametrize(
    ("join_ref", "ref"), [('"é"', '"b\\"c"'), ("0", "-7"), ('"007"', '""'), ("null", "null")]
)
async def test_refs_come_back_as_they_were_sent(join_ref: str, ref: str) -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        for event, response in [("phx_join", "{}"), ("raw", '{"z": 1,"a":2}')]:
            socket.send(f'[{join_ref},{ref},"room:\\u00e9","{event}",{{}}]')
            expected = f'[{join_ref},{ref},"room:é","phx_reply",{{"response":{response},"status":"ok"}}]'
            assert await socket.recv() == ("text", expected)


async def test_a_ref_is_compared_as_a_value_not_as_it_is_spelled() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        socket.send('["a\\u0062","1","room:a","phx_join",{}]')
        assert (await socket.recv_json())[0] == "ab"
        socket.send_json("ab", "2", "room:a", "raw", {})
        assert (await socket.recv_json())[1] == "2"
        for stale in ("ac", 1, None):
            socket.send_json(stale, "3", "room:a", "raw", {})
        await socket.recv_nothing()
        assert server.stats["stale"] == 3


async def test_many_messages_wait_for_one_callback() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "slow", {"n": 2})
        for _ in range(5000):
            socket.send_json("1", "3", "room:a", "fast", {"n": 3})
        await server.wait_until(lambda stats: stats["replies"] == 5001)


async def test_a_broadcast_reaches_every_subscriber_of_its_topic_in_its_own_vsn() -> None:
    async with room_server() as server:
        url = server.websocket_url
        async with RawSocket(url + VSN2) as one, RawSocket(url + VSN2) as two, RawSocket(url) as old:
            await one.join()
            await two.join("room:b")
            old.send('{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}')
            await old.recv()
            assert server.topics == {"room:a": 2, "room:b": 1}
            assert server.broadcast("room:a", "news", {"b": 1, "a": "é"}) == 2
            assert server.broadcast("room:nobody", "news", {}) == 0
            assert await one.recv() == ("text", '[null,null,"room:a","news",{"a":"é","b":1}]')
            expected = '{"event":"news","payload":{"a":"é","b":1},"ref":null,"topic":"room:a"}'
            assert await old.recv() == ("text", expected)
            assert server.broadcast("room:a", "bytes", b"\x01") == 1
            assert await one.recv() == ("hex", "020605726f6f6d3a61627974657301")
            one.send_json("1", "2", "room:a", "others", {"hi": 1})
            assert (await old.recv())[1] == (
                '{"event":"from_other","payload":{"hi":1},"ref":null,"topic":"room:a"}'
            )
            await one.recv_nothing()
            await two.recv_nothing()
            stats = server.stats
            assert (stats["broadcasts"], stats["deliveries"], stats["undeliverable"]) == (4, 4, 1)
            with pytest.raises(EncodingError, match="payload"):
                server.broadcast("room:a", "news", {"it": object()})


async def test_patterns_are_tried_in_order() -> None:
    class Special(Room):
        pass

    async with (
        Server({"room:special": Special, "room:*": Room}) as server,
        RawSocket(server.websocket_url + VSN2) as socket,
    ):
        await socket.join("room:special")
        await socket.join("room:specials")
        [connection] = server.connections
        kinds = {topic: type(channel) for topic, channel in connection.channels.items()}
        assert kinds == {"room:special": Special, "room:specials": Room}
    with pytest.raises(ValueError, match="only at its end"):
        Server({"room:*:x": Room})


async def test_a_monitor_is_called_before_terminate() -> None:
    async with room_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        [connection] = server.connections
        assert isinstance(connection, ServerConnection)
        connection.channels["room:a"].monitor(lambda reason: Room.ended.append(("monitor", reason)))
        socket.send_json("1", "2", "room:a", "phx_leave", {})
        await socket.recv()
        assert Room.ended == [("monitor", "left"), "left"]


async def test_terminate_that_raises_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Rude(ServerChannel):
        def terminate(self, reason: Any) -> None:
            raise RuntimeError("not like this")

    async with Server({"room:*": Rude}) as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send_json("1", "2", "room:a", "phx_leave", {})
        assert (await socket.recv_json())[1] == "2"
        assert (await socket.recv_json())[3] == "phx_close"
        assert "not like this" in caplog.text


async def test_wait_until_says_what_it_waited_for() -> None:
    async with room_server() as server:
        with pytest.raises(TimeoutError, match="'joins': 0"):
            await server.wait_until(lambda stats: stats["joins"] == 1, 0.01)


async def test_a_channel_has_no_socket_before_its_join() -> None:
    room = Room()
    for use in (
        lambda: room.push("early"),
        lambda: room.broadcast("early"),
        lambda: room.broadcast_from("early"),
        lambda: room.send_info("early"),
        lambda: room.send_after(1, "early"),
    ):
        with pytest.raises(RuntimeError, match="Room has no socket before its join"):
            use()


async def test_a_route_that_makes_no_channel_is_a_join_that_crashes() -> None:
    routes: dict[str, Any] = {"room:*": lambda: None, "text:*": str}
    async with Server(routes) as server, RawSocket(server.websocket_url + VSN2) as socket:
        for ref, topic in enumerate(["room:a", "text:a"]):
            socket.send_json(str(ref), str(ref), topic, "phx_join", {})
            assert (await socket.recv_json())[4] == {
                "response": {"reason": "join crashed"},
                "status": "error",
            }
        assert server.stats["crashes"] == 2


@pytest.mark.parametrize("name", ["Channel", "Connection", "Presence", "Reply", "Stop"])
def test_the_short_names_are_there_too(name: str) -> None:
    assert getattr(fastphx.testing, name) is getattr(fastphx.testing, f"Server{name}")
    assert name in fastphx.testing.__all__
    assert fastphx.testing.JoinRefusedError is fastphx.JoinError
