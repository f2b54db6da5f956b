"""Every test here runs on both loops, against the embedded server over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from fastphx.testing import Server, demo_server
from tests.gen_socket_client.recorder import call_timeout_s
from tests.gen_socket_client.starter import Starter
from tests.loops import LOOPS


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with demo_server() as server:
        yield server


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    starter = Starter()
    yield starter
    for socket in starter.sockets:
        await asyncio.wait_for(socket.stop(), 3 * call_timeout_s)
