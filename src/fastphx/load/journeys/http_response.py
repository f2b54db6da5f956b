"""The answer to a request, with its whole body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.load.journeys.failure import StepError

SHOWN_CHARS = 120


class Response:
    """What the server has answered. Redirects have been followed, unless that was not wanted."""

    __slots__ = ("_charset", "_document", "_text", "content", "headers", "status", "url")

    def __init__(
        self, status: int, url: str, headers: Mapping[str, str], content: bytes, charset: str | None
    ) -> None:
        self.status = status
        self.url = url
        """The one that has answered."""
        self.headers = headers
        """Their names may be asked for in upper or lower case."""
        self.content = content
        """The body, decompressed."""
        self._charset = charset
        self._text: str | None = None
        self._document: Any = None

    @property
    def text(self) -> str:
        """The body as text; what does not fit its charset (UTF-8 unless it says another) is replaced."""
        if self._text is None:
            try:
                self._text = self.content.decode(self._charset or "utf-8", "replace")
            except (LookupError, ValueError):  # `undefined` is a codec, too
                self._text = self.content.decode("utf-8", "replace")
        return self._text

    def json(self) -> Any:
        """The body as JSON. Raises StepError where it is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            shown = clip(self.content, SHOWN_CHARS)
            raise StepError(f"the answer is no JSON: {shown}", reason="the answer is no JSON") from None

    def select(self, css: str) -> list[Any]:
        """The elements of the page that a CSS selector matches, in their order, as selectolax' Lexbor nodes:
        ``.text()``, ``.attributes``, ``.css(…)``. Raises ValueError for what is no selector."""
        from selectolax.lexbor import LexborHTMLParser, SelectolaxError

        if self._document is None:
            self._document = LexborHTMLParser(self.text)
        try:
            found: list[Any] = self._document.css(css)
        except SelectolaxError:
            raise ValueError(f"{clip(css)} is no CSS selector") from None
        return found

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.content)} bytes, {visible(self.url)}>"
