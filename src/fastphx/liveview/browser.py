"""``fastphx.liveview.browse``: a browser without a screen, which shows one page at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from fastphx.client.deadline import checked_timeout
from fastphx.client.options import Options
from fastphx.errors import FastphxError, clip, clip_repr
from fastphx.foreign_text import visible
from fastphx.liveview.addresses import check_application_url, leading_to
from fastphx.liveview.diff import Changed
from fastphx.liveview.errors import PageError, ViewClosedError, ViewError, ViewTimeoutError
from fastphx.liveview.forms import Forms
from fastphx.liveview.history import History
from fastphx.liveview.http import FLASH_COOKIE, RELOAD_COOKIE, Fields, Http, HttpSession, origin
from fastphx.liveview.live_page import LivePage
from fastphx.liveview.live_socket import LiveClient, SocketOptions, live_options
from fastphx.liveview.living import Living
from fastphx.liveview.page import Page
from fastphx.liveview.view import View
from fastphx.transports.endpoint import Params, param_pairs, shown_url
from fastphx.transports.pairs import pairs_of

logger = logging.getLogger("fastphx.liveview")

MAX_NAVIGATIONS = 20
"""How many pages and views one action may lead through."""
RELOAD_S = (5.0, 10.0)
"""LiveView's jitter before a page whose view cannot be joined is loaded again."""
MAX_RELOADS = 10
FAILSAFE_S = 30.0
"""The wait after :data:`MAX_RELOADS` of them."""


def browse(
    url: str,
    *,
    live_path: str = "/live",
    transport: str = "websocket",
    params: Params = (),
    headers: Any = (),
    timeout: float = 30.0,
    connect_timeout: float = 10.0,
    heartbeat_interval: float = 30.0,
    keep_up: bool = True,
    random: Random | None = None,
    **transport_opts: Any,
) -> Browser:
    """A browser of the application at *url*: ``async with browse("http://127.0.0.1:4000") as browser``.

    *live_path*: where the live socket is, unless a page names another. *transport*: ``"websocket"`` or
    ``"longpoll"``. *params*: what the application's own page gives its ``LiveSocket`` as ``params``; they go
    with the socket and with each join. *headers* go with each request and with the socket's handshake, to
    the host of *url* only.

    *timeout*: seconds that an action may take, and that a document may. *connect_timeout*: how long to try to
    open the live socket. *keep_up*: whether a crashed view is joined again, a lost connection opened again,
    and a page loaded again that cannot be joined, as a browser does; without, that ends the view. *random*:
    the generator for the delays of that.

    *transport_opts*: see :class:`fastphx.transports.options.ConnectOptions`; ``ssl``, ``ssl_verify`` and
    ``proxy`` hold for documents, too. Raises ValueError for an invalid argument.
    """
    check_application_url(url)
    checked_timeout(timeout, 0.0)
    if not isinstance(connect_timeout, int | float) or not connect_timeout > 0:
        raise ValueError(f"connect_timeout is {clip_repr(connect_timeout)}: give seconds, above 0")
    options = SocketOptions(
        live_path=live_path,
        transport=transport,
        params=params,
        headers=list(pairs_of(headers)),
        heartbeat_interval=heartbeat_interval,
        connect_timeout=connect_timeout,
        keeps_up=keep_up,
        transport_opts=transport_opts,
    )
    random = random or Random()
    # Checked now, and not at the first page.
    live_options(Page(url, 200, ""), options, None, random)
    ssl = transport_opts.get("ssl") or transport_opts.get("ssl_verify", True)
    proxy = transport_opts.get("proxy", True)
    return Browser(
        url,
        options,
        lambda: HttpSession(url, options.headers, timeout, ssl=ssl, proxy=proxy),
        timeout_s=timeout,
        random=random,
    )


class Browser:
    """One user's browser: cookies, and the page that it shows. :func:`browse` makes it.

    It belongs to one event loop and its thread. Actions run one after another, in the order in which they
    were called.
    """

    def __init__(
        self,
        url: str,
        options: SocketOptions,
        make_http: Callable[[], Http],
        *,
        timeout_s: float,
        random: Random,
        make_client: Callable[[Options], LiveClient] = LiveClient,
        renders: bool = True,
        joins_children: bool = True,
    ) -> None:
        self.url = url
        """The application's."""
        self.timeout_s = timeout_s
        self._history = History()
        self._options = options
        self._make_http = make_http
        self._make_client = make_client
        self._renders = renders
        self._joins_children = joins_children
        self._random = random
        self._http: Http | None = None
        self._live: LivePage | None = None
        self._view: View | None = None
        self._lock = asyncio.Lock()
        self._pending: set[asyncio.Task[object]] = set()
        self._loading: asyncio.Task[object] | None = None
        """The last page that a page has led to, while it is being loaded and after."""
        self._leaving: list[LivePage] = []
        """Pages that were left, until their sockets are closed."""
        self._failed: list[BaseException] = []
        self._navigations = 0
        self._next_kind = "push"
        """What becomes of the history with the view that is being navigated to."""
        self._reloads = 0
        self._reload_timer: asyncio.TimerHandle | None = None
        self._changed: asyncio.Event | None = None
        """Set at the next change, where somebody waits for it."""
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Browser {shown_url(self.url)} at {'no page' if self._view is None else self._view}>"

    @property
    def view(self) -> View:
        """What it shows now. Raises ViewClosedError while there is nothing."""
        if self._view is None:
            raise ViewClosedError("the browser shows no page: open() one")
        return self._view

    @property
    def http(self) -> Http:
        """Its cookies and documents."""
        if self._is_closed:
            raise ViewClosedError("the browser is closed")
        if self._http is None:
            self._http = self._make_http()
        return self._http

    async def open(self, path: str = "/") -> View:
        """Load the page at *path*, join its views, and return the current view when that has settled, after
        redirects. A page without a view is one, too.

        Raises PageError, ConnectError, ViewCrashedError, ViewTimeoutError.
        """
        url = leading_to(path, self.url)
        return await self.act(None, lambda: self._load("GET", url, leaves=False))

    async def back(self) -> View:
        """Go back, as the browser's button does: a patch where the same view shows that URL, else a live
        navigation or another document. Raises ViewError where there is nothing to go back to."""
        return await self._traverse(-1)

    async def forward(self) -> View:
        """Go forward again; see :meth:`back`."""
        return await self._traverse(1)

    async def _traverse(self, step: int) -> View:
        async def work() -> None:
            version = None if self._live is None else self._live.version
            by_target = version is not None and not version.has_history_edges
            entry, how = self._history.go(step, by_target=by_target)
            if how == "patch":
                await self.view.patch_to(entry.url)
            elif how == "redirect":
                await self._navigate(entry.url, "traverse", None, referer=entry.url)
            else:
                await self._load("GET", entry.url, how="traverse", leaves=False)

        return await self.act(self.view, work)

    async def close(self) -> None:
        """Close its page and its connections."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._reload_timer is not None:
            self._reload_timer.cancel()
        await self._leave_page("the browser was closed", leaves=False)
        for task in self._pending:
            task.cancel()
        if self._pending:
            await asyncio.wait(self._pending)
        # One of them may have come to another page meanwhile.
        await self._leave_page("the browser was closed", leaves=False)
        if self._http is not None:
            await self._http.close()

    # -- actions

    async def act(
        self,
        view: View | None,
        work: Callable[[], Coroutine[Any, Any, object]],
        timeout: float | None = None,
        *,
        is_bounded: bool = False,
    ) -> View:
        """Do *work*, and return the current view when what it has started has settled. *view*: the one that
        it is done on, which must be the current one by then. *is_bounded*: *work* is one push, which ends in
        time by itself.

        Raises what the work raises, ViewClosedError, and ViewTimeoutError after *timeout* seconds.
        """
        limit_s = checked_timeout(timeout, self.timeout_s)
        if is_bounded and not self._lock.locked() and not self._pending and not self._failed:
            async with self._lock:
                if view is not None:
                    view.check_current()
                self._navigations = 0
                await work()
                if not self._pending and not self._failed:
                    return self.view
                work = _nothing
                view = None
        try:
            async with asyncio.timeout(limit_s) as limit, self._lock:
                await self._settle()
                if view is not None:
                    view.check_current()
                if work is not _nothing:
                    self._navigations = 0
                    await work()
                    await self._settle()
                return self.view
        except TimeoutError as error:
            if isinstance(error, FastphxError) or not limit.expired():
                raise
            raise ViewTimeoutError(f"what was asked for was not over within {limit_s:g} s") from None

    async def done(
        self, work: Callable[[], Coroutine[Any, Any, object]], what: str, name: str | None
    ) -> None:
        """Do what the server answers: *what* it is, like ``click #inc``, or its *name*. A load test times
        it."""
        await work()

    async def mount(self, main: Living) -> None:
        """Join a page's main view. A load test times it."""
        await main.join()

    @property
    def page(self) -> LivePage | None:
        """The page that it shows, with its views."""
        return self._live

    async def settled(self) -> None:
        """Return when nothing that a page has started is under way."""
        while self._pending:
            await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)

    async def _settle(self) -> None:
        """Return when nothing is under way. Raises what has failed since."""
        await self.settled()
        if self._failed:
            failed, self._failed = self._failed[0], []
            raise failed

    async def wait_changed(self) -> None:
        """Return at the next change of the page."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    def spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object] | None:
        """See :class:`~fastphx.liveview.live_page.Navigator`, also for the methods that follow."""
        if self._is_closed:
            work.close()
            return None
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("what a page has started has failed: %r", error)
            self._failed = [*self._failed[-9:], error]
            self._notify()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # -- pages

    def load(self, url: str, *, flash: str | None = None, reload_token: str | None = None) -> None:
        here = self._live.url if self._live is not None else self.url
        if flash:
            self.http.set_cookie(here, FLASH_COOKIE, flash)
        if reload_token:
            self.http.set_cookie(here, RELOAD_COOKIE, reload_token)
        # As in a browser, the last place that a page leads to counts.
        if self._loading is not None:
            self._loading.cancel()
        self._loading = self.spawn(self._load("GET", url))

    def load_later(self, url: str) -> None:
        if self._reload_timer is not None:
            self._reload_timer.cancel()
        self._reloads += 1
        delay_s = reload_delay_s(self._reloads, self._random)
        logger.info("the page is loaded again in %.1f s", delay_s)
        loop = asyncio.get_running_loop()
        self._reload_timer = loop.call_later(
            delay_s, lambda: self.spawn(self._load("GET", url, counts=False))
        )

    def navigate(self, url: str, kind: str, flash: str | None) -> None:
        self.spawn(self._navigate(url, kind, flash))

    def patched(self, url: str, kind: str) -> None:
        self._history.went(url, kind, "patch")
        self._notify()

    def mounted(self, main: Living, response: dict[str, Any]) -> None:
        live = self._live
        if live is None or live.main is not main:
            return
        self._reloads = 0
        if main.href is not None and main.href != live.url:
            live.url = main.href
        view = self._view
        if view is not None and view.living is None and not view.is_over:
            # The page is shown since its document has come.
            view.living = main
        if view is not None and view.living is main:
            self._history.went(live.url, "replace", "patch")
        else:
            self._show(View(self, live, main))
            self._history.went(live.url, self._next_kind, "redirect")

    def told(self, view: Living, changed: Changed | None, size_bytes: int, asked: bool) -> None:
        if self._view is not None and changed is not None:
            self._view.take(view, changed)
        self._notify()

    def rendered(self, view: Living, rendered: dict[str, Any]) -> None:
        if self._view is not None:
            self._view.take_join(view, rendered)
        self._notify()

    def connection_changed(self) -> None:
        self._notify()

    def forms_now(self) -> Forms | None:
        view = self._view
        return None if view is None or view.is_over else view.forms_now()

    def recover(self, before: Forms) -> None:
        self._on_view(lambda view: view.recover(before))

    def run_mounted(self, before: Forms | None) -> None:
        self._on_view(lambda view: view.run_mounted(before))

    def trigger(self) -> None:
        self._on_view(lambda view: view.trigger())

    def _on_view(self, work: Callable[[View], Coroutine[Any, Any, None]]) -> None:
        view = self._view

        async def run() -> None:
            # The page may have been left meanwhile.
            if view is not None and view is self._view and not view.is_over:
                await work(view)

        self.spawn(run())

    async def submit_form(self, method: str, url: str, fields: Fields) -> None:
        """What a browser does with a form of its own accord, without LiveView."""
        if method.upper() == "GET":
            parts = urlsplit(url)
            url = parts._replace(query=urlencode(fields)).geturl()
            await self._load("GET", url)
        else:
            await self._load("POST", url, fields)

    async def _load(
        self,
        method: str,
        url: str,
        fields: Fields | None = None,
        *,
        counts: bool = True,
        how: str = "push",
        leaves: bool = True,
    ) -> None:
        self._count_navigation(url, counts)
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            raise ViewError(f"the page leads to {clip(url)}, which is no HTTP URL")
        http = self.http
        await self._leave_page(f"the browser went to {shown_url(url)}", leaves=leaves)
        response = await (http.get(url) if fields is None else http.post(url, fields))
        try:
            page = Page(response.url, response.status, response.text)
        except (ValueError, RecursionError) as error:
            raise PageError(
                f"the document of {shown_url(url)} cannot be read: {visible(str(error))}"
            ) from error
        options = None
        if page.main is not None:
            own = self._options
            if origin(page.url) != origin(self.url):
                own = replace(own, headers=())
            try:
                options = live_options(page, own, http, self._random)
            except ValueError as error:
                raise PageError(f"{shown_url(url)} has no live socket: {visible(str(error))}") from error
        live = LivePage(
            self,
            page,
            options,
            self._make_client,
            dict(param_pairs(self._options.params)),
            renders=self._renders,
            joins_children=self._joins_children,
            keeps_up=self._options.keeps_up,
        )
        while self._live is not None:
            # A server that asks for several pages at once gets them all; the last that comes is shown.
            await self._leave_page(f"the browser went to {shown_url(url)}", leaves=leaves)
        if self._is_closed:
            raise ViewClosedError(f"the browser was closed before {shown_url(url)} was shown")
        self._live = live
        self._show(View(self, live, None))
        self._history.went(live.url, how, "page")
        await live.open()

    async def _navigate(self, url: str, kind: str, flash: str | None, referer: str | None = None) -> None:
        live = self._live
        main = None if live is None else live.main
        if live is None or main is None or not main.container.is_main or origin(url) != origin(live.url):
            self.load(url, flash=flash)
            return
        self._count_navigation(url, True)
        self._next_kind = kind
        main.leave()
        # The leave goes first; the topic is joined again without waiting for its answer.
        await asyncio.sleep(0)
        new = Living(
            live,
            main.container,
            href=url,
            is_redirected=True,
            flash=flash,
            referer=referer or live.url,
        )
        live.main = live.living[main.id] = new
        await self.mount(new)

    def _count_navigation(self, url: str, counts: bool) -> None:
        self._navigations += counts
        if self._navigations > MAX_NAVIGATIONS:
            raise ViewError(
                f"the page leads through more than {MAX_NAVIGATIONS} others, at last {shown_url(url)}"
            )

    def _show(self, view: View) -> None:
        if self._view is not None:
            self._view.over(f"the browser went to {shown_url(view.url)}")
        self._view = view
        self._notify()

    async def _leave_page(self, why: str, *, leaves: bool) -> None:
        live, self._live = self._live, None
        if self._view is not None:
            self._view.over(why)
            self._notify()
        if live is not None:
            live.close(leaves=leaves)
            self._leaving.append(live)
        # Whoever left another one may have been cancelled meanwhile.
        for left in self._leaving.copy():
            await left.wait_closed()
            if left in self._leaving:
                self._leaving.remove(left)


async def _nothing() -> None:
    pass


def reload_delay_s(number: int, random: Random) -> float:
    """How long to wait before a page is loaded again for the *number*th time, counted from 1."""
    return random.uniform(*RELOAD_S) if number <= MAX_RELOADS else FAILSAFE_S
