"""What a right server does: each misbehaviour is this, but for one thing."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from tests.answering_server import Pushed, on_the_wire
from tests.liveview.scripted_server import RENDERED, chunk
from tests.transports.raw_server import CLOSE, PING, PONG, Peer, frame, handshake_answer

Frames = Iterable[list[Any] | str | bytes]
"""Frames as they are written in JSON, their text, or bytes of the wire."""

Answer = Callable[[Pushed], Frames | None]
"""What answers a message; None: what a right server says."""

Serve = Callable[[Peer, bytes], Awaitable[None]]
"""Serves a connection, from its first request on."""

PAGE = (
    '<!DOCTYPE html><html><head><meta name="csrf-token" content="token"><title>Page</title></head>'
    '<body><div id="phx-main" data-phx-main data-phx-session="session" data-phx-static="static"></div></body>'
    "</html>"
)

HOLD_S = 30.0


def http(body: str | bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer to a request, after which the connection is closed."""
    data = body.encode() if isinstance(body, str) else body
    kind = "" if "content-type" in headers.lower() else "Content-Type: text/html; charset=utf-8\r\n"
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(data)}\r\n{kind}{headers}\r\n"
    return head.encode() + data


def json_http(value: object) -> bytes:
    return http(json.dumps(value), headers="Content-Type: application/json\r\n")


def right(pushed: Pushed) -> Frames:
    """What Phoenix answers."""
    if pushed.event == "phx_join" and pushed.topic.startswith("lv:"):
        return [pushed.reply({"rendered": RENDERED, "liveview_version": "1.1.33"})]
    if pushed.event == "event":
        return [pushed.reply({"diff": {"0": "1"}})]
    if pushed.event == "phx_leave":
        return [pushed.reply(), [pushed.join_ref, pushed.join_ref, pushed.topic, "phx_close", {}]]
    return [pushed.reply()]


def path_of(request: bytes) -> str:
    """The path of a request, without the slug."""
    path = request.split(b" ", 2)[1].decode().partition("?")[0]
    return "/" + path.lstrip("/").partition("/")[2]


def is_socket(request: bytes) -> bool:
    return b"\r\nupgrade: websocket" in request.lower()


async def serve_right(peer: Peer, request: bytes, answer: Answer = right) -> None:
    """Serve whatever is asked for; *answer* answers the messages, by WebSocket and by long polling."""
    path = path_of(request)
    if is_socket(request):
        peer.send(handshake_answer(request))
        await speak(peer, answer)
    elif path.endswith("/longpoll"):
        await poll(peer, request, answer)
    else:
        peer.send(http(PAGE))


async def speak(peer: Peer, answer: Answer) -> None:
    """Answer the frames of a WebSocket until it is closed."""
    while True:
        opcode, data = await peer.frame()
        if opcode == CLOSE:
            peer.send(frame(CLOSE, data[:2]))
            return
        if opcode == PING:
            peer.send(frame(PONG, data))
        if opcode >= CLOSE:
            continue
        frames = answered(answer, data)
        # One write, so that a client reads them together.
        peer.send(b"".join(map(on_the_wire, frames)))
        await peer.writer.drain()


def answered(answer: Answer, data: bytes | str) -> Frames:
    """What the message in *data* is answered with."""
    if isinstance(data, str) and not data.startswith("["):
        # Long polling has bytes so.
        data = base64.b64decode(data)
    is_binary = isinstance(data, bytes) and data.startswith(b"\0")
    pushed = Pushed(*json.loads(chunk(data) if is_binary else data))
    frames = answer(pushed)
    return right(pushed) if frames is None else frames


async def hold(peer: Peer) -> None:
    """Say nothing more, and wait until the client has gone."""
    async with asyncio.timeout(HOLD_S):
        await peer.end()


# -- long polling

WINDOW_S = 0.3
"""After how long a poll is answered that has nothing to bring."""

_tokens = itertools.count()
_sessions: dict[str, asyncio.Queue[str]] = {}


def new_session() -> str:
    token = f"session-{next(_tokens)}"
    _sessions[token] = asyncio.Queue()
    return token


async def poll(peer: Peer, request: bytes, answer: Answer) -> None:
    """Answer one request of long polling."""
    query = parse_qs(request.split(b" ", 2)[1].decode().partition("?")[2])
    token = query.get("token", [""])[0]
    messages = _sessions.get(token)
    if messages is None:
        peer.send(json_http({"status": 410, "token": new_session(), "messages": []}))
        return
    if request.startswith(b"POST"):
        for line in (await body_of(peer, request)).splitlines():
            for each in answered(answer, line):
                if not isinstance(each, bytes):
                    messages.put_nowait(each if isinstance(each, str) else json.dumps(each))
        peer.send(json_http({"status": 200}))
        return
    try:
        async with asyncio.timeout(WINDOW_S):
            first = await messages.get()
    except TimeoutError:
        peer.send(json_http({"status": 204, "token": token}))
        return
    more = [messages.get_nowait() for _ in range(messages.qsize())]
    peer.send(json_http({"status": 200, "token": token, "messages": [first, *more]}))


async def body_of(peer: Peer, request: bytes) -> str:
    (size,) = (
        int(line.partition(b":")[2])
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    return (await peer.reader.readexactly(size)).decode()
