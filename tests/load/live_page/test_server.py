"""Who is answered by a live page's server, and what; over real connections, by a feed that a test fills."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from yarl import URL

from fastphx.load.live_page import feed as feed_module
from fastphx.load.live_page import server as server_module
from fastphx.load.live_page.address import PageAddress
from fastphx.load.live_page.feed import MAX_VIEWERS, Feed, Moment
from fastphx.load.live_page.server import LivePageServer
from fastphx.load.plan.error import PlanError

TIMEOUT_S = 30.0
FILES = {"/": ("text/html; charset=utf-8", b"the page"), "/page.js": ("text/javascript; charset=utf-8", b"1")}


class Shown:
    """A server, what it shows, and who asks it."""

    def __init__(self, server: LivePageServer, client: aiohttp.ClientSession) -> None:
        self.server = server
        self.client = client
        self.feed = Feed(self.moment)
        self.moments = self.documents = self.stops = 0
        self.is_last = False
        self.size = 0
        self.faults: list[Exception] = []
        self.base = server.url.split("?")[0].rstrip("/")

    def moment(self) -> Moment:
        self.moments += 1
        number = self.moments

        def document(kind: str) -> dict[str, Any]:
            self.documents += 1
            return {"kind": kind, "moment": number, "filled": "x" * self.size}

        update = None if self.is_last else lambda: document("update")
        return Moment(lambda: document("whole"), update, self.is_last)

    def stopped(self) -> None:
        self.stops += 1

    async def ask(self, path: str, method: str = "GET", **headers: str) -> aiohttp.ClientResponse:
        answer = await self.client.request(
            method, f"{self.base}{path}", headers=headers, allow_redirects=False, timeout=_timeout()
        )
        if "event-stream" not in answer.headers.get("Content-Type", ""):
            await answer.read()
        return answer

    async def enter(self) -> None:
        """Get the cookie."""
        await (await self.client.get(self.server.url, timeout=_timeout())).read()

    async def watch(self, **headers: str) -> Viewer:
        answer = await self.ask("/events", **headers)
        assert answer.status == 200
        return Viewer(answer)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not reached():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


class Viewer:
    """One stream of events."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def event(self) -> tuple[int, str, dict[str, Any]]:
        """The next event: its id, its name and its data."""
        async with asyncio.timeout(TIMEOUT_S):
            text = await self.answer.content.readuntil(b"\n\n")
        found = re.fullmatch(rb"id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", text, re.DOTALL)
        assert found is not None, text[:200]
        return int(found[1]), found[2].decode(), orjson.loads(found[3])


def _timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S)


@asynccontextmanager
async def showing(address: PageAddress = PageAddress()) -> AsyncIterator[Shown]:  # noqa: B008
    server = await LivePageServer.listen(address)
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0), read_bufsize=2**25
    ) as client:
        shown = Shown(server, client)
        making = asyncio.create_task(shown.feed.run())
        await server.start(FILES, shown.feed, shown.stopped, shown.faults.append)
        try:
            yield shown
        finally:
            shown.is_last = True
            shown.feed.changed(hurry=True)
            await server.close()
            making.cancel()


@pytest.fixture
async def shown(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shown]:
    monkeypatch.setattr(feed_module, "INTERVAL_S", 0.01)
    # So nothing but the end of its connection tells that a viewer has gone.
    monkeypatch.setattr(server_module, "KEEP_ALIVE_S", 3600.0)
    async with showing() as shown:
        yield shown


# -- the way in


async def test_the_token_is_swapped_for_a_cookie(shown: Shown) -> None:
    refused = await shown.ask("/")
    assert refused.status == 403
    assert "open the address" in await refused.text()

    token = shown.server.url.partition("?")[2]
    swapped = await shown.ask(f"/?{token}")
    assert (swapped.status, swapped.headers["Location"]) == (303, "/")
    cookie = swapped.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert token.partition("=")[2] not in cookie

    page = await shown.ask("/")
    assert (page.status, await page.text()) == (200, "the page")
    script = await shown.ask("/page.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("token", ["", "x", "é", "%ff", "x" * 4000])
async def test_another_token_is_none(shown: Shown, token: str) -> None:
    await shown.enter()
    # Nor is it one for who has the cookie.
    refused = await shown.ask(f"/?token={token}")
    assert refused.status == 403
    assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("path", ["/", "/page.js", "/events", "/nothing"])
async def test_the_token_opens_only_the_page(shown: Shown, path: str) -> None:
    assert (await shown.ask(path)).status == 403
    token = shown.server.url.partition("?")[2]
    assert (await shown.ask(f"{path}?{token}")).status == (303 if path == "/" else 403)


async def test_another_cookie_is_none(shown: Shown) -> None:
    name = f"fastphx_{shown.base.rpartition(':')[2]}"
    for value in ("", "x", shown.server.url.rpartition("=")[2]):
        assert (await shown.ask("/", Cookie=f"{name}={value}")).status == 403


async def test_each_answer_says_what_a_browser_may_do_with_it(shown: Shown) -> None:
    answers = [await shown.ask("/"), await shown.ask("/?token=x"), await shown.ask("/", Host="evil.example")]
    await shown.enter()
    answers += [await shown.ask(path) for path in ("/", "/page.js", "/nothing", "/stop")]
    answers.append(await shown.ask("/stop", "POST"))
    answers.append((await shown.watch()).answer)
    assert [answer.status for answer in answers] == [403, 403, 421, 200, 200, 404, 405, 403, 200]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


# -- from where


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.evil.example"),
        *("127.0.0.2:{port}", "10.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:{port}:1", "[::1", "", "a b"),
    ],
)
async def test_a_wrong_host_is_refused(shown: Shown, host: str) -> None:
    await shown.enter()
    refused = await shown.ask("/", Host=host.format(port=shown.base.rpartition(":")[2]))
    assert refused.status == 421
    token = shown.server.url.partition("?")[2]
    assert (await shown.ask(f"/?{token}", Host=host)).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "LOCALHOST:{port}", "localhost:9000", "[::1]:9000"])
async def test_the_hosts_of_this_machine_are_its_own(shown: Shown, host: str) -> None:
    await shown.enter()
    assert (await shown.ask("/", Host=host.format(port=shown.base.rpartition(":")[2]))).status == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b" 421 "),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b" 4"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 20_000 + b"\r\n\r\n", b" 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b" 400 "),
    ],
)
async def test_a_broken_request_is_refused(shown: Shown, head: bytes, status: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shown.base.rpartition(":")[2]))
    writer.write(head)
    async with asyncio.timeout(TIMEOUT_S):
        assert status in await reader.readline()
    writer.close()


async def test_only_the_page_itself_may_stop_the_run(shown: Shown) -> None:
    port = shown.base.rpartition(":")[2]
    own = {"Origin": shown.base}
    assert (await shown.ask("/stop", "POST", **own)).status == 403
    await shown.enter()
    assert (await shown.ask("/stop", "GET", **own)).status == 405
    for origin in ("null", "http://evil.example", f"http://localhost:{port}", "http://127.0.0.1:1", ""):
        refused = await shown.ask("/stop", "POST", Origin=origin)
        assert refused.status == 403
        assert "only the page" in await refused.text()
    assert (await shown.ask("/stop", "POST")).status == 403
    assert shown.stops == 0
    assert (await shown.ask("/stop", "POST", **own)).status == 204
    assert shown.stops == 1


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
async def test_nothing_else_may_be_asked(shown: Shown, method: str) -> None:
    await shown.enter()
    for path in ("/", "/page.js", "/events"):
        refused = await shown.ask(path, method)
        assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert (await shown.ask("/../page.html", method)).status in (404, 405)


# -- events


async def test_events_are_a_whole_document_and_then_updates(shown: Shown) -> None:
    await shown.enter()
    viewer = await shown.watch()
    first, name, data = await viewer.event()
    assert (name, data["kind"]) == ("whole", "whole")
    for number in range(first + 1, first + 4):
        shown.feed.changed()
        told = await viewer.event()
        assert (told[0], told[1], told[2]["kind"]) == (number, "update", "update")


async def test_who_reconnects_is_told_all(shown: Shown) -> None:
    await shown.enter()
    watching, leaving = await shown.watch(), await shown.watch()
    last, _, _ = await leaving.event()
    leaving.answer.close()
    await watching.event()
    shown.feed.changed()
    await watching.event()

    back = await shown.watch(**{"Last-Event-ID": str(last)})
    number, name, _ = await back.event()
    assert name == "whole"
    assert number > last
    shown.feed.changed()
    assert [(await viewer.event())[1] for viewer in (watching, back)] == ["update", "update"]


async def test_nothing_is_made_for_nobody(shown: Shown) -> None:
    await shown.enter()
    for _ in range(5):
        shown.feed.changed()
        await asyncio.sleep(0.02)
    assert shown.moments == 0
    viewer = await shown.watch()
    await viewer.event()
    viewer.answer.close()
    await shown.until(lambda: shown.feed._viewers == 0)
    made = shown.moments
    for _ in range(5):
        shown.feed.changed()
        await asyncio.sleep(0.02)
    assert shown.moments == made


async def test_each_document_is_made_once_for_all(shown: Shown) -> None:
    await shown.enter()
    viewers = [await shown.watch() for _ in range(MAX_VIEWERS)]
    for viewer in viewers:
        await viewer.event()
    made = shown.documents
    shown.feed.changed()
    assert {(await viewer.event())[:2] for viewer in viewers} == {(shown.moments, "update")}
    assert shown.documents == made + 1


async def test_what_changes_often_is_told_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "INTERVAL_S", 3600.0)
    async with showing() as shown:
        await shown.enter()
        viewer = await shown.watch()
        await viewer.event()
        for _ in range(20):
            shown.feed.changed()
            await asyncio.sleep(0.001)
        # Who comes meanwhile is told what there is.
        await (await shown.watch()).event()
        assert shown.moments == 1
        shown.is_last = True
        shown.feed.changed(hurry=True)
        number, name, _ = await viewer.event()
        assert (number, name) == (2, "whole")


async def test_a_slow_viewer_holds_up_nobody_and_skips(shown: Shown) -> None:
    # More than the system keeps of a connection.
    shown.size = 6_000_000
    await shown.enter()
    reader, writer = await _slow_viewer(shown)
    quick = await shown.watch()
    await quick.event()
    numbers = []
    for _ in range(6):
        shown.feed.changed()
        numbers.append((await quick.event())[0])
    assert len(set(numbers)) == 6

    shown.size = 0
    text, told = b"", []
    async with asyncio.timeout(TIMEOUT_S):
        while len(told) < 3:
            shown.feed.changed()
            text += await reader.read(1 << 20)
            told = re.findall(rb"id: (\d+)\nevent: (\w+)\n", text)
    writer.close()
    # It was told whatever was newest when it was ready, all of it, and then was no longer behind.
    ids = [int(number) for number, _ in told]
    assert ids[1] > ids[0] + 4
    assert ids[2] == ids[1] + 1
    assert [kind for _, kind in told[:3]] == [b"whole", b"whole", b"update"]


async def _slow_viewer(shown: Shown) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One that has asked for the events, and reads none."""
    port = int(shown.base.rpartition(":")[2])
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=4096)
    cookies = shown.client.cookie_jar.filter_cookies(URL(shown.base))
    cookie = "; ".join(f"{each.key}={each.value}" for each in cookies.values())
    writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
    await shown.until(lambda: shown.moments > 0)
    return reader, writer


async def test_who_takes_nothing_in_is_cut_off(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRITE_TIMEOUT_S", 0.05)
    shown.size = 8_000_000
    await shown.enter()
    _, writer = await _slow_viewer(shown)
    await shown.until(lambda: shown.feed._viewers == 0)
    writer.close()


async def test_a_quiet_stream_is_kept_open(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "KEEP_ALIVE_S", 0.01)
    await shown.enter()
    viewer = await shown.watch()
    await viewer.event()
    async with asyncio.timeout(TIMEOUT_S):
        assert await viewer.answer.content.readuntil(b"\n\n") == b":\n\n"


async def test_one_more_viewer_than_there_may_be_is_refused(shown: Shown) -> None:
    await shown.enter()
    viewers = [await shown.watch() for _ in range(MAX_VIEWERS)]
    for path in ("/events", "/"):
        refused = await shown.ask(path)
        assert refused.status == 503
        assert "watch this run already" in await refused.text()
    viewers[0].answer.close()
    await shown.until(lambda: not shown.feed.is_full)
    assert (await (await shown.watch()).event())[1] == "whole"


async def test_the_last_event_ends_the_streams_and_later_ones_have_it_alone(shown: Shown) -> None:
    await shown.enter()
    viewer = await shown.watch()
    await viewer.event()
    shown.is_last = True
    shown.feed.changed(hurry=True)
    assert (await viewer.event())[1] == "whole"
    async with asyncio.timeout(TIMEOUT_S):
        assert await viewer.answer.content.read() == b""
        late = await shown.watch()
        assert (await late.event())[1] == "whole"
        assert await late.answer.content.read() == b""


async def test_a_fault_of_the_page_is_told_and_ends_nothing(shown: Shown) -> None:
    def broken() -> dict[str, Any]:
        raise ValueError("odd figures")

    shown.moment = lambda: Moment(broken, None, False)  # type: ignore[method-assign]
    shown.feed._moment = shown.moment
    await shown.enter()
    with pytest.raises(aiohttp.ClientPayloadError):
        await (await shown.watch()).answer.read()
    assert [str(fault) for fault in shown.faults] == ["odd figures"]
    assert (await shown.ask("/")).status == 200


# -- connections


async def test_so_many_connections_are_too_many(shown: Shown) -> None:
    port = int(shown.base.rpartition(":")[2])
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server_module.MAX_CONNECTIONS)]
    await shown.until(lambda: len(shown.server._server.connections) == server_module.MAX_CONNECTIONS)
    with pytest.raises(aiohttp.ClientError):
        await shown.ask("/")
    opened[0][1].close()
    await shown.until(lambda: len(shown.server._server.connections) < server_module.MAX_CONNECTIONS)
    assert (await shown.ask("/")).status == 403
    for _, writer in opened:
        writer.close()


async def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_TIMEOUT_S", 0.05)
    async with showing() as shown:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(shown.base.rpartition(":")[2]))
        writer.write(b"GET / HT")
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""
        writer.close()


async def test_a_port_in_use_is_said_in_a_sentence() -> None:
    async with showing() as shown:
        port = int(shown.base.rpartition(":")[2])
        with pytest.raises(PlanError, match=rf"--ui: 127\.0\.0\.1:{port} cannot be listened on \(.*in use\)"):
            await LivePageServer.listen(PageAddress(port=port))


async def test_a_host_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(PlanError, match="cannot be listened on"):
        await LivePageServer.listen(PageAddress("192.0.2.1"))


async def test_all_addresses_of_the_machine_are_named_by_its_name() -> None:
    async with showing(PageAddress("0.0.0.0")) as shown:
        assert f"//{socket.gethostname()}:" in shown.server.url
        shown.base = f"http://127.0.0.1:{shown.base.rpartition(':')[2]}"
        for host, status in ((socket.gethostname(), 403), ("10.1.2.3:80", 403), ("evil.example", 421)):
            assert (await shown.ask("/", Host=host)).status == status
