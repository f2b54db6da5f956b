"""The application of `examples/load/live_shop.py`: its pages, as far as the buyers look at them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.liveview.scripted_server import Push, Scripted

FIELDS = '<input name="user[name]"><input name="user[age]">'
FORM = f'<form id="form" phx-change="validate" phx-submit="save">{FIELDS}'
LINK = '<a id="to-stream" data-phx-link="redirect" data-phx-link-state="push" href="/stream">stream</a>'
PAGES = {
    "/counter": ['<p id="n">', f'</p><button id="inc" phx-click="inc">+</button>{LINK}'],
    "/stream": ['<button id="add" phx-click="add">add ', "</button>"],
    "/form": [FORM + "<button>Save ", "</button></form>"],
    "/login": ['<form id="login" phx-submit="login"><input name="name"><button>', "</button></form>"],
    "/members": ["<p>Hello ", "</p>"],
    "/tick": ['<p id="ticks">', "</p>", ""],
}


def live_shop_app() -> Scripted:
    """It counts the events of each connection by itself."""
    app = Scripted()
    views: dict[object, list[int]] = {}
    members = ["0"]

    async def join(push: Push) -> None:
        path = urlsplit(push.payload.get("url") or push.payload["redirect"]).path
        views[push.connection] = [0]
        shown = members[-1] if path == "/members" else "0"
        await push.reply(
            {
                "rendered": dict.fromkeys("01"[: len(PAGES[path]) - 1], shown) | {"s": PAGES[path]},
                "liveview_version": "1.1.33",
            }
        )
        for number in range(1, 3) if path == "/tick" else ():
            await push.send("diff", {"0": str(number)})
        if path == "/tick":
            await push.send("diff", {"1": '<p id="slow">loaded</p>'})

    async def event(push: Push) -> None:
        if push.payload["event"] == "login":
            members.extend(parse_qs(push.payload["value"]).get("name", ()))
            await push.reply({"redirect": {"to": "/members"}})
            return
        count = views[push.connection]
        count[0] += 1
        await push.reply({"diff": {"0": str(count[0])}})

    app.on_join = join
    app.on_event = event
    return app
