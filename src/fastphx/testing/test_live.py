"""LiveView pages for programs without an event loop: every method waits for its outcome."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from fastphx.liveview.browser import browse
from fastphx.liveview.document import Element
from fastphx.liveview.uploads import FileLike
from fastphx.liveview.view import Values, View
from fastphx.testing.loop_thread import LoopThread

TIMEOUT_S = 10.0
_SLACK_S = 5.0
"""The browser's own timeout comes first: it says what was waited for."""

T = TypeVar("T")


class TestLive:
    """A browser for tests: ``with TestLive("http://127.0.0.1:4002") as live: live.open("/counter")``.

    It is :func:`fastphx.liveview.browse` on a loop in a thread of its own, and takes what that takes. An
    action may take *timeout_s*. A view that crashes is not joined again: the test fails there.
    """

    __test__ = False  # it is no test case, whatever pytest makes of its name

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, keep_up: bool = False, **options: Any
    ) -> None:
        self.timeout_s = timeout_s
        self._browser = browse(url, timeout=timeout_s, keep_up=keep_up, **options)
        self._thread = LoopThread("fastphx-test-live")
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, path: str = "/") -> TestView:
        """Load the page at *path*, and return the view when it is joined."""
        return self.act(lambda: self._browser.open(path))

    def back(self) -> TestView:
        """Go back, as the browser's button does."""
        return self.act(self._browser.back)

    def forward(self) -> TestView:
        """Go forward again."""
        return self.act(self._browser.forward)

    @property
    def view(self) -> TestView:
        """What it shows now."""
        return TestView(self, self._browser.view)

    def close(self) -> None:
        """Leave the page, and end the thread. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.run(self._browser.close(), self.timeout_s)
        finally:
            self._thread.stop()

    def act(self, work: Callable[[], Coroutine[Any, Any, View]], timeout: float | None = None) -> TestView:
        """Do *work*, and return the view that it leads to."""
        return TestView(self, self.wait(work, timeout))

    def wait(self, work: Callable[[], Coroutine[Any, Any, T]], timeout: float | None = None) -> T:
        """Do *work* on the loop, and return what it returns."""
        limit_s = self.timeout_s if timeout is None else timeout
        return self._thread.run(work(), limit_s + _SLACK_S)

    def read(self, function: Callable[[], T]) -> T:
        """Call *function* on the loop: nothing changes meanwhile."""
        return self._thread.call(function, self.timeout_s + _SLACK_S)


class TestView:
    """A :class:`fastphx.liveview.view.View` whose methods wait. An action returns the current view."""

    __test__ = False

    def __init__(self, live: TestLive, view: View) -> None:
        self._live = live
        self._view = view

    def __repr__(self) -> str:
        return f"<TestView {self.url}>"

    # -- reading

    @property
    def url(self) -> str:
        return self._view.url

    @property
    def title(self) -> str:
        return self._view.title

    @property
    def status(self) -> int:
        """The HTTP status of its document."""
        return self._view.status

    @property
    def is_live(self) -> bool:
        """See :attr:`fastphx.liveview.view.View.is_live`, also for the next."""
        return self._view.is_live

    @property
    def liveview_version(self) -> str | None:
        return self._view.liveview_version

    @property
    def flash(self) -> dict[str, str]:
        """See :attr:`fastphx.liveview.view.View.flash`."""
        return self._live.read(lambda: self._view.flash)

    def html(self, selector: str | None = None) -> str:
        """See :meth:`fastphx.liveview.view.View.html`, also for the methods that follow."""
        return self._live.read(lambda: self._view.html(selector))

    def text(self, selector: str = "body") -> str:
        return self._live.read(lambda: self._view.text(selector))

    def page_text(self) -> str:
        return self._live.read(self._view.page_text)

    def find(self, selector: str) -> Element:
        return self._live.read(lambda: self._view.find(selector))

    def select(self, selector: str) -> list[Element]:
        return self._live.read(lambda: self._view.select(selector))

    def has(self, selector: str) -> bool:
        """Whether something on the page matches."""
        return bool(self.select(selector))

    def wait_for(self, selector: str, *, text: str | None = None, timeout: float | None = None) -> Element:
        return self._live.wait(lambda: self._view.wait_for(selector, text=text, timeout=timeout), timeout)

    # -- acting

    def click(self, selector: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.click(selector, timeout=timeout), timeout)

    def change(
        self, selector: str, values: Values | str | float | None = (), *, timeout: float | None = None
    ) -> TestView:
        return self._live.act(lambda: self._view.change(selector, values, timeout=timeout), timeout)

    def submit(
        self,
        selector: str,
        values: Values = (),
        *,
        submitter: str | None = None,
        timeout: float | None = None,
    ) -> TestView:
        return self._live.act(
            lambda: self._view.submit(selector, values, submitter=submitter, timeout=timeout), timeout
        )

    def follow(self, selector: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.follow(selector, timeout=timeout), timeout)

    def keydown(self, selector: str | None, key: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.keydown(selector, key, timeout=timeout), timeout)

    def keyup(self, selector: str | None, key: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.keyup(selector, key, timeout=timeout), timeout)

    def press(self, selector: str | None, key: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.press(selector, key, timeout=timeout), timeout)

    def focus(self, selector: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.focus(selector, timeout=timeout), timeout)

    def blur(self, selector: str | None = None, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.blur(selector, timeout=timeout), timeout)

    def upload(self, selector: str, *files: FileLike, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.upload(selector, *files, timeout=timeout), timeout)

    def event(
        self,
        event: str,
        value: Any = None,
        *,
        target: int | str | None = None,
        type: str = "click",  # noqa: A002 - LiveView's word
        timeout: float | None = None,
    ) -> TestView:
        return self._live.act(
            lambda: self._view.event(event, value, target=target, type=type, timeout=timeout), timeout
        )

    def hook_event(
        self,
        event: str,
        value: Any = None,
        *,
        target: int | str | None = None,
        timeout: float | None = None,
    ) -> Any:
        return self._live.wait(
            lambda: self._view.hook_event(event, value, target=target, timeout=timeout), timeout
        )

    def patch(self, to: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.patch(to, timeout=timeout), timeout)

    def navigate(self, to: str, *, timeout: float | None = None) -> TestView:
        return self._live.act(lambda: self._view.navigate(to, timeout=timeout), timeout)

    def on_push_event(self, name: str, handler: Callable[[Any], object]) -> None:
        """Call *handler(payload)*, in the browser's thread, for each event that the server pushes."""
        self._live.read(lambda: self._view.on_push_event(name, handler))
