"""A long-polling server's answers. What ends the connection is a typed reason; a message is handed over whole
and within its bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self

from multidict import CIMultiDict

from fastphx.errors import ConnectError, ConnectionClosed, TransportDown
from fastphx.protocol.sink import BINARY, TEXT
from fastphx.transports.longpoll import LongPollOptions, LongPollTransport, longpoll_url
from tests.fuzz.connection_owner import ConnectionOwner
from tests.fuzz.pieces import JSON, NOT_UTF8
from tests.fuzz.steps import BETWEEN, joined, number

PIECES = (
    *(
        *JSON,
        *NOT_UTF8,
        BETWEEN,
        b'"status":',
        b'"messages":[',
        b'"token":"t"',
        b"200",
        b"204",
        b"410",
        b"403",
    ),
    *(
        b'"[\\"1\\",\\"1\\",\\"a\\",\\"b\\",{}]"',
        b'"AAEBAQFhYg=="',
        b'"\\u0000\\u0001"',
        b'"\\ud800"',
        b'"{"',
        b"\x01",
        b"\x02",
    ),
)
MAX_BYTES = 2048
MAX_MESSAGE_SIZE = 200
URL = longpoll_url("ws://peer.test/socket/websocket")
LOOP = asyncio.new_event_loop()
SESSION = b'\x00{"status":410,"token":"t","messages":[]}'
STATUSES = (200, 200, 200, 200, 500, 403, 301)


def seeds() -> Iterable[bytes]:
    message = (
        b'\x00{"status":200,"messages":["[null,\\"1\\",\\"a\\",\\"b\\",{}]","AAEBAQFhYg==","\\u0000\\u0001"]}'
    )
    for last in (
        b'\x00{"status":410}',
        b'\x00{"status":403}',
        b"\x04oops",
        b"\x00[]",
        b'\x00{"status":null}',
    ):
        yield joined(0, [SESSION, message, b'\x00{"status":204}', last])
        yield joined(1, [SESSION, message, last])
    for first in (b'\x00{"status":403}', b"\x05no", b"\x00<html>", b'\x00{"status":410}'):
        yield joined(0, [first])


class Answer:
    """An HTTP answer, as aiohttp gives it."""

    def __init__(self, step: bytes) -> None:
        self.status = STATUSES[number(step, len(STATUSES))]
        self.headers: CIMultiDict[str] = CIMultiDict()
        self._body = step[1:]
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), 100):
            yield self._body[at : at + 100]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Http:
    """Answers each request with the next step; after the last there is nobody."""

    def __init__(self, steps: list[bytes]) -> None:
        self.steps = steps[::-1]

    def request(self, _method: str, _url: object, **_options: Any) -> Answer:
        import aiohttp

        if not self.steps:
            raise aiohttp.ServerDisconnectedError
        return Answer(self.steps.pop())

    async def close(self) -> None:
        pass


class Owner(ConnectionOwner):
    sink = None

    def __init__(self) -> None:
        super().__init__(LOOP)
        self.messages: list[tuple[int, bytes]] = []

    def notify_message(self, opcode: int, data: bytes) -> None:
        assert not self.ended.done()
        self.messages.append((opcode, data))


class Transport(LongPollTransport):
    http: Http

    def _open_http(self) -> Any:
        return self.http


def check(data: bytes) -> None:
    if data:
        LOOP.run_until_complete(poll(data[1:].split(BETWEEN), pushes=bool(data[0] & 1)))


async def poll(steps: list[bytes], *, pushes: bool) -> None:
    Transport.http = Http(steps)
    owner = Owner()
    try:
        transport = await Transport.start(URL, owner, {"max_message_size": MAX_MESSAGE_SIZE, "proxy": None})
    except ConnectError as error:
        assert str(error).isprintable()
        return
    if pushes:
        transport.push(b"[]", TEXT)
        transport.push(b"\x00", BINARY)
    reason = await owner.ended
    assert isinstance(reason, ConnectionClosed), reason
    assert not isinstance(reason, TransportDown)
    assert str(reason).isprintable()
    for opcode, message in owner.messages:
        assert opcode in (TEXT, BINARY)
        assert len(message) <= MAX_MESSAGE_SIZE
    assert isinstance(transport._options, LongPollOptions)
