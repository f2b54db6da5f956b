"""The cookies of a user's HTTP session, for the handshakes of its sockets too."""

from __future__ import annotations

from collections.abc import Sequence

from fastphx.load.journeys.visit import Visit


class UserCookies:
    """See :class:`fastphx.transports.cookies.Cookies`. A user who has no session gets one with the first
    cookie that a handshake brings."""

    __slots__ = ("_visit",)

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def header(self, url: str) -> str | None:
        """What the session has for *url*."""
        if self._visit.http is None:
            return None
        from fastphx.load.journeys.http import http_of

        return http_of(self._visit).cookie_header(url)

    def store(self, url: str, set_cookies: Sequence[str]) -> None:
        """Keep what the answer from *url* sets."""
        from fastphx.load.journeys.http import http_of

        http_of(self._visit).store_cookies(url, set_cookies)
