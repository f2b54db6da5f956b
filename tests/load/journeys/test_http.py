"""Requests of a journey: what they are counted as, and what goes with them."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from fastphx.load.journeys import http, http_connector
from fastphx.load.result.step_histogram import StepHistogram
from tests.load.journeys.conftest import Visit
from tests.load.journeys.running import run_journey
from tests.load.journeys.web import Web


async def said(request: web.Request) -> web.Response:
    """What was asked."""
    body = await request.text()
    return web.json_response(
        {
            "method": request.method,
            "query": request.query_string,
            "type": request.headers.get("Content-Type"),
            "secret": request.headers.get("X-Secret"),
            "mine": request.headers.get("X-Mine"),
            "cookie": request.headers.get("Cookie"),
            "peer": request.remote,
            "body": body,
        }
    )


async def login(request: web.Request) -> web.Response:
    name = (await request.post())["name"]
    response = web.Response(text="hi")
    response.set_cookie("user", str(name), httponly=True)
    response.set_cookie("elsewhere", "x", path="/elsewhere")
    response.set_cookie("safe", "x", secure=True)
    response.headers.add("Set-Cookie", "lb=a/b+c==; Path=/")
    return response


async def upgrade(request: web.Request) -> web.StreamResponse:
    """A socket that knows its user by the cookie, and gives another."""
    if request.headers.get("Cookie") is None:
        return web.Response(status=403, headers=[("Set-Cookie", "seen=once"), ("Set-Cookie", "a=b; Path=/")])
    response = web.WebSocketResponse()
    response.set_cookie("node", "7", path="/")
    await response.prepare(request)
    async for _ in response:
        pass
    return response


async def test_a_request_is_a_step_of_its_method_and_path(visit: Visit) -> None:
    async with Web({"* /shop/{rest:.*}": said}) as server:
        ran = await visit(
            server.url + "/shop",
            """
            got = await self.http.get("/a?x=1", params={"y": {"z": [1, 2]}})
            assert got.status == 200 and got.headers["content-type"].startswith("application/json")
            assert got.json()["query"] == "x=1&y[z][]=1&y[z][]=2", got.json()
            assert got.url.startswith(self._visit.run.plan.url)
            posted = (await self.http.post("a", data={"user": {"name": "x y"}})).json()
            assert posted["body"] == "user%5Bname%5D=x+y"
            assert posted["type"] == "application/x-www-form-urlencoded"
            assert (await self.http.put("/a", json={"b": [1]})).json()["body"] == '{"b":[1]}'
            assert (await self.http.patch("/a", data=b"raw")).json()["body"] == "raw"
            await self.http.delete("/a/17", name="DELETE /a/:id")
            assert (await self.http.head("/a")).text == ""
            await self.http.options("/a")
            """,
        )
    assert ran.reasons == {}
    names = ("GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS")
    assert {name: step["ok"] for name, step in ran.steps.items()} == {
        "connect HTTP": 1,
        "DELETE /a/:id": 1,
        **{f"{name} /a": 1 for name in names},
    }
    assert ran.steps["PATCH /a"]["bytes"] > 100


async def test_a_status_that_is_not_expected_fails_the_step(visit: Visit) -> None:
    async def status(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), text="no \x1b[2J " + "x" * 1000)

    async with Web({"GET /{status}": status}) as server:
        ran = await visit(
            server.url,
            """
            await self.http.get("/404", expect=404)
            await self.http.get("/404", expect=range(400, 500))
            await self.http.get("/503", expect={200, 503})
            await self.http.get("/500", expect=lambda status: status >= 500)
            try:
                await self.http.get("/200", expect=404)
            except HttpError as error:
                assert error.status == 200
            await self.http.get("/404?token=secret")
            """,
        )
    assert ran.steps["GET /404"]["ok"] == 2
    assert ran.steps["GET /404"]["reasons"] == {"HTTP 404": 1}
    assert ran.steps["GET /200"]["reasons"] == {"HTTP 200": 1}
    assert ran.reasons == {"visit": {"GET /404: HTTP 404": 1}}


async def test_an_error_quotes_the_answer_without_what_was_given_in_confidence(visit: Visit) -> None:
    async def refused(request: web.Request) -> web.Response:
        return web.Response(status=422, text=f"\x1b[2J {await request.text()} " + "x" * 1000)

    async with Web({"POST /": refused}) as server:
        ran = await visit(
            server.url,
            """
            try:
                await self.http.post("/", json={"password": "hunter2"})
            except HttpError as error:
                assert "hunter2" not in str(error) and "\\x1b" not in str(error), str(error)
                assert len(str(error)) < 400 and "HTTP 422" in str(error)
                self.check("quoted", "[hidden]" in str(error))
            """,
        )
    assert ran.checks == {"quoted": [1, 0]}


async def test_an_error_quotes_neither_cookies_nor_a_query(visit: Visit) -> None:
    async def refused(request: web.Request) -> web.Response:
        return web.Response(status=422, text=f"no {request.headers['Cookie']} {request.query['code']}")

    async with Web({"POST /login": login, "GET /": refused}) as server:
        ran = await visit(
            server.url,
            """
            await self.http.post("/login", data={"name": "s3cret"})
            try:
                await self.http.get("/?code=s3cret%2Fcode")
            except HttpError as error:
                self.check(str(error), "s3cret" not in str(error))
            """,
        )
    assert list(ran.checks.values()) == [[1, 0]], ran.checks


async def test_cookies_go_with_the_sockets_of_the_user_and_come_from_them(visit: Visit) -> None:
    async with Web({"POST /login": login, "GET /socket/websocket": upgrade, "GET /said": said}) as server:
        ran = await visit(
            server.url,
            """
            await self.http.post("/login", data={"name": "ann"})
            async with self.socket("/socket"):
                pass
            cookies = (await self.http.get("/said")).json()["cookie"]
            self.check("all", sorted(cookies.split("; ")) == ["lb=a/b+c==", "node=7", "user=ann"])
            """,
        )
    assert ran.reasons == {}
    assert ran.checks == {"all": [1, 0]}
    assert sorted(server.asked[1].headers["Cookie"].split("; ")) == ["lb=a/b+c==", "user=ann"]


async def test_cookies_of_a_refused_handshake_are_kept_and_those_of_the_plan_sent_too(visit: Visit) -> None:
    async with Web({"GET /socket/websocket": upgrade, "GET /said": said}) as server:
        ran = await visit(
            server.url,
            """
            from fastphx import ConnectError
            try:
                await self.socket("/socket")
            except ConnectError:
                pass
            async with self.socket("/socket", headers={"Cookie": "own=1"}):
                pass
            self.check("kept", (await self.http.get("/said")).json()["cookie"])
            """,
        )
    assert ran.checks == {"kept": [1, 0]}
    (cookies,) = server.asked[1].headers.getall("Cookie")
    assert cookies.startswith("own=1; ")
    # One without a path is of the socket's own.
    assert sorted(cookies.split("; ")) == ["a=b", "own=1", "seen=once"]
    assert sorted(server.asked[2].headers["Cookie"].split("; ")) == ["a=b", "node=7"]


async def test_a_session_that_start_has_begun_lasts_for_all_visits_of_the_user(tmp_path: Path) -> None:
    script = """
    from fastphx.load import User
    class Keeps(User):
        async def start(self):
            await self.http.post("/login", data={"name": "ann"})
        async def run(self):
            self.check("known", (await self.http.get("/said")).json()["cookie"])
    class Forgets(User):
        async def run(self):
            self.check("unknown", (await self.http.get("/said")).json()["cookie"] is None)
            await self.http.post("/login", data={"name": "bob"})
    """
    async with Web({"POST /login": login, "GET /said": said}) as server:
        ran = await run_journey(tmp_path, script, server.url, users=2, iterations=2)
    ran.check_sums()
    assert ran.checks == {"known": [2, 0], "unknown": [2, 0]}
    assert ran.steps["POST /login"]["ok"] == 3
    assert ran.reasons == {}


async def test_redirects_are_followed_as_browsers_do(visit: Visit) -> None:
    def to(location: str, status: int) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": location})

        return redirect

    async with Web({"* /said": said}) as other:
        routes = {
            "POST /see_other": to("/said#there", 303),
            "POST /found": to("said", 302),
            "POST /again": to("/said", 307),
            "GET /other": to(other.url + "/said", 302),
            "GET /loop": to("/loop", 302),
            "GET /odd": to("javascript:alert(1)", 302),
            "* /said": said,
        }
        async with Web(routes) as server:
            ran = await visit(
                server.url,
                """
                for path in ("/see_other", "/found"):
                    got = (await self.http.post(path, json={})).json()
                    assert (got["method"], got["body"], got["type"]) == ("GET", "", None), got
                    assert got["secret"] == "s"
                got = (await self.http.post("/again", json={"a": 1}, headers={"x-mine": "m"})).json()
                assert (got["method"], got["body"], got["mine"]) == ("POST", '{"a":1}', "m"), got
                got = (await self.http.get("/other", headers={"X-Mine": "m"})).json()
                assert (got["secret"], got["mine"]) == (None, None), got
                assert (await self.http.get("/other", follow=False)).status == 302
                for path in ("/loop", "/odd"):
                    try:
                        await self.http.get(path)
                    except Exception:
                        pass
                """,
                header=["X-Secret=s"],
            )
    assert ran.reasons == {}
    assert ran.steps["GET /loop"]["reasons"] == {"too many redirects": 1}
    assert ran.steps["GET /odd"]["reasons"] == {"a redirect to no HTTP URL": 1}
    assert sum(request.path == "/loop" for request in server.asked) == http.MAX_REDIRECTS + 1


async def test_a_wait_for_a_connection_is_not_the_steps(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = http_connector.HttpConnector._connect

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(1.01)
        return await connect(*arguments)

    monkeypatch.setattr(http_connector.HttpConnector, "_connect", slow)
    async with Web({"GET /": said}) as server:
        ran = await visit(server.url, "await self.http.get('/', timeout=1)")
    exported = [line["steps"] for line in ran.lines if "steps" in line]
    timed = StepHistogram(), StepHistogram()
    for steps in exported:
        for histogram, name in zip(timed, ("connect HTTP", "GET /"), strict=True):
            if name in steps:
                histogram.add_export(steps[name]["histogram"])
    assert timed[0].min_ns >= 1_000_000_000
    assert timed[1].count == 1
    assert timed[1].max_ns < timed[0].min_ns


async def test_no_request_waits_for_the_connection_of_another(visit: Visit) -> None:
    all_here = asyncio.Barrier(101)

    async def meet(_: web.Request) -> web.Response:
        await all_here.wait()
        return web.Response()

    async with Web({"GET /": meet}) as server:
        ran = await visit(
            server.url,
            """
            import asyncio
            await asyncio.gather(*(self.http.get("/") for _ in range(101)))
            await self.http.get("/", timeout=0.01, name="alone")
            """,
        )
    assert ran.steps["GET /"]["ok"] == ran.steps["connect HTTP"]["ok"] == 101
    assert ran.steps["alone"]["reasons"] == {"timeout": 1}


@asynccontextmanager
async def closing_server(*answers: bytes) -> AsyncIterator[str]:
    """Answers each connection's first request, and closes it at its second; the last one's at once."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with_answer = left.pop(0) if left else b""
        await reader.readuntil(b"\r\n\r\n")
        if with_answer:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + with_answer)
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_stale_connection_is_retried_once_where_that_is_safe(visit: Visit) -> None:
    async with closing_server(b"ok", b"ok", b"ok") as url:
        ran = await visit(
            url,
            """
            assert (await self.http.get("/")).text == "ok"
            assert (await self.http.get("/")).text == "ok"
            try:
                await self.http.post("/")
            except Exception:
                pass
            assert (await self.http.get("/")).text == "ok"
            """,
        )
        assert ran.reasons == {}
        assert ran.totals["http_retries"] == 1
        assert ran.steps["POST /"]["reasons"] == {"disconnected": 1}
        assert ran.steps["connect HTTP"]["ok"] == 3
        # A connection that was made for it is not stale.
        ran = await visit(url, "await self.http.get('/')")
    assert ran.totals["http_retries"] == 0
    assert ran.steps["GET /"]["reasons"] == {"disconnected": 1}


async def test_why_there_is_no_answer(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 100)

    async def stall(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def long(_: web.Request) -> web.Response:
        return web.Response(text="x" * 101)

    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unheard.getsockname()[1]}/none"
        async with Web({"GET /stall": stall, "GET /long": long}) as server:
            ran = await visit(
                server.url,
                f"""
                for path in ("/stall", "/long", {refused!r}):
                    try:
                        await self.http.get(path, timeout=0.05)
                    except Exception:
                        pass
                await self.http.get({refused!r}, name="last")
                """,
                timeout="5s",
            )
    where = refused.removeprefix("http://")
    assert ran.steps["GET /stall"]["reasons"] == {"timeout": 1}
    assert ran.steps["GET /long"]["reasons"] == {"the answer is too long": 1}
    assert ran.steps[f"GET {where}"]["reasons"] == {"refused": 1}
    assert ran.steps["connect HTTP"]["reasons"] == {"refused": 2}
    # The long answer's connection was cut, and so was the one that stalled.
    assert ran.steps["connect HTTP"]["ok"] == 2
    origin = refused.removesuffix("/none")
    assert ran.reasons["connect"] == {f"cannot connect to {origin}: the connection was refused": 2}
    assert ran.reasons["visit"] == {"connect HTTP: refused": 1}


async def test_ports_that_are_used_up_are_this_sides_own_fault(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_port(*_: Any) -> Any:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(http_connector, "bind", no_port)
    ran = await visit("http://127.0.0.1:9", "await self.http.get('/')", source=["127.0.0.2"])
    told = {"cannot connect to http://127.0.0.1:9: no port is left on 127.0.0.2": 1}
    assert ran.reasons["connect"] == ran.reasons["local"] == told


async def test_what_the_plan_says_of_tls_holds(visit: Visit, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Web({"GET /": said}, context) as server:
        trusting = await visit(server.url, "await self.http.get('/')", ca=str(tmp_path / "ca.pem"))
        blind = await visit(server.url, "await self.http.get('/')", insecure=True)
        strict = await visit(server.url, "await self.http.get('/')")
    assert trusting.steps["GET /"]["ok"] == blind.steps["GET /"]["ok"] == 1
    (reason,) = strict.steps["GET /"]["reasons"]
    assert reason.startswith("the server's certificate was not accepted")


async def test_requests_come_from_the_plans_addresses(visit: Visit) -> None:
    async with Web({"GET /": said}) as server:
        ran = await visit(
            server.url,
            "self.check((await self.http.get('/')).json()['peer'], True)",
            users=4,
            source=["127.0.0.2-127.0.0.3"],
        )
    assert ran.checks == {"127.0.0.2": [2, 0], "127.0.0.3": [2, 0]}


async def test_at_the_stop_requests_are_cut_and_those_begun_later_not_counted(visit: Visit) -> None:
    asked = asyncio.Event()

    async def stall(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(60)
        return web.Response()

    async with Web({"GET /stall": stall, "GET /bye": said}) as server:
        ran = await visit(
            server.url,
            """
            try:
                await self.http.get("/stall")
            finally:
                await self.http.get("/bye")
            """,
            during=lambda _: asked.wait(),
            graceful_stop="10ms",
        )
    assert ran.steps["GET /stall"] == {"attempts": 1, "cut": 1}
    assert "GET /bye" not in ran.steps
    assert [request.path for request in server.asked] == ["/stall", "/bye"]
    assert ran.totals["visits_cut"] == 1


async def test_a_page_is_read_by_selector_and_has_a_csrf_token(visit: Visit) -> None:
    def page(html: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def shown(_: web.Request) -> web.Response:
            return web.Response(text=html, content_type="text/html")

        return shown

    routes = {
        "GET /meta": page("<head><meta name=csrf-token content='a&amp;b'></head><ul><li>x<li class=y>é</ul>"),
        "GET /form": page("<form><input name=_csrf_token type=hidden value=c></form>"),
        "GET /none": page("<p>"),
    }
    async with Web(routes) as server:
        ran = await visit(
            server.url,
            """
            meta = await self.http.get("/meta")
            assert self.csrf(meta) == "a&b"
            assert [node.text() for node in meta.select("li")] == ["x", "é"]
            assert meta.select("li.y")[0].attributes == {"class": "y"}
            assert self.csrf(await self.http.get("/form")) == "c"
            try:
                meta.select("[[")
            except ValueError:
                self.check("refused", True)
            self.csrf(await self.http.get("/none"))
            """,
        )
    assert ran.checks == {"refused": [1, 0]}
    (why,) = ran.reasons["visit"]
    assert why.startswith("no CSRF token")
