"""LiveView pages in a journey: what is counted as which step."""

from __future__ import annotations

import pytest

from tests.liveview.scripted_server import Push, Scripted
from tests.load.journeys.conftest import Visit


async def test_what_is_done_on_a_page_is_a_step(visit: Visit) -> None:
    async def counted(push: Push) -> None:
        await server.counted(push)
        if push.payload["event"] == "tell":
            await push.send("diff", {"0": "told"})

    async with Scripted() as server:
        server.on_event = counted
        ran = await visit(
            server.url,
            """
            view = await self.live("/counter?a=1")
            view = await view.click("#inc")
            view = await view.click("#inc", name="again")
            self.check("counted", view.text("#n") == "2")
            view = await view.event("tell")
            await view.wait_for("#n", text="told")
            other = await self.live("/elsewhere/17", name="elsewhere")
            other = await other.navigate("/third")
            other = await other.patch("/third?page=2")
            """,
        )
    assert not ran.failures
    assert ran.checks == {"counted": [1, 0]}
    assert {name: step["ok"] for name, step in ran.steps.items()} == {
        "connect HTTP": 1,
        "connect /live": 2,
        "GET /counter": 1,
        "mount /counter": 1,
        "click #inc": 1,
        "again": 1,
        "event tell": 1,
        "diff": 1,
        "GET elsewhere": 1,
        "mount elsewhere": 1,
        "mount /third": 1,
        "patch /third": 1,
    }
    for name in ("mount /counter", "click #inc", "diff", "GET /counter"):
        assert ran.steps[name]["bytes"] > 10, name
    assert (ran.totals["visits_ok"], ran.totals["joins"], ran.totals["connections"]) == (1, 3, 2)
    assert "left open" not in ran.reasons


async def test_lean_pages_render_nothing(visit: Visit) -> None:
    async def answered(push: Push) -> None:
        await push.reply({"diff": {"r": push.payload["value"]}})

    async with Scripted() as server:
        server.on_event = answered
        ran = await visit(
            server.url,
            """
            view = await self.live("/counter", render=False)
            for _ in range(3):
                view = await view.event("inc")
            try:
                view.text("#n")
            except Exception as error:
                self.check(str(error)[:25], True)
            self.check("replied", await view.hook_event("load", {"a": 1}) == {"a": 1})
            """,
        )
    assert ran.steps["event inc"]["ok"] == 3
    said = "components that vanish are not released, and nested views are not joined"
    assert ran.reasons["lean pages"] == {said: 1}
    assert ran.checks == {"the page is not rendered ": [1, 0], "replied": [1, 0]}


@pytest.mark.parametrize("how", ["crash", "cut"])
async def test_a_crash_or_a_lost_connection_fails_the_visit(visit: Visit, how: str) -> None:
    async def fail(push: Push) -> None:
        if how == "crash":
            await push.send("phx_error", {}, push.join_ref)
        else:
            await push.close(1001)

    async with Scripted() as server:
        server.on_event = fail
        ran = await visit(
            server.url,
            """
            view = await self.live("/counter")
            try:
                await view.click("#inc")
            except Exception:
                pass
            await view.click("#inc")
            """,
        )
    assert ran.totals["visits_failed"] == 1
    reasons = ran.steps["click #inc"]["reasons"]
    assert sum(reasons.values()) == 2
    # Other visitors' views have other ids: it is the same that has gone wrong.
    assert all("the view at /counter" in reason for reason in reasons)
    assert len(server.joins) == 1


async def test_a_refused_mount_fails_its_step(visit: Visit) -> None:
    async def refuse(push: Push) -> None:
        await push.reply({"reason": "join crashed"}, "error")

    async with Scripted() as server:
        server.on_join = refuse
        ran = await visit(server.url, 'await self.live("/counter")')
    assert ran.totals["visits_failed"] == 1
    assert (ran.totals["join_attempts"], ran.totals["join_errors"]) == (1, 1)
    refused = "the join of the view at /counter was refused: {'reason': 'join crashed'}"
    assert ran.steps["mount /counter"]["reasons"] == {refused: 1}
