"""One owner of one transport after the other: its events in order, its reasons, and its bounded end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import orjson
import pytest

from fastphx.errors import (
    ConnectError,
    ConnectionClosed,
    DisconnectReason,
    HeartbeatTimeout,
    OverloadedError,
    TransportDown,
)
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.message import Message
from fastphx.timing.wheel import wheel_for
from fastphx.transports import TransportOwner, WebSocketTransport
from fastphx.transports.connection import Connection
from tests.protocol.collecting_writer import CollectingWriter
from tests.transports.raw_server import Peer, RawServer, frame

TIMEOUT_S = 30.0
URL = "ws://127.0.0.1:1/socket/websocket"


class Recorder:
    """A session's and a connection's handler: ``events`` are what was told, in order."""

    def __init__(self, heartbeat_interval_s: float = 0.0) -> None:
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.session = CallbackSession(self, heartbeat_interval_s=heartbeat_interval_s)  # type: ignore[arg-type]
        self.session.use_wheel(wheel_for(asyncio.get_running_loop()))
        self.connection = Connection(self.session, self)
        self.closed = asyncio.Event()
        self.joins = False

    async def event(self) -> tuple[str, Any]:
        return await asyncio.wait_for(self.events.get(), TIMEOUT_S)

    def told(self) -> list[str]:
        """The names of what was told and not yet asked for."""
        return [self.events.get_nowait()[0] for _ in range(self.events.qsize())]

    async def open(self, transport: type[Any], **opts: Any) -> None:
        await asyncio.wait_for(self.connection.open(transport, URL, opts), TIMEOUT_S)

    async def close(self) -> None:
        self.connection.close(self.closed.set)
        await asyncio.wait_for(self.closed.wait(), TIMEOUT_S)

    def on_connected(self) -> None:
        self.events.put_nowait(("connected", None))
        if self.joins:
            self.session.join("room:a")

    def on_disconnected(self, reason: DisconnectReason) -> None:
        assert not self.session.is_open
        self.events.put_nowait(("disconnected", reason))

    def on_error(self, exc: BaseException) -> None:
        self.events.put_nowait(("error", exc))

    def on_heartbeat_timeout(self) -> None:
        self.connection.abort(HeartbeatTimeout())

    def on_heartbeat_reply(self, rtt_ns: int) -> None: ...

    def on_message(self, message: Message) -> None:
        self.events.put_nowait(("message", message.payload))

    on_unknown_topic = on_message

    def on_joined(self, message: Message, join: Any) -> None:
        self.events.put_nowait(("joined", message.topic))

    def on_reply(self, message: Message, waiter: Any, rtt_ns: int) -> None: ...


class Own:
    """A transport in plain Python, without a network; ``begin`` is what its start does."""

    started: ClassVar[list[Own]] = []
    heartbeat: ClassVar[bool] = True

    def __init__(self, owner: TransportOwner) -> None:
        self.owner = owner
        self.pushed: list[Any] = []
        self.closes = 0

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        transport = cls(owner)
        cls.started.append(transport)
        await transport.begin()
        return transport

    async def begin(self) -> None:
        self.owner.notify_connected(None)

    def message(self, payload: Any) -> None:
        self.owner.notify_message(1, orjson.dumps([None, None, "room:a", "n", payload]))

    def push(self, data: bytes, opcode: int) -> None:
        assert isinstance(opcode, int)
        self.pushed.append(orjson.loads(data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closes += 1
        self.owner.notify_disconnected(ConnectionClosed(code, reason))


@pytest.fixture(autouse=True)
def _nothing_started() -> None:
    Own.started.clear()


async def test_a_real_connection_opens_closes_and_opens_again() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(frame(1, orjson.dumps([None, None, "room:a", "n", 1])))
        # The last one closes; the others are cut.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await peer.close_frame()

    async with RawServer(serve) as server:
        recorder = Recorder()
        for _ in range(2):
            await recorder.connection.open(WebSocketTransport, server.url, {})
            assert recorder.connection.is_up
            assert await recorder.event() == ("connected", None)
            assert await recorder.event() == ("message", 1)
            recorder.connection.abort(HeartbeatTimeout())
            name, reason = await recorder.event()
            assert (name, type(reason)) == ("disconnected", HeartbeatTimeout)
            assert recorder.connection.is_free
        await recorder.connection.open(WebSocketTransport, server.url, {})
        await recorder.close()
    assert recorder.told() == ["connected", "message", "disconnected"]


class Slow(Own):
    """It is connected, awaits something, and is returned."""

    go_on: ClassVar[asyncio.Event]

    async def begin(self) -> None:
        self.owner.notify_connected(None)
        self.message(1)
        await self.go_on.wait()
        self.message(2)


async def test_a_transport_that_awaits_before_start_returns_is_used_once_it_is_returned() -> None:
    Slow.go_on = asyncio.Event()
    # A beat that is late by a quarter of this is not judged: not all timers are exact to a millisecond.
    recorder = Recorder(heartbeat_interval_s=0.02)
    recorder.joins = True
    opening = asyncio.create_task(recorder.open(Slow))
    # Several beats would be due meanwhile, and nothing could send them.
    await asyncio.sleep(0.1)
    assert recorder.told() == []
    Slow.go_on.set()
    await opening
    assert recorder.told()[:3] == ["connected", "message", "message"]
    (transport,) = Own.started
    assert transport.pushed[0][3] == "phx_join"
    # Nobody answers: this one is true.
    name, reason = await recorder.event()
    assert (name, type(reason)) == ("disconnected", HeartbeatTimeout)
    assert "heartbeat" in [frame[3] for frame in transport.pushed]


class Answers(Slow):
    """It answers each join at once."""

    def push(self, data: bytes, opcode: int) -> None:
        join_ref, ref, topic, _event, _payload = orjson.loads(data)
        self.owner.notify_message(
            1, orjson.dumps([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}])
        )


async def test_what_came_early_stays_before_what_comes_meanwhile() -> None:
    Slow.go_on = asyncio.Event()
    Slow.go_on.set()
    recorder = Recorder()
    recorder.joins = True
    await recorder.open(Answers)
    assert recorder.told() == ["connected", "message", "message", "joined"]


class Flood(Own):
    async def begin(self) -> None:
        self.owner.notify_connected(None)
        for n in range(2000):
            self.message(n)


async def test_more_than_may_come_early_is_an_error_of_the_transport() -> None:
    recorder = Recorder()
    with pytest.raises(OverloadedError, match="1000 messages"):
        await recorder.open(Flood)
    assert recorder.told() == []
    assert recorder.connection.is_free


class Late(Own):
    """It is returned first, and connected later."""

    async def begin(self) -> None:
        asyncio.get_running_loop().call_soon(self.owner.notify_connected, None)


async def test_a_transport_that_is_returned_before_it_is_connected() -> None:
    recorder = Recorder()
    await recorder.open(Late)
    assert recorder.told() == ["connected"]
    assert recorder.connection.is_up


class Never(Own):
    async def begin(self) -> None:
        pass


async def test_a_transport_that_never_says_that_it_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CONNECTED_TIMEOUT_S", 0.01)
    recorder = Recorder()
    with pytest.raises(ConnectError, match="not connected after"):
        await recorder.open(Never)
    assert Own.started[0].closes == 1
    assert recorder.told() == []
    await recorder.open(Own)
    assert recorder.told() == ["connected"]


class Wrapped(Own):
    """It has a compiled transport's writer, and awaits before it is returned; then *then* happens."""

    then: ClassVar[Any]

    async def begin(self) -> None:
        self.owner.notify_connected(CollectingWriter())
        await asyncio.sleep(0)
        self.then(self.owner)


def _die(_transport: Own, owner: TransportOwner) -> None:
    owner.notify_disconnected(ConnectionClosed(1012))


def _raise(_transport: Own, owner: TransportOwner) -> None:
    raise ZeroDivisionError("a bug")


def _raise_reason(_transport: Own, owner: TransportOwner) -> None:
    raise ConnectionClosed(1001)


@pytest.mark.parametrize(
    ("then", "expected"),
    [(_die, ConnectionClosed), (_raise, TransportDown), (_raise_reason, ConnectionClosed)],
)
async def test_a_connection_that_is_lost_before_start_returns(
    then: Any, expected: type[DisconnectReason], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wrapped, "then", then, raising=False)
    recorder = Recorder()
    await recorder.open(Wrapped)
    assert not recorder.connection.is_up
    assert (await recorder.event())[0] == "connected"
    name, reason = await recorder.event()
    assert (name, type(reason)) == ("disconnected", expected)
    assert recorder.connection.is_free
    await recorder.open(Own)
    assert recorder.told() == ["connected"]


async def test_one_that_is_given_up_before_start_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()

    def give_up(_transport: Own, _owner: TransportOwner) -> None:
        recorder.connection.abort(HeartbeatTimeout())

    monkeypatch.setattr(Wrapped, "then", give_up, raising=False)
    await recorder.open(Wrapped)
    assert (await recorder.event())[0] == "connected"
    name, reason = await recorder.event()
    # The first reason is the one, not that of the close which it brought about.
    assert (name, type(reason)) == ("disconnected", HeartbeatTimeout)
    assert Own.started[0].closes == 1


async def test_one_that_is_given_up_before_it_can_send_was_never_up() -> None:
    Slow.go_on = asyncio.Event()
    recorder = Recorder()
    opening = asyncio.create_task(recorder.open(Slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    recorder.connection.abort(HeartbeatTimeout())
    Slow.go_on.set()
    with pytest.raises(HeartbeatTimeout):
        await opening
    assert recorder.told() == []
    assert Own.started[0].closes == 1
    assert recorder.connection.is_free


class Hasty(Own):
    """A message comes before it says that it is connected."""

    async def begin(self) -> None:
        self.message("early")
        self.owner.notify_connected(None)


async def test_what_comes_before_the_connection_is_not_taken() -> None:
    recorder = Recorder()
    await recorder.open(Hasty)
    assert recorder.told() == ["connected"]


class Refused(Own):
    """It says why it ends, and its start raises something else."""

    async def begin(self) -> None:
        self.owner.notify_disconnected(ConnectionClosed(1013))
        raise ZeroDivisionError("a bug")


async def test_the_reason_that_a_transport_gave_is_the_one() -> None:
    recorder = Recorder()
    with pytest.raises(ConnectionClosed) as caught:
        await recorder.open(Refused)
    assert caught.value.code == 1013
    assert recorder.told() == []


class Unclosable(Never):
    def close(self, code: int = 1000, reason: str = "") -> None:
        raise ZeroDivisionError("a bug")


async def test_an_attempt_ends_though_its_transport_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CONNECTED_TIMEOUT_S", 0.01)
    recorder = Recorder()
    with pytest.raises(ConnectError, match="not connected after"):
        await recorder.open(Unclosable)
    assert "could not be closed: a bug" in caplog.text
    assert recorder.connection.is_free


async def test_what_a_transport_reports_while_it_is_up_is_told() -> None:
    recorder = Recorder()
    await recorder.open(Own)
    transport = Own.started[0]
    assert recorder.connection.transport is transport
    transport.owner.notify_error(ZeroDivisionError("a bug"))
    assert recorder.told() == ["connected", "error"]
    assert recorder.connection.is_up


class Gone(Own):
    """It has ended before it is returned, and was never up."""

    async def begin(self) -> None:
        self.owner.notify_disconnected(ConnectionClosed(1013))


async def test_one_that_ends_before_it_was_up_is_a_failed_attempt() -> None:
    recorder = Recorder()
    with pytest.raises(ConnectionClosed):
        await recorder.open(Gone)
    assert recorder.told() == []
    assert recorder.connection.is_free


class UnclosableWhenUp(Own):
    def close(self, code: int = 1000, reason: str = "") -> None:
        raise ZeroDivisionError("a bug")


async def test_a_connection_ends_though_its_transport_cannot_be_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    await recorder.open(UnclosableWhenUp)
    recorder.connection.abort(HeartbeatTimeout())
    assert recorder.told() == ["connected", "disconnected"]
    assert "could not be closed: a bug" in caplog.text


async def test_a_reason_is_not_kept_for_the_next_connection() -> None:
    recorder = Recorder()
    recorder.connection.abort(HeartbeatTimeout())
    await recorder.open(Own)
    recorder.connection.abort(HeartbeatTimeout())
    assert recorder.told() == ["connected", "disconnected"]
    await recorder.open(Own)
    Own.started[-1].close(1012)
    await recorder.event()
    assert type((await recorder.event())[1]) is ConnectionClosed


class Fails(Own):
    error: ClassVar[Exception]

    async def begin(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error", [ConnectError("refused"), ValueError("an option"), ZeroDivisionError("a bug")]
)
async def test_what_start_raises_is_raised(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fails, "error", error, raising=False)
    recorder = Recorder()
    with pytest.raises(type(error)) as caught:
        await recorder.open(Fails)
    assert caught.value is error
    assert recorder.told() == []
    assert recorder.connection.is_free


class Hangs(Own):
    async def begin(self) -> None:
        await asyncio.Event().wait()


async def test_an_attempt_may_be_cancelled_and_another_one_made() -> None:
    Slow.go_on = asyncio.Event()
    recorder = Recorder()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await recorder.open(Hangs)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await recorder.open(Slow)
    await recorder.open(Own)
    assert recorder.told() == ["connected"]


async def test_one_that_is_open_cannot_be_opened() -> None:
    recorder = Recorder()
    await recorder.open(Own)
    with pytest.raises(RuntimeError, match="open already"):
        await recorder.open(Own)


async def test_closing_during_an_attempt_cancels_it() -> None:
    recorder = Recorder()
    opening = asyncio.create_task(recorder.open(Hangs))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await recorder.close()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert recorder.told() == []
    with pytest.raises(RuntimeError):
        await recorder.open(Own)


class Stubborn(Own):
    """It cannot be cancelled."""

    go_on: ClassVar[asyncio.Event]

    async def begin(self) -> None:
        while not self.go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.go_on.wait()
        self.owner.notify_connected(None)


@pytest.mark.parametrize("in_time", [True, False])
async def test_closing_is_bounded_where_an_attempt_cannot_be_cancelled(
    in_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CLOSE_TIMEOUT_S", TIMEOUT_S if in_time else 0.02)
    Stubborn.go_on = asyncio.Event()
    recorder = Recorder()
    opening = asyncio.create_task(recorder.connection.open(Stubborn, URL, {}))
    await asyncio.sleep(0)
    recorder.connection.close(recorder.closed.set)
    if not in_time:
        await asyncio.wait_for(recorder.closed.wait(), TIMEOUT_S)
    Stubborn.go_on.set()
    await asyncio.wait({opening}, timeout=TIMEOUT_S)
    await asyncio.wait_for(recorder.closed.wait(), TIMEOUT_S)
    # What came of it all the same is closed, and nobody hears of it.
    assert Own.started[0].closes == 1
    assert recorder.told() == []


class Silent(Own):
    """It does not report its end."""

    was_aborted = False

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closes += 1


class SilentUntilAborted(Silent):
    def abort(self, reason: DisconnectReason | None = None) -> None:
        self.was_aborted = True
        self.owner.notify_disconnected(reason or ConnectionClosed(1006))


@pytest.mark.parametrize("transport", [Silent, SilentUntilAborted])
async def test_closing_is_bounded_where_a_transport_does_not_report_its_end(
    transport: type[Own], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CLOSE_TIMEOUT_S", 0.02)
    recorder = Recorder()
    await recorder.open(transport)
    await recorder.close()
    assert "has not reported its end" in caplog.text
    assert recorder.told() == ["connected", "disconnected"]
    (ended,) = Own.started
    assert isinstance(ended, Silent)
    assert ended.was_aborted is (transport is SilentUntilAborted)
    # Too late.
    Own.started[0].owner.notify_disconnected(ConnectionClosed(1000))
    assert recorder.told() == []


class Gated(Own):
    """It connects when the gate is open."""

    gate: ClassVar[asyncio.Event]
    entered: ClassVar[asyncio.Event]

    async def begin(self) -> None:
        self.entered.set()
        await self.gate.wait()
        self.owner.notify_connected(None)


@pytest.mark.parametrize("phase", ["opening", "up"])
async def test_what_a_transport_that_was_given_up_reports_is_not_the_next_ones(
    phase: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CLOSE_TIMEOUT_S", 0.02)
    recorder = Recorder()
    await recorder.open(Silent)
    recorder.connection.abort(HeartbeatTimeout())
    assert [(await recorder.event())[0] for _ in range(2)] == ["connected", "disconnected"]
    Gated.gate, Gated.entered = asyncio.Event(), asyncio.Event()
    opening = asyncio.ensure_future(recorder.open(Gated))
    await asyncio.wait_for(Gated.entered.wait(), TIMEOUT_S)
    if phase == "up":
        Gated.gate.set()
        await opening
        assert recorder.told() == ["connected"]
    given_up = Own.started[0]
    given_up.owner.notify_connected(None)
    given_up.message("old")
    given_up.owner.notify_error(ZeroDivisionError("late"))
    given_up.owner.notify_disconnected(ConnectionClosed(1000))
    Gated.gate.set()
    await opening
    assert recorder.told() == ([] if phase == "up" else ["connected"])
    assert recorder.connection.is_up
    assert "late" in caplog.text


async def test_giving_up_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastphx.transports.connection.CLOSE_TIMEOUT_S", 0.02)
    recorder = Recorder(heartbeat_interval_s=0.01)
    await recorder.open(Silent)
    assert (await recorder.event())[0] == "connected"
    name, reason = await recorder.event()
    assert (name, type(reason)) == ("disconnected", HeartbeatTimeout)
    assert recorder.connection.is_free


async def test_closing_one_that_is_not_open_is_done_at_once() -> None:
    recorder = Recorder()
    recorder.connection.close(recorder.closed.set)
    assert recorder.closed.is_set()


class NoHeartbeat(Own):
    heartbeat = False


async def test_a_transport_without_heartbeats() -> None:
    recorder = Recorder(heartbeat_interval_s=0.001)
    await recorder.open(NoHeartbeat)
    assert recorder.session.next_deadline_ns is None
    Own.started[0].close()
    await recorder.open(Own)
    assert recorder.session.next_deadline_ns is not None


class Pausable(Own):
    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class SlowAndPausable(Slow, Pausable):
    pass


async def test_reading_is_paused_whenever_connected() -> None:
    Slow.go_on = asyncio.Event()
    recorder = Recorder()
    opening = asyncio.create_task(recorder.open(SlowAndPausable))
    await asyncio.sleep(0)
    recorder.connection.pause()
    Slow.go_on.set()
    await opening
    for transport in Own.started:
        assert isinstance(transport, Pausable)
        assert not transport.reading
        transport.close()
    await recorder.open(Pausable)
    transport = Own.started[-1]
    assert isinstance(transport, Pausable)
    assert not transport.reading
    recorder.connection.resume()
    assert transport.reading
    recorder.connection.pause()
    assert not transport.reading


async def test_a_transport_that_cannot_pause() -> None:
    recorder = Recorder()
    await recorder.open(Own)
    with pytest.raises(OverloadedError, match="pause_reading"):
        recorder.connection.pause()
    Own.started[-1].close()
    with pytest.raises(OverloadedError, match="pause_reading"):
        await recorder.open(Own)
    recorder.connection.resume()
    await recorder.open(Own)


async def test_a_handler_that_fails_ends_the_connection() -> None:
    recorder = Recorder()

    def fail() -> None:
        raise ZeroDivisionError("a bug")

    recorder.on_connected = fail  # type: ignore[method-assign]
    await recorder.open(Own)
    assert isinstance((await recorder.event())[1], ZeroDivisionError)
    name, reason = await recorder.event()
    assert (name, type(reason)) == ("disconnected", TransportDown)
