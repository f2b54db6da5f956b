"""`examples/relay.py` under uvicorn: what a browser sends and gets."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from fastphx.testing import demo_server

RELAY = Path(__file__).parents[2] / "examples" / "relay.py"
TIMEOUT = aiohttp.ClientTimeout(total=20)


def load() -> Any:
    spec = importlib.util.spec_from_file_location("relay", RELAY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, log_level="error", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        deadline = asyncio.get_running_loop().time() + 20
        while not server.started:
            assert not running.done()
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(running, 20)


async def test_a_browser_pushes_and_listens() -> None:
    async with (
        demo_server() as server,
        serving(load().create_app(server.url, "room:lobby")) as url,
        aiohttp.ClientSession(timeout=TIMEOUT) as http,
    ):
        async with http.get(f"{url}/events") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            assert await stream.content.readuntil(b"\n\n") == b": joined\n\n"
            async with http.post(f"{url}/events/echo", json={"n": 1}) as answer:
                assert (answer.status, await answer.json()) == (200, {"n": 1})
            server.broadcast("room:lobby", "new_msg", {"n": 2})
            assert await stream.content.readuntil(b"\n\n") == b'event: new_msg\ndata: {"n":2}\n\n'
            server.cut()
            assert (await stream.content.readuntil(b"\n\n")).startswith(b"event: outage\ndata: ")
            async with http.get(f"{url}/health") as answer:
                assert await answer.json() == {"state": "open", "listeners": 1}
        async with http.post(f"{url}/events/echo_error", json={"why": "no"}) as answer:
            assert (answer.status, await answer.json()) == (422, {"detail": {"why": "no"}})
        async with http.post(f"{url}/events/crash", json={}) as answer:
            assert answer.status == 503
