"""The page over HTTP, and the view on it."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from fastphx.errors import FastphxError
from fastphx.foreign_text import visible
from fastphx.probe.asked import Asked
from fastphx.probe.finding import Finding, shown_ms
from fastphx.probe.network import trusting
from fastphx.transports.endpoint import shown_url

PATH = re.compile(r"/[\w./~-]{0,100}", re.ASCII)
"""What is taken for a path that a page names."""
HTTP = "HTTP"
LIVEVIEW = "LiveView"


@dataclass(frozen=True, slots=True)
class PageSeen:
    """The page that the server has answered with."""

    status: int
    has_view: bool = False
    live_path: str | None = None
    """Where its live socket is, if it says that."""
    is_moved: bool = False
    """The host wants to be asked at another port, or with TLS."""


async def look_at_page(asked: Asked) -> tuple[PageSeen | None, Finding]:
    """Ask for the page; None where nothing was answered in HTTP."""
    from fastphx.liveview.errors import PageError
    from fastphx.liveview.http import HttpSession, origin

    url, began_s = asked.http_url(asked.page_path), time.monotonic()
    tls = asked.ssl if asked.ssl is not None else asked.verify
    http = HttpSession(url, asked.headers, asked.timeout_s, ssl=tls, proxy=True)
    try:
        answer = await http.get(url)
    except PageError as error:
        cause, to_do = error.__cause__, f"see what it answers: curl -v {url}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            # Through a proxy, this is where it is looked at.
            to_do = trusting(asked, str(cause))
        return None, Finding(HTTP, "wrong", visible(str(error)), to_do)
    finally:
        await http.close()
    took = shown_ms(time.monotonic() - began_s)
    text = f"GET {asked.page_path} is answered with {status_text(answer.status)} in {took}"
    if origin(answer.url) != origin(url):
        moved, text = (
            shown_url(answer.url),
            f"GET {asked.page_path} leads to {shown_url(answer.url)} in {took}",
        )
        if urlsplit(answer.url).hostname == asked.host:
            seen = PageSeen(answer.status, is_moved=True)
            return seen, Finding(HTTP, "wrong", text, f"ask there: {moved}")
        return PageSeen(answer.status), Finding(HTTP, "ok", text)
    if answer.status >= 500:
        return PageSeen(answer.status), Finding(HTTP, "wrong", text, "look into the server's log")
    if answer.status == 404:
        text += ": a socket needs no page"
    return _seen(answer.url, answer.status, answer.text), Finding(HTTP, "ok", text)


def _seen(url: str, status: int, text: str) -> PageSeen:
    try:
        from fastphx.liveview.page import Page

        page = Page(url, status, text)
    except (FastphxError, ModuleNotFoundError):
        return PageSeen(status)
    path = page.live_path if page.live_path is not None and PATH.fullmatch(page.live_path) else None
    return PageSeen(status, page.main is not None, path)


async def look_at_view(asked: Asked, seen: PageSeen) -> Finding:
    """Join the page's view, as a browser does."""
    if not seen.has_view:
        text = f"there is no view on {asked.page_path}; give the URL of a page that has one to look at it"
        return Finding(LIVEVIEW, "absent", text)
    from fastphx.liveview import browse

    options = asked.transport_opts()
    for name in ("heartbeat_interval", "extra_headers", "auth_token"):
        del options[name]
    began_s = time.monotonic()
    browser = browse(
        asked.http_url("/"), headers=asked.headers, timeout=2 * asked.timeout_s, keep_up=False, **options
    )
    try:
        async with browser:
            view = await browser.open(asked.page_path)
            is_live, version = view.is_live, view.liveview_version
    except FastphxError as error:
        to_do = "see what the server's log says of the view's mount, and of /live in the endpoint"
        return Finding(LIVEVIEW, "wrong", visible(str(error)), to_do)
    if not is_live:
        return Finding(
            LIVEVIEW, "wrong", "the view was not joined", "see what the server's log says of its mount"
        )
    told = f"LiveView {visible(version, 20)}" if version else "a view"
    took = shown_ms(time.monotonic() - began_s)
    return Finding(LIVEVIEW, "ok", f"{asked.page_path} has {told}: loaded and joined in {took}")


def status_text(status: int) -> str:
    """``HTTP 404 Not Found``."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
