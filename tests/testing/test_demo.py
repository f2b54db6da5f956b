"""The demo channels, where the recorded scenarios do not go."""

from typing import Any

import pytest

from fastphx.testing import Server, ServerChannel, ServerPresence, ServerReply, demo_server
from tests.testing.raw_socket import RawSocket

VSN2 = "?vsn=2.0.0"


@pytest.mark.parametrize(
    ("event", "payload", "answers"),
    [
        (
            "echo",
            '{"b":"a b","a":1}',
            ['["1","2","room:a","phx_reply",{"response":{"a":1,"b":"a b"},"status":"ok"}]'],
        ),
        (
            "echo",
            '{"b":1,"a":2}',
            ['["1","2","room:a","phx_reply",{"response":{"b":1,"a":2},"status":"ok"}]'],
        ),
        ("slow", '{"ms":1}', ['["1","2","room:a","phx_reply",{"response":{"ms":1},"status":"ok"}]']),
        (
            "stop_reply",
            '{"n":1}',
            [
                '["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]',
                '["1","1","room:a","phx_close",{}]',
            ],
        ),
        ("unknown", "{}", ['["1","1","room:a","phx_error",{"reason":"channel_crash"}]']),
    ],
)
async def test_events_of_a_room(event: str, payload: str, answers: list[str]) -> None:
    async with demo_server() as server, RawSocket(server.websocket_url + VSN2) as socket:
        await socket.join()
        socket.send(f'["1","2","room:a","{event}",{payload}]')
        for answer in answers:
            assert await socket.recv() == ("text", answer)
        await socket.recv_nothing()


async def test_a_fan_reaches_all_of_its_topic() -> None:
    async with demo_server() as server:
        url = server.websocket_url + VSN2
        async with RawSocket(url) as one, RawSocket(url) as two, RawSocket(url) as other:
            for socket, topic in ((one, "fan:a"), (two, "fan:a"), (other, "fan:b")):
                assert await socket.join(topic) == {"response": {}, "status": "ok"}
            one.send('["1","2","fan:a","tick",{"n":1}]')
            one.send(bytes.fromhex("0001010504" + b"12fan:atick".hex() + "00ff"))
            for socket in (one, two):
                assert await socket.recv() == ("text", '[null,null,"fan:a","tick",{"n":1}]')
                assert await socket.recv() == ("hex", "020504" + b"fan:atick".hex() + "00ff")
            await other.recv_nothing()
            stats = server.stats
            assert (stats["pushes"], stats["broadcasts"], stats["deliveries"]) == (2, 2, 4)


async def test_presences_come_and_go() -> None:
    async with demo_server() as server:
        url = server.websocket_url + VSN2
        async with RawSocket(url) as watcher:
            await watcher.join("presence:p", {"user": "eve"})
            assert [(await watcher.recv_json())[3] for _ in range(2)] == ["presence_diff", "presence_state"]
            async with RawSocket(url) as phone, RawSocket(url) as laptop:
                for socket in (phone, laptop):
                    await socket.join("presence:p", {"user": "ann"})
                    assert list((await watcher.recv_json())[4]["joins"]) == ["ann"]
                await laptop.recv_json()
                state = (await laptop.recv_json())[4]
                assert {user: len(entry["metas"]) for user, entry in state.items()} == {"eve": 1, "ann": 2}
                refs = [meta["phx_ref"] for meta in state["ann"]["metas"]]
                assert len(set(refs)) == 2
                phone.send_json("1", "2", "presence:p", "phx_leave", {})
                left = (await watcher.recv_json())[4]
                assert left == {"joins": {}, "leaves": {"ann": {"metas": [state["ann"]["metas"][0]]}}}
            gone = (await watcher.recv_json())[4]["leaves"]["ann"]["metas"]
            assert [meta["phx_ref"] for meta in gone] == refs[1:]
        assert (await _refused(server))["response"] == {"reason": "no user"}


async def _refused(server: Server) -> Any:
    async with RawSocket(server.websocket_url + VSN2) as socket:
        return await socket.join("presence:p", {})


async def test_a_presence_is_tracked_once_a_channel() -> None:
    presence = ServerPresence()

    class Tracked(ServerChannel):
        def join(self, topic: str, payload: Any) -> ServerReply:
            presence.track(self, "k", {"n": 1})
            with pytest.raises(ValueError, match="already tracked"):
                presence.track(self, "k", {"n": 2})
            presence.untrack(self, "nobody")
            return ServerReply("error" if payload.get("refuse") else "ok", presence.list(topic))

    async with Server({"t": Tracked}) as server:
        async with RawSocket(server.websocket_url + VSN2) as socket:
            assert (await socket.join("t", {"refuse": True}))["status"] == "error"
            assert presence.list("t") == {}
        async with RawSocket(server.websocket_url + VSN2) as socket:
            [meta] = (await socket.join("t"))["response"]["k"]["metas"]
            assert meta["n"] == 1
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        assert presence.list("t") == {}
