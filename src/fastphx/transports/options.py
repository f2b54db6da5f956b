"""How to connect, validated: what a user gives as ``transport_opts``."""

from __future__ import annotations

import os
import ssl as ssl_module
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from typing import Any, Literal, Self

from fastphx.transports.cookies import Cookies
from fastphx.transports.http_token import HTTP_TOKEN
from fastphx.transports.limits import (
    DEFAULT_MAX_MESSAGE_SIZE,
    DEFAULT_MAX_PAUSE_S,
    DEFAULT_MAX_WRITE_BUFFER,
)
from fastphx.transports.pairs import pairs_of
from fastphx.transports.proxy import checked_proxy, environment_proxy
from fastphx.transports.websocket.deflate import DeflateOptions

Header = tuple[str, str]
SocketOption = tuple[int, int, int | bytes]

AUTH_TOKEN_PREFIX = "base64url.bearer.phx."
"""What the sub-protocol that carries an ``auth_token`` begins with (phoenix.js, since Phoenix 1.8)."""

_HANDSHAKE_HEADERS = frozenset(
    ("connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions")
)


@dataclass(frozen=True, kw_only=True)
class ConnectOptions:
    """Options of one connection. Raises ``ValueError`` for an invalid value.

    Its ``repr`` leaves out what may be secret.
    """

    connect_timeout: float = 10.0
    """Seconds for all of it: name lookup, TCP, proxy, TLS, and the server's answer to the handshake."""

    heartbeat_interval: float = 30.0
    """Seconds between Phoenix heartbeats; 0: none. The transport passes it on to the session."""

    keepalive: float = 0.0
    """Seconds between WebSocket pings; 0: none. With heartbeats, they only double the idle traffic. If no
    pong has come after one and a half times as long, the connection ends."""

    extra_headers: tuple[Header, ...] = field(default=(), repr=False)
    """Headers of the handshake, as pairs (or a mapping); a name may repeat."""

    subprotocols: tuple[str, ...] = ()
    """Sub-protocols to offer, the preferred first."""

    auth_token: str | None = field(default=None, repr=False)
    """Phoenix' ``authToken`` (from 1.8). It is offered as a sub-protocol, so it is in no URL and no log."""

    ssl: ssl_module.SSLContext | None = None
    """How ``wss`` verifies, and what it offers; None: by the system's certificates and the host's name."""

    ssl_verify: bool = True
    """False: accept any certificate. Only for tests, and not together with ``ssl``."""

    socket_opts: tuple[SocketOption, ...] = ()
    """``(level, name, value)`` for ``setsockopt``, set before connecting."""

    proxy: str | Literal[True] | None = field(default=True, repr=False)
    """A URL that begins with ``http://``, ``https://``, ``socks4://`` or ``socks5://`` (SOCKS has port 1080
    by default), with user name and password if needed. True: the proxy that the environment names
    (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``), except for the hosts in ``NO_PROXY``. None: no proxy."""

    local_addr: tuple[str, int] | None = None
    """IP address and port (0: any) to connect from."""

    socket_path: str | os.PathLike[str] | None = None
    """A Unix domain socket to connect to, instead of the URL's host and port. The URL's host is still sent in
    the ``Host`` header, and a certificate must have its name. Not together with ``proxy`` or
    ``local_addr``."""

    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    """Bytes that a received message may have; a longer one closes the connection with code 1009."""

    max_write_buffer: int = DEFAULT_MAX_WRITE_BUFFER
    """Bytes that may be unsent; more raises ``OverloadedError``. While nothing is unsent, a message may have
    any size."""

    compress: bool | DeflateOptions = False
    """Offer permessage-deflate (RFC 7692). ``max_message_size`` then bounds a message after inflating."""

    max_pause: float = DEFAULT_MAX_PAUSE_S
    """Seconds that reading may be paused; a longer pause ends the connection with an ``OverloadedError``."""

    read_interval: float = 0.0
    """Seconds from one read to the next; 0: read whenever something arrives. When messages trickle in, waking
    up for each takes most of the time. A subscriber that can wait some milliseconds reads many at once. At
    most 1, and at most a quarter of ``heartbeat_interval`` and of ``keepalive``: their answers wait, too."""

    cookies: Cookies | None = field(default=None, repr=False)
    """A jar: what it has for the URL goes with the handshake, after a ``Cookie`` header of ``extra_headers``;
    what the answer sets, a refusal's too, is put into it."""

    validate_utf8: bool = False
    """Close with code 1007 as soon as it is certain that a text message is not UTF-8 (RFC 6455 section 8.1).
    Without this, a payload is checked when it is decoded, and never if nobody reads it."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("connect_timeout", 1e-3, 86400.0),
            ("heartbeat_interval", 0.0, 86400.0),
            ("keepalive", 0.0, 86400.0),
            ("max_pause", 1e-3, 86400.0),
            ("read_interval", 0.0, 1.0),
        ):
            value = getattr(self, name)
            value = 0.0 if value is None else value
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} is a number of seconds from {low:g} to {high:g}, not {value!r}")
            self._set(name, float(value))
        for name in ("heartbeat_interval", "keepalive"):
            if 0 < getattr(self, name) < 4 * self.read_interval:
                raise ValueError(
                    f"read_interval is {self.read_interval:g} s: give at most a quarter of {name} "
                    f"({getattr(self, name):g} s)"
                )
        for name in ("max_message_size", "max_write_buffer"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31:
                raise ValueError(f"{name} is a number of bytes from 1 to {(1 << 31) - 1}, not {value!r}")
        self._set("extra_headers", _headers(self.extra_headers))
        self._set("subprotocols", _subprotocols(self.subprotocols))
        self._set("socket_opts", _socket_opts(self.socket_opts))
        self._set("local_addr", _local_addr(self.local_addr))
        if self.auth_token is not None:
            _check_auth_token(self.auth_token)
        if self.ssl is not None and not isinstance(self.ssl, ssl_module.SSLContext):
            raise ValueError(f"ssl is an ssl.SSLContext, not {type(self.ssl).__name__}")
        if not isinstance(self.ssl_verify, bool):
            raise ValueError(f"ssl_verify is True or False, not {self.ssl_verify!r}")
        if self.ssl is not None and not self.ssl_verify:
            raise ValueError("ssl_verify=False does not go with ssl: set the context's verify_mode instead")
        if self.proxy is not None and self.proxy is not True:
            self._set("proxy", checked_proxy(self.proxy))
        self._set("socket_path", _socket_path(self.socket_path))
        if self.socket_path is not None and (isinstance(self.proxy, str) or self.local_addr is not None):
            raise ValueError("socket_path goes with neither proxy nor local_addr: leave them out")
        if self.cookies is not None and not isinstance(self.cookies, Cookies):
            raise ValueError(f"cookies has header() and store(), not {type(self.cookies).__name__}")
        if not isinstance(self.compress, bool | DeflateOptions):
            raise ValueError(f"compress is True, False or DeflateOptions, not {self.compress!r}")

    @property
    def deflate(self) -> DeflateOptions | None:
        """What ``compress`` asks for; None: offer nothing."""
        return DeflateOptions() if self.compress is True else self.compress or None

    @classmethod
    def from_mapping(cls, transport_opts: Mapping[str, Any]) -> Self:
        """Make options from a mapping. Raises ``ValueError`` for an unknown key, and lists the known ones."""
        known = sorted(option.name for option in fields(cls))
        for key in transport_opts:
            if key not in known:
                raise ValueError(f"unknown transport option {key!r}: known are {', '.join(known)}")
        return cls(**transport_opts)

    def proxy_to(self, host: str, port: int, *, secure: bool) -> str | None:
        """The URL of the proxy to *host*; None: no proxy. Raises ``ValueError`` if the environment's is
        invalid."""
        if self.proxy is not True:
            return self.proxy
        return environment_proxy(host, port, secure=secure) if self.socket_path is None else None

    def with_cookies(self, url: str) -> Self:
        """These options, whose headers have the cookies for *url*."""
        value = None if self.cookies is None else self.cookies.header(url)
        if value is None:
            return self
        # RFC 6265 section 5.4: there is at most one such header.
        own = [each for name, each in self.extra_headers if name.lower() == "cookie"]
        others = (pair for pair in self.extra_headers if pair[0].lower() != "cookie")
        return replace(self, extra_headers=(*others, ("Cookie", "; ".join((*own, value)))))

    def offered_subprotocols(self) -> tuple[str, ...]:
        """The sub-protocols of the handshake, with Phoenix' own if there is an ``auth_token``."""
        if self.auth_token is None:
            return self.subprotocols
        own = ("phoenix", f"{AUTH_TOKEN_PREFIX}{self.encoded_auth_token}")
        return own + tuple(name for name in self.subprotocols if name not in own)

    @property
    def encoded_auth_token(self) -> str:
        """``auth_token`` as it is written into a sub-protocol's name: base64 in the plain alphabet, without
        padding. ``Phoenix.Transports.WebSocket`` decodes no other, whatever the name's prefix says."""
        return b64encode((self.auth_token or "").encode()).rstrip(b"=").decode()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def repeatable(transport_opts: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they can be read at each attempt: what can be read once alone is read here."""
    return {
        name: tuple(value) if isinstance(value, Iterator) else value for name, value in transport_opts.items()
    }


def _headers(given: Any) -> tuple[Header, ...]:
    pairs = pairs_of(_iterable("extra_headers", given))
    headers = []
    for pair in pairs:
        try:
            name, value = pair
        except (TypeError, ValueError):
            raise ValueError("extra_headers are pairs of a name and a value") from None
        if not isinstance(name, str) or not HTTP_TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name")
        if not isinstance(value, str) or any(
            (ord(c) < 32 and c != "\t") or ord(c) == 127 or _is_surrogate(c) for c in value
        ):
            raise ValueError(f"the value of header {name} is not a string without control characters")
        if name.lower() in _HANDSHAKE_HEADERS:
            raise ValueError(f"header {name} belongs to the WebSocket handshake and cannot be set")
        if name.lower() == "sec-websocket-protocol":
            raise ValueError(f"header {name} is set with the option subprotocols")
        headers.append((name, value))
    return tuple(headers)


def _subprotocols(given: Any) -> tuple[str, ...]:
    names = tuple(_iterable("subprotocols", given))
    for name in names:
        if not isinstance(name, str) or not HTTP_TOKEN.fullmatch(name):
            raise ValueError("a sub-protocol's name is letters, digits and !#$%&'*+-.^_`|~")
    return names


def _socket_opts(given: Any) -> tuple[SocketOption, ...]:
    options = []
    for option in _iterable("socket_opts", given):
        if (
            not isinstance(option, tuple | list)
            or len(option) != 3
            or not all(isinstance(part, int) for part in option[:2])
            or not isinstance(option[2], int | bytes)
            or not all(-(1 << 31) <= part < 1 << 31 for part in option if isinstance(part, int))
        ):
            raise ValueError("socket_opts are (level, name, value): two ints, and an int or bytes")
        options.append((option[0], option[1], option[2]))
    return tuple(options)


def _local_addr(given: Any) -> tuple[str, int] | None:
    if given is None:
        return None
    if (
        not isinstance(given, tuple | list)
        or len(given) != 2
        or not isinstance(given[0], str)
        or not isinstance(given[1], int)
        or not 0 <= given[1] <= 65535
        or not _is_ip_address(given[0])
    ):
        raise ValueError("local_addr is an IP address and a port (0: any), like ('127.0.0.2', 0)")
    return (given[0], given[1])


def _socket_path(given: Any) -> str | None:
    if given is None:
        return None
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path[1:]:
        raise ValueError("socket_path is the path of a Unix domain socket")
    return path


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_auth_token(token: Any) -> None:
    # Neither message shows the value: it is a secret.
    if not isinstance(token, str) or not token:
        raise ValueError("auth_token is not a string, or is empty")
    if any(ord(c) < 32 or ord(c) == 127 or _is_surrogate(c) for c in token):
        raise ValueError("auth_token has a control character or a lone surrogate")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _iterable(name: str, given: Any) -> Iterable[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ValueError(f"{name} is a list, not {type(given).__name__}")
    return given
