"""What the tests of journeys share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastphx.testing import Server, demo_server
from tests.load.journeys.running import Ran, run_journey

Run = Callable[..., Awaitable[Ran]]


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
