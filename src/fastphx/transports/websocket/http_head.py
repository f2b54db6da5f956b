"""The head of a handshake's request or answer (RFC 9112), and what both sides compute from it (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from multidict import CIMultiDict

MAX_HEAD_BYTES = 16_384
MAX_HEADERS = 128

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_A_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def read_headers(lines: Iterable[bytes]) -> CIMultiDict[str]:
    """The headers of *lines*, without their line ends. What is not ASCII is escaped as surrogates.

    Raises ``ValueError`` for a line that is no header (RFC 9112 section 5), and for too many.
    """
    headers: CIMultiDict[str] = CIMultiDict()
    for number, line in enumerate(lines):
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if number == MAX_HEADERS:
            raise ValueError(f"more than {MAX_HEADERS} headers")
        if not colon or _NAME.fullmatch(name) is None or _NOT_IN_A_VALUE.search(value) is not None:
            raise ValueError(f"a line that is no header: {line!r}")
        headers.add(name.decode("ascii"), value.decode("ascii", "surrogateescape"))
    return headers


def lists(headers: CIMultiDict[str], name: str, token: str) -> bool:
    """Whether the header *name*, a list, has *token* in it, in letters of either case."""
    listed = ",".join(headers.getall(name, ())).split(",")
    return any(each.strip(" \t").lower() == token for each in listed)


def accept_value(key: str) -> str:
    """What ``Sec-WebSocket-Accept`` answers to a ``Sec-WebSocket-Key`` (RFC 6455 section 4.2.2)."""
    return base64.b64encode(
        hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    ).decode()
