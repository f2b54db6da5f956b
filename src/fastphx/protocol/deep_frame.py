"""JSON that nests deeper than orjson reads. Of a frame of vsn 1.0.0, all but the payload can be read."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)


def is_too_deep(error: BaseException | None) -> bool:
    """Whether orjson has refused JSON because of its depth. It stops at 1,024."""
    return "depth limit exceeded" in str(error)


def without_payload(frame: bytes) -> tuple[bytes, bytes]:
    """*frame* with ``null`` in place of its payload, and the payload; both as they came, unchecked. Where the
    payload is no array and no object it stays, and the second is empty.
    """
    depth = start = 0
    key = b""
    for token in _TOKEN.finditer(frame):
        text = token[0]
        if text[0] == ord('"'):
            if depth == 1:
                key = text
        elif text in b"[{":
            depth += 1
            if depth == 2:
                start = token.start()
        else:
            depth -= 1
            if depth == 1 and key == b'"payload"':
                end = token.end()
                return frame[:start] + b"null" + frame[end:], frame[start:end]
    return frame, b""
