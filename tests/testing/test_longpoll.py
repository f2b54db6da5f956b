"""Long polling on the embedded server: what a real Phoenix was recorded to answer, and how sessions end."""

import asyncio
import base64
import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from fastphx.protocol.frame_write import encode_binary_push
from fastphx.testing import Server, ServerChannel, demo_server
from tests.testing.raw_socket import RawSocket

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "longpoll.json").read_text())["exchanges"]
TIMEOUT = aiohttp.ClientTimeout(total=5)
NDJSON = {"Content-Type": "application/x-ndjson"}


class Poller:
    """Does one request after the other, and keeps the session's token."""

    def __init__(self, http: aiohttp.ClientSession, server: Server, query: str = "vsn=2.0.0") -> None:
        self.http = http
        self.url = f"{server.longpoll_url}?{query}"
        self.token = ""

    async def request(self, method: str, body: str | None = None) -> tuple[int, str]:
        url = self.url + (f"&token={self.token}" if self.token else "")
        async with self.http.request(
            method, URL(url, encoded=True), data=body, headers=NDJSON, timeout=TIMEOUT
        ) as response:
            return response.status, await response.text()

    async def get(self) -> dict[str, Any]:
        status, text = await self.request("GET")
        assert status == 200
        answer: dict[str, Any] = json.loads(text)
        return answer

    async def open(self) -> None:
        answer = await self.get()
        assert answer["status"] == 410
        self.token = answer["token"]

    async def post(self, *frames: str) -> dict[str, Any]:
        status, text = await self.request("POST", "\n".join(frames))
        assert status == 200
        answer: dict[str, Any] = json.loads(text)
        return answer


async def test_answers_as_phoenix_did() -> None:
    token = ""
    async with demo_server(longpoll=True, longpoll_window_s=0.05) as server, aiohttp.ClientSession() as http:
        for exchange in RECORDED:
            url = f"{server.longpoll_url}?{exchange['query'].replace('TOKEN', token)}"
            async with http.request(
                exchange["method"],
                URL(url, encoded=True),
                data=exchange["body"],
                headers=NDJSON if exchange["body"] else {},
                timeout=TIMEOUT,
            ) as response:
                text = await response.text()
                assert response.status == exchange["http_status"], exchange
            assert re.sub(r'"token":"[^"]+"', '"token":"TOKEN"', text) == exchange["response"]
            if not token:
                token = json.loads(text)["token"]
        assert server.stats["joins"] == 1
        assert server.stats["pushes"] == 2


async def test_a_poll_waits_for_the_message() -> None:
    async with demo_server(longpoll=True) as server, aiohttp.ClientSession() as http:
        poller = Poller(http, server)
        await poller.open()
        assert await poller.post('["1","1","room:a","phx_join",{}]') == {"status": 200}
        assert (await poller.get())["status"] == 200
        poll = asyncio.ensure_future(poller.get())
        async with RawSocket(server.websocket_url + "?vsn=2.0.0") as websocket:
            await websocket.join("room:a")
            websocket.send_json("1", "2", "room:a", "new_msg", {"a": 1})
            assert (await poll)["messages"] == ['[null,null,"room:a","new_msg",{"a":1}]']


async def test_binary_frames_are_base64_in_both_directions() -> None:
    async with demo_server(longpoll=True) as server, aiohttp.ClientSession() as http:
        poller = Poller(http, server)
        await poller.open()
        push = base64.b64encode(encode_binary_push("1", "2", "room:a", "echo", b"\x00\n\xff")).decode()
        await poller.post('["1","1","room:a","phx_join",{}]', push)
        messages = (await poller.get())["messages"]
        if len(messages) == 1:
            messages += (await poller.get())["messages"]
        assert messages[0].startswith('["1","1","room:a","phx_reply"')
        assert base64.b64decode(messages[1]).endswith(b"room:aok\x00\n\xff")


async def test_a_session_that_was_ended_is_gone() -> None:
    async with demo_server(longpoll=True) as server, aiohttp.ClientSession() as http:
        poller = Poller(http, server)
        await poller.open()
        old = poller.token
        poll = asyncio.ensure_future(poller.get())
        await poller.post('["1","1","room:a","phx_join",{}]')
        await poll
        poll = asyncio.ensure_future(poller.get())
        await poller.post('["1","2","room:a","kick",{}]')
        # Long before the window's ten seconds; 410 where the poll came after the kick.
        assert (await poll)["status"] in (204, 410)
        assert await poller.post('["1","1","room:a","phx_join",{}]') == {"status": 410}
        again = await poller.get()
        assert again["status"] == 410
        assert again["token"] != old


async def test_a_session_that_nobody_polls_ends_with_the_idle_timeout() -> None:
    server = demo_server(longpoll=True, idle_timeout_s=0.2, longpoll_window_s=0.5)
    async with server, aiohttp.ClientSession() as http:
        poller = Poller(http, server)
        await poller.open()
        assert (await poller.get())["status"] == 204
        assert (await poller.get())["status"] == 204
        await server.wait_until(lambda stats: stats["connections_open"] == 0)
        assert server.stats["idle_timeouts"] == 1


async def test_what_is_refused() -> None:
    async with demo_server(longpoll=True) as server, aiohttp.ClientSession() as http:
        poller = Poller(http, server, "vsn=9.0.0")
        assert await poller.get() == {"status": 403}
        poller = Poller(http, server)
        poller.url = server.longpoll_url.replace("/socket/", "/nowhere/")
        assert (await poller.request("GET"))[0] == 404
        server.faults.refuse_connects = 503
        poller = Poller(http, server)
        assert (await poller.request("GET"))[0] == 503
        assert (await poller.request("PUT"))[0] == 400
        server.drain()
        assert (await poller.request("GET"))[0] == 503


async def test_a_page_of_another_origin_may_poll() -> None:
    async with demo_server(longpoll=True) as server, aiohttp.ClientSession() as http:
        asked = {
            "Origin": "http://elsewhere.test",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-phoenix-authtoken",
        }
        async with http.options(server.longpoll_url, headers=asked, timeout=TIMEOUT) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers["Access-Control-Allow-Headers"] == "content-type, x-phoenix-authtoken"
        poller = Poller(http, server)
        for status, token in ((410, ""), (403, "bad")):
            async with http.get(f"{poller.url}&token={token}", timeout=TIMEOUT) as response:
                assert json.loads(await response.text())["status"] == status
                assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_the_auth_token_comes_from_its_header() -> None:
    seen: list[str | None] = []

    def connect(handshake: Any) -> dict[str, str]:
        seen.append(handshake.auth_token)
        return {}

    headers = {"X-Phoenix-AuthToken": "s3cret/+"}
    server = Server(channels={}, connect=connect, longpoll=True)
    async with server, aiohttp.ClientSession(headers=headers) as http:
        await Poller(http, server).open()
    assert seen == ["s3cret/+"]


@pytest.mark.parametrize(
    "query",
    [
        "user=%C3%A9%26%3D",
        "user=a%2Bb+c%20d",
        "user=a%2525b&empty=",
        "list[]=1&list%5B%5D=2",
        "broken=%FF%zz",
        "vsn=1.0.0&vsn=2.0.0",
    ],
)
async def test_parameters_are_those_of_a_websocket(query: str) -> None:
    seen: list[Any] = []

    def connect(handshake: Any) -> dict[str, str]:
        seen.append((handshake.path, handshake.pairs))
        return {}

    server = Server(channels={"room:*": ServerChannel}, connect=connect, longpoll=True)
    async with server, aiohttp.ClientSession() as http:
        poller = Poller(http, server, f"vsn=2.0.0&{query}")
        await poller.open()
        async with RawSocket(f"{server.websocket_url}?vsn=2.0.0&{query}"):
            assert seen[0] == seen[1]
        await poller.post('["1","1","room:a","phx_join",{}]')
        [joined] = (await poller.get())["messages"]
        assert joined == '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'


async def test_a_connection_that_asks_for_nothing_is_not_kept() -> None:
    async with demo_server(longpoll=True) as server:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.setblocking(False)
            await loop.sock_sendall(raw, b"G" * 20_000)
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(loop.sock_recv(raw, 100), 5) == b""


async def test_reuse_port_is_refused() -> None:
    with pytest.raises(ValueError, match="reuse_port"):
        Server(channels={}, longpoll=True, reuse_port=True)
