"""What an event of a LiveView page costs beside a plain push, and what a user on a page takes.

    python bench/live_event.py [--rounds 7] [--events 4000] [--users 400]

Events: the same frame is sent and answered by a channel's push, by a page that renders nothing (lean), and by
one that merges the answer (merged), in turns in one process, by CPU; the server is a process of its own. What
merging adds is the tree's: see ``liveview.py``. Users: what one takes that has got the counter's page, has
mounted its view, and thinks. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from random import Random

import uvloop
from aiohttp import WSMsgType, web

from fastphx.liveview.browser import Browser
from fastphx.liveview.http import HttpSession
from fastphx.liveview.live_socket import SocketOptions
from fastphx.load.journeys.user import User
from interleave import Ratio, ratio
from journey import TIMEOUT_S, Push, in_turns, user_kb
from web_process import is_done, parser, web_process

EVENTS, USERS = 4000, 400
LEAN_TARGET = 2.0
USER_TARGET_KB = 62.0
"""32 of a user with an HTTP session and a socket, and 30 of a view."""
VALUE = {"by": "1"}
RENDERED = {
    "0": "0",
    "1": "",
    "s": ['<h1>Counter</h1><p id="n">', '</p><button id="inc" phx-click="inc">+</button><p>', "</p>"],
}
TOKEN = "SFMyNTY." + "g2gDaAJhBnQAAAAI" * 16


def application() -> web.Application:
    """The counter."""

    async def page(_: web.Request) -> web.Response:
        tokens = f'data-phx-session="{TOKEN}" data-phx-static="{TOKEN}"'
        body = f'<div id="phx-main" data-phx-main {tokens}></div>'
        head = '<meta name="csrf-token" content="token"><title>Counter</title>'
        text = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
        return web.Response(text=text, content_type="text/html")

    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        count = 0
        async for message in response:
            if message.type is not WSMsgType.TEXT:
                continue
            join_ref, ref, topic, event, _ = json.loads(message.data)
            count += 1
            answer = {"rendered": RENDERED} if event == "phx_join" else {"diff": {"0": str(count)}}
            reply = [join_ref, ref, topic, "phx_reply", {"response": answer, "status": "ok"}]
            await response.send_str(json.dumps(reply, separators=(",", ":")))
        return response

    application = web.Application()
    application.router.add_get("/live/websocket", socket)
    application.router.add_get("/counter", page)
    return application


def browser(url: str, *, renders: bool) -> Browser:
    options = SocketOptions(heartbeat_interval=0.0)
    return Browser(
        url,
        options,
        lambda: HttpSession(url, [], TIMEOUT_S),
        timeout_s=30.0,
        random=Random(1),
        renders=renders,
        joins_children=renders,
    )


async def measure_events(url: str, count: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall microseconds an event, of each round of each side."""
    async with browser(url, renders=False) as lean, browser(url, renders=True) as merging:
        lean_view, merged_view = await lean.open("/counter"), await merging.open("/counter")
        assert lean_view.living is not None
        channel = lean_view.living.channel
        assert channel is not None
        payload = {"type": "click", "event": "inc", "value": VALUE}
        sides: dict[str, list[Push]] = {
            "push": [lambda: channel.push("event", payload)],
            "lean": [lambda: lean_view.event("inc", VALUE)],
            "merged": [lambda: merged_view.event("inc", VALUE)],
        }
        return await in_turns(sides, count, rounds)


def events(count: int, rounds: int) -> tuple[dict[str, Ratio], str]:
    """CPU time of a lean and of a merged event as parts of a push's, and all three."""
    with web_process(__file__) as url:
        samples = uvloop.run(asyncio.wait_for(measure_events(url, count, rounds), TIMEOUT_S))
    cpu = {name: [figures[0] for figures in found] for name, found in samples.items()}
    said = ", ".join(f"{name} {statistics.median(figures):.1f} µs" for name, figures in cpu.items())
    return {name: ratio(cpu[name], cpu["push"]) for name in ("lean", "merged")}, said


class Reader(User):
    """Mounts the counter, and thinks until it is cancelled."""

    async def run(self) -> None:
        await self.live("/counter")
        await self.think(TIMEOUT_S)


def users(count: int) -> float:
    """Kilobytes of a user with an HTTP session, a live socket and a mounted view."""
    with web_process(__file__) as url:
        return user_kb(__file__, count, "--url", url)


def main() -> int:
    asked = parser(__doc__, USERS)
    asked.add_argument("--events", type=int, default=EVENTS)
    options = asked.parse_args()
    if is_done(options, application, Reader):
        return 0
    found, said = events(options.events, options.rounds)
    print(f"an event, lean: {found['lean']} of a push's CPU time (at most {LEAN_TARGET:g}); {said}")
    print(f"an event, merged: {found['merged']} of a push's CPU time")
    size_kb = users(options.users)
    print(f"a user on a mounted page, who thinks: {size_kb:.1f} KB (at most {USER_TARGET_KB:g})")
    return 0 if found["lean"].median <= LEAN_TARGET and size_kb <= USER_TARGET_KB else 1


if __name__ == "__main__":
    sys.exit(main())
