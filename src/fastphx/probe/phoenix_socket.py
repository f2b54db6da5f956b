"""A Phoenix socket: the handshake, its vsn, a heartbeat, a topic, long polling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from fastphx.errors import ConnectError, DecodeError, DisconnectedError, DisconnectReason
from fastphx.foreign_text import visible
from fastphx.load.plan.target import websocket_url
from fastphx.probe.asked import Asked
from fastphx.probe.finding import Finding, shown_ms
from fastphx.probe.page import status_text
from fastphx.protocol.sink import FrameSink
from fastphx.serializers import JsonV1, JsonV2
from fastphx.transports.endpoint import endpoint_url
from fastphx.transports.longpoll import LongPollTransport
from fastphx.transports.websocket_transport import WebSocketTransport

MAX_FRAMES = 100
"""That are read while an answer is waited for."""
MAX_FRAME_BYTES = 1 << 16
"""An answer to what is asked here has some hundred."""
CLOSE_TIMEOUT_S = 5.0
REFUSED = (401, 403)
"""How Phoenix answers where the socket's ``connect`` refuses, or an application in its place."""
NO_UPGRADE = (400, 426)
"""How servers answer a WebSocket's request that has lost its Upgrade header on the way."""
HANDSHAKE = "handshake"


class Frames:
    """A transport's owner that keeps the frames for one who waits for them."""

    def __init__(self) -> None:
        self.sink: FrameSink | None = None
        self._ended = asyncio.Event()
        self._arrived: asyncio.Queue[tuple[int, bytes] | DisconnectReason] = asyncio.Queue(MAX_FRAMES)

    def notify_connected(self, writer: object) -> None:
        """Frames are sent with the transport's ``push``."""

    def notify_error(self, exc: BaseException) -> None:
        """What it means comes with the connection's end."""

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self._put(reason)
        self._ended.set()

    def notify_message(self, opcode: int, data: bytes) -> None:
        self._put((opcode, data))

    def _put(self, arrived: tuple[int, bytes] | DisconnectReason) -> None:
        # Who sends more than MAX_FRAMES before it answers is no Phoenix that was asked for one thing.
        if not self._arrived.full():
            self._arrived.put_nowait(arrived)

    async def wait_ended(self) -> None:
        """Wait until the connection has ended, as long as a transport takes for that."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), CLOSE_TIMEOUT_S)

    async def reply(self, serializer: JsonV1 | JsonV2, ref: str) -> Any:
        """The payload of the reply to *ref*. Raises the reason why the connection has ended, and DecodeError
        for what is no frame."""
        for _ in range(MAX_FRAMES):
            arrived = await self._arrived.get()
            if isinstance(arrived, DisconnectReason):
                raise arrived
            opcode, data = arrived
            _, found, _, event, payload = serializer.decode(data, opcode)
            if event == "phx_reply" and found == ref:
                return payload
        raise DecodeError(f"no answer is among the first {MAX_FRAMES} frames")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One path, and what came of it; *status* is that of a refusal."""

    path: str
    vsn: str | None = None
    """Of the serializer whose heartbeat was answered; None: it did not come to that."""
    has_opened: bool = False
    status: int | None = None
    why: str = ""
    opened_s: float = 0.0
    beat_s: float = 0.0
    has_lobby: bool = False

    @property
    def is_of_phoenix(self) -> bool:
        """It answers as a socket of Phoenix does."""
        return self.vsn is not None or self.is_refused

    @property
    def is_refused(self) -> bool:
        return self.status in REFUSED


async def attempt(asked: Asked, path: str, lobby: str | None = None) -> Attempt:
    """Open the socket at *path* with the newest vsn that the server takes. With *lobby*, see whether that
    topic can be joined."""
    tried = [await _open(asked, path, JsonV2(), lobby)]
    if tried[0].vsn is None and (tried[0].has_opened or tried[0].is_refused):
        # An unknown vsn is refused as a wrong token is, or closed.
        tried.append(await _open(asked, path, JsonV1(), lobby))
    return next((each for each in tried if each.vsn is not None), tried[0])


async def _open(asked: Asked, path: str, serializer: JsonV1 | JsonV2, lobby: str | None) -> Attempt:
    began_s = opened_s = time.monotonic()
    try:
        async with _connected(asked, path, serializer) as ask:
            opened_s = time.monotonic()
            await ask("phoenix", "heartbeat")
            beat_s = time.monotonic() - opened_s
            has_lobby = lobby is not None and await ask(lobby, "phx_join") == "ok"
            return Attempt(path, serializer.vsn, True, None, "", opened_s - began_s, beat_s, has_lobby)
    except ConnectError as error:
        return Attempt(path, status=error.status, why=visible(str(error)))
    except (DisconnectReason, DecodeError) as error:
        return Attempt(path, has_opened=True, why=visible(str(error)), opened_s=opened_s - began_s)
    except TimeoutError:
        why = f"no answer within {asked.timeout_s:g} s"
        return Attempt(path, has_opened=True, why=why, opened_s=opened_s - began_s)


@asynccontextmanager
async def _connected(asked: Asked, path: str, serializer: JsonV1 | JsonV2) -> AsyncIterator[Any]:
    """A connection, as a function that pushes, and returns the reply's status."""
    frames, ref = Frames(), 0
    url = endpoint_url(websocket_url(asked.socket_url(path)), asked.params, serializer.vsn)
    options = asked.transport_opts() | {"max_message_size": MAX_FRAME_BYTES}
    transport = await WebSocketTransport.start(url, frames, options)

    async def ask(topic: str, event: str) -> object:
        nonlocal ref
        ref += 1
        join_ref = str(ref) if event == "phx_join" else None
        # Why a connection is closing already is told with its end.
        with suppress(DisconnectedError):
            transport.push(*serializer.encode(join_ref, str(ref), topic, event, {}))
        async with asyncio.timeout(asked.timeout_s):
            payload = await frames.reply(serializer, str(ref))
        return payload.get("status") if isinstance(payload, dict) else None

    try:
        yield ask
    finally:
        transport.close()
        await frames.wait_ended()


async def look_at_long_polling(asked: Asked, path: str) -> Finding:
    """Whether a session can be opened: what is left where no WebSocket gets through."""
    url = endpoint_url(websocket_url(asked.socket_url(path)), asked.params, JsonV2.vsn)
    options = asked.transport_opts() | {"max_message_size": MAX_FRAME_BYTES}
    began_s, frames = time.monotonic(), Frames()
    try:
        transport = await LongPollTransport.start(url, frames, options)
    except ModuleNotFoundError as error:
        return Finding("long polling", "absent", f"not looked at: {error}")
    except ConnectError as error:
        if error.status in REFUSED:
            text = f"{path}/longpoll refuses with {status_text(error.status)}, too"
            return Finding("long polling", "absent", text)
        why = status_text(error.status) if error.status is not None else visible(str(error))
        text = f"not offered at {path}/longpoll ({why}); it is for networks that let no WebSocket through"
        return Finding("long polling", "absent", text)
    transport.abort()
    await frames.wait_ended()
    took = shown_ms(time.monotonic() - began_s)
    return Finding("long polling", "ok", f"a session of {path}/longpoll was opened in {took}")


def best_opened(tried: list[Attempt]) -> Attempt | None:
    """The first that speaks Phoenix' protocol; else the first that has opened at all."""
    opened = [each for each in tried if each.has_opened]
    return next((each for each in opened if each.vsn is not None), next(iter(opened), None))


def handshake_finding(asked: Asked, tried: list[Attempt]) -> Finding:
    """What the attempts come to."""
    opened = best_opened(tried)
    if opened is not None:
        if asked.is_socket and opened is not tried[0]:
            text = f"{tried[0].path} is answered with {status_text(tried[0].status or 0)}"
            to_do = f"write {asked.socket_url(opened.path)}, where there is a socket"
            return Finding(HANDSHAKE, "wrong", text, to_do)
        return Finding(HANDSHAKE, "ok", f"{opened.path} opened in {shown_ms(opened.opened_s)}")
    refused = next((each for each in tried if each.is_refused), None)
    if refused is not None:
        return refusal(asked, refused)
    answered = [each for each in tried if each.status is not None]
    if not answered:
        to_do = "see whether what is on the way lets WebSockets through"
        return Finding(HANDSHAKE, "wrong", tried[0].why, to_do)
    text = "; ".join(f"{each.path}: {status_text(each.status or 0)}" for each in answered)
    if all(each.status in NO_UPGRADE for each in answered):
        to_do = "let the proxy before the server pass the headers Upgrade and Connection on"
    elif all(each.status == 404 for each in answered):
        to_do = (
            "see whether this is a Phoenix at all; if so, its endpoint.ex has a line `socket "
            f'"/PATH"`: write {asked.socket_url("/PATH")}'
        )
    else:
        to_do = "see in the server's log why it does not answer with a WebSocket"
    return Finding(HANDSHAKE, "wrong", f"no socket was found: {text}", to_do)


def refusal(asked: Asked, refused: Attempt) -> Finding:
    """There is a socket, and its ``connect`` wants something else."""
    text = f"{refused.path} refuses with {status_text(refused.status or 0)}"
    if asked.params or asked.auth_token is not None or asked.headers:
        to_do = "see whether the token or parameters that you give are valid, and named as in connect/3"
    else:
        to_do = "give what its connect/3 asks for: --param token=env:TOKEN, or --auth-token env:TOKEN"
    return Finding(HANDSHAKE, "wrong", text, to_do)


def beat_findings(opened: Attempt) -> list[Finding]:
    """The vsn and the heartbeat of a socket that has opened."""
    if opened.vsn is None:
        text = f"{opened.path} opened, and a heartbeat came to nothing: {opened.why}"
        return [Finding("heartbeat", "wrong", text, "see whether that is a socket of Phoenix")]
    old = "" if opened.vsn == JsonV2.vsn else f": give load, listen and push --vsn {opened.vsn}"
    return [
        Finding("vsn", "ok", opened.vsn + old),
        Finding("heartbeat", "ok", f"answered in {shown_ms(opened.beat_s)}"),
    ]
