"""Every test runs on both loops, against a server with the demo channels on the same loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fastphx import Client, connect
from fastphx.testing import Server, demo_server
from tests.client.backoff import at_once
from tests.loops import LOOPS


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with demo_server() as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with connect(server.url, backoff=at_once, rejoin_backoff=at_once) as client:
        yield client


@pytest.fixture
async def fast_client(server: Server) -> AsyncIterator[Any]:
    """Makes clients of the server that reconnect at once, and closes them."""
    clients: list[Client] = []

    async def open_client(**options: Any) -> Client:
        options = {"backoff": at_once, "rejoin_backoff": at_once, "timeout": 5.0, **options}
        client = connect(options.pop("url", server.url), **options)
        clients.append(client)
        return await client

    yield open_client
    for client in clients:
        await client.close()
