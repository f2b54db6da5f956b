"""What is looked at: a URL, and what goes with each connection to it."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from fastphx.errors import clip
from fastphx.transports.endpoint import (
    Params,
    endpoint_url,
    shown_url,
    split_url,
    url_parts,
    websocket_scheme,
)
from fastphx.transports.options import ConnectOptions

LIVE = "/live"
USUAL_SOCKETS = ("/socket", LIVE)
"""Where Phoenix' generators put a socket: that of channels, and LiveView's."""
WEBSOCKET = "/websocket"


@dataclass(frozen=True)
class Asked:
    """A server at *url*: ``http://host:port/page``, or ``ws://host:port/socket``. Raises ValueError where it
    is no such URL."""

    url: str
    params: Params = field(default=(), repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    auth_token: str | None = field(default=None, repr=False)
    ssl: ssl_module.SSLContext | None = None
    verify: bool = True
    """False: accept any certificate."""
    timeout_s: float = 5.0
    """Of each wait."""

    def __post_init__(self) -> None:
        if not self.url.lower().startswith(("http://", "https://", "ws://", "wss://")):
            raise ValueError(
                f"{clip(self.url.partition('?')[0].rpartition('@')[2])} is no URL of a server: give one like "
                "http://127.0.0.1:4000 or ws://127.0.0.1:4000/socket"
            )
        if "@" in url_parts(self.url).netloc:
            raise ValueError(
                f"{shown_url(self.url)} has a user name: give credentials with --header NAME=VALUE"
            )
        try:
            parts = self._parts
        except ValueError as error:
            # Checked as a socket's URL is, and told as it was written.
            own, checked = shown_url(self.url), shown_url(websocket_scheme(self.url))
            raise ValueError(str(error).replace(checked, own)) from None
        if parts.query or "?" in self.url:
            raise ValueError(f"{shown_url(self.url)} has a query: give parameters with --param NAME=VALUE")
        ConnectOptions.from_mapping(self.transport_opts())
        endpoint_url(self.socket_url(LIVE), self.params)

    @property
    def _parts(self) -> SplitResult:
        return split_url(websocket_scheme(self.url))

    @property
    def is_socket(self) -> bool:
        """Whether the URL says itself that its path is a socket's."""
        return self.url.lower().startswith("ws")

    @property
    def is_secure(self) -> bool:
        return self._parts.scheme == "wss"

    @property
    def other_scheme(self) -> str:
        """The URL with TLS where it has none, and without where it has."""
        parts = url_parts(self.url)
        scheme = parts.scheme[:-1] if self.is_secure else f"{parts.scheme}s"
        return shown_url(parts._replace(scheme=scheme).geturl())

    @property
    def host(self) -> str:
        host = self._parts.hostname
        assert host is not None
        return host

    @property
    def port(self) -> int:
        return self._parts.port or (443 if self.is_secure else 80)

    @property
    def page_path(self) -> str:
        """Of the page; a socket's URL names none but the root."""
        return "/" if self.is_socket else self._parts.path or "/"

    def http_url(self, path: str) -> str:
        return f"http{'s' * self.is_secure}://{self._parts.netloc}{path}"

    def socket_url(self, path: str) -> str:
        """As phoenix.js takes it."""
        return f"ws{'s' * self.is_secure}://{self._parts.netloc}{path}"

    def socket_paths(self, live_path: str | None) -> list[str]:
        """Where a socket may be, the likeliest first; *live_path* is what the page says of its own."""
        own = self._parts.path.rstrip("/").removesuffix(WEBSOCKET)
        usual = [own, *USUAL_SOCKETS, *(f"{own}{path}" for path in USUAL_SOCKETS), live_path or ""]
        return list(dict.fromkeys(path for path in usual if path))

    def transport_opts(self) -> dict[str, Any]:
        """How each connection is made; see :class:`fastphx.transports.options.ConnectOptions`."""
        tls: dict[str, Any] = {"ssl": self.ssl} if self.ssl is not None else {"ssl_verify": self.verify}
        return {
            "connect_timeout": self.timeout_s,
            "heartbeat_interval": 0.0,
            "extra_headers": list(self.headers),
            "auth_token": self.auth_token,
            **tls,
        }

    def tls_context(self) -> ssl_module.SSLContext:
        """How a certificate is looked at."""
        if self.ssl is not None:
            return self.ssl
        context = ssl_module.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl_module.CERT_NONE
        return context
