"""Reads the server's metrics page over HTTP, bounded in bytes and in time."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Sequence

import aiohttp

from fastphx.foreign_text import visible
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.server.page import Page, PageError, read_page
from fastphx.operating_system.threads import in_thread

MAX_PAGE_BYTES = 8 << 20
TIMEOUT_S = 5.0
OK = 200


class ScrapeError(Exception):
    """The page could not be read, in one clause."""


class Scraper:
    """One page. *asked* is looked for besides the usual names."""

    def __init__(
        self,
        url: str,
        asked: Sequence[ServerMetric],
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        self._url = url
        self._asked = tuple(asked)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        # Directly, whatever proxy the environment names; one connection, which may be kept.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            connector=aiohttp.TCPConnector(limit=1),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "text/plain; version=0.0.4, */*;q=0.1", "User-Agent": "fastphx"},
        )

    async def scrape(self) -> tuple[Page, int, float]:
        """The page, when its answer began (``time.monotonic_ns``), and how long it took. Raises
        ScrapeError."""
        began_ns = time.monotonic_ns()
        try:
            async with self._session.get(self._url, allow_redirects=False) as response:
                at_ns = time.monotonic_ns()
                if response.status != OK:
                    raise ScrapeError(f"HTTP {response.status}")
                body = bytearray()
                async for data in response.content.iter_any():
                    body += data
                    if len(body) > self._max_bytes:
                        raise ScrapeError(f"it has more than {self._max_bytes:,} bytes")
        except TimeoutError:
            raise ScrapeError(f"it did not come within {self._timeout_s:g}s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ScrapeError(_why(error)) from None
        scrape_s = (time.monotonic_ns() - began_ns) / 1e9
        try:
            page = await in_thread(read_page, body.decode("utf-8", "replace"), self._asked)
        except PageError as error:
            raise ScrapeError(str(error)) from None
        return page, at_ns, scrape_s

    async def close(self) -> None:
        with contextlib.suppress(OSError, aiohttp.ClientError):
            await self._session.close()


def _why(error: Exception) -> str:
    """In few words, without the URL, which may hold a password."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError):
        # asyncio writes the address into the text of the error.
        number = cause.errno or 0
        why = os.strerror(number) if number in errno.errorcode else cause.strerror or type(cause).__name__
        return f"no connection ({visible(why)})"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    return type(error).__name__
