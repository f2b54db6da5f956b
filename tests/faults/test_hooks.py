"""A callable of the user's that raises is counted, or fails what asked for it: everything else goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from fastphx import FastphxError, connect
from fastphx.errors import NotJoinedError
from fastphx.protocol.message import Message
from fastphx.testing import Server, ServerChannel, ServerReply, demo_server
from fastphx.timing.wheel import wheel_for
from tests.faults.hooks import HOOKS, Raiser, use_all

DEADLINE_S = 30.0
FAIL_WHAT_ASKED = (
    "a join's payload",
    "a serializer's encode",
    "a serializer's decode",
    "a transport's close",
)
"""Hooks that raise to somebody who waits, or within a transport: nothing is counted for them."""


def error_of(kind: str) -> BaseException:
    return asyncio.CancelledError() if kind == "cancelled" else RuntimeError("a fault of the user's")


WAIT_FOR_NOTHING = ("a serializer's encode", "a serializer's decode", "a transport's close")
"""What they call cannot have been cancelled."""
CELLS = [(name, "error") for name in HOOKS]
CELLS += [(name, "cancelled") for name in HOOKS if name not in WAIT_FOR_NOTHING]


@pytest.mark.parametrize(("name", "kind"), CELLS)
async def test_a_hook_of_the_client_that_raises(name: str, kind: str) -> None:
    told: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))
    raiser = Raiser(error_of(kind))
    async with asyncio.timeout(DEADLINE_S), demo_server() as server:
        client = await use_all(server.url, HOOKS[name], raiser)
    assert raiser.has_raised
    # A coroutine that nobody waits for, and that was cancelled, has ended.
    is_counted = name not in FAIL_WHAT_ASKED and (name, kind) != ("on_state, async", "cancelled")
    assert client.stats.handler_errors == is_counted
    assert client.stats.in_flight == 0
    assert not told
    await _nothing_left()


class Odd(ServerChannel):
    """A channel of which one hook raises once, plain or async."""

    raiser: Raiser
    hook: str
    is_async: bool

    def _raise(self, hook: str, result: Any = None) -> Any:
        if hook != self.hook:
            return result
        if self.is_async:
            return self._raise_later(result)
        self.raiser()
        return result

    async def _raise_later(self, result: Any) -> Any:
        await asyncio.sleep(0)
        self.raiser()
        return result

    def join(self, topic: str, payload: Any) -> Any:
        self.monitor(lambda _: self._raise("monitor"))
        return self._raise("join", ServerReply("ok"))

    def handle_in(self, event: str, message: Message) -> Any:
        self.send_info("info")
        return self._raise("handle_in", ServerReply("ok"))

    def handle_info(self, message: Any) -> Any:
        return self._raise("handle_info")

    def terminate(self, reason: Any) -> None:
        self._raise("terminate")


SERVER_HOOKS = [
    *((hook, False) for hook in ("make", "join", "handle_in", "handle_info", "terminate", "monitor")),
    *((hook, True) for hook in ("join", "handle_in", "handle_info")),
]


@pytest.mark.parametrize("kind", ["error", "cancelled"])
@pytest.mark.parametrize(("hook", "is_async"), SERVER_HOOKS)
async def test_a_hook_of_the_embedded_server_that_raises(hook: str, is_async: bool, kind: str) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    raiser = Raiser(error_of(kind))
    channel = type("Raising", (Odd,), {"raiser": raiser, "hook": hook, "is_async": is_async})

    def make() -> ServerChannel:
        if hook == "make":
            raiser()
        return channel()

    channels = {"odd:*": make, "right:*": type("Right", (Odd,), {"hook": ""})}
    async with asyncio.timeout(DEADLINE_S), Server(channels=channels) as server:
        async with connect(server.url, rejoin_backoff=lambda _: 0.01, timeout=5.0) as client:
            odd, right = client.channel("odd:a"), client.channel("right:a")
            await right.join()
            for _ in range(3):
                try:
                    await odd.join()
                    await odd.push("e", {})
                    await odd.leave()
                except FastphxError:
                    # The channel has crashed, which is what its client is told.
                    await right.push("e", {})
                    with suppress(NotJoinedError):
                        await odd.leave()
            await right.push("e", {})
        assert raiser.has_raised
    assert not told
    await _nothing_left()


async def _nothing_left() -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DEADLINE_S):
        while len(asyncio.all_tasks()) > 1 or len(wheel_for(loop)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
