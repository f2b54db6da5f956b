"""Every test that needs a loop runs on both."""

import asyncio
from collections.abc import Callable

from tests.loops import LOOPS


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
