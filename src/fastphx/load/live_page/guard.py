"""Who may see a live page, and who may stop its run."""

from __future__ import annotations

import hmac
import re
import secrets
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset(("127.0.0.1", "localhost", "::1"))
WILDCARDS = frozenset(("0.0.0.0", "::"))
TOKEN_BYTES = 32
_AUTHORITY = re.compile(r"(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


class Guard:
    """Knows the token of the page's address, and the cookie that it is swapped for.

    The cookie is another secret than the token: a browser sends it to all ports of the host, and the token
    to none.
    """

    def __init__(self, host: str) -> None:
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.cookie = secrets.token_urlsafe(TOKEN_BYTES)
        self._is_wildcard = host in WILDCARDS
        self.host = socket.gethostname() if self._is_wildcard else host
        """What the printed address names."""
        self._names = LOOPBACK_NAMES | {self.host.lower()}

    def is_token(self, text: str) -> bool:
        return _is_same(text, self.token)

    def is_cookie(self, text: str) -> bool:
        return _is_same(text, self.cookie)

    def is_own_host(self, header: str) -> bool:
        """Whether *header*, a request's ``Host``, names this page. Another site's name leads here, too,
        if its owner points it here (DNS rebinding), and is refused. The port may be another, a tunnel's."""
        if _AUTHORITY.fullmatch(header) is None:
            return False
        name = (urlsplit(f"//{header}").hostname or "").lower()
        # Who asks for an address has not been led here by a name.
        return name in self._names or (self._is_wildcard and _is_ip(name))

    @staticmethod
    def is_own_origin(origin: str | None, host: str) -> bool:
        """Whether a request with this ``Origin`` comes from the page itself, asked for as *host*."""
        return origin is not None and origin.lower() == f"http://{host.lower()}"


def _is_same(text: str, secret: str) -> bool:
    # Bytes: compare_digest takes no text that is not ASCII.
    return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), secret.encode())


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
