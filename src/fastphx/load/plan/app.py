"""The application that journeys visit, and the URLs of what is in it."""

from __future__ import annotations

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.transports.endpoint import shown_url, split_url

SOCKET_PATH = "/socket"
"""Where Phoenix's own generator puts a socket."""
_HTTP = {"ws": "http", "wss": "https"}


class App:
    """The application at *url*: ``http://host:port``, whose path is a prefix of all others; or the URL of a
    socket (``ws://host:port/socket``), whose application is at the host's root. Raises PlanError."""

    def __init__(self, url: str | None) -> None:
        url = url or "ws://127.0.0.1/socket"
        scheme, separator, rest = url.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in ("http", "https", "ws", "wss"):
            raise PlanError(f"{clip(url)} is no URL of an application: give http://host:port")
        is_socket = scheme in _HTTP
        try:
            # Checked as a socket's URL is, whatever its scheme.
            parts = split_url(f"{'wss' if scheme in ('wss', 'https') else 'ws'}://{rest}")
        except ValueError as error:
            raise PlanError(str(error)) from None
        if parts.query:
            raise PlanError(f"{shown_url(url)} has a query: give parameters with --param NAME=VALUE")
        path = parts.path.rstrip("/")
        self._origin = f"{_HTTP.get(scheme, scheme)}://{parts.netloc}"
        self._prefix = "" if is_socket else path
        self._socket_path = path.removesuffix("/websocket") if is_socket and path else SOCKET_PATH

    def http_url(self, path: str) -> str:
        """The URL of ``/path`` in the application; an absolute ``http://`` or ``https://`` URL is itself."""
        if path.startswith(("http://", "https://")):
            return path
        return f"{self._origin}{self._prefix}{path if path.startswith('/') else f'/{path}'}"

    def socket_url(self, path: str | None = None) -> str:
        """The socket's URL as phoenix.js takes it; without a path that of the plan's own URL. An absolute
        ``ws://`` or ``wss://`` URL is itself."""
        if path is not None and path.startswith(("ws://", "wss://")):
            return path
        url = self.http_url(self._socket_path if path is None else path)
        return f"ws{url.removeprefix('http')}"

    def socket_path(self, path: str | None = None) -> str:
        """How a step names the socket: by its path in the application."""
        if path is None:
            return self._socket_path
        return "/" + path.partition("://")[2].partition("/")[2] if "://" in path else f"/{path.lstrip('/')}"
