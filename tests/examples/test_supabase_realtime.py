"""`examples/supabase_realtime.py`, and the program of docs/how-to/supabase.md, against a server that speaks
as Supabase Realtime does."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fastphx import Client, ConnectError, JoinError, NotJoinedError
from tests.client.waiting import until, within
from tests.examples.realtime_server import EXPIRED, REFUSED_KEYS, RealtimeServer

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "supabase_realtime.py"
PAGE = (ROOT / "docs" / "how-to/supabase.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```\n(?:\n```output\n(.*?)^```)?", PAGE, re.M | re.S)
TIMEOUT_S = 60.0


def load() -> Any:
    spec = importlib.util.spec_from_file_location("supabase_realtime", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = load()
MESSAGES = {"event": "*", "schema": "public", "table": "messages"}
ORDERS = {"event": "INSERT", "schema": "shop", "table": "orders", "filter": "id=gt.1"}


@pytest.fixture
async def realtime() -> AsyncIterator[RealtimeServer]:
    async with RealtimeServer() as server:
        yield server


def connect(realtime: RealtimeServer, key: Any = "anon", **options: Any) -> Client:
    client: Client = EXAMPLES.connect(realtime.url, key, backoff_base=0.01, **options)
    return client


class Session:
    """A user's session, whose token changes."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def __call__(self) -> str:
        return self.token


async def test_the_handshake_and_the_join_are_those_of_realtime(realtime: RealtimeServer) -> None:
    async with connect(realtime, lambda: "anon", heartbeat_interval=0.05) as client:
        room = EXAMPLES.Realtime(
            *(client, "lobby"),
            token=Session("user-1"),
            changes=[MESSAGES],
            ack=True,
            private=True,
            presence_key="ann",
        )
        await within(room.join())
        assert realtime.queries == [{"apikey": ["anon"], "vsn": ["2.0.0"]}]
        assert realtime.joins == [
            {
                "config": {
                    "broadcast": {"ack": True, "self": False},
                    "presence": {"key": "ann", "enabled": True},
                    "postgres_changes": [MESSAGES],
                    "private": True,
                },
                "access_token": "user-1",
            }
        ]
        await realtime.server.wait_until(lambda stats: stats["heartbeats"] > 1, TIMEOUT_S)


async def test_a_channel_without_a_token_has_the_keys_rights(realtime: RealtimeServer) -> None:
    async with connect(realtime) as client:
        room = EXAMPLES.Realtime(client, "lobby")
        await within(room.join())
        await room.refresh()
        assert "access_token" not in realtime.joins[0]
        await within(room.track({}))
    assert realtime.refreshed == []


async def test_changes_come_to_those_who_asked_also_after_a_reconnect(realtime: RealtimeServer) -> None:
    async with connect(realtime) as client:
        room = EXAMPLES.Realtime(client, "lobby", changes=[MESSAGES, ORDERS])
        messages: list[Any] = []
        orders: list[Any] = []
        room.on_change(messages.append)
        room.on_change(orders.append, 1)
        await within(room.join())
        await within(room.subscribed.wait())
        realtime.insert("public", "messages", {"id": 1})
        realtime.insert("shop", "orders", {"id": 2})
        realtime.insert("public", "others", {"id": 3})
        await until(lambda: messages and orders)
        realtime.server.cut()
        await until(lambda: room.channel.gaps == 1)
        await within(room.subscribed.wait())
        realtime.insert("public", "messages", {"id": 4})
        await until(lambda: len(messages) == 2)
        assert [(change["type"], change["record"]) for change in messages] == [
            ("INSERT", {"id": 1}),
            ("INSERT", {"id": 4}),
        ]
        assert [change["record"] for change in orders] == [{"id": 2}]


async def test_a_new_token_is_sent_once_and_with_each_join(realtime: RealtimeServer) -> None:
    session = Session("user-1")
    async with connect(realtime) as client:
        room = EXAMPLES.Realtime(client, "lobby", token=session)
        await within(room.join())
        await room.refresh()
        session.token = "user-2"
        refreshing = asyncio.create_task(room.keep_fresh(0.005))
        await until(lambda: realtime.refreshed)
        await within(room.track({}))
        session.token = "user-3"
        await until(lambda: len(realtime.refreshed) == 2)
        refreshing.cancel()
        session.token = "user-4"
        realtime.server.cut()
        await until(lambda: len(realtime.joins) == 2)
        assert realtime.refreshed == ["user-2", "user-3"]
        assert [payload["access_token"] for payload in realtime.joins] == ["user-1", "user-4"]


async def test_a_token_that_is_refused_closes_the_channel_until_it_is_joined_again(
    realtime: RealtimeServer,
) -> None:
    session = Session("user-1")
    said: list[Any] = []
    async with connect(realtime) as client:
        room = EXAMPLES.Realtime(client, "lobby", token=session, changes=[MESSAGES])
        room.on_system(said.append)
        closed = asyncio.Event()
        room.channel.on_close(lambda _: closed.set())
        await within(room.join())
        await within(room.subscribed.wait())
        session.token = EXPIRED
        await room.refresh()
        await within(closed.wait())
        assert not room.subscribed.is_set()
        assert [each["extension"] for each in said] == ["postgres_changes", "system"]
        assert said[1] == {
            "extension": "system",
            "status": "error",
            "message": "Token has expired 5 seconds ago",
            "channel": "lobby",
        }
        with pytest.raises(NotJoinedError):
            await room.broadcast("cursor", {})
        session.token = "user-2"
        await within(room.join())
        await within(room.subscribed.wait())


async def test_presence_is_seen_by_others_and_ends_with_its_channel(realtime: RealtimeServer) -> None:
    async with connect(realtime) as ann, connect(realtime) as bob:
        here = EXAMPLES.Realtime(ann, "lobby", presence_key="ann")
        there = EXAMPLES.Realtime(bob, "lobby", presence_key="bob")
        await within(here.join())
        await within(there.join())
        await within(here.track({"mood": "good"}))
        await within(there.track({"mood": "bad"}))
        await until(lambda: set(here.presence.state) == set(there.presence.state) == {"ann", "bob"})
        await within(there.track({"mood": "better"}))
        await until(lambda: here.presence.state["bob"]["metas"][0]["mood"] == "better")
        await within(there.untrack())
        await until(lambda: set(here.presence.state) == {"ann"})
        realtime.server.cut()
        await until(lambda: here.channel.gaps == there.channel.gaps == 1)
        await until(lambda: here.presence.state == {})


@pytest.mark.parametrize(
    "payload", [b"\x00\xff\x04", b"", {"x": [1, "é"]}, None], ids=["bytes", "no bytes", "JSON", "null"]
)
@pytest.mark.parametrize("ack", [False, True])
async def test_what_is_broadcast_comes_to_others_as_it_was(
    realtime: RealtimeServer, payload: Any, ack: bool
) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    own: asyncio.Queue[Any] = asyncio.Queue()
    async with connect(realtime) as ann, connect(realtime) as bob:
        speaker = EXAMPLES.Realtime(ann, "lobby", ack=ack, receive_own=ack)
        speaker.on_broadcast(lambda *it: own.put_nowait(it))
        listener = EXAMPLES.Realtime(bob, "lobby")
        listener.on_broadcast(lambda *it: heard.put_nowait(it))
        await within(speaker.join())
        await within(listener.join())
        await within(speaker.broadcast("cursor", payload))
        assert await within(heard.get()) == ("cursor", payload)
        if ack:
            assert await within(own.get()) == ("cursor", payload)
        await within(listener.broadcast("answer", payload))
        assert await within(own.get()) == ("answer", payload)


@pytest.mark.parametrize("key", REFUSED_KEYS)
async def test_a_refused_handshake_says_why(realtime: RealtimeServer, key: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await within(connect(realtime, key, reconnect=False).open())
    assert (caught.value.status, EXAMPLES.refusal(caught.value)) == REFUSED_KEYS[key]


async def test_a_refused_channel_says_why(realtime: RealtimeServer) -> None:
    async with connect(realtime) as client:
        with pytest.raises(JoinError) as caught:
            await within(EXAMPLES.Realtime(client, "lobby", token=Session(EXPIRED)).join())
    assert caught.value.shown_reason == "InvalidJWTToken: Token has expired 5 seconds ago"


def test_what_is_no_refusal_of_realtimes_is_told_as_it_is() -> None:
    for body in (b"", b"[]", b"<html>", b'{"message": 1}'):
        assert EXAMPLES.refusal(ConnectError("no", status=403, body=body)) == "no"


async def started(*arguments: str, key: str = "anon") -> asyncio.subprocess.Process:
    environment = {**os.environ, "SUPABASE_KEY": key, "SUPABASE_ACCESS_TOKEN": "user-1"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", *arguments), stdout=PIPE, stderr=PIPE, env=environment
    )


async def test_the_command_prints_what_comes(realtime: RealtimeServer) -> None:
    process = await started(str(EXAMPLE), realtime.url, "lobby", "messages", "shop.orders")
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT_S):
        assert json.loads(await process.stdout.readline()) == {"present": []}
        assert json.loads(await process.stdout.readline())["system"]["message"] == "Subscribed to PostgreSQL"
        realtime.insert("public", "messages", {"id": 1})
        assert json.loads(await process.stdout.readline())["change"]["record"] == {"id": 1}
        realtime.insert("shop", "orders", {"id": 2})
        assert json.loads(await process.stdout.readline())["change"]["record"] == {"id": 2}
        async with connect(realtime) as client:
            room = EXAMPLES.Realtime(client, "lobby")
            await room.join()
            await room.broadcast("cursor", b"\x00\xff")
            assert json.loads(await process.stdout.readline()) == {"cursor": "00ff"}
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert realtime.joins[0]["access_token"] == "user-1"


async def test_the_command_says_why_it_was_refused(realtime: RealtimeServer) -> None:
    process = await started(str(EXAMPLE), realtime.url, "lobby", key="suspended")
    async with asyncio.timeout(TIMEOUT_S):
        _, errors = await process.communicate()
    said = errors.decode().splitlines()
    assert said[-1] == "Realtime refused the connection: Realtime was disabled for this tenant"
    assert "Traceback" not in said[0]
    assert process.returncode == 1


async def test_a_program_of_the_page_runs(realtime: RealtimeServer) -> None:
    ((program, output),) = PROGRAMS
    hosted = "wss://PROJECT.supabase.co"
    assert hosted in program
    process = await started("-c", program.replace(hosted, realtime.url.replace("http", "ws")))
    async with asyncio.timeout(TIMEOUT_S):
        said, errors = await process.communicate()
    assert said.decode() == output, errors.decode()
