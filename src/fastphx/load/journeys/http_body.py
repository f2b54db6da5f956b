"""The body of a request: a form, JSON, or bytes, which can be sent again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from fastphx.transports.endpoint import param_pairs

LARGE_BYTES = 1 << 20
"""aiohttp warns of a body of bytes that is larger."""


class Body(NamedTuple):
    """What is sent, and as what."""

    content: Any
    content_type: str | None

    @property
    def can_repeat(self) -> bool:
        return self.content is None or isinstance(self.content, bytes)

    def data(self) -> Any:
        """As aiohttp takes it."""
        if isinstance(self.content, bytes) and len(self.content) > LARGE_BYTES:
            return io.BytesIO(self.content)
        return self.content


NO_BODY = Body(None, None)


def body_of(data: Any, json: Any) -> Body:
    """*json* as JSON; *data* as a form where it is a mapping or pairs (``{"user": {"name": "x"}}`` is
    ``user[name]=x``, as Plug reads it), bytes and text as they are; and whatever else aiohttp takes, like
    ``aiohttp.FormData`` with files. Raises ValueError for both, and for what is no form; TypeError for what
    is no JSON."""
    if json is not None:
        if data is not None:
            raise ValueError("data and json were given: a request has one body")
        return Body(orjson.dumps(json), "application/json")
    if data is None:
        return NO_BODY
    if isinstance(data, bytes | bytearray | memoryview):
        return Body(bytes(data), None)
    if isinstance(data, str):
        return Body(data.encode(), "text/plain; charset=utf-8")
    if isinstance(data, Mapping | list | tuple):
        return Body(urlencode(param_pairs(data)).encode(), "application/x-www-form-urlencoded")
    return Body(data, None)
