"""A jar that tells what came into it."""

from __future__ import annotations

from collections.abc import Sequence


class RecordingJar:
    """Has one cookie for every URL."""

    def __init__(self) -> None:
        self.stored: list[str] = []

    def header(self, url: str) -> str:
        return "user=ann"

    def store(self, url: str, set_cookies: Sequence[str]) -> None:
        self.stored += set_cookies
