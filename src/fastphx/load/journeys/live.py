"""LiveView pages in a journey: ``view = await self.live("/counter")``. What is done on a page is a step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from time import monotonic_ns
from typing import Any, cast

from fastphx.client.options import Options
from fastphx.liveview.browser import Browser
from fastphx.liveview.diff import Changed
from fastphx.liveview.http import Fields, Response, script_cookie
from fastphx.liveview.live_socket import LiveChannel, LiveClient, SocketOptions
from fastphx.liveview.living import Living
from fastphx.liveview.view import View
from fastphx.load.journeys.http import Http, http_of
from fastphx.load.journeys.http_cookies import UserCookies
from fastphx.load.journeys.socket import JourneySocket, plan_transport_opts
from fastphx.load.journeys.step import UNCOUNTED, end_step
from fastphx.load.journeys.visit import Visit
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.transports.endpoint import Params

LEAN = "lean pages"
"""The kind under which a report says what ``render=False`` leaves out."""


class JourneyDocuments:
    """The documents of a user's pages: requests of its HTTP session, and so steps."""

    __slots__ = ("_cookies", "_http", "name")

    def __init__(self, visit: Visit) -> None:
        self._http: Http = http_of(visit)
        self._cookies = UserCookies(visit)
        self.name: str | None = None
        """Another name for the next request's step."""

    async def get(self, url: str) -> Response:
        """See :class:`fastphx.liveview.http.Http`, also for the methods that follow."""
        answer = await self._http.get(url, name=self._take_name())
        return Response(answer.url, answer.status, answer.text)

    async def post(self, url: str, fields: Fields) -> Response:
        answer = await self._http.post(url, data=list(fields), name=self._take_name())
        return Response(answer.url, answer.status, answer.text)

    async def close(self) -> None:
        """The session is the user's."""

    def set_cookie(self, url: str, name: str, value: str) -> None:
        self._http.store_cookies(url, [script_cookie(name, value)])

    def header(self, url: str) -> str | None:
        return self._cookies.header(url)

    def store(self, url: str, set_cookies: Sequence[str]) -> None:
        self._cookies.store(url, set_cookies)

    def _take_name(self) -> str | None:
        name, self.name = self.name, None
        return name


class JourneyLiveClient(JourneySocket, LiveClient):
    """The live socket of a user's page: its connection is counted and timed as any socket's."""

    channel_class = LiveChannel  # type: ignore[assignment]

    def _remember(self) -> None:
        """Its browser closes it, also one that is still being opened for a page that the visit ends on."""

    def channel(  # type: ignore[override]
        self, topic: str, payload: Any = NO_PAYLOAD, **options: Any
    ) -> LiveChannel:
        """As :meth:`fastphx.client.client.Client.channel`: mounts and events are steps of the page."""
        return cast(LiveChannel, LiveClient.channel(self, topic, payload, **options))


class JourneyBrowser(Browser):
    """A user's browser: what it does is counted and timed as steps."""

    def __init__(self, visit: Visit, options: SocketOptions, asked: tuple[object, ...], **given: Any) -> None:
        self.asked = asked
        """What ``live()`` was given beside the path: a page with other options is another browser's."""
        plan = visit.run.plan
        self._visit = visit
        self._answered_bytes = 0
        self._mount_name: str | None = None
        self.documents = JourneyDocuments(visit)
        super().__init__(
            visit.run.app.http_url("/"),
            options,
            lambda: self.documents,
            timeout_s=plan.timeout_s,
            random=visit.random,
            make_client=self._client,
            **given,
        )
        visit.browser = self
        visit.opened.append(self)

    def _client(self, options: Options) -> LiveClient:
        return JourneyLiveClient(self._visit, options, self._options.live_path, None)

    async def visit_page(self, path: str, name: str | None) -> View:
        """Open *path*; *name* stands in its steps in place of the path."""
        self.documents.name = None if name is None else f"GET {name}"
        self._mount_name = None if name is None else f"mount {name}"
        return await self.open(self._visit.run.app.http_url(path))

    async def done(
        self, work: Callable[[], Coroutine[Any, Any, object]], what: str, name: str | None
    ) -> None:
        """What the server answers is one step, from its call to the answer."""
        visit = self._visit
        step = visit.begin(name or what)
        self._answered_bytes = 0
        try:
            await work()
        except BaseException as error:
            end_step(step, error, visit)
            raise
        step.ok(self._answered_bytes)

    async def mount(self, main: Living) -> None:
        """A page's main view is joined: a step, and a join among the joins."""
        visit = self._visit
        recorder = visit.run.recorder
        name, self._mount_name = self._mount_name, None
        path = "/" + (main.href or self.url).partition("://")[2].partition("/")[2].partition("?")[0]
        step = visit.begin_step(visit.run.counter("mount", path, name))
        recorder.counts["join_attempts"] += 1
        try:
            await super().mount(main)
        except BaseException as error:
            recorder.counts["join_errors"] += 1
            if end_step(step, error, visit):
                recorder.note("join", str(error))
            raise
        now_ns = monotonic_ns()
        step.ok(main.size_bytes, ended_ns=now_ns)
        if not main.mounts:
            # The server has answered where to go instead.
            recorder.counts["join_errors"] += 1
            recorder.note("join", "the mount leads elsewhere")
            return
        recorder.counts["joins"] += 1
        if step is not UNCOUNTED:
            recorder.join.record(now_ns - step.begun_ns)

    def told(self, view: Living, changed: Changed | None, size_bytes: int, asked: bool) -> None:
        """A diff that nobody has asked for is a step of its own, with its size."""
        if asked:
            self._answered_bytes += size_bytes
        elif size_bytes:
            self._visit.begin("diff").ok(size_bytes)
        super().told(view, changed, size_bytes, asked)

    def abort(self) -> None:
        """Cut the connection."""
        for task in self._pending:
            task.cancel()
        for live in self._leaving if self._live is None else [*self._leaving, self._live]:
            if live.page.main is not None:
                cast(JourneyLiveClient, live.client).abort()


async def live(
    visit: Visit,
    path: str,
    *,
    params: Params,
    live_path: str,
    transport: str,
    render: bool,
    children: bool | None,
    keep_up: bool,
    name: str | None,
) -> View:
    """See :meth:`fastphx.load.User.live`."""
    plan = visit.run.plan
    own = visit.run.target.options(visit.index, visit.row)
    asked = (params, live_path, transport, render, children, keep_up)
    browser = cast(JourneyBrowser | None, visit.browser)
    if browser is not None and browser.asked != asked:
        if browser in visit.opened:
            visit.opened.remove(browser)
        await browser.close()
        browser = None
    if browser is None:
        options = SocketOptions(
            live_path=live_path,
            transport=transport,
            params=params,
            headers=own.extra_headers,
            heartbeat_interval=plan.heartbeat_s,
            connect_timeout=plan.connect_timeout_s,
            keeps_up=keep_up,
            transport_opts=plan_transport_opts(plan, own, visit.run.app.http_url("/")),
        )
        browser = JourneyBrowser(
            visit, options, asked, renders=render, joins_children=render if children is None else children
        )
    if not render:
        nested = "of nested views only the first are joined" if children else "nested views are not joined"
        visit.run.recorder.note(LEAN, f"components that vanish are not released, and {nested}")
    return await browser.visit_page(path, name)
