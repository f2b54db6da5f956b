"""URLs: what a user gives as the application's, and what its pages lead to."""

from __future__ import annotations

from urllib.parse import urljoin

from fastphx.errors import clip_repr
from fastphx.liveview.errors import ViewError
from fastphx.transports.endpoint import shown_url, url_parts


def check_application_url(url: str) -> None:
    """Raises ValueError for what is no HTTP URL of a host."""
    parts = url_parts(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"the URL is {shown_url(url)}: give one that begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError(f"{shown_url(url)} has a user name: send credentials in headers")


def leading_to(to: str, base: str) -> str:
    """The URL of *to*, as the page at *base* writes it. Raises ViewError for what is none."""
    try:
        return urljoin(base, to)
    except ValueError as error:
        raise ViewError(f"the page leads to {shown_url(to)}, which is no URL ({clip_repr(error)})") from None
