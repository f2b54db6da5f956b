"""The programs of docs/client.md run, and name nothing that is not there."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

import fastphx
from fastphx.client import connect
from fastphx.client.options import Options
from fastphx.testing import Server

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "client.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.mark.parametrize(
    ("program", "output"),
    [
        (PROGRAMS[0], "{'joined': {'nick': 'ann'}}\nok {'body': 'hi'}\nnew_msg {'body': 'to all'}\n"),
        (PROGRAMS[1], "7\n"),
        (PROGRAMS[2], "[('ann', 1)]\n"),
    ],
    ids=["pushes", "outages", "presence"],
)
async def test_a_program_runs(server: Server, program: str, output: str) -> None:
    code = program.replace("localhost:4000", f"127.0.0.1:{server.port}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(30):
        said, errors = await process.communicate()
    assert said.decode() == output, errors.decode()


def test_no_program_is_left_out() -> None:
    assert len(PROGRAMS) == 3


def test_every_argument_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", PAGE))
    arguments = set(connect.__annotations__) - {"url", "return", "transport_opts"}
    fields = {field for field in Options.__slots__ if field not in ("url", "transport_opts")}
    assert "heartbeat_interval" in arguments & fields
    assert arguments | fields <= described


@pytest.mark.parametrize("page", ["client.md", "from-phoenix-js.md", "from-elixir.md"])
def test_every_error_exists(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    names = set(re.findall(r"`([A-Z]\w+Error)\b", text))
    assert "JoinError" in names
    assert not {name for name in names if not hasattr(fastphx, name)}
