"""A server in a thread that answers each frame of a client with the frames that a test makes of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.transports.raw_server import CLOSE, TEXT, Peer, RawServer, frame

TIMEOUT_S = 30.0


class Pushed(NamedTuple):
    """What a client sent."""

    join_ref: str | None
    ref: str
    topic: str
    event: str
    payload: Any

    def reply(self, response: object = None, status: str = "ok", topic: str | None = None) -> list[Any]:
        """Its reply, on its topic unless another is given."""
        payload = {"response": {} if response is None else response, "status": status}
        join_ref = self.join_ref if topic is None else None
        return [join_ref, self.ref, self.topic if topic is None else topic, "phx_reply", payload]


Answer = Callable[[Pushed], Iterable[list[Any] | str | bytes] | None]
"""What is sent: the text of frames, or bytes of the wire as they are."""


async def _serve(peer: Peer, answer: Answer) -> None:
    await peer.accept()
    while True:
        try:
            opcode, data = await asyncio.wait_for(peer._frame(), 6 * TIMEOUT_S)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if opcode == CLOSE:
            peer.send(frame(CLOSE, data[:2]))
            return
        pushed = Pushed(*json.loads(data))
        answered = answer(pushed)
        frames: list[list[Any] | str | bytes] = [pushed.reply()] if answered is None else list(answered)
        if pushed.event == "phx_leave" and not any(
            "phx_close" in each for each in frames if type(each) is list
        ):
            # As Phoenix does behind its reply. A run waits for it.
            frames.append([pushed.join_ref, pushed.join_ref, pushed.topic, "phx_close", {}])
        # One write, so that a client reads them together.
        peer.send(b"".join(map(on_the_wire, frames)))


def on_the_wire(each: list[Any] | str | bytes) -> bytes:
    """One of the things that an Answer gives, as the bytes that are sent."""
    if isinstance(each, bytes):
        return each
    text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
    return frame(TEXT, text.encode())


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The URL of a server that calls *answer* in its thread with each frame; None is an empty ok reply."""
    urls: list[str] = []
    loop = asyncio.new_event_loop()
    ready, stopping = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with RawServer(lambda peer: _serve(peer, answer)) as server:
            urls.append(server.url)
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(TIMEOUT_S)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(2 * TIMEOUT_S)
        assert not thread.is_alive()
        loop.close()
