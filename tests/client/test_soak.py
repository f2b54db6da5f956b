"""Two hundred clients of a server that is killed again and again: nothing is lost unsaid or left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import sys
import tracemalloc
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from pathlib import Path

import pytest

from fastphx import Client, FastphxError, connect
from fastphx.client import Channel
from fastphx.protocol.joins import JoinState
from tests.free_port import free_port
from tests.loops import LOOPS

CLIENTS = 200
TOPICS = 5
KILLS = 20
REPLIES_A_ROUND = 100
PUSH_TIMEOUT_S = 1.0
LIMIT_S = 60.0
MAX_GROWTH_BYTES = 512 * CLIENTS * TOPICS
"""Half a kilobyte a channel: far less than what one future or message more at each kill would take."""

EXPECTED_FAILURES = {
    "ChannelCrashedError",
    "ConnectionLostError",
    "DecodeError",
    "DisconnectedError",
    "NotJoinedError",
    "PushError",  # "unmatched topic": the server's channel had crashed, and the news of it was on its way
    "PushTimeoutError",
}

ROOT = Path(__file__).parents[2]


class FaultyServer:
    """The server's process, on one port however often it is started."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.process: Process | None = None

    async def start(self) -> None:
        if self.process is None:
            command = (sys.executable, "-m", "tests.client.faulty_server", str(self.port))
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=ROOT
            )
        await self.order("start", "listening")

    async def kill(self) -> None:
        await self.order("kill", "killed")

    async def calm(self) -> None:
        await self.order("calm")

    async def order(self, word: str, answer: str = "") -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()
        if answer:
            async with asyncio.timeout(LIMIT_S):
                assert await self.process.stdout.readline() == f"{answer}\n".encode()

    async def stop(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            await self.process.wait()


class Load:
    """Each client pushes what no other push has, and takes down what became of it."""

    def __init__(self) -> None:
        self.begun = 0
        self.replies = 0
        self.failures: Counter[str] = Counter()
        self.stopping = False

    async def run(self, number: int, channels: list[Channel], dice: random.Random) -> None:
        turn = 0
        while not self.stopping:
            turn += 1
            payload = {"client": number, "turn": turn}
            self.begun += 1
            try:
                reply = await dice.choice(channels).push("echo", payload, timeout=PUSH_TIMEOUT_S)
            except FastphxError as error:
                self.failures[type(error).__name__] += 1
            else:
                assert reply.response == payload
                self.replies += 1
            await asyncio.sleep(dice.uniform(0.05, 0.25))


async def until(reached: object, what: str) -> None:
    assert callable(reached)
    try:
        async with asyncio.timeout(LIMIT_S):
            while not reached():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {LIMIT_S} s: {what}") from None


def memory() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def open_channels(url: str, clients: list[Client]) -> list[list[Channel]]:
    for _ in range(CLIENTS):
        client = connect(
            url, timeout=PUSH_TIMEOUT_S, backoff_cap=0.5, rejoin_backoff=lambda attempt: 0.05, hold=0.2
        )
        clients.append(client)
        await client
    return [
        await asyncio.gather(
            *(client.join(f"room:{topic}:{number}", {"n": topic}, timeout=LIMIT_S) for topic in range(TOPICS))
        )
        for number, client in enumerate(clients)
    ]


async def echo_everywhere(channels: list[list[Channel]]) -> None:
    for row in channels:
        replies = await asyncio.gather(*(channel.push("echo", "here", timeout=LIMIT_S) for channel in row))
        assert [reply.response for reply in replies] == ["here"] * TOPICS


async def soak(server: FaultyServer, clients: list[Client]) -> None:
    url = f"ws://127.0.0.1:{server.port}/socket"
    await server.start()
    await server.calm()
    # What is imported and cached at the first use is no leak.
    async with connect(url) as client:
        room = await client.join("room:first")
        await room.push("echo", "here")
    memory_before = memory()
    tasks_before = len(asyncio.all_tasks())
    channels = await open_channels(url, clients)
    await echo_everywhere(channels)
    assert len(asyncio.all_tasks()) == tasks_before
    memory_open = memory()

    load = Load()
    await kill_under_load(server, load, channels)
    # Every push has ended, in its own reply or in an exception.
    assert load.begun == load.replies + sum(load.failures.values())
    assert load.failures["ConnectionLostError"] > 0
    assert set(load.failures) <= EXPECTED_FAILURES

    every = [channel for row in channels for channel in row]
    await until(
        lambda: all(channel.state is JoinState.JOINED for channel in every), "every topic is joined again"
    )
    await echo_everywhere(channels)
    assert all(channel.gaps >= 1 for channel in every)
    for client in clients:
        stats = client.stats
        assert (stats.in_flight, stats.unsent, stats.queue_depth) == (0, 0, 0)
        assert stats.channels == TOPICS
        assert stats.handler_errors == 0
    assert len(asyncio.all_tasks()) == tasks_before
    grown = memory() - memory_open
    assert grown < MAX_GROWTH_BYTES, f"{grown} bytes more than before the kills"

    await asyncio.gather(*(client.close() for client in clients))
    assert len(asyncio.all_tasks()) == tasks_before
    del client, stats, room
    clients.clear()
    channels.clear()
    every.clear()
    # The loop still holds the last of its own callbacks.
    for _ in range(3):
        await asyncio.sleep(0)
    left = memory() - memory_before
    assert left < MAX_GROWTH_BYTES, f"{left} bytes are left when all clients are closed"


async def kill_under_load(server: FaultyServer, load: Load, channels: list[list[Channel]]) -> None:
    dice = random.Random(1)
    running = [
        asyncio.create_task(load.run(number, row, random.Random(dice.random())))
        for number, row in enumerate(channels)
    ]
    for _ in range(KILLS):
        await server.kill()
        await server.start()
        wanted = load.replies + REPLIES_A_ROUND
        await until(lambda wanted=wanted: load.replies >= wanted, f"{wanted} replies")
    await server.calm()
    load.stopping = True
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*running)


async def run(port: int) -> None:
    server = FaultyServer(port)
    clients: list[Client] = []
    try:
        await soak(server, clients)
    finally:
        await asyncio.gather(*(client.close() for client in clients))
        await server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="the server is a fork, which Windows has not")
def test_soak(caplog: pytest.LogCaptureFixture) -> None:
    # What pytest keeps of a log is memory as well.
    caplog.set_level(logging.CRITICAL, "fastphx.client")
    port = free_port()
    tracemalloc.start()
    try:
        with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
            runner.run(run(port))
    finally:
        tracemalloc.stop()
