"""Whatever a server does to the users of a journey, sums are exact, and no fault seems the script's."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.misbehaviours import of_families
from tests.hostile.server import hostile_server
from tests.load.journeys.running import run_journey

SLUGS = of_families("handshake", "frames", "flood", "bomb", "protocol", "page", "liveview", "longpoll")
USERS = 50
VISITS = -(-len(SLUGS) // USERS) * USERS
VISIT = """
from fastphx.load import User
from tests.hostile.test_journeys import SLUGS

OPTIONS = {"connect_timeout": 0.3, "max_message_size": 100_000}

class Visitor(User):
    async def run(self):
        slug = SLUGS[self.number % len(SLUGS)]
        family = slug.partition("-")[0]
        by = "longpoll" if family == "longpoll" else "websocket"
        self.check("begun", True)
        if family in ("page", "liveview"):
            view = await self.live(f"/{slug}/page", live_path=f"/{slug}/live", name=f"{family} page")
            await view.click("#inc", name=f"{family} click")
            await view.event("other", name=f"{family} event")
        elif family == "handshake" and self.number % 2:
            await self.http.get(f"/{slug}/page", name=f"{family} page")
        else:
            opening = self.socket(f"/{slug}/socket", transport=by, name=f"{family} socket", **OPTIONS)
            async with opening as socket:
                room = await socket.join("room:a", timeout=0.3, name=f"{family} join")
                await room.push("echo", {"n": 1}, timeout=0.3, name=f"{family} push")
                room.cast("echo", {})
                await room.wait_for("hello", timeout=0.1, name=f"{family} wait")
"""


async def test_sums_hold_whatever_the_server_does(tmp_path: Path) -> None:
    with hostile_server() as address:
        ran = await run_journey(
            *(tmp_path, VISIT, f"http://{address}"),
            users=USERS,
            iterations=VISITS // USERS,
            duration="60s",
            timeout="300ms",
            connect_timeout="300ms",
            graceful_stop="5s",
            max_steps=500,
        )
    ran.check_sums()
    assert not ran.failures
    assert ran.checks["begun"] == [VISITS, 0]
    assert ran.totals["visits"] == VISITS
    assert "script" not in ran.reasons, ran.reasons["script"]
    assert "left open" not in ran.reasons
