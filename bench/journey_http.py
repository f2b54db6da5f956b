"""What HTTP costs a journey: a request beside aiohttp's own, and the memory of a user with a session.

    python bench/journey_http.py [--rounds 7] [--requests 4000] [--users 1000]

Requests: the same GET of a short page, with a cookie, through `self.http` and through a session of aiohttp's,
in turns in one process, with 1 and with 50 in flight. Users: what one takes that has logged in over HTTP, has
opened a socket with its cookie and joined a topic, and thinks; connections of HTTP are shared. Exit code 1
where a target is missed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys

import aiohttp
import uvloop
from aiohttp import web

from fastphx.load.journeys.http import http_of
from fastphx.load.journeys.user import User
from fastphx.load.journeys.visit import Visit
from fastphx.testing import ServerProcess
from interleave import Ratio, ratio
from journey import IN_FLIGHT, TIMEOUT_S, TOPIC, Push, in_turns, new_run, user_kb
from web_process import is_done, parser, web_process

REQUESTS, USERS = 4000, 1000
USER_TARGET_KB = 32.0
COOKIE = "SFMyNTY.g3QAAAABbQAAAAtfY3NyZl90b2tlbm0AAAAYd0pRbUxGSXdoTjVpb2VPY3B2dTBQZ3Zp.Zm9yIG5vdGhpbmc"


def application() -> web.Application:
    """A page and a login."""

    async def page(_: web.Request) -> web.Response:
        response = web.Response(text="<p>hi</p>" * 20, content_type="text/html")
        response.set_cookie("_app_key", COOKIE, httponly=True, samesite="Lax")
        return response

    application = web.Application()
    application.router.add_route("*", "/", page)
    return application


async def measure_requests(
    url: str, in_flight: int, count: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall microseconds a request, of each round of each side."""
    run = new_run(url)
    users = [http_of(Visit(run, number, number, {})) for number in range(in_flight)]
    connector = aiohttp.TCPConnector(limit=0)
    sessions = [
        aiohttp.ClientSession(
            connector=connector, connector_owner=False, cookie_jar=aiohttp.CookieJar(unsafe=True)
        )
        for _ in range(in_flight)
    ]

    async def get(session: aiohttp.ClientSession) -> None:
        async with session.get(f"{url}/") as response:
            await response.read()

    sides: dict[str, list[Push]] = {
        "aiohttp": [lambda session=session: get(session) for session in sessions],  # type: ignore[misc]
        "journey": [lambda user=user: user.get("/") for user in users],  # type: ignore[misc]
    }
    samples = await in_turns(sides, count, rounds)
    for each in sessions:
        each.detach()
    for user in users:
        user.abort()
    await connector.close()
    await run.close()
    return samples


def requests(in_flight: int, count: int, rounds: int) -> tuple[Ratio, str]:
    """CPU time of a journey's request as a part of aiohttp's, and both."""
    with web_process(__file__) as url:
        measuring = measure_requests(url, in_flight, count, rounds)
        samples = uvloop.run(asyncio.wait_for(measuring, TIMEOUT_S))
    cpu = {name: [figures[0] for figures in found] for name, found in samples.items()}
    said = ", ".join(f"{name} {statistics.median(figures):.0f} µs" for name, figures in cpu.items())
    return ratio(cpu["journey"], cpu["aiohttp"]), said


class Shopper(User):
    """Logs in, opens a socket, joins a topic, and thinks until it is cancelled."""

    async def run(self) -> None:
        await self.http.post("/", data={"name": f"user {self.number}"})
        async with self.socket(os.environ["SOCKET_URL"]) as socket:
            await socket.join(TOPIC.replace("lobby", str(self.number)))
            await self.think(TIMEOUT_S)


def users(count: int) -> float:
    """Kilobytes of a user with an HTTP session, a socket and one topic."""
    with ServerProcess() as server, web_process(__file__) as url:
        return user_kb(__file__, count, "--url", url, SOCKET_URL=server.url.removesuffix("/websocket"))


def main() -> int:
    asked = parser(__doc__, USERS)
    asked.add_argument("--requests", type=int, default=REQUESTS)
    options = asked.parse_args()
    if is_done(options, application, Shopper):
        return 0
    for in_flight in IN_FLIGHT:
        found, said = requests(in_flight, options.requests, options.rounds)
        print(f"GET / aiohttp's, {in_flight} in flight: {found} of its CPU time; {said}")
    size_kb = users(options.users)
    print(f"a user with an HTTP session that thinks: {size_kb:.1f} KB (at most {USER_TARGET_KB:g})")
    return 0 if size_kb <= USER_TARGET_KB else 1


if __name__ == "__main__":
    sys.exit(main())
