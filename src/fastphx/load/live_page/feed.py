"""What the viewers of a live page are told: numbered events, made only while somebody watches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

INTERVAL_S = 1.0
"""Between two events, however many watch."""
MAX_VIEWERS = 8


class TooManyViewersError(Exception):
    """So many watch that one more may not."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A run as it is now, as the documents of ``page_document``."""

    whole: Callable[[], dict[str, Any]]
    update: Callable[[], dict[str, Any]] | None
    """What is new since the moment before; None where only a whole document shows that."""
    is_last: bool


class Event:
    """A moment with its number. What it says is made when the first viewer needs it, once for all."""

    def __init__(self, number: int, moment: Moment) -> None:
        self.number = number
        self.is_last = moment.is_last
        self._moment = moment
        self._told: dict[str, bytes] = {}

    def told(self, seen: int | None) -> bytes:
        """As a server-sent event for a viewer that saw *seen* last: an update after the event before this
        one, else as a whole."""
        update = self._moment.update if seen == self.number - 1 else None
        kind = "whole" if update is None else "update"
        if kind not in self._told:
            document = self._moment.whole() if update is None else update()
            head = f"id: {self.number}\nevent: {kind}\ndata: ".encode()
            self._told[kind] = head + orjson.dumps(document) + b"\n\n"
        return self._told[kind]


class Feed:
    """Makes an event of *moment* when something has `changed`, somebody watches, and the event before is
    INTERVAL_S old.

    It keeps the newest event only. A viewer that has not taken one in when the next is made is told the
    newest when it is ready, as a whole: so a slow viewer costs the run no memory, and the others no time.
    """

    def __init__(self, moment: Callable[[], Moment]) -> None:
        self._moment = moment
        self._viewers = 0
        self._number = 0
        self._newest: Event | None = None
        self._fault: Exception | None = None
        self._is_due = asyncio.Event()
        self._hurries = asyncio.Event()
        self._made = asyncio.Condition()

    def changed(self, *, hurry: bool = False) -> None:
        """There is something new to show; *hurry*: at once."""
        self._is_due.set()
        if hurry:
            self._hurries.set()

    @property
    def is_full(self) -> bool:
        return self._viewers >= MAX_VIEWERS

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody watches meanwhile. Raises TooManyViewersError."""
        if self.is_full:
            raise TooManyViewersError
        self._viewers += 1
        if self._viewers == 1:
            # The newest event is as old as the last viewer.
            self._newest = None
            self.changed()
        try:
            yield
        finally:
            self._viewers -= 1

    async def run(self) -> None:
        """Make events, until it is cancelled. A fault of *moment* is raised where the viewers wait."""
        while self._fault is None:
            await self._is_due.wait()
            self._is_due.clear()
            self._hurries.clear()
            if not self._viewers:
                continue
            async with self._made:
                try:
                    self._newest = Event(self._number + 1, self._moment())
                    self._number += 1
                except Exception as fault:
                    self._fault = fault
                self._made.notify_all()
            # Not wait_for: where both come at once, Python 3.11's takes a cancellation for its own.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._hurries.wait()

    async def after(self, seen: int | None) -> Event:
        """The newest event, as soon as it is another than *seen*."""
        async with self._made:
            while self._fault is None and (self._newest is None or self._newest.number == seen):
                await self._made.wait()
        if self._fault is not None:
            raise self._fault
        assert self._newest is not None
        return self._newest
