"""Which proxy a connection goes through."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

PROXY_SCHEMES = ("http", "https", "socks4", "socks5")


_KINDS = {
    True: ("wss", "socks", "https", "all"),
    False: ("ws", "socks", "https", "http", "all"),
}
"""Of proxies, in the order in which they are asked for, for a secure WebSocket and another."""

_VARIABLES = {
    secure: tuple(
        name for kind in kinds for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY", f"{kind.title()}_Proxy")
    )
    for secure, kinds in _KINDS.items()
}


def environment_proxy(host: str, port: int, *, secure: bool) -> str | None:
    """The URL of the proxy that the environment names for a WebSocket to *host*, or None.

    As websockets has it: ``WSS_PROXY``, ``SOCKS_PROXY`` and ``HTTPS_PROXY``, in this order, for a *secure*
    one; ``WS_PROXY``, ``SOCKS_PROXY``, ``HTTPS_PROXY`` and ``HTTP_PROXY`` for another, since every WebSocket
    needs a tunnel; then ``ALL_PROXY``. Names in lower case come first. A host that ``NO_PROXY`` lists (a
    name, a domain or an address, with its port or without; ``*``: all) is connected to directly; a loopback
    address is so only where it is listed. Raises ``ValueError``, which shows no value, where a variable is no
    proxy's URL.
    """
    # Mostly there is none, and urllib goes through the whole environment: a tenth of connecting.
    environment = os.environ
    if not any(name in environment for name in _VARIABLES[secure]):
        return None
    # Imported here, since it takes longer than all else that a connection needs.
    from urllib import request

    proxies = request.getproxies_environment()
    names = (host, f"[{host}]") if ":" in host else (host,)
    # The stubs of urllib leave it out.
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
    """*proxy*, as it is connected through. Raises ``ValueError``, which shows no value, where it is none."""
    if isinstance(proxy, str) and proxy.startswith("socks5h://"):
        # The proxy looks names up for socks5, too.
        proxy = "socks5" + proxy.removeprefix("socks5h")
    try:
        parts = urlsplit(proxy)
        valid = parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        # Not the value: it may hold a password.
        raise ValueError(f"{name} is a URL with a host that begins with one of {', '.join(PROXY_SCHEMES)}")
    assert isinstance(proxy, str)
    return proxy
