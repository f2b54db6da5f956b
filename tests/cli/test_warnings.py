"""Every command leaves nothing open and warns of nothing: development mode, with warnings as errors."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fastphx.testing import demo_server
from tests.cli.command import Running, run
from tests.testing.raw_socket import RawSocket

STRICT = {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}


def fastphx(*arguments: str) -> tuple[int, str]:
    """The exit code, and stderr without asyncio's word on slow callbacks, which a busy machine makes."""
    ended = run(*arguments, **STRICT)
    return ended.returncode, told(ended.stderr)


def told(stderr: str) -> str:
    return "\n".join(line for line in stderr.splitlines() if not line.startswith("Executing <"))


@pytest.mark.parametrize("command", ["listen", "push"])
def test_commands_that_connect(command: str) -> None:
    rest = {"listen": ("--for", "100ms"), "push": ("echo",)}[command]
    with demo_server() as server:
        assert fastphx(command, server.url, "room:a", *rest) == (0, "")


async def test_a_server_that_serves_and_is_ended() -> None:
    async with Running("serve", "--port", "0", **STRICT) as server:
        url = (await server.line()).strip()
        async with RawSocket(f"{url}/websocket?vsn=2.0.0") as socket:
            await socket.join("room:a")
            server.process.send_signal(signal.SIGTERM)
            assert await socket.recv() == ("close", 1012)
        code, _, stderr = await server.end()
        assert (code, told(stderr)) == (0, "")


def test_a_load_run_and_what_reads_its_result(tmp_path: Path) -> None:
    file = str(tmp_path / "r.json")
    plan = ("-c", "3", "--rate", "50", "--duration", "300ms", "--quiet", "--max-cpu", "100%", "--json", file)
    limits = ("--max-schedule-lag", "30s", "--max-loop-lag", "30s")
    assert fastphx("load", *plan, *limits) == (0, "")
    assert fastphx("compare", file, file) == (0, "")


@pytest.mark.parametrize("arguments", [("--help",), ("load", "--help"), ("load", "--dry-run")])
def test_commands_that_only_say_something(arguments: tuple[str, ...]) -> None:
    assert fastphx(*arguments) == (0, "")
