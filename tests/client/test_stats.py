"""Statistics and OpenTelemetry metrics."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, fields
from typing import Any

import pytest

from fastphx import Client, connect
from fastphx.client import Stats
from fastphx.client.metrics import GAUGES
from fastphx.testing import Server
from tests.client.waiting import until


async def test_a_new_client_has_counted_nothing() -> None:
    stats = connect("ws://127.0.0.1:1/socket").stats
    assert set(asdict(stats).values()) == {0, None}


async def test_counters_go_on_over_connections(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    for _ in range(3):
        await room.push("echo", {})
    before = client.stats
    assert (before.sockets, before.channels, before.replies) == (1, 1, 4)
    assert before.frames_out >= 4
    assert before.bytes_in > 0
    assert before.bytes_out > 0
    server.cut()
    await until(lambda: client.stats.gaps == 1)
    await room.push("echo", {})
    server.broadcast("room:unknown", "n", {})
    after = client.stats
    assert after.replies == 6
    assert after.reconnects == 1
    for field in fields(Stats):
        if field.name not in GAUGES:
            assert getattr(after, field.name) >= getattr(before, field.name)
    await room.leave()
    assert client.stats.channels == 0
    assert client.stats.gaps == 1


async def test_a_reply_that_nobody_waits_for_is_counted(server: Server, client: Client) -> None:
    room = await client.join("room:lobby")
    pushing = asyncio.ensure_future(room.push("slow", {"ms": 20}))
    await until(lambda: client.stats.in_flight == 1)
    pushing.cancel()
    await asyncio.wait([pushing])
    await until(lambda: client.stats.replies == 2)
    assert client.stats.in_flight == 0


class Instrument:
    def __init__(self, kind: str, callbacks: Any) -> None:
        self.kind = kind
        self.read = callbacks[0]


async def test_open_telemetry(server: Server) -> None:
    metrics = pytest.importorskip("opentelemetry.metrics")
    instruments: dict[str, Instrument] = {}

    class Meter(metrics.NoOpMeter):  # type: ignore[misc, name-defined]
        def create_observable_counter(self, name: str, callbacks: Any = None, **more: Any) -> Any:
            instruments[name] = Instrument("counter", callbacks)

        def create_observable_gauge(self, name: str, callbacks: Any = None, **more: Any) -> Any:
            instruments[name] = Instrument("gauge", callbacks)

    class Provider(metrics.NoOpMeterProvider):  # type: ignore[misc, name-defined]
        def get_meter(self, *arguments: Any, **more: Any) -> Any:
            return Meter("fastphx")

    async with connect(server.url, metrics=Provider()) as client:
        room = await client.join("room:lobby")
        await room.push("echo", {})
        [replies] = instruments["fastphx.client.replies"].read(None)
        assert replies.value == 2
        assert replies.attributes == {"server.address": f"127.0.0.1:{server.port}"}
        [channels] = instruments["fastphx.client.channels"].read(None)
        assert channels.value == 1
    assert instruments["fastphx.client.channels"].kind == "gauge"
    assert {name.removeprefix("fastphx.client.") for name in instruments} == {f.name for f in fields(Stats)}
    # The global provider is a do-nothing one unless somebody sets another.
    connect(server.url, metrics=True)


async def test_a_collection_takes_one_snapshot(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = pytest.importorskip("opentelemetry.metrics")
    reads: list[Any] = []

    class Meter(metrics.NoOpMeter):  # type: ignore[misc, name-defined]
        def create_observable_counter(self, name: str, callbacks: Any = None, **more: Any) -> Any:
            reads.extend(callbacks)

        create_observable_gauge = create_observable_counter

    class Provider(metrics.NoOpMeterProvider):  # type: ignore[misc, name-defined]
        def get_meter(self, *arguments: Any, **more: Any) -> Any:
            return Meter("fastphx")

    taken = 0
    computed = Client.stats.fget  # type: ignore[attr-defined]

    def stats(client: Client) -> Stats:
        nonlocal taken
        taken += 1
        return computed(client)  # type: ignore[no-any-return]

    monkeypatch.setattr(Client, "stats", property(stats))
    async with connect(server.url, metrics=Provider()) as client:
        room = await client.join("room:lobby")
        for collection in range(1, 4):
            values = {observation.value for read in reads for observation in read(None)}
            assert taken == collection
            assert collection in values, "a collection has the replies until then"
            await room.push("echo", {})


async def test_without_open_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(RuntimeError, match=r"pip install fastphx\[opentelemetry\]"):
        connect("ws://127.0.0.1:1/socket", metrics=True)
