"""Cookies of a handshake: a jar has some for its URL, and keeps those that its answer sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Cookies(Protocol):
    """A jar. Neither method may raise."""

    def header(self, url: str) -> str | None:
        """The value of the ``Cookie`` header for *url* (``ws``, ``wss``, ``http`` or ``https``); None where
        the jar has none for its host, path and scheme."""

    def store(self, url: str, set_cookies: Sequence[str]) -> object:
        """The answer from *url* had these ``Set-Cookie`` headers; at least one."""
