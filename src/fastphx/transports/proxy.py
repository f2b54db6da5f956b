"""Which proxy a connection goes through."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastphx.operating_system.environment import may_have

PROXY_SCHEMES = ("http", "https", "socks4", "socks5")
_KINDS = {
    True: ("wss", "socks", "https", "all"),
    False: ("ws", "socks", "https", "http", "all"),
}
"""Kinds of proxies, in the order in which they are tried, for a secure WebSocket and for one that is not."""


def environment_proxy(host: str, port: int, *, secure: bool) -> str | None:
    """The URL of the proxy that the environment names for a WebSocket to *host*, or None.

    The order is that of the library websockets: ``WSS_PROXY``, ``SOCKS_PROXY`` and ``HTTPS_PROXY`` if it is
    *secure*; otherwise ``WS_PROXY``, ``SOCKS_PROXY``, ``HTTPS_PROXY`` and ``HTTP_PROXY``, because every
    WebSocket needs a tunnel; and then ``ALL_PROXY``. Names in lower case come first. A host that ``NO_PROXY``
    lists is connected to directly. It lists names, domains or addresses, with or without a port; ``*`` means
    all. A loopback address must be listed, too. Raises ``ValueError``, which shows no value, if a variable is
    not the URL of a proxy.
    """
    # Usually there is none, and urllib takes a tenth of the time to connect to find that.
    if not may_have(b"_proxy"):
        return None
    # Imported here, because it takes longer than everything else that a connection needs.
    from urllib import request

    proxies = request.getproxies_environment()
    names = (host, f"[{host}]") if ":" in host else (host,)
    # typeshed leaves it out.
    bypass: Any = request.proxy_bypass_environment  # type: ignore[attr-defined]
    if not proxies or any(bypass(f"{name}:{port}", proxies) for name in names):
        return None
    for kind in _KINDS[secure]:
        if proxy := proxies.get(kind):
            if "://" not in proxy:
                proxy = f"{'socks5' if kind == 'socks' else 'http'}://{proxy}"
            return checked_proxy(proxy, f"the environment's {kind.upper()}_PROXY")
    return None


def checked_proxy(proxy: Any, name: str = "proxy") -> str:
    """*proxy*, in the form that is used. Raises ``ValueError``, which shows no value, if it is invalid."""
    if isinstance(proxy, str):
        scheme, separator, rest = proxy.partition("://")
        # RFC 3986 section 3.1: its letters may be large. For socks5, too, the proxy looks names up.
        proxy = scheme.lower().replace("socks5h", "socks5") + separator + rest
    try:
        parts = urlsplit(proxy)
        behind = (parts.path.removeprefix("/"), parts.query, parts.fragment)
        valid = parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
        # A password whose / or # is not escaped would end the host's name. urlsplit passes over control
        # characters.
        valid = valid and not any(behind) and proxy.isprintable() and " " not in proxy
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        # Not the value: it may hold a password.
        raise ValueError(
            f"{name} is a URL that begins with one of {', '.join(PROXY_SCHEMES)} and "
            "ends behind its host and port: escape what is special in a password"
        )
    assert isinstance(proxy, str)
    return proxy
