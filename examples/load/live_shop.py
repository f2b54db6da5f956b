"""Buyers of a LiveView shop, as people: they log in by a form, click, type, and go from view to view.

    fastphx load examples/load/live_shop.py http://127.0.0.1:4000 --users 200 --duration 30s

The pages are a counter, a form with validation, a login that sets the session by HTTP, and views that only
members may see. The steps in the report are GET, mount, click, change, submit, follow and diff.
"""

from fastphx.load import User


class Buyer(User):
    """Reads, fills in a form, logs in, and visits the members' view."""

    weight = 3

    async def run(self) -> None:
        view = await self.live("/counter")
        for _ in range(3):
            view = await view.click("#inc")
            await self.think(0.1, 0.5)
        self.check("counted", view.text("#n") == "3")

        # Another view on the same socket: nothing is loaded again.
        view = await view.follow("#to-stream")
        view = await view.click("#add")

        view = await self.live("/form")
        view = await view.change("#form", {"user[name]": f"buyer {self.number}"})
        await self.think(0.1, 0.5)
        view = await view.submit("#form", {"user[age]": "42"})

        view = await self.live("/login")
        view = await view.submit("#login", {"name": f"buyer{self.number}"})
        view = await self.live("/members")
        self.check("is a member", view.url.endswith("/members"))


class Watcher(User):
    """Follows what the server sends by itself."""

    async def run(self) -> None:
        view = await self.live("/tick?ms=200")
        # What stays: a number that is counted up may have gone by before it was looked at.
        slow = await view.wait_for("#slow")
        self.check("it has loaded", slow.text == "loaded")


class Clicker(User):
    """The greatest load: nothing is rendered, and events are sent by name."""

    async def run(self) -> None:
        view = await self.live("/counter", render=False)
        for _ in range(10):
            await view.event("inc", {"by": "1"})
            await self.think(0.1, 0.3)
