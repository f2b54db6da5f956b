"""Which pages may open a socket: the check of a handshake's ``Origin``, like Phoenix' ``check_origin``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from fastphx.errors import clip

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Origin(NamedTuple):
    """A scheme, a host and a port. None for one that does not matter."""

    scheme: str | None
    host: str
    port: int | None


class Origins:
    """The origins that are allowed. Each is a host (``example.com``, ``//example.com``), a host with its
    subdomains (``//*.example.com``), or has a scheme and a port (``https://example.com:8443``). True: the
    host that the request names in ``Host``. Raises ValueError for anything else.
    """

    def __init__(self, allowed: bool | Sequence[str]) -> None:
        if isinstance(allowed, str):
            raise ValueError(f"check_origin is {clip(allowed)}: give True, False or a list of hosts")
        self._allowed = None if isinstance(allowed, bool) else [_allowed_origin(text) for text in allowed]

    def allow(self, origin: str | None, host: str) -> bool:
        """Whether a page of *origin* may open a socket on *host*. A client without one is no browser."""
        if origin is None:
            return True
        asking = _parse(origin)
        if asking is None:
            return False
        if self._allowed is None:
            own = _parse(f"//{host}")
            return own is not None and asking.host == own.host
        return any(_matches(asking, allowed) for allowed in self._allowed)


def _allowed_origin(text: str) -> Origin:
    origin = _parse(text if "//" in text else f"//{text}")
    if origin is None or "*" in origin.host.removeprefix("*."):
        raise ValueError(
            f"check_origin names {clip(text)}: give a host, as in //example.com, //*.example.com or "
            "https://example.com"
        )
    return origin


def _parse(text: str) -> Origin | None:
    """None if it names no host, such as the ``null`` of a sandboxed page."""
    try:
        parts = urlsplit(text)
        scheme = parts.scheme or None
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or any(char.isspace() for char in host):
        return None
    if port is None and scheme is not None:
        port = _PORTS.get(scheme)
    return Origin(scheme, host, port)


def _matches(asking: Origin, allowed: Origin) -> bool:
    if allowed.scheme not in (None, asking.scheme) or allowed.port not in (None, asking.port):
        return False
    if allowed.host.startswith("*."):
        return asking.host == allowed.host[2:] or asking.host.endswith(allowed.host[1:])
    return asking.host == allowed.host
