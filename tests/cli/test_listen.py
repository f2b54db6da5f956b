"""`fastphx listen`, as a process."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastphx.protocol.frame_write import RawJson
from fastphx.testing import Server, ServerChannel, ServerStop, demo_server
from tests.cli.command import COMMAND, TIMEOUT_S, Running, run, sentence
from tests.free_port import free_port


@asynccontextmanager
async def listening(server: Server, *arguments: str, topics: int = 1) -> AsyncIterator[Running]:
    """The command, when its topics are joined."""
    joins = server.stats["joins"]
    async with Running("listen", server.url, *arguments) as command:
        await server.wait_until(lambda stats: stats["joins"] == joins + topics, TIMEOUT_S)
        yield command


async def test_prints_messages_of_several_topics_as_ndjson() -> None:
    async with demo_server() as server, listening(server, "room:a", "room:b", topics=2) as command:
        server.broadcast("room:a", "news", RawJson(b'{"n":12345678901234567890123}'))
        assert json.loads(await command.line()) == {
            "topic": "room:a",
            "event": "news",
            "payload": {"n": 12345678901234567890123},
            "ref": None,
            "join_ref": None,
        }
        server.broadcast("room:b", "blob", b"\x00\xff")
        assert json.loads(await command.line()) == {
            "topic": "room:b",
            "event": "blob",
            "payload_base64": "AP8=",
            "ref": None,
            "join_ref": None,
        }
        command.process.send_signal(signal.SIGINT)
        code, out, err = await command.end()
        assert (code, out, err.strip()) == (130, "", "")


async def test_stops_after_a_count_of_the_chosen_events() -> None:
    async with demo_server() as server:
        async with listening(server, "room:a", "--event", "a", "--event", "b", "--count", "2") as command:
            for event in ("x", "a", "x", "b", "a"):
                server.broadcast("room:a", event, {})
            code, out, err = await command.end()
        assert (code, err) == (0, "")
        assert [json.loads(line)["event"] for line in out.splitlines()] == ["a", "b"]
        await server.wait_until(lambda stats: stats["connections_open"] == 0)


def test_stops_after_a_time() -> None:
    with demo_server() as server:
        done = run("listen", server.url, "room:a", "--for", "50ms")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        # A count that was not reached is a failure: `--count 1 --for 10s` waits for a message.
        assert run("listen", server.url, "room:a", "--for", "50ms", "--count", "1").returncode == 1


@pytest.mark.parametrize("topics", [("once",), ("once", "also")])
async def test_a_topic_that_crashes_right_after_its_join_does_not_keep_it_past_its_time(
    topics: tuple[str, ...],
) -> None:
    class Once(ServerChannel):
        crashed = False

        def join(self, topic: str, payload: Any) -> None:
            if not Once.crashed:
                Once.crashed = True
                self.send_info("crash")

        def handle_info(self, message: Any) -> None:
            raise RuntimeError("crashes right after its join")

    channels = {"once": Once, "also": Once}
    async with (
        Server(channels=channels) as server,
        Running("listen", server.url, *topics, "--for", "500ms") as (command),
    ):
        code, out, _ = await command.end()
    assert (code, out) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_is_interrupted_by_each_signal_that_asks_it_to_end(number: signal.Signals) -> None:
    async with demo_server() as server, listening(server, "room:a") as command:
        command.process.send_signal(number)
        code, out, err = await command.end()
    assert (code, out, err.strip()) == (130, "", "")


async def test_a_terminal_gets_no_control_characters() -> None:
    leader, follower = pty.openpty()
    async with demo_server() as server:
        command = await asyncio.create_subprocess_exec(
            *COMMAND, "listen", server.url, "room:a", "--count", "1", stdout=follower, env=os.environ
        )
        os.close(follower)
        await server.wait_until(lambda stats: stats["joins"] == 1, TIMEOUT_S)
        server.broadcast("room:a", "news\u202e", RawJson('{"text":"\x9b31m\u2028"}'.encode()))
        assert await asyncio.wait_for(command.wait(), TIMEOUT_S) == 0
    line = os.read(leader, 65536).decode().rstrip("\r\n")
    os.close(leader)
    assert line.isprintable()
    fields = json.loads(line)
    assert (fields["event"], fields["payload"]) == ("news\u202e", {"text": "\x9b31m\u2028"})


@pytest.mark.parametrize("ends_by", ["its deadline", "a signal"])
async def test_ends_where_nobody_reads_and_nobody_has_gone(ends_by: str) -> None:
    reading, writing = os.pipe()
    limit = ("--for", "300ms") if ends_by == "its deadline" else ()
    async with demo_server() as server:
        command = await asyncio.create_subprocess_exec(
            *COMMAND, "listen", server.url, "room:a", *limit, stdout=writing, env=os.environ
        )
        os.close(writing)
        await server.wait_until(lambda stats: stats["joins"] == 1, TIMEOUT_S)
        server.broadcast("room:a", "news", {"text": "x" * 300_000})
        # The rest of the pipe's 64 KiB stays unread.
        assert os.read(reading, 1000).startswith(b'{"topic":"room:a"')
        if ends_by == "a signal":
            command.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(command.wait(), TIMEOUT_S)
    os.close(reading)
    assert code == (0 if ends_by == "its deadline" else 130)


async def test_survives_a_reconnect_and_a_crash() -> None:
    async with demo_server() as server, listening(server, "room:a") as command:
        server.broadcast("room:a", "news", {"n": 1})
        assert json.loads(await command.line())["payload"] == {"n": 1}
        server.cut()
        await server.wait_until(lambda stats: stats["joins"] == 2, TIMEOUT_S)
        server.broadcast("room:a", "news", {"n": 2})
        assert json.loads(await command.line())["payload"] == {"n": 2}
        server.crash_channels()
        await server.wait_until(lambda stats: stats["joins"] == 3, TIMEOUT_S)
        server.broadcast("room:a", "news", {"n": 3})
        assert json.loads(await command.line())["payload"] == {"n": 3}
        command.process.send_signal(signal.SIGINT)
        _, _, err = await command.end()
        assert "disconnected" in err
        assert err.count("is joined again after an outage of") == 2


async def test_more_topics_than_one_socket_may_join() -> None:
    topics = [f"room:{number}" for number in range(12)]
    server = demo_server(max_channels_per_transport=5)
    async with server, listening(server, *topics, "--count", "12", topics=12) as command:
        for topic in topics:
            server.broadcast(topic, "news", {})
        code, out, _ = await command.end()
    assert code == 0
    assert sorted(json.loads(line)["topic"] for line in out.splitlines()) == sorted(topics)


async def test_a_connection_that_the_server_ends_for_good() -> None:
    async with demo_server() as server, listening(server, "room:a") as command:
        server.disconnect(code=1000)
        code, out, err = await command.end()
        assert (code, out) == (3, "")
        assert "code 1000" in err


async def test_a_topic_that_the_server_closes() -> None:
    class Short(ServerChannel):
        def handle_info(self, message: Any) -> ServerStop:
            return ServerStop("normal")

        def join(self, topic: str, payload: Any) -> None:
            self.send_info("end")

    async with Server(channels={"short": Short}) as server, listening(server, "short") as command:
        code, out, err = await command.end()
        assert (code, out, err) == (0, "", "fastphx: the server closed short\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("room:denied", "room:a"), 1, "the join of 'room:denied' was refused"),
        (("room:a", "--param", "token=bad"), 3, "403"),
    ],
)
def test_what_fails_ends_in_a_sentence(arguments: tuple[str, ...], code: int, said: str) -> None:
    with demo_server() as server:
        done = run("listen", server.url, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("room:a", "--for", "soon"), "--for is 'soon'"),
        (("room:a", "--count", "0"), "--count"),
        (("room:a", "--join-payload", "{"), "--join-payload is not JSON"),
        ((), "TOPIC"),
    ],
)
def test_bad_usage_ends_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = sentence("listen", "ws://127.0.0.1:1/socket", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_nobody_listens() -> None:
    done = run("listen", f"ws://127.0.0.1:{free_port()}/socket", "room:a")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_head_has_had_enough() -> None:
    """A reader that goes away ends the command quietly, whether or not another message comes."""
    with demo_server() as server:
        url = server.url
        with subprocess.Popen(
            [*COMMAND, "listen", url, "room:a"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            deadline = time.monotonic() + TIMEOUT_S
            while not server.broadcast("room:a", "new_msg", {}):
                assert time.monotonic() < deadline
                os.sched_yield()
            assert json.loads(process.stdout.readline())["event"] == "new_msg"
            process.stdout.close()
            assert process.wait(TIMEOUT_S) == 0
            assert process.stderr.read() == ""
