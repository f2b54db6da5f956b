"""Every command leaves nothing open and warns of nothing: development mode, with warnings as errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastphx.testing import demo_server
from tests.cli.command import run

STRICT = {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}


def fastphx(*arguments: str) -> tuple[int, str]:
    """The exit code, and stderr without asyncio's word on slow callbacks, which a busy machine makes."""
    ended = run(*arguments, **STRICT)
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("Executing <")]
    return ended.returncode, "\n".join(lines)


@pytest.mark.parametrize("command", ["listen", "push"])
def test_commands_that_connect(command: str) -> None:
    rest = {"listen": ("--for", "100ms"), "push": ("echo",)}[command]
    with demo_server() as server:
        assert fastphx(command, server.url, "room:a", *rest) == (0, "")


def test_a_load_run_and_what_reads_its_result(tmp_path: Path) -> None:
    file = str(tmp_path / "r.json")
    plan = ("-c", "3", "--rate", "50", "--duration", "300ms", "--quiet", "--max-cpu", "100%", "--json", file)
    limits = ("--max-schedule-lag", "30s", "--max-loop-lag", "30s")
    assert fastphx("load", *plan, *limits) == (0, "")
    assert fastphx("compare", file, file) == (0, "")


@pytest.mark.parametrize("arguments", [("--help",), ("load", "--help"), ("load", "--dry-run")])
def test_commands_that_only_say_something(arguments: tuple[str, ...]) -> None:
    assert fastphx(*arguments) == (0, "")
