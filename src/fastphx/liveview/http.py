"""Documents over HTTP, as a browser asks for them: with cookies, and through redirects."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

from fastphx.liveview.errors import PageError, ViewClosedError
from fastphx.transports.endpoint import shown_url
from fastphx.transports.http_failure import cause_of, what_failed

MAX_REDIRECTS = 20
"""As many as browsers follow (Fetch standard)."""
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of a document, decompressed."""
FLASH_COOKIE = "__phoenix_flash__"
RELOAD_COOKIE = "__phoenix_reload_status__"
COOKIE_S = 60
"""How long the two live: LiveView's client sets them for the next document."""
_PRINTABLE = re.compile("[!-~]+")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))

Fields = Sequence[tuple[str, str]]


class Response(NamedTuple):
    """What a request came to, at the end of its redirects."""

    url: str
    status: int
    text: str


class Http(Protocol):
    """What a browser asks for documents, and keeps cookies with. Its two last methods are those of
    :class:`fastphx.transports.cookies.Cookies`, for the socket's handshake."""

    async def get(self, url: str) -> Response: ...
    async def post(self, url: str, fields: Fields) -> Response: ...
    async def close(self) -> None: ...
    def set_cookie(self, url: str, name: str, value: str) -> None:
        """Keep a cookie for :data:`COOKIE_S`, as a script of the page at *url* does."""

    def header(self, url: str) -> str | None: ...
    def store(self, url: str, set_cookies: Sequence[str]) -> object: ...


class HttpSession:
    """One browser's: an aiohttp session with a jar of its own. *headers* go only to the host of *url*, the
    application's. *timeout_s* is for a document with all of its redirects. *ssl* is as aiohttp takes it, and
    *proxy* a URL, True for that of the environment, or None. Raises ValueError for a proxy that speaks no
    HTTP."""

    def __init__(
        self,
        url: str,
        headers: Iterable[tuple[str, str]],
        timeout_s: float,
        *,
        ssl: Any = True,
        proxy: str | bool | None = None,
    ) -> None:
        if isinstance(proxy, str) and not proxy.startswith(("http://", "https://")):
            raise ValueError("documents go only through an HTTP proxy: give one that begins with http://")
        self._origin = origin(url)
        self._headers = list(headers)
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl),
            # By default it keeps no cookies of an IP address.
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            proxy=proxy if isinstance(proxy, str) else None,
            trust_env=proxy is True,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def get(self, url: str) -> Response:
        """The document at *url*. Raises PageError."""
        return await self._document("GET", url, None)

    async def post(self, url: str, fields: Fields) -> Response:
        """What a form with *fields*, sent to *url*, is answered with. Raises PageError."""
        return await self._document("POST", url, fields)

    def set_cookie(self, url: str, name: str, value: str) -> None:
        """See :class:`Http`."""
        self.store(url, [script_cookie(name, value)])

    def header(self, url: str) -> str | None:
        """The value of ``Cookie`` for a request of *url*; None for nothing."""
        found = self._session.cookie_jar.filter_cookies(_http_url(url))
        return "; ".join(f"{each.key}={each.coded_value}" for each in found.values()) or None

    def store(self, url: str, set_cookies: Sequence[str]) -> None:
        """Keep what an answer from *url* sets."""
        self._session.cookie_jar.update_cookies_from_headers(set_cookies, _http_url(url))

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def _document(self, method: str, url: str, fields: Fields | None) -> Response:
        asked = f"{method} {shown_url(url)}"
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(method, url, fields)
        except TimeoutError:
            raise PageError(f"{asked} was not answered within {self._timeout_s:g} s") from None
        except ValueError as error:
            raise PageError(f"{asked}: {error}") from error
        except (RuntimeError, AssertionError) as error:
            # aiohttp asserts that a session was not closed since its request began.
            if not self._session.closed:
                raise
            raise ViewClosedError(f"the browser was closed before {asked} was answered") from error
        except aiohttp.ClientError as error:
            raise PageError(f"{asked}: {what_failed(error)}") from cause_of(error)

    async def _follow(self, method: str, url: str, fields: Fields | None) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            data = None if fields is None else urlencode(fields).encode()
            headers = self._headers.copy() if origin(url) == self._origin else []
            if data is not None:
                headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            async with self._session.request(
                method, as_written(url), data=data, headers=headers, allow_redirects=False
            ) as answer:
                location = answer.headers.get("Location")
                if answer.status not in _REDIRECTS or location is None:
                    return Response(url, answer.status, await _text(answer))
                if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                    method, fields = "GET", None
            url = redirected(url, location)
        raise PageError(f"{shown_url(url)}: the server redirects more than {MAX_REDIRECTS} times")


_UNQUOTED = "!#$&'()*+/:<=>?@[]^_`{|}~-."
"""What a cookie's value may have as it is (RFC 6265 section 4.1.1)."""


def script_cookie(name: str, value: str) -> str:
    """The ``Set-Cookie`` of what a script of a page sets for :data:`COOKIE_S`."""
    return f"{name}={quote(value, safe=_UNQUOTED)}; path=/; max-age={COOKIE_S}"


def origin(url: str) -> tuple[str, str]:
    """Scheme, host and port, as far as they are written."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def as_written(url: str) -> URL:
    """*url* without changes, as browsers leave it, where it is printable ASCII. Raises ValueError."""
    return URL(url, encoded=_PRINTABLE.fullmatch(url) is not None)


def redirected(url: str, location: str) -> str:
    """Where *location* leads from *url*. Raises PageError for what is no HTTP URL."""
    with suppress(ValueError):
        target = urljoin(url, location)
        parts = urlsplit(target)
        if parts.scheme in ("http", "https") and parts.hostname:
            return target
    raise PageError(f"a redirect leads to {shown_url(location)}, which is no HTTP URL")


async def _text(answer: aiohttp.ClientResponse) -> str:
    body = bytearray()
    while part := await answer.content.readany():
        body += part
        if len(body) > MAX_BODY_BYTES:
            answer.close()
            raise PageError(f"{shown_url(str(answer.url))} is longer than {MAX_BODY_BYTES} bytes")
    try:
        return body.decode(answer.charset or "utf-8", "replace")
    except (LookupError, ValueError):  # `undefined` is a codec, too
        return body.decode("utf-8", "replace")


def _http_url(url: str) -> URL:
    return URL(f"http{url[2:]}" if url.startswith("ws") else url)
