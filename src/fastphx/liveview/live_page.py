"""A page with its views on one live socket, and what their answers ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from fastphx.client.options import Options
from fastphx.client.state import ClientState
from fastphx.errors import clip_repr
from fastphx.liveview.addresses import leading_to
from fastphx.liveview.diff import Changed
from fastphx.liveview.errors import ViewCrashedError, ViewError
from fastphx.liveview.forms import Forms
from fastphx.liveview.live_socket import LiveClient, rejoin_s
from fastphx.liveview.living import MAX_CHILD_JOIN_ATTEMPTS, Living
from fastphx.liveview.page import Page
from fastphx.liveview.version import Version


class Navigator(Protocol):
    """The browser, as a page sees it."""

    def spawn(self, work: Coroutine[Any, Any, object]) -> object: ...
    async def mount(self, main: Living) -> None:
        """Join the main view."""

    def load(self, url: str, *, flash: str | None = None, reload_token: str | None = None) -> object:
        """Leave the page, and ask for the document at *url*."""

    def load_later(self, url: str) -> object:
        """The same after LiveView's jitter: the page's main view cannot be joined."""

    def navigate(self, url: str, kind: str, flash: str | None) -> object:
        """Mount the view at *url* on the page's socket."""

    def patched(self, url: str, kind: str) -> object:
        """The view has changed its URL."""

    def mounted(self, main: Living, response: dict[str, Any]) -> object:
        """The main view was joined: it is what the browser shows."""

    def rendered(self, view: Living, rendered: dict[str, Any]) -> object:
        """*view* was joined, and shows that."""

    def told(self, view: Living, changed: Changed | None, size_bytes: int, asked: bool) -> object: ...
    def connection_changed(self) -> object:
        """The socket's connection was lost."""

    def forms_now(self) -> Forms | None: ...
    def recover(self, before: Forms) -> object: ...
    def run_mounted(self, before: Forms | None) -> object: ...
    def trigger(self) -> object: ...


class LivePage:
    """The :class:`~fastphx.liveview.living.Host` of a page's views."""

    def __init__(
        self,
        navigator: Navigator,
        page: Page,
        options: Options | None,
        make_client: Callable[[Options], LiveClient],
        join_params: dict[str, Any],
        *,
        renders: bool,
        joins_children: bool,
        keeps_up: bool,
    ) -> None:
        self.page = page
        self.join_params = join_params
        self.living: dict[str, Living] = {}
        self.version: Version | None = None
        self.renders = renders
        self.joins_children = joins_children
        self.keeps_up = keeps_up
        self.main: Living | None = None
        self.url = page.url
        self.is_closed = False
        self._navigator = navigator
        if options is not None:
            self.client = make_client(options)
            self.client.on_state(self._state_changed)
        self.timers: set[asyncio.TimerHandle] = set()
        """Of views that are joined again later."""

    async def open(self) -> None:
        """Connect, and join the views that stand by themselves. Raises ConnectError, ViewCrashedError."""
        main = self.page.main
        if main is None:
            return
        await self.client.open()
        for container in self.page.containers:
            if container.parent_id is not None and container.parent_id != container.id:
                continue
            href = None if container.is_sticky else self.url
            living = Living(self, container, href=href)
            self.living[container.id] = living
            if container.id == main.id:
                self.main = living
                self.spawn(self._navigator.mount(living))
            else:
                self.spawn(living.join())
            # phx_join of each goes in the order of the document.
            await asyncio.sleep(0)

    def close(self, *, leaves: bool) -> None:
        """Its views are over. *leaves*: whether the server is told so before the socket is closed, as
        LiveView's client does where the page leads elsewhere, and not where the user goes elsewhere."""
        if self.is_closed:
            return
        self.is_closed = True
        for timer in self.timers:
            timer.cancel()
        if leaves:
            for living in list(self.living.values()):
                living.leave()

    async def wait_closed(self) -> None:
        """Close the socket, after :meth:`close`."""
        if self.page.main is not None:
            # What was to be left is sent in the next turn of the loop.
            await asyncio.sleep(0)
            await self.client.close()

    # -- what its views tell

    def spawn(self, work: Coroutine[Any, Any, object]) -> object:
        """See :class:`~fastphx.liveview.living.Host`, also for the methods that follow."""
        return self._navigator.spawn(work)

    def told(self, view: Living, changed: Changed | None, size_bytes: int, asked: bool) -> None:
        self._navigator.told(view, changed, size_bytes, asked)

    def rendered(self, view: Living, rendered: dict[str, Any]) -> None:
        self._navigator.rendered(view, rendered)

    def joined(self, view: Living, response: dict[str, Any]) -> None:
        self.version = Version.parse(response.get("liveview_version")) or self.version
        if view is self.main:
            patch = response.get("live_patch")
            if isinstance(patch, dict) and isinstance(patch.get("to"), str):
                try:
                    view.href = leading_to(patch["to"], self.url)
                except ViewError as error:
                    view.broken(error)
            self._navigator.mounted(view, response)

    def refused(self, view: Living, response: dict[str, Any]) -> ViewError | None:
        reason = response.get("reason")
        href = (self.main.href if self.main is not None else None) or self.url
        if self.is_closed or reason == "parent_redirect":
            return None
        if reason == "reload":
            token = response.get("token")
            self._navigator.load(href, reload_token=token if isinstance(token, str) else None)
            return None
        if reason in ("unauthorized", "stale"):
            self._navigator.load(href, flash=view.flash)
            return None
        if "redirect" in response or "live_redirect" in response:
            view.follow(response)
            return None
        failed = ViewCrashedError(f"the join of {view.shown} was refused: {clip_repr(response)}")
        if view is self.main:
            if self.keeps_up:
                self._navigator.load_later(href)
            return failed
        if not self.keeps_up:
            return failed
        if view.attempts < MAX_CHILD_JOIN_ATTEMPTS:
            self._later(rejoin_s(view.attempts), lambda: self._join_again(view))
        return None

    def forms_now(self) -> Forms | None:
        return self._navigator.forms_now()

    def recover(self, before: Forms) -> None:
        self._navigator.recover(before)

    def run_mounted(self, before: Forms | None) -> None:
        self._navigator.run_mounted(before)

    def trigger(self) -> None:
        self._navigator.trigger()

    def crashed(self, view: Living) -> None:
        self._navigator.told(view, None, 0, False)

    def patched(self, to: str, kind: str) -> None:
        self.url = leading_to(to, self.url)
        if self.main is not None:
            self.main.href = self.url
        self._navigator.patched(self.url, kind)

    def redirected(self, to: str, flash: str | None) -> None:
        self._navigator.load(leading_to(to, self.url), flash=flash)

    def live_redirected(self, to: str, kind: str, flash: str | None) -> None:
        self._navigator.navigate(leading_to(to, self.url), kind, flash)

    def unanswered(self, view: Living) -> None:
        if self.keeps_up:
            self._navigator.load(self.url)

    # -- living

    def _join_again(self, view: Living) -> None:
        if not self.is_closed and not view.is_left and self.living.get(view.id) is view:
            self.spawn(view.join())

    def _later(self, delay_s: float, action: Callable[[], object]) -> None:
        def run() -> None:
            self.timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self.timers.add(timer)

    def _state_changed(self, state: ClientState) -> None:
        if state in (ClientState.RECONNECTING, ClientState.CLOSED):
            for living in self.living.values():
                living.connection_lost()
            self._navigator.connection_changed()
