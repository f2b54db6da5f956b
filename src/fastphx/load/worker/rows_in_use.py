"""Which row of the data file a visit has."""

from __future__ import annotations

from collections import deque

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row, read_rows
from fastphx.load.plan.share import Share


class RowsInUse:
    """One worker's rows: in turn by number, or with ``data_unique`` each to one visit at a time."""

    def __init__(self, plan: Plan, share: Share) -> None:
        self._rows: tuple[Row, ...] = read_rows(plan.data) if plan.data is not None else ({},)
        self._free = deque(range(share.index, len(self._rows), share.workers)) if plan.data_unique else None
        self._taken: dict[int, int] = {}

    def take(self, number: int) -> Row | None:
        """The row of number *number*; None where each is in use."""
        if self._free is None:
            return self._rows[number % len(self._rows)]
        if not self._free:
            return None
        index = self._taken[number] = self._free.popleft()
        return self._rows[index]

    def give_back(self, number: int) -> None:
        """What has that number is over."""
        if self._free is not None and (index := self._taken.pop(number, None)) is not None:
            self._free.append(index)
