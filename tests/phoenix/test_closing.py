"""How connections end, and with which code: by the server's hand, by its timeout, by its own end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fastphx import Client, ConnectionClosed, Outage, connect
from fastphx.errors import DisconnectReason
from fastphx.transports import WebSocketLink, WebSocketWriter
from fastphx.transports.base import BINARY, TEXT
from tests.client.waiting import within
from tests.phoenix.facts import MALFORMED_CODE, Facts, facts_of
from tests.phoenix.phoenix import Phoenix
from tests.phoenix.started import StartedPhoenix
from tests.transports.recording_owner import RecordingOwner

JoinLink = Callable[[str], Awaitable[tuple[RecordingOwner, WebSocketWriter]]]

MALFORMED = [b"no JSON", b"{}", b"[1]", b'["1","1","room:a","echo"]']


@pytest.fixture
async def joined_link() -> AsyncIterator[JoinLink]:
    """Opens a link at a socket's URL that joins ``room:a``; gives its owner, and what writes to it."""
    links: list[tuple[RecordingOwner, WebSocketLink]] = []

    async def join(url: str) -> tuple[RecordingOwner, WebSocketWriter]:
        owner = RecordingOwner()
        link = await owner.connect(f"{url}/websocket?vsn=2.0.0&user=closing")
        links.append((owner, link))
        link.writer.write(b'["1","1","room:a","phx_join",{}]', TEXT)
        await owner.message()
        return owner, link.writer

    yield join
    for owner, link in links:
        link.abort()
        await owner.reason()


async def code_of(owner: RecordingOwner) -> int:
    reason: DisconnectReason = await owner.reason()
    assert isinstance(reason, ConnectionClosed)
    return reason.code


async def test_a_disconnect(phoenix: Phoenix, facts: Facts, joined_link: JoinLink) -> None:
    owner, _ = await joined_link(phoenix.url)
    await phoenix.admin("disconnect?user=closing")
    assert await code_of(owner) == facts.disconnect_code


async def test_an_idle_socket(phoenix: Phoenix, facts: Facts, joined_link: JoinLink) -> None:
    owner, _ = await joined_link(phoenix.short_url)
    assert await code_of(owner) == facts.idle_code


@pytest.mark.parametrize("frame", MALFORMED)
async def test_a_frame_that_is_no_message(phoenix: Phoenix, frame: bytes, joined_link: JoinLink) -> None:
    owner, writer = await joined_link(phoenix.url)
    writer.write(frame, TEXT)
    assert await code_of(owner) == MALFORMED_CODE


async def test_a_binary_frame_that_is_no_message(phoenix: Phoenix, joined_link: JoinLink) -> None:
    owner, writer = await joined_link(phoenix.url)
    writer.write(b"\x07", BINARY)
    assert await code_of(owner) == MALFORMED_CODE


async def test_a_kept_alive_socket_is_not_idle(phoenix: Phoenix) -> None:
    async with connect(phoenix.short_url, heartbeat_interval=0.3) as client:
        room = await client.join("room:a")
        await room.push("slow", {"ms": 1_800})
        assert client.stats.reconnects == 0


async def drained(started: StartedPhoenix) -> None:
    await started.phoenix.admin("drain")


async def stopped(started: StartedPhoenix) -> None:
    await asyncio.to_thread(started.terminate)
    await asyncio.to_thread(started.start)


async def killed(started: StartedPhoenix) -> None:
    started.kill()
    await asyncio.to_thread(started.start)


@pytest.mark.parametrize("end", [drained, stopped, killed])
@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
async def test_clients_return_after_the_server(
    own_phoenix: StartedPhoenix, end: Callable[[StartedPhoenix], Awaitable[None]], transport: str
) -> None:
    phoenix = own_phoenix.phoenix
    options = {"max_batch_size": 1} if transport == "longpoll" else {}
    clients: list[Client] = [
        await connect(phoenix.url, transport=transport, reconnect=True, backoff_cap=0.5, **options)
        for _ in range(5)
    ]
    try:
        rooms = [await client.join("room:all", {"n": n}) for n, client in enumerate(clients)]
        messages = [aiter(room) for room in rooms]
        await end(own_phoenix)
        for each in messages:
            assert isinstance(await within(anext(each)), Outage)
        for number, room in enumerate(rooms):
            assert room.response == {"joined": {"n": number}}
            assert (await room.push("echo", {"n": number})).response == {"n": number}
            assert room.gaps >= 1
    finally:
        for client in clients:
            await client.close()


@pytest.mark.parametrize("end", [drained, stopped])
async def test_draining(
    own_phoenix: StartedPhoenix, end: Callable[[StartedPhoenix], Awaitable[None]], joined_link: JoinLink
) -> None:
    facts = facts_of(own_phoenix.phoenix)
    owner, _ = await joined_link(own_phoenix.phoenix.url)
    await end(own_phoenix)
    assert await code_of(owner) == facts.drain_code


async def test_a_server_that_is_killed_says_nothing(
    own_phoenix: StartedPhoenix, joined_link: JoinLink
) -> None:
    owner, _ = await joined_link(own_phoenix.phoenix.url)
    own_phoenix.kill()
    assert await code_of(owner) == 1006
