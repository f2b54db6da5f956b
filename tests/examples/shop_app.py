"""A shop as Phoenix would serve it: a form with a CSRF token, a session in a cookie, and a socket that knows
both."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Any

from aiohttp import WSMsgType, web


class ShopApp:
    """What the pages and the socket share: the sessions by their cookie, and what was asked."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, str]] = {}
        self.pushed: Counter[str] = Counter()
        self.refused = 0
        self.routes = {
            "GET /": self.home,
            "POST /form_session": self.log_in,
            "GET /me": self.me,
            "GET /socket/websocket": self.socket,
        }

    def session(self, request: web.Request) -> dict[str, str]:
        return self.sessions.get(request.cookies.get("_shop_key", ""), {})

    def remember(self, response: web.Response, session: dict[str, str]) -> web.Response:
        key = secrets.token_hex(8)
        self.sessions[key] = session
        response.set_cookie("_shop_key", key, path="/", httponly=True)
        return response

    async def home(self, request: web.Request) -> web.StreamResponse:
        session = self.session(request)
        token = session.get("csrf") or secrets.token_hex(8)
        page = f'<head><meta name="csrf-token" content="{token}"></head><form action="/form_session"></form>'
        response = web.Response(text=page, content_type="text/html")
        return response if session else self.remember(response, {"csrf": token})

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        form, session = await request.post(), self.session(request)
        if not session or form["_csrf_token"] != session["csrf"]:
            self.refused += 1
            return web.Response(status=403)
        # Phoenix renews a session whose user has changed, and its token with it.
        renewed = {"csrf": secrets.token_hex(8), "user": str(form["name"])}
        return self.remember(web.Response(status=302, headers={"Location": "/"}), renewed)

    async def me(self, request: web.Request) -> web.StreamResponse:
        user = self.session(request).get("user")
        return web.json_response({"user": user}, status=401 if user is None else 200)

    async def socket(self, request: web.Request) -> web.StreamResponse:
        session = self.session(request)
        knows = session.get("csrf") == request.query.get("_csrf_token")
        user = session.get("user") if knows else None
        response = web.WebSocketResponse()
        await response.prepare(request)
        async for message in response:
            if message.type is WSMsgType.TEXT:
                join_ref, ref, topic, event, payload = message.json()
                self.pushed[event] += 1
                said: Any = {"user": user} if event == "whoami" else payload
                reply = {"status": "ok", "response": said}
                await response.send_json([join_ref, ref, topic, "phx_reply", reply])
        return response
