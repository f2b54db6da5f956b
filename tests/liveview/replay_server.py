"""A server that plays a recording: its documents, and its frames in answer to the client's.

What the client sends is held against what the browser sent. The server's frames come when all of the
browser's before them have been sent, so a client that sends less waits, and the test fails at its deadline.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from aiohttp import WSMsgType, web

from fastphx.liveview import Browser
from tests.liveview.recordings import Recording


@dataclass
class Sent:
    """A frame of the browser, and the one that the client has sent in its place."""

    index: int
    recorded: list[Any]
    own: list[Any]


@dataclass
class Socket:
    """One connection of the recording, while it is played."""

    number: int
    connection: web.WebSocketResponse
    refs: dict[str, str] = field(default_factory=dict)
    """The recording's refs and the client's in their place."""
    told: int = 0
    """Frames sent to the client."""

    async def send(self, text: str) -> None:
        self.told += 1
        await self.connection.send_str(text)


class Replay:
    """``async with Replay(recording) as server``: ``server.url``, ``server.sent``, ``server.problems``."""

    def __init__(self, recorded: Recording) -> None:
        self.recorded = recorded
        self.frames = [Frame(index, frame) for index, frame in enumerate(recorded["frames"])]
        self.sent: list[Sent] = []
        self.problems: list[str] = []
        """What the client has done and the browser has not."""
        self.posts: list[tuple[str, str]] = []
        self.url = ""
        self._docs = list(recorded["docs"])
        self._sockets: dict[int, Socket] = {}
        self._opened = 0
        self._first = 0
        """The first socket of the last document."""
        self._done: set[int] = {frame.index for frame in self.frames if frame.is_left_out}
        self._leave_out_leaves()
        self._moved = asyncio.Event()
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(recorded["docs"][0]["url"]))
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/live/websocket", self._websocket)
        app.router.add_route("*", "/{path:.*}", self._document)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        for socket in self._sockets.values():
            await socket.connection.close()
        await self._runner.cleanup()

    async def played(self, until: int, timeout_s: float = 10.0) -> None:
        """Return when all frames before *until* have passed. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not all(index in self._done for index in range(until)):
                await self._moved.wait()

    async def caught_up(self, browser: Browser, timeout_s: float = 10.0) -> None:
        """Return when the client has read all that was sent to it, and what that has started is over."""
        async with asyncio.timeout(timeout_s):
            while True:
                await browser.settled()
                live = browser.page
                if live is None or live.page.main is None:
                    return
                sockets = (self._sockets[number] for number in range(self._first, self._opened))
                told = sum(socket.told for socket in sockets)
                if live.client.stats.frames_in >= told:
                    await browser.settled()
                    return
                await asyncio.sleep(0.001)

    def answers(self, frame: Frame) -> bool:
        """Whether the recording has an answer to a push: there is none where the view was left at once."""
        return any(
            each.event == "phx_reply" and each.ws == frame.ws and each.message[1] == frame.message[1]
            for each in self.frames
        )

    def leave_out(self, frame: Frame) -> None:
        """Do not wait for *frame*."""
        frame.is_left_out = True
        self._done.add(frame.index)

    def missing(self, until: int) -> list[str]:
        """The frames before *until* that have not passed."""
        return [str(frame)[:300] for frame in self.frames[:until] if frame.index not in self._done]

    def _leave_out_leaves(self) -> None:
        """A browser leaves a topic whose join was refused, twice; the server has nothing to do for it."""
        refused = {
            (frame.ws, frame.message[0])
            for frame in self.frames
            if frame.event == "phx_reply" and frame.message[0] == frame.message[1] and _is_refusal(frame)
        }
        left = {
            (frame.ws, frame.message[1])
            for frame in self.frames
            if frame.event == "phx_leave" and (frame.ws, frame.message[0]) in refused
        }
        for frame in self.frames:
            if (frame.ws, frame.message[1]) in left and frame.event in ("phx_leave", "phx_reply"):
                self._done.add(frame.index)
                frame.is_left_out = True

    # -- documents

    async def _document(self, request: web.Request) -> web.Response:
        asked = (request.method, unquote(request.rel_url.raw_path_qs))
        self._first = self._opened
        if not self._docs:
            self.problems.append(f"asked for {asked} after the last document")
            return web.Response(status=404)
        doc = self._docs.pop(0)
        parts = urlsplit(doc["url"])
        wanted = (doc["method"], unquote(parts.path + (f"?{parts.query}" if parts.query else "")))
        if asked != wanted:
            self.problems.append(f"asked for {asked}, the browser for {wanted}")
        if doc["method"] == "POST":
            self.posts.append((doc["post"], (await request.read()).decode()))
        answer = web.Response(
            status=doc["status"], text=self._here(self._html(doc)), content_type="text/html"
        )
        if doc.get("location"):
            answer.headers["Location"] = self._here(doc["location"])
        for cookie in (doc.get("set_cookie") or "").split("\n"):
            if cookie:
                answer.headers.add("Set-Cookie", cookie)
        return answer

    def _html(self, doc: dict[str, Any]) -> str:
        if "html" in doc:
            return str(doc["html"])
        return "" if doc.get("location") else str(self.recorded["page_html"])

    def _here(self, text: str) -> str:
        return text.replace(self._origin, self.url)

    def there(self, text: str) -> str:
        return text.replace(self.url, self._origin)

    # -- frames

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        socket = Socket(self._opened, connection)
        self._opened += 1
        self._sockets[socket.number] = socket
        if socket.number >= len(self.recorded["ws"]):
            self.problems.append("opened more sockets than the browser")
        await self._advance()
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                await self._take(socket, json.loads(self.there(message.data)))
            elif message.type is WSMsgType.BINARY:
                await self._take(socket, _binary(message.data))
        for frame in self.frames:
            if frame.ws == socket.number and frame.topic == "lv:" and frame.index not in self._done:
                self._done.add(frame.index)
        return connection

    async def _take(self, socket: Socket, own: list[Any]) -> None:
        if own[2] == "phoenix":
            await socket.send(
                json.dumps([None, own[1], "phoenix", "phx_reply", {"status": "ok", "response": {}}])
            )
            return
        for frame in self.frames:
            if (
                frame.dir == "out"
                and frame.ws == socket.number
                and frame.index not in self._done
                and frame.topic == own[2]
                and frame.event == own[3]
            ):
                self._done.add(frame.index)
                self.sent.append(Sent(frame.index, frame.message, own))
                for recorded, ref in zip(frame.message[:2], own[:2], strict=True):
                    if recorded is not None:
                        socket.refs[recorded] = ref
                await self._advance()
                return
        if own[3] == "phx_leave":
            # A browser's is lost where the page is gone before it is written.
            return
        self.problems.append(f"sent {json.dumps(own)[:200]}, the browser did not")

    async def _advance(self) -> None:
        """Send what the server has sent, as far as the client has come. Of what comes after a frame that the
        client has still to send, only answers to what it has sent already."""
        waits = False
        for frame in self.frames:
            if frame.index in self._done:
                continue
            socket = self._sockets.get(frame.ws)
            if socket is None:
                break
            if frame.dir == "out":
                waits = True
                continue
            if waits and not (frame.event == "phx_reply" and frame.message[1] in socket.refs):
                break
            self._done.add(frame.index)
            if frame.dir == "closed":
                # A browser has connected again after all but a normal close.
                is_last = frame.ws + 1 >= len(self.recorded["ws"])
                await socket.connection.close(code=1000 if is_last else 1001)
            elif frame.dir == "in":
                message = list(frame.message)
                message[:2] = [ref if ref is None else socket.refs.get(ref, ref) for ref in message[:2]]
                await socket.send(self._here(json.dumps(message)))
        self._moved.set()
        self._moved = asyncio.Event()


class Frame:
    """One of a recording's frames, read."""

    def __init__(self, index: int, frame: dict[str, Any]) -> None:
        self.index = index
        self.dir = frame["dir"]
        self.ws = frame.get("ws", 0)
        text = frame.get("text")
        if text is not None and self.dir in ("in", "out"):
            self.message: list[Any] = json.loads(text)
        elif frame.get("base64") is not None:
            self.message = _binary(base64.b64decode(frame["base64"]))
        else:
            self.message = [None, None, "", "", None]
        self.topic = self.message[2]
        self.event = self.message[3]
        self.is_left_out = self.topic in ("phoenix", "lv:")
        """Heartbeats, and what a browser sends for the page as a whole: a leave of the topic ``lv:``."""

    def __str__(self) -> str:
        return f"{self.index} {self.dir} {json.dumps(self.message)}"


def _is_refusal(frame: Frame) -> bool:
    return isinstance(frame.message[4], dict) and frame.message[4].get("status") == "error"


def _binary(data: bytes) -> list[Any]:
    """A binary push of a client, with its data as base64."""
    sizes = data[1:5]
    texts = []
    at = 5
    for size in sizes:
        texts.append(data[at : at + size].decode())
        at += size
    return [*texts, base64.b64encode(data[at:]).decode()]
