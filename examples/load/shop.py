"""A shop: a buyer logs in with a form, opens a socket with the session, and buys.

    fastphx load examples/load/shop.py http://127.0.0.1:4000 --arrivals 20/s --duration 30s

The page's CSRF token goes with the form, and with the socket: Phoenix shows a socket its session only with a
right ``_csrf_token``. The session's cookie goes with both by itself. The pages are those of Phoenix'
generators: a form at ``/``, which is sent to ``/form_session``, and ``/me`` for who is logged in.
"""

from fastphx.load import User


class Buyer(User):
    async def run(self) -> None:
        page = await self.http.get("/")
        name = f"buyer {self.number}"
        form = {"name": name, "_csrf_token": self.csrf(page)}
        page = await self.http.post("/form_session", data=form, name="log in")
        self.check("logged in", name in (await self.http.get("/me")).text)
        await self.think(0.1, 0.5)

        async with self.socket("/socket", params={"_csrf_token": self.csrf(page)}) as socket:
            room = await socket.join("room:shop")
            async with self.step("checkout"):
                for item in range(3):
                    await room.push("echo", {"item": item}, name="add to cart")
                who = await room.push("whoami", name="pay")
            self.check("paid by the buyer", who.response["user"] == name)
