"""A behaviour that keeps what it was told, and does in its callbacks what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastphx import Connect, FastphxError, GenSocketClient, NoReply, Reply, Stop
from fastphx.protocol.frame_write import NO_PAYLOAD

call_timeout_s = 5.0

CALLBACKS = {
    "handle_connected": 0,
    "handle_disconnected": 1,
    "handle_joined": 2,
    "handle_join_error": 2,
    "handle_channel_closed": 2,
    "handle_message": 3,
    "handle_reply": 3,
    "handle_info": 1,
    "handle_decode_error": 1,
    "terminate": 1,
}
"""Each callback, and how many arguments come before the transport."""


class Recorder(GenSocketClient):
    """``events`` are (callback, *arguments) without the transport; ``responses`` is what a callback returns,
    or a function of its arguments that makes it, by the callback's name.

    Its arg is a URL, or what ``init`` returns, or raises. A call's request is a function of the transport.
    """

    def __init__(self, **responses: Any) -> None:
        self.events: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.responses = responses

    def init(self, arg: Any) -> Any:
        if isinstance(arg, BaseException):
            raise arg
        return Connect(arg) if isinstance(arg, str) else arg

    def handle_call(self, message: Any, caller: Any, transport: Any) -> Any:
        answer = message(transport)
        return answer if isinstance(answer, Reply | NoReply | Stop) else Reply(answer)

    def record(self, name: str, *args: Any) -> Any:
        self.events.put_nowait((name, *args[: CALLBACKS[name]]))
        response = self.responses.get(name)
        return response(*args) if callable(response) else response

    async def next(self, name: str, timeout_s: float = call_timeout_s) -> Any:
        """The next event's arguments (the one, where there is one), which must be of the callback *name*."""
        event = await asyncio.wait_for(self.events.get(), timeout_s)
        assert event[0] == name, event
        return event[1] if len(event) == 2 else event[1:]

    async def do(self, act: Callable[[Any], Any]) -> Any:
        """Call *act* with the transport, inside a callback."""
        return await self.socket.call(act)

    async def refusal(self, act: Callable[[Any], Any]) -> type[FastphxError] | None:
        """Which error *act* raises inside a callback; None where it raises none."""

        def attempt(transport: Any) -> type[FastphxError] | None:
            try:
                act(transport)
            except FastphxError as error:
                return type(error)
            return None

        refused: type[FastphxError] | None = await self.do(attempt)
        return refused

    async def join(self, topic: str = "room:a", payload: Any = NO_PAYLOAD) -> int:
        ref = await self.do(lambda transport: transport.join(topic, payload))
        assert (await self.next("handle_joined"))[0] == topic
        return int(ref)

    async def push(self, topic: str, event: str, payload: Any = NO_PAYLOAD) -> int:
        return int(await self.do(lambda transport: transport.push(topic, event, payload)))

    async def push_sync(self, topic: str, event: str, payload: Any = NO_PAYLOAD) -> Any:
        """Push, and return the reply's payload."""
        ref = await self.push(topic, event, payload)
        reply_topic, reply_ref, reply = await self.next("handle_reply")
        assert (reply_topic, reply_ref) == (topic, ref)
        return reply


def _recording(name: str) -> Any:
    def callback(self: Recorder, *args: Any) -> Any:
        return self.record(name, *args)

    callback.__name__ = name
    return callback


def _recording_slowly(name: str) -> Any:
    async def callback(self: Recorder, *args: Any) -> Any:
        await asyncio.sleep(0)
        response = self.record(name, *args)
        return await response if asyncio.iscoroutine(response) else response

    callback.__name__ = name
    return callback


class AsyncRecorder(Recorder):
    """The same with ``async`` callbacks."""


for _name in CALLBACKS:
    setattr(Recorder, _name, _recording(_name))
    setattr(AsyncRecorder, _name, _recording_slowly(_name))
