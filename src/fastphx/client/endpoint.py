"""Where a socket is: phoenix.js' endpoint."""

from __future__ import annotations

import functools
from urllib.parse import urlsplit, urlunsplit

from fastphx.transports.endpoint import shown_url, split_url, websocket_scheme
from fastphx.transports.named import TRANSPORT_NAMES


# A program that makes a client for each of its users has one URL.
@functools.lru_cache(maxsize=8)
def transport_url(url: str, transport: str = "websocket") -> str:
    """The URL of *transport* (``websocket`` or ``longpoll``) for the socket at *url*, as ``ws`` or ``wss``.

    As in phoenix.js, the transport's name is added to the socket's path: ``/socket`` becomes
    ``/socket/websocket``. If the path already ends in a transport's name, that name is replaced. Raises
    ValueError for an invalid URL, and for one with a query: parameters are given separately.
    """
    parts = split_url(websocket_scheme(url))
    if parts.query or "?" in url:
        raise ValueError(
            f"{shown_url(url)} has a query: give its parameters separately (params=, or --param)"
        )
    head, _, last = parts.path.rstrip("/").rpartition("/")
    path = head if last in TRANSPORT_NAMES else parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/{transport}", "", ""))


@functools.lru_cache(maxsize=8)
def shown_host(url: str) -> str:
    """The URL's host and port, for logs and metrics."""
    return urlsplit(url).netloc.rpartition("@")[2]
