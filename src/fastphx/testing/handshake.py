"""What a client's handshake asks for: path, parameters, vsn, token."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastphx.errors import clip
from fastphx.transports.options import AUTH_TOKEN_PREFIX
from fastphx.transports.websocket.http_head import MAX_HEAD_BYTES, accept_value, lists, read_headers
from fastphx.transports.withheld import withheld

_REQUEST_LINE = re.compile(rb"GET ([^ ]+) HTTP/1\.1")


@dataclass(frozen=True, slots=True)
class Handshake:
    """One request to open a socket. ``params`` has the last value of a repeated key, as in Plug; ``pairs``
    has all of them, in order."""

    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Any
    auth_token: str | None

    def __repr__(self) -> str:
        shown = {"params": self.pairs, "headers": list(self.headers.items()), "auth_token": self.auth_token}
        return f"Handshake({clip(self.path)}, {withheld(shown)})"

    @property
    def params(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def vsn(self) -> int | None:
        """1 or 2, the known versions of the protocol; None for any other."""
        major, _, rest = self.params.get("vsn", "1.0.0").partition(".")
        if not rest.startswith("0.") or not rest[2:].isdecimal():
            return None
        return {"1": 1, "2": 2}.get(major)

    @property
    def subprotocols(self) -> list[str]:
        return self._listed("Sec-WebSocket-Protocol")

    @property
    def lacking_of_an_upgrade(self) -> str:
        """What it lacks to be a WebSocket's (RFC 6455 section 4.2.1); empty where it lacks nothing."""
        headers = self.headers
        if not (lists(headers, "Upgrade", "websocket") and lists(headers, "Connection", "upgrade")):
            return "it asks for no upgrade to a WebSocket"
        if headers.get("Sec-WebSocket-Version") not in ("13", "8", "7"):
            return "its Sec-WebSocket-Version is not 13"
        try:
            key = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
        except ValueError:
            key = b""
        return "" if len(key) == 16 else "its Sec-WebSocket-Key is not 16 bytes in base64"

    def _listed(self, header: str) -> list[str]:
        values = ",".join(self.headers.getall(header, []))
        return [value.strip() for value in values.split(",") if value.strip()]


def parse_handshake(head: bytes) -> Handshake:
    """Read the head of a request. Invalid UTF-8 in its path is replaced. Raises ValueError if it is not that
    of a GET, or has a body, and if a header's value is not valid UTF-8."""
    if len(head) >= MAX_HEAD_BYTES:
        raise ValueError(f"its head is larger than {MAX_HEAD_BYTES} bytes")
    first, *lines = head.split(b"\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    if request_line is None:
        raise ValueError("its first line is not GET, a path and HTTP/1.1")
    headers = read_headers(lines)
    if "Transfer-Encoding" in headers or "".join(headers.getall("Content-Length", ())).strip("0"):
        raise ValueError("it has a body")
    path, _, query = request_line[1].decode("utf-8", "replace").partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    handshake = Handshake(path, pairs, _as_text(headers), None)
    for name in handshake.subprotocols:
        if name.startswith(AUTH_TOKEN_PREFIX):
            token = _decode_token(name[len(AUTH_TOKEN_PREFIX) :])
            return Handshake(handshake.path, handshake.pairs, handshake.headers, token)
    return handshake


def upgrade_with(handshake: Handshake, headers: Mapping[str, str]) -> bytes:
    """The answer that opens the WebSocket, with *headers* of its own."""
    accept = accept_value(handshake.headers["Sec-WebSocket-Key"])
    fixed = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
    return _head(HTTPStatus.SWITCHING_PROTOCOLS, {**fixed, **headers})


def answer_with(status: HTTPStatus, body: bytes, content_type: str) -> bytes:
    """An answer after which the connection is closed."""
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"}
    return _head(status, headers) + body


def _head(status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((f"HTTP/1.1 {status.value} {status.phrase}", *lines, "", "")).encode()


def _as_text(headers: Any) -> Any:
    """The same without escapes, which could not be encoded again."""
    if all(value.isascii() for value in headers.values()):
        return headers
    return type(headers)(
        (name, value.encode("ascii", "surrogateescape").decode("utf-8")) for name, value in headers.items()
    )


def _decode_token(encoded: str) -> str | None:
    """base64 in either alphabet, without padding: phoenix.js says base64url, and sends the plain alphabet."""
    padded = encoded.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode("utf-8")
    except ValueError:
        return None
