"""An attempt that is given up while the answer comes: its owner hears of the end of what it was told of."""

from __future__ import annotations

import asyncio
import gc
import select
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from multidict import CIMultiDict

from fastphx.errors import ConnectionClosed
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.testing import demo_server
from fastphx.transports import connector
from fastphx.transports.websocket.client_handshake import ClientHandshake
from tests.transports.recording_owner import TIMEOUT_S, RecordingOwner


class Slow(ClientHandshake):
    """Sends the request, and holds the loop until the answer is there: it is read before the loop returns the
    connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        assert select.select([transport.get_extra_info("socket").fileno()], [], [], TIMEOUT_S)[0]


class GivingUp(RecordingOwner):
    """Cancels its attempt as soon as it hears of the connection."""

    attempt: asyncio.Task[Any]

    def notify_connected(self, writer: FrameWriter | None) -> None:
        super().notify_connected(writer)
        self.attempt.cancel()


def attempt_of(owner: RecordingOwner, url: str) -> asyncio.Task[Any]:
    # In a task of its own: a cancellation goes straight into it.
    sink = CallbackSink(lambda data, opcode, now_ns: None)
    return asyncio.ensure_future(connector.connect(url, sink, owner))


async def give_up(url: str) -> None:
    owner = GivingUp()
    owner.attempt = attempt_of(owner, url)
    with pytest.raises(asyncio.CancelledError):
        await owner.attempt
    reason = await owner.reason()
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1006
    # It hears of that once.
    await asyncio.sleep(0.01)
    assert owner.events == ["connected", "disconnected"]


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_the_owner_hears_of_the_end(
    new_loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "ClientHandshake", Slow)
    with demo_server(port=0) as server, asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(give_up(f"{server.websocket_url}?vsn=2.0.0"))


def test_a_refusal_that_nobody_waits_for_is_no_error_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Slow):
        attempt: asyncio.Task[Any]

        def answered(self, head: bytes) -> bool:
            is_connected = super().answered(head)
            Refused.attempt.cancel()
            return is_connected

    told: list[dict[str, Any]] = []

    async def attempt(url: str) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        Refused.attempt = attempt_of(RecordingOwner(), url)
        with pytest.raises(asyncio.CancelledError):
            await Refused.attempt
        del Refused.attempt
        # The loop is told when the future is gone.
        await asyncio.sleep(0.01)
        gc.collect()

    monkeypatch.setattr(connector, "ClientHandshake", Refused)
    with demo_server(port=0) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        server.faults.refuse_connects = 403
        runner.run(attempt(f"{server.websocket_url}?vsn=2.0.0"))
    assert told == []


async def test_an_answer_to_an_attempt_that_was_given_up_opens_nothing() -> None:
    accepted: list[object] = []
    handshake = Willing("peer.test", "/", (), accepted.append)
    assert handshake.answered(b"")
    handshake.give_up()
    assert not handshake.answered(b"")
    assert len(accepted) == 1


class Willing(ClientHandshake):
    """Takes any head for a right one."""

    def _checked(self, head: bytes) -> CIMultiDict[str]:
        return CIMultiDict()
