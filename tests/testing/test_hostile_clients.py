"""Clients that mean harm: deep payloads, long names, control characters, and payloads of null."""

import json
import logging
from typing import Any

import pytest

from fastphx.protocol.message import Message
from fastphx.testing import Server, ServerChannel, ServerReply, demo_server
from tests.testing.raw_socket import RawSocket

VSN2 = "?vsn=2.0.0"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [300, 900, 2000, 100_000])
async def test_a_payload_that_nests_deep_crashes_its_channel_alone(depth: int) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        assert (await socket.join("room:other"))["status"] == "ok"
        crashed = {"response": {"reason": "join crashed"}, "status": "error"}
        socket.send(f'["2","2","room:a","phx_join",{nested(depth)}]')
        assert (await socket.recv_json())[4] == crashed
        assert (await socket.join("room:a"))["status"] == "ok"
        # What goes back as it came needs no decoding.
        socket.send(f'["1","3","room:a","echo",{nested(depth)}]')
        assert (await socket.recv())[1].startswith('["1","3","room:a","phx_reply"')
        socket.send(f'["1","4","room:a","echo", {nested(depth)[:-1]} ]]')
        assert (await socket.recv_json())[3] == "phx_error"
        socket.send_json("1", "5", "room:other", "echo", {})
        assert (await socket.recv_json())[:3] == ["1", "5", "room:other"]
        assert server.stats["connections_open"] == 1


@pytest.mark.parametrize("depth", [300, 900, 2000, 100_000])
async def test_it_does_so_with_vsn_1(depth: int) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url) as socket:
        other = '{"ref":"1","topic":"room:other","event":"EVENT","payload":{}}'
        socket.send(other.replace("EVENT", "phx_join"))
        assert (await socket.recv_json())["payload"]["status"] == "ok"
        frame = '{"x":[{}],"topic":"room:a","event":"phx_join","payload": PAYLOAD,"ref":"1"}'
        socket.send(frame.replace("PAYLOAD", nested(depth)))
        assert (await socket.recv_json())["payload"]["response"] == {"reason": "join crashed"}
        socket.send(frame.replace("PAYLOAD", "{}"))
        assert (await socket.recv_json())["payload"]["status"] == "ok"
        frame = frame.replace("phx_join", "echo")
        # What goes back as it came needs no decoding.
        socket.send(frame.replace("PAYLOAD", nested(depth)))
        assert f'"response":{nested(depth)}' in (await socket.recv())[1]
        socket.send(frame.replace("PAYLOAD", f"{nested(depth)[:-1]} ]"))
        assert (await socket.recv_json())["event"] == "phx_error"
        socket.send(other.replace("EVENT", "echo"))
        assert (await socket.recv_json())["payload"] == {"response": {}, "status": "ok"}
        assert server.stats["connections_open"] == 1


@pytest.mark.parametrize("depth", [300, 2000])
@pytest.mark.parametrize(
    "frame",
    [
        '{"topic":"room:a","event":"phx_join","payload":DEEP',
        '["payload",DEEP]',
        '{"topic":"room:a","event":"phx_join","payload":1,"ref":DEEP}',
        '{"topic":"room:a","payload":DEEP,"ref":"1"}',
    ],
)
async def test_a_deep_frame_that_is_no_message_is_malformed(frame: str, depth: int) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url) as socket:
        socket.send(frame.replace("DEEP", nested(depth)))
        assert await socket.recv() == ("close", 1011)


HOSTILE = "room:\x1b[2J\nERROR forged\u202e\x9b" + "t" * 1_000_000


async def test_names_are_one_short_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fastphx.testing")

    class Room(ServerChannel):
        def handle_in(self, event: str, message: Message) -> Any:
            if event == "raise":
                raise ValueError(message.payload)
            return super().handle_in(event, message)

    for server in (demo_server(), Server({"room:*": Room})):
        async with server, RawSocket(f"{server.websocket_url}{VSN2}&user=%1b%0a") as socket:
            for event in (HOSTILE, "raise"):
                assert (await socket.join(HOSTILE))["status"] == "ok"
                socket.send_json("1", "2", HOSTILE, event, HOSTILE)
                assert (await socket.recv_json())[3] == "phx_error"
            assert "\x1b" not in repr(server.connections).replace("\\x1b", "")
            socket.send(f'["1","1",null,{json.dumps(HOSTILE)},{{}}]')
            assert await socket.recv() == ("close", 1011)
    records = [record for record in caplog.records if record.name == "fastphx.testing"]
    assert len(records) == 6
    for record in records:
        text = record.getMessage()
        assert all(line.isprintable() for line in text.split("\n"))
        assert not any(line.startswith("ERROR forged") for line in text.split("\n"))
        assert len(text) < 5000


@pytest.mark.parametrize("topic", ["null", "1", "[]", '"\\ud800"', '"' + "x" * 2_000_000 + '"'])
@pytest.mark.parametrize("refs", ['"1","1"', "null,null", "[],{}", '"' + "r" * 1_000_000 + '","1"'])
async def test_hostile_refs_and_topics_leave_the_server_alone(topic: str, refs: str) -> None:
    async with demo_server() as server:
        async with RawSocket(server.websocket_url + VSN2) as socket:
            for event in ("phx_join", "echo", "phx_leave"):
                socket.send(f'[{refs},{topic},"{event}",{{}}]')
            kind, value = await socket.recv()
            assert kind == "text" or value == 1011
        async with RawSocket(server.websocket_url + VSN2) as socket:
            assert (await socket.join())["status"] == "ok"


async def test_none_is_null_and_nothing_is_an_empty_object() -> None:
    class Null(ServerChannel):
        def join(self, topic: str, payload: Any) -> ServerReply:
            return ServerReply("ok", None)

        def handle_in(self, event: str, message: Message) -> Any:
            self.push("push", None)
            self.push("push")
            self.broadcast("broadcast", None)
            self.broadcast("broadcast")
            self.reply(message, ServerReply("ok", None))
            return ServerReply("ok")

    async with Server({"a": Null}) as server, RawSocket(server.websocket_url + VSN2) as socket:
        assert (await socket.join("a"))["response"] is None
        socket.send_json("1", "2", "a", "x", None)
        payloads = [(await socket.recv_json())[4] for _ in range(6)]
        reply = {"response": None, "status": "ok"}
        assert payloads == [None, {}, None, {}, reply, {"response": {}, "status": "ok"}]
        server.broadcast("a", "x", None)
        server.broadcast("a", "x")
        assert [(await socket.recv_json())[4] for _ in range(2)] == [None, {}]
