"""What the tests of journeys share."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastphx.testing import Server, demo_server
from tests.load.journeys.running import Ran, run_journey

Run = Callable[..., Awaitable[Ran]]
Visit = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with demo_server(longpoll=True) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, server: Server) -> Run:
    """Run a script against the demo server, by default one visit; its sums are looked at."""

    async def run(script: str, **plan: Any) -> Ran:
        given = {} if "arrivals" in plan else {"users": 1, "iterations": 1}
        ran = await run_journey(
            tmp_path, "from fastphx.load import User\n" + script, server.url, **given | plan
        )
        ran.check_sums()
        return ran

    return run


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """Let one user, unless the plan says otherwise, do at a URL once what *does* says; its sums are looked
    at."""

    async def visit(url: str, does: str, **plan: Any) -> Ran:
        script = "from fastphx.load import User, HttpError\nclass Visitor(User):\n    async def run(self):\n"
        script += textwrap.indent(textwrap.dedent(does), "        ")
        ran = await run_journey(tmp_path, script, url, **{"users": 1, "iterations": 1} | plan)
        ran.check_sums()
        return ran

    return visit
