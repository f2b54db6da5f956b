"""A stream's rows. The server forgets them once sent, so the client keeps them, as a browser's DOM does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from fastphx.errors import clip_repr
from fastphx.liveview.errors import TreeError

Cells = list[Any]
FIRST = 0
LAST = -1


class Insert(NamedTuple):
    """How a row comes into its stream: *at* 0 is first, -1 last; *limit* is how many rows stay, at the front,
    or at the end where it is negative; a row that is *update_only* is left out where it is not there yet."""

    at: int = LAST
    limit: int | None = None
    update_only: bool = False


class StreamChange(NamedTuple):
    """What one message says of a stream, without its rows."""

    ref: str
    inserts: dict[str, Insert]
    deletes: tuple[str, ...] = ()
    reset: bool = False


def stream_change(value: object) -> StreamChange:
    """Read ``[ref, [[id, at, limit, update_only?], ...], [id, ...], reset?]``, or raise `TreeError`."""
    match value:
        case [str() | int() as ref, list() as inserts, list() as deletes, *rest]:
            pass
        case _:
            raise TreeError(f"a stream is a list of its ref, inserts and deletes, not {clip_repr(value)}")
    read: dict[str, Insert] = {}
    for insert in inserts:
        match insert:
            case [str() as row_id, int() as at, int() | None as limit, *more]:
                # Of two for one row the later counts, as in a browser. A message lists the last one first.
                read[row_id] = Insert(at, limit, bool(more and more[0]))
            case _:
                raise TreeError(f"a stream's insert is an id, a place and a limit, not {clip_repr(insert)}")
    for row_id in deletes:
        if not isinstance(row_id, str):
            raise TreeError(f"a stream's delete is an id, not {clip_repr(row_id)}")
    return StreamChange(str(ref), read, tuple(deletes), bool(rest and rest[0]))


class StreamRows:
    """The rows of one stream, in order, by their ids."""

    __slots__ = ("_order", "_rows")

    def __init__(self) -> None:
        self._order: list[str] = []
        self._rows: dict[str, Cells] = {}

    def __len__(self) -> int:
        return len(self._order)

    def ids(self) -> Sequence[str]:
        """The ids of the rows, in order."""
        return self._order

    def cells(self) -> Iterator[Cells]:
        """The rows, in order."""
        return map(self._rows.__getitem__, self._order)

    def change(self, change: StreamChange, rows: Iterable[tuple[str, Cells]]) -> list[Cells]:
        """Delete and insert as a browser does; the rows that are no longer there, or were replaced."""
        gone: list[Cells] = []
        was_there: set[str] = set()
        if change.reset:
            gone += self._rows.values()
            was_there.update(self._rows)
            self._order.clear()
            self._rows.clear()
        for row_id in change.deletes:
            if row_id in self._rows:
                was_there.add(row_id)
                self._remove(row_id, gone)
        for row_id, cells in rows:
            insert = change.inserts.get(row_id, Insert())
            if (old := self._rows.get(row_id)) is not None:
                # It keeps its place, whatever the message says of it.
                gone.append(old)
                self._rows[row_id] = cells
            elif not insert.update_only or row_id in was_there:
                self._rows[row_id] = cells
                self._put(row_id, insert.at)
                self._limit(insert.limit, gone)
            else:
                gone.append(cells)
        return gone

    def _put(self, row_id: str, at: int) -> None:
        if at < 0:
            self._order.append(row_id)
        else:
            self._order.insert(at, row_id)

    def _limit(self, limit: int | None, gone: list[Cells]) -> None:
        if not limit:
            return
        over = self._order[:limit] if limit < 0 else self._order[limit:]
        gone += [self._rows.pop(row_id) for row_id in over]
        if over:
            self._order = self._order[limit:] if limit < 0 else self._order[:limit]

    def _remove(self, row_id: str, gone: list[Cells]) -> None:
        gone.append(self._rows.pop(row_id))
        self._order.remove(row_id)
