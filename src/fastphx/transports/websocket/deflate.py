"""permessage-deflate (RFC 7692): what is offered, what is agreed, and the two streams of one connection.

Nothing here does I/O. Messages are whole: somebody else has put the fragments together.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fastphx.errors import FastphxError, clip
from fastphx.transports.http_token import HTTP_TOKEN

EXTENSION: Final = "permessage-deflate"
MAX_WINDOW_BITS: Final = 15
MIN_DEFLATE_BITS: Final = 9
"""zlib's smallest window for a raw deflate stream. It can inflate one of 8 bits, which RFC 7692 allows."""

MIN_DEFLATED_BYTES: Final = 64
"""A shorter message is sent as it is: compressing it costs more than it saves."""

MAX_STREAM_ENDS: Final = 16
"""How often one message may end its stream and begin another. Each time, the rest is copied: a server that
did so every two bytes would hold the loop for minutes."""

MAX_DEFLATE_RATIO: Final = 20
"""How many times shorter compression may make a client's message. From 1.11 on, Bandit takes a message that
inflates to more than 25 times its length (``max_inflate_ratio``) for an attack, and closes with code 1009."""

_SYNC_TAIL: Final = b"\x00\x00\xff\xff"
_EMPTY_BLOCK: Final = b"\x00" + _SYNC_TAIL
_BITS = re.compile(r"[89]|1[0-5]")

Offer = tuple[str, dict[str, str | None]]


class NegotiationError(FastphxError, ValueError):
    """The extensions of a handshake are not what RFC 6455 section 9.1 and RFC 7692 section 7 allow."""


class InflateError(FastphxError):
    """A compressed message cannot be inflated. ``code`` is the close code: 1007, or 1009 if the message is
    longer than the limit."""

    def __init__(self, reason: str, code: int) -> None:
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class DeflateOptions:
    """What a client asks for, or a server insists on. Raises ``ValueError`` for an invalid value.

    With no context takeover, every message is compressed on its own: less memory, larger messages.
    A window of *n* bits takes 2^n bytes of memory on the inflating side, and four times that on the other.
    """

    server_no_context_takeover: bool = False
    """The server starts anew with every message it compresses."""

    client_no_context_takeover: bool = False
    """The client starts anew with every message it compresses."""

    server_max_window_bits: int | None = None
    """8 to 15: the window in which the server compresses. None: 15."""

    client_max_window_bits: int | None = None
    """9 to 15: the window in which the client compresses. None: 15, unless the other side wants less."""

    level: int = 6
    """zlib's level, 1 (fast) to 9 (small)."""

    def __post_init__(self) -> None:
        for name in ("server_no_context_takeover", "client_no_context_takeover"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is True or False, not {getattr(self, name)!r}")
        for name, low in (("server_max_window_bits", 8), ("client_max_window_bits", MIN_DEFLATE_BITS)):
            bits = getattr(self, name)
            if bits is not None and (isinstance(bits, bool) or bits not in range(low, MAX_WINDOW_BITS + 1)):
                raise ValueError(f"{name} is a number from {low} to {MAX_WINDOW_BITS}, not {bits!r}")
        if isinstance(self.level, bool) or self.level not in range(1, 10):
            raise ValueError(f"level is a number from 1 to 9, not {self.level!r}")

    def offer(self) -> str:
        """The value of a client's ``Sec-WebSocket-Extensions``."""
        parts = [EXTENSION]
        parts += self._flags()
        if self.server_max_window_bits is not None:
            parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        # Always there: without it, the server may not ask for a smaller window (section 7.1.2.2).
        bits = self.client_max_window_bits
        parts.append("client_max_window_bits" + ("" if bits is None else f"={bits}"))
        return "; ".join(parts)

    def _flags(self) -> list[str]:
        names = ("server_no_context_takeover", "client_no_context_takeover")
        return [name for name in names if getattr(self, name)]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What both sides hold to (RFC 7692 section 7.1)."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = MAX_WINDOW_BITS
    client_max_window_bits: int = MAX_WINDOW_BITS
    level: int = 6

    def client_stream(self, max_message_size: int) -> DeflateStream:
        """The streams of the client's end."""
        return DeflateStream(
            deflate_bits=self.client_max_window_bits,
            deflate_takeover=not self.client_no_context_takeover,
            inflate_bits=self.server_max_window_bits,
            inflate_takeover=not self.server_no_context_takeover,
            max_message_size=max_message_size,
            level=self.level,
            max_deflate_ratio=MAX_DEFLATE_RATIO,
        )

    def server_stream(self, max_message_size: int) -> DeflateStream:
        """The streams of the server's end."""
        return DeflateStream(
            deflate_bits=self.server_max_window_bits,
            deflate_takeover=not self.server_no_context_takeover,
            inflate_bits=self.client_max_window_bits,
            inflate_takeover=not self.client_no_context_takeover,
            max_message_size=max_message_size,
            level=self.level,
        )


def agree_as_client(values: Iterable[str], options: DeflateOptions | None) -> Agreement | None:
    """Read a server's answer to ``options.offer()``; None: it declined.

    *values* are those of its ``Sec-WebSocket-Extensions`` headers. *options* None: nothing was offered.
    Raises NegotiationError for an answer that the offer does not allow. The connection must be failed then
    (section 7.1).
    """
    offers = parse_extensions(values)
    if not offers:
        return None
    name, params = offers[0]
    if options is None or name != EXTENSION:
        raise NegotiationError(f"the server chose the extension {clip(name)}, which was not offered")
    if len(offers) > 1:
        raise NegotiationError(f"the server chose {len(offers)} extensions, and one was offered")
    agreed = _checked(params)
    server_bits = agreed.get("server_max_window_bits")
    if options.server_max_window_bits is not None and (
        server_bits is None or server_bits > options.server_max_window_bits
    ):
        raise NegotiationError(
            f"server_max_window_bits={options.server_max_window_bits} was asked for, and the server "
            f"answered {server_bits or 'without it'}"
        )
    if options.server_no_context_takeover and "server_no_context_takeover" not in agreed:
        raise NegotiationError("server_no_context_takeover was asked for, and the server did not agree")
    client_bits = agreed.get("client_max_window_bits", MAX_WINDOW_BITS)
    if client_bits is None:
        raise NegotiationError("the server's client_max_window_bits has no value")
    if client_bits < MIN_DEFLATE_BITS:
        raise NegotiationError(
            f"the server wants client_max_window_bits={client_bits}, and zlib compresses with "
            f"{MIN_DEFLATE_BITS} and more"
        )
    return Agreement(
        server_no_context_takeover="server_no_context_takeover" in agreed,
        client_no_context_takeover=options.client_no_context_takeover
        or "client_no_context_takeover" in agreed,
        server_max_window_bits=server_bits or MAX_WINDOW_BITS,
        client_max_window_bits=min(client_bits, options.client_max_window_bits or MAX_WINDOW_BITS),
        level=options.level,
    )


def agree_as_server(values: Iterable[str], options: DeflateOptions) -> tuple[Agreement, str] | None:
    """Choose the first offer that can be met. Returns the agreement and the header's value; None: decline.

    Raises NegotiationError if the headers cannot be read. An offer with an unknown parameter is declined
    (section 7).
    """
    for name, params in parse_extensions(values):
        if name != EXTENSION:
            continue
        try:
            asked = _checked(params)
        except NegotiationError:
            continue
        chosen = _accept(asked, options)
        if chosen is not None:
            return chosen
    return None


def _accept(asked: dict[str, int | None], options: DeflateOptions) -> tuple[Agreement, str] | None:
    answer = [EXTENSION]
    flags = {}
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        flags[name] = name in asked or getattr(options, name)
        if flags[name]:
            answer.append(name)
    server_bits = min(
        asked.get("server_max_window_bits") or MAX_WINDOW_BITS,
        options.server_max_window_bits or MAX_WINDOW_BITS,
    )
    if server_bits < MIN_DEFLATE_BITS:
        return None
    if "server_max_window_bits" in asked or server_bits < MAX_WINDOW_BITS:
        answer.append(f"server_max_window_bits={server_bits}")
    client_bits = MAX_WINDOW_BITS
    if "client_max_window_bits" in asked:
        client_bits = min(
            asked["client_max_window_bits"] or MAX_WINDOW_BITS,
            options.client_max_window_bits or MAX_WINDOW_BITS,
        )
        if client_bits < MAX_WINDOW_BITS:
            answer.append(f"client_max_window_bits={client_bits}")
    elif options.client_max_window_bits is not None:
        # A client that does not name this parameter cannot be held to a smaller window.
        return None
    agreement = Agreement(
        server_max_window_bits=server_bits, client_max_window_bits=client_bits, level=options.level, **flags
    )
    return agreement, "; ".join(answer)


def parse_extensions(values: Iterable[str]) -> list[Offer]:
    """Read ``Sec-WebSocket-Extensions`` (RFC 6455 section 9.1): names with their parameters, in order.

    Raises NegotiationError for what does not follow the grammar, and for a parameter that comes twice.
    """
    offers: list[Offer] = []
    for value in values:
        # Splitting first is safe: a quoted value must be a token, so it contains no separator (RFC 6455).
        for element in value.split(","):
            if not element.strip():
                continue
            name, *params = (part.strip() for part in element.split(";"))
            if not HTTP_TOKEN.fullmatch(name):
                raise NegotiationError(f"Sec-WebSocket-Extensions has {clip(name)} for a name")
            named: dict[str, str | None] = {}
            for param in params:
                key, separator, text = (part.strip() for part in param.partition("="))
                unquoted = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text
                if not HTTP_TOKEN.fullmatch(key) or (separator and not HTTP_TOKEN.fullmatch(unquoted)):
                    raise NegotiationError(f"extension {name} has the parameter {clip(param)}")
                if key in named:
                    raise NegotiationError(f"extension {name} has the parameter {clip(key)} twice")
                named[key] = unquoted if separator else None
            offers.append((name, named))
    return offers


def _checked(params: dict[str, str | None]) -> dict[str, int | None]:
    """The parameters of RFC 7692 section 7.1, with their values as numbers."""
    checked: dict[str, int | None] = {}
    for key, value in params.items():
        if key in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                raise NegotiationError(f"{key} has the value {clip(value)}, and takes none")
            checked[key] = None
        elif key in ("server_max_window_bits", "client_max_window_bits"):
            if value is None and key == "client_max_window_bits":
                checked[key] = None
            elif value is None or not _BITS.fullmatch(value):
                raise NegotiationError(f"{key} is a number from 8 to 15, not {clip(value or '')}")
            else:
                checked[key] = int(value)
        else:
            raise NegotiationError(f"{EXTENSION} has no parameter {clip(key)}")
    return checked


class DeflateStream:
    """Both directions of one end of a connection. zlib's memory is taken when a direction is first used."""

    __slots__ = (
        "_deflate_bits",
        "_deflate_takeover",
        "_deflater",
        "_inflate_bits",
        "_inflate_takeover",
        "_inflater",
        "_level",
        "_max_deflate_ratio",
        "_max_message_size",
    )

    def __init__(
        self,
        *,
        deflate_bits: int,
        deflate_takeover: bool,
        inflate_bits: int,
        inflate_takeover: bool,
        max_message_size: int,
        level: int = 6,
        max_deflate_ratio: int | None = None,
    ) -> None:
        self._deflate_bits = deflate_bits
        self._deflate_takeover = deflate_takeover
        self._inflate_bits = inflate_bits
        self._inflate_takeover = inflate_takeover
        self._max_message_size = max_message_size
        self._level = level
        self._max_deflate_ratio = max_deflate_ratio
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None

    def deflate(self, message: bytes) -> bytes:
        """Compress a message (section 7.2.1). If it became more than ``max_deflate_ratio`` times shorter, as
        a repeated message does, empty blocks are added at its end. What is returned must be sent, because
        the other side's window follows it."""
        deflater = self._deflater
        if deflater is None:
            deflater = zlib.compressobj(self._level, zlib.DEFLATED, -self._deflate_bits)
        data = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
        self._deflater = deflater if self._deflate_takeover else None
        ratio = self._max_deflate_ratio
        if ratio is not None and (missing := len(message) - ratio * (len(data) - len(_SYNC_TAIL))) > 0:
            data += _EMPTY_BLOCK * -(-missing // (ratio * len(_EMPTY_BLOCK)))
        return data[: -len(_SYNC_TAIL)]

    def inflate(self, data: bytes) -> bytes:
        """Decompress a message (section 7.2.2) to at most max_message_size bytes: memory stays within that
        bound, whatever is sent. Raises InflateError; the connection cannot go on then.

        If the stream ends inside a message (a block with BFINAL, which peers with zlib do not send), a new
        one begins with this message's bytes as its window.
        """
        inflater = self._inflater
        if inflater is None:
            inflater = zlib.decompressobj(-self._inflate_bits)
        # One byte more than the limit: it tells a message that is too long from one that just fits.
        limit = self._max_message_size + 1
        try:
            message = inflater.decompress(data + _SYNC_TAIL, limit)
            ends = 0
            while inflater.eof and len(message) < limit:
                rest = inflater.unused_data
                ends += 1
                if ends > MAX_STREAM_ENDS:
                    raise InflateError(f"a compressed message ends more than {MAX_STREAM_ENDS} times", 1007)
                inflater = zlib.decompressobj(-self._inflate_bits, message[-(1 << self._inflate_bits) :])
                message += inflater.decompress(rest, limit - len(message))
        except zlib.error as error:
            raise InflateError(f"a compressed message cannot be inflated ({error})", 1007) from error
        if len(message) >= limit:
            raise InflateError(
                f"a message inflates to more than max_message_size ({self._max_message_size})", 1009
            )
        self._inflater = inflater if self._inflate_takeover else None
        return message
