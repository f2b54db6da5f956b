"""What a client's handshake asks for: path, parameters, vsn, token."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastphx.errors import clip
from fastphx.transports.options import AUTH_TOKEN_PREFIX
from fastphx.transports.withheld import withheld


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
    def asks_for_upgrade(self) -> bool:
        """Whether ``Connection`` names ``upgrade``, alone or among others."""
        return any(token.lower() == "upgrade" for token in self._listed("Connection"))

    def _listed(self, header: str) -> list[str]:
        values = ",".join(self.headers.getall(header, []))
        return [value.strip() for value in values.split(",") if value.strip()]


def parse_handshake(request: Any) -> Handshake:
    """Read picows' upgrade request. Invalid UTF-8 in its path is replaced. Raises UnicodeError if a header's
    value is not valid UTF-8."""
    path, _, query = request.path.decode("utf-8", "replace").partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    handshake = Handshake(path, pairs, _as_text(request.headers), None)
    for name in handshake.subprotocols:
        if name.startswith(AUTH_TOKEN_PREFIX):
            token = _decode_token(name[len(AUTH_TOKEN_PREFIX) :])
            return Handshake(handshake.path, handshake.pairs, handshake.headers, token)
    return handshake


def _as_text(headers: Any) -> Any:
    """picows reads headers as ASCII, and escapes everything else, which could not be encoded again."""
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
