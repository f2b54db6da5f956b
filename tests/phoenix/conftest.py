"""The suite against a real Phoenix: ``make conformance PHOENIX=ws://127.0.0.1:4000/socket``.

``PHOENIX`` names a running application of ``app/``. ``PHOENIX_START`` is a command that starts one, for tests
that stop or kill their server, and for all tests where no PHOENIX is named.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fastphx import Client, connect
from tests.client.backoff import at_once
from tests.gen_socket_client.starter import Starter
from tests.phoenix.facts import Facts, facts_of
from tests.phoenix.phoenix import Phoenix
from tests.phoenix.started import StartedPhoenix

NAMED = os.environ.get("PHOENIX", "")
START = os.environ.get("PHOENIX_START", "")
OpenClient = Callable[..., Awaitable[Client]]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Where no Phoenix is named, one test says so for all."""
    alone = not NAMED and not START and collection_path.name != "test_named.py"
    return True if alone and collection_path.suffix == ".py" else None


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def phoenix() -> Iterator[Phoenix]:
    """The application that most tests share. They leave it running."""
    if NAMED:
        yield Phoenix(NAMED)
    else:
        with StartedPhoenix(START) as started:
            yield started.phoenix


@pytest.fixture(scope="session")
def facts(phoenix: Phoenix) -> Facts:
    return facts_of(phoenix)


@pytest.fixture
def own_phoenix() -> Iterator[StartedPhoenix]:
    """An application of the test's own, which may be killed."""
    if not START:
        pytest.skip("its server is stopped, and no PHOENIX_START says how to start one")
    with StartedPhoenix(START) as started:
        yield started


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    starter = Starter()
    yield starter
    for socket in starter.sockets:
        await asyncio.wait_for(socket.stop(), 15.0)


@pytest.fixture
async def open_client(phoenix: Phoenix, facts: Facts) -> AsyncIterator[OpenClient]:
    """Makes clients that reconnect at once, whatever the close was, and closes them."""
    clients: list[Client] = []

    async def open_one(url: str = phoenix.url, **options: Any) -> Client:
        always = {"backoff": at_once, "rejoin_backoff": at_once, "reconnect": True, "timeout": 5.0}
        if options.get("transport") == "longpoll" and not facts.batched_posts:
            options.setdefault("max_batch_size", 1)
        client = connect(url, **{**always, **options})
        clients.append(client)
        return await client

    yield open_one
    for client in clients:
        await client.close()
