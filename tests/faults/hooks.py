"""The client's hooks, each of which raises once. What it raises is counted, or fails the one thing that
asked for it; everything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastphx import Client, FastphxError, connect
from fastphx.client import Channel, Outage, Presence
from fastphx.serializers import JsonV2
from fastphx.transports import WebSocketTransport

TIMEOUT_S = 0.3
TRIES = 100


class Raiser:
    """Raises *error* when it is called the first time; *then* is what it does otherwise."""

    def __init__(self, error: BaseException, then: Callable[..., Any] | None = None) -> None:
        self.error = error
        self.has_raised = False
        self._then = then

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.has_raised:
            self.has_raised = True
            raise self.error
        return None if self._then is None else self._then(*args, **kwargs)

    def later(self) -> Callable[..., Any]:
        """The same as a coroutine function."""

        async def call(*args: Any) -> Any:
            await asyncio.sleep(0)
            return self(*args)

        return call


Hook = Callable[[Raiser], dict[str, Any]]
"""Options of a client that has the hook; ``"use"`` is done with its channels of room and presence."""


def serializer(raiser: Raiser, method: str) -> JsonV2:
    made = JsonV2()
    raiser._then = getattr(made, method)
    return type("Raising", (JsonV2,), {method: lambda _, *args: raiser(*args)})()


def transport(raiser: Raiser, method: str) -> type:
    """A transport of somebody else's."""

    class Raising(WebSocketTransport):
        pass

    if method == "start":
        raiser._then = super(Raising, Raising).start
        Raising.start = classmethod(lambda _, *args: raiser(*args))  # type: ignore[assignment, method-assign]
    else:
        inner = getattr(WebSocketTransport, method)
        raiser._then = inner
        setattr(Raising, method, lambda *args: raiser(*args))
    return Raising


def on(name: str, *events: str) -> Hook:
    """A handler of the room."""
    return lambda raiser: {"use": lambda client, room, presence: getattr(room, name)(*events, raiser)}


def awaited(name: str, *events: str) -> Hook:
    return lambda raiser: {"use": lambda client, room, presence: getattr(room, name)(*events, raiser.later())}


def of_client(name: str) -> Hook:
    return lambda raiser: {"use": lambda client, room, presence: getattr(client, name)(raiser)}


def of_client_awaited(name: str) -> Hook:
    return lambda raiser: {"use": lambda client, room, presence: getattr(client, name)(raiser.later())}


def of_presence(name: str) -> Hook:
    return lambda raiser: {"use": lambda client, room, presence: getattr(Presence(presence), name)(raiser)}


def option(name: str, value: Any) -> Hook:
    return lambda raiser: {name: _then(raiser, value)}


def option_awaited(name: str, value: Any) -> Hook:
    return lambda raiser: {name: _then(raiser, value).later()}


def _then(raiser: Raiser, value: Any) -> Raiser:
    raiser._then = lambda *_: value
    return raiser


HOOKS: dict[str, Hook] = {
    "a handler": on("on", "pushed"),
    "an async handler": awaited("on", "pushed"),
    "on_outage": on("on_outage"),
    "on_outage, async": awaited("on_outage"),
    "on_error": on("on_error"),
    "on_error, async": awaited("on_error"),
    "on_close": on("on_close"),
    "on_close, async": awaited("on_close"),
    "on_state": of_client("on_state"),
    "on_state, async": of_client_awaited("on_state"),
    "Presence.on_join": of_presence("on_join"),
    "Presence.on_leave": of_presence("on_leave"),
    "Presence.on_sync": of_presence("on_sync"),
    "params": option("params", {}),
    "params, async": option_awaited("params", {}),
    "headers": option("headers", {}),
    "headers, async": option_awaited("headers", {}),
    "auth_token": option("auth_token", "t"),
    "auth_token, async": option_awaited("auth_token", "t"),
    "reconnect": option("reconnect", True),
    "backoff": option("backoff", 0.01),
    "rejoin_backoff": option("rejoin_backoff", 0.01),
    "a join's payload": lambda raiser: {"payload": _then(raiser, {})},
    "a serializer's encode": lambda raiser: {"serializer": serializer(raiser, "encode")},
    "a serializer's decode": lambda raiser: {"serializer": serializer(raiser, "decode")},
    "a transport's close": lambda raiser: {"transport": transport(raiser, "close")},
}


async def use_all(url: str, hook: Hook, raiser: Raiser) -> Client:
    """Everything that calls a hook: messages, a crash, an outage, a close; and whether pushes are answered
    afterwards, on this channel and on another."""
    options = hook(raiser)
    use = options.pop("use", lambda *_: None)
    payload = options.pop("payload", {})
    options = {"backoff": lambda _: 0.01, "rejoin_backoff": lambda _: 0.01, **options}
    client = connect(url, timeout=TIMEOUT_S, open_timeout=10.0, proxy=None, **options)
    async with client:
        room, other = client.channel("room:a", payload), client.channel("room:b")
        presence = client.channel("presence:lobby", {"user": "ann"})
        use(client, room, presence)
        messages = asyncio.create_task(_read(room))
        for channel in (room, other, presence):
            with suppress(FastphxError, type(raiser.error)):
                await channel.join()
        for event, given in (("push_many", {"count": 3}), ("crash", {}), ("kill_socket", {})):
            await _answered(room)
            with suppress(FastphxError, type(raiser.error)):
                room.cast(event, given)
        await _answered(room)
        await _answered(other)
        with suppress(FastphxError, type(raiser.error)):
            presence.cast("update", {"status": "off"})
        with suppress(FastphxError, type(raiser.error)):
            await presence.leave()
        with suppress(FastphxError, type(raiser.error)):
            await room.leave()
        await _answered(other)
        messages.cancel()
        await asyncio.wait((messages,))
    return client


async def _read(channel: Channel) -> None:
    with suppress(FastphxError):
        async for message in channel:
            assert isinstance(message, Outage) or message.topic == channel.topic


async def _answered(channel: Channel) -> None:
    error: BaseException | None = None
    for _ in range(TRIES):
        try:
            await channel.push("echo", {})
            return
        except Exception as failure:
            error = failure
            with suppress(Exception):
                await channel.join()
            await asyncio.sleep(0.01)
    raise AssertionError(f"never again: {error!r}")
