"""Answers that no right server gives to long polling."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.hostile.frames import MAX_MESSAGE_SIZE
from tests.hostile.right_server import (
    Serve,
    hold,
    http,
    is_socket,
    json_http,
    path_of,
    serve_right,
)
from tests.transports.raw_server import Peer

JSON = "Content-Type: application/json\r\n"


def instead(opening: Any = None, polled: Any = None, posted: Any = None) -> Serve:
    """A server that gives these answers to the opening of a session, to each poll, to each POST: bytes of
    HTTP, text of a body, or its JSON. None: the right one."""

    async def serve(peer: Peer, request: bytes) -> None:
        if is_socket(request) or not path_of(request).endswith("/longpoll"):
            return await serve_right(peer, request)
        target = request.split(b" ", 2)[1]
        is_opening = b"&token=" not in target and b"?token=" not in target
        given = posted if request.startswith(b"POST") else opening if is_opening else polled
        if given is None:
            return await serve_right(peer, request)
        if given == "hold":
            return await hold(peer)
        peer.send(
            given if isinstance(given, bytes) else text(given) if isinstance(given, str) else json_http(given)
        )
        return None

    return serve


def text(body: str) -> bytes:
    return http(body, headers=JSON)


def messages(*each: Any) -> dict[str, Any]:
    return {"status": 200, "token": "t", "messages": list(each)}


def dripping(body: str) -> Serve:
    """Each answer byte by byte, and never to its end."""

    async def serve(peer: Peer, request: bytes) -> None:
        if is_socket(request) or not path_of(request).endswith("/longpoll"):
            return await serve_right(peer, request)
        for byte in text(body)[:-3]:
            peer.send(bytes((byte,)))
            await peer.writer.drain()
            await asyncio.sleep(0.001)
        return await hold(peer)

    return serve


OPENED = {"status": 410, "token": "token", "messages": []}
BODIES: dict[str, Any] = {
    "empty": "",
    "null": "null",
    "a list": [],
    "a number": "410",
    "HTML": "<html>",
    "half JSON": '{"status":',
    "NaN": '{"status":NaN}',
    "no status": {"token": "t"},
    "a status of text": {"status": "200", "token": "t", "messages": []},
    "a status of null": {"status": None},
    "a status of a float": '{"status":410.0,"token":"t"}',
    "a status of true": {"status": True},
    "a status of a list": {"status": [410]},
    "a status nobody knows": {"status": 299},
    "a negative status": {"status": -1},
    "deep": "[" * 100_000,
    "no UTF-8": http(b'{"status":"\xff"}', headers=JSON),
    "gzip that is none": http("{}", headers=JSON + "Content-Encoding: gzip\r\n"),
    "403 in the body": {"status": 403},
    "500 in the body": {"status": 500},
    "HTTP 500": http("oh", "500 Oh"),
    "HTTP 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP 302": http("", "302 Found", "Location: http://127.0.0.1:1/?token=x\r\n"),
    "never": "hold",
    "cut": http("x" * 100)[:-50],
}

LONGPOLL_NOISE: dict[str, Serve] = {
    **{f"opened with {name}": instead(opening=body) for name, body in BODIES.items()},
    **{f"polled for {name}": instead(polled=body) for name, body in BODIES.items()},
    **{f"posted for {name}": instead(posted=body) for name, body in BODIES.items()},
    "a token of null": instead(opening={"status": 410, "token": None}),
    "a token of a number": instead(opening={"status": 410, "token": 1}),
    "a token of a list": instead(opening={"status": 410, "token": ["t"]}),
    "an empty token": instead(opening={"status": 410, "token": ""}),
    "a token of control characters": instead(opening={"status": 410, "token": "a\r\nX-Injected: 1\x00\x1b"}),
    "a token that is no UTF-8": instead(opening='{"status":410,"token":"\\ud800"}'),
    "a long token": instead(opening={"status": 410, "token": "t" * 90_000}),
    "a session that is gone at once": instead(opening=OPENED, polled={"status": 410, "token": "another"}),
    "a session opened with 200": instead(opening={"status": 200, "token": "t", "messages": []}),
    "no messages for ever": instead(polled={"status": 204, "token": "t"}),
    "messages of null": instead(polled={"status": 200, "messages": None}),
    "messages of an object": instead(polled={"status": 200, "messages": {"a": 1}}),
    "messages of text": instead(polled={"status": 200, "messages": "[]"}),
    "messages of numbers": instead(polled=messages(1, None, [], {})),
    "messages of rubbish": instead(
        polled=messages("rubbish", "", "\x00", "\x02\x00", "\x01\xff\xff\xff\xff")
    ),
    "messages of half a surrogate pair": instead(polled='{"status":200,"messages":["\\ud800"]}'),
    "messages of no base64": instead(polled=messages("\x00\x01data:;base64,****")),
    "ten thousand messages": instead(polled=messages(*['[null,null,"room:a","e",{}]'] * 10_000)),
    "a message longer than allowed": instead(polled=messages("[" + "1" * MAX_MESSAGE_SIZE)),
    "an answer longer than allowed": instead(polled=text(json.dumps(messages("x" * 1000)) + " " * 1_500_000)),
    "the same message for ever": instead(polled=messages('[null,null,"room:a","e",{}]')),
    "drip": dripping(json.dumps(OPENED)),
}
