"""`fastphx serve`, as a process."""

import asyncio
import json
import os
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from fastphx.testing import ServerProcess
from tests.cli.command import sentence
from tests.testing.raw_socket import RawSocket

COMMAND = [sys.executable, "-m", "fastphx"]
VSN2 = "/websocket?vsn=2.0.0"


@pytest.mark.parametrize("loop", ["--uvloop", "--no-uvloop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_serves_and_stops_with_a_summary(tmp_path: Path, loop: str, number: signal.Signals) -> None:
    file = tmp_path / "stats.json"
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--port", "0", loop, "--stats-json", str(file), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
    async with RawSocket(url + VSN2) as socket:
        await socket.join("room:a")
        socket.send_json("1", "2", "room:a", "echo", {"n": 1})
        assert (await socket.recv_json())[4]["response"] == {"n": 1}
        process.send_signal(number)
        assert await socket.recv() == ("close", 1012)
    rest = (await asyncio.wait_for(process.stdout.read(), 20)).decode()
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert rest.startswith("open 0, connections 1, joins 1, pushes 1, replies 1,")
    assert json.loads(file.read_text())["replies"] == 1


async def test_a_server_process() -> None:
    with ServerProcess("--max-channels", "1", "--idle-timeout", "0.5") as server:
        async with RawSocket(server.url + VSN2) as socket:
            assert (await socket.join("room:a"))["status"] == "ok"
            assert (await socket.join("room:b"))["response"] == {"reason": "too many channels joined"}
            stats = await asyncio.to_thread(server.stats)
            assert stats["joins"] == stats["join_errors"] == 1
            assert await socket.recv() == ("close", 1002)
        assert server.port > 0
        assert server.pid != os.getpid()
        server.kill()
    with pytest.raises(RuntimeError, match="not running"):
        server.stop()


def test_two_processes_share_a_port() -> None:
    with ServerProcess("--reuse-port") as one, ServerProcess("--reuse-port", "--port", str(one.port)) as two:
        assert one.port == two.port
        with urllib.request.urlopen(f"http://127.0.0.1:{one.port}/stats", timeout=5) as answer:
            assert json.load(answer)["connections"] == 0


def test_a_port_in_use_is_one_sentence() -> None:
    with ServerProcess() as server:
        code, out, err = sentence("serve", "--port", str(server.port))
        assert (code, out) == (2, "")
        assert err == f"fastphx: Cannot listen on 127.0.0.1:{server.port}: Address already in use.\n"
        with pytest.raises(RuntimeError, match="did not start"):
            ServerProcess("--port", str(server.port)).start()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--idle-timeout", "0"], "--idle-timeout"),
        (["serve", "--max-channels", "none"], "--max-channels"),
        (["serve", "--host", "no such host"], "no such host"),
        (["serve", "--stats-json", "/no/such/folder/x.json"], "--stats-json"),
        (["serve", "--stats-json", "/dev/null/x.json"], "--stats-json"),
        (["serve", "--idle-timeout", "nan"], "idle_timeout_s is nan"),
        (["serve", "--check-origin", "a.*.com"], "check_origin names"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    code, out, err = sentence(*arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("fastphx: ")
    assert words in err


def test_help_and_version() -> None:
    for arguments in ([], ["--help"]):
        code, out, _ = sentence(*arguments)
        assert code == 0
        assert "serve" in out
    assert sentence("--version")[1].startswith("fastphx ")
    assert "--reuse-port" in sentence("serve", "--help")[1]


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--check-origin", "example.com"], False),
        (["--host", "localhost"], False),
        (["--host", "::1", "--check-origin", "true"], False),
    ],
)
async def test_it_warns_where_any_page_of_any_machine_may_connect(arguments: list[str], warned: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("serve", "--port", "0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), 20)).startswith(b"ws://")
    process.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert (b"--check-origin" in said) == warned
    assert said.count(b"\n") == warned
