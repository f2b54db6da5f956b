"""Where a browser has been, and how it came from one place to the next."""

from __future__ import annotations

from typing import NamedTuple

from fastphx.liveview.errors import ViewError

MAX_ENTRIES = 100


class Entry(NamedTuple):
    """One place. ``how`` it was come to from the one before: ``patch``, ``redirect`` (on the same socket), or
    ``page`` (another document)."""

    url: str
    how: str


class History:
    """The list behind the buttons back and forward."""

    __slots__ = ("_at", "_entries")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._at = -1

    def went(self, url: str, kind: str, how: str) -> None:
        """The browser is at *url*: a new place (*kind* ``push``), the current one's place (``replace``), or
        one that was there already (``traverse``)."""
        if kind == "traverse" and self._entries:
            self._entries[self._at] = self._entries[self._at]._replace(url=url)
        elif kind == "replace" and self._entries:
            self._entries[self._at] = Entry(url, self._entries[self._at].how)
        else:
            del self._entries[self._at + 1 :]
            self._entries = [*self._entries[1 - MAX_ENTRIES :], Entry(url, how)]
            self._at = len(self._entries) - 1

    def go(self, step: int, *, by_target: bool = False) -> tuple[Entry, str]:
        """One *step* (-1 or 1): the place there, and how it is come to: as once between the two places, or
        *by_target*, as once to that place (LiveView before 1.0). Raises ViewError where there is none."""
        to = self._at + step
        if not 0 <= to < len(self._entries):
            raise ViewError(f"there is no page to go {'back' if step < 0 else 'forward'} to")
        how = self._entries[max(to, self._at)].how
        if by_target and how != "page":
            how = self._entries[to].how
            how = "patch" if how == "page" else how
        self._at = to
        return self._entries[to], how
