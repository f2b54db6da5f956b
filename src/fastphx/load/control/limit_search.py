"""The search for a limit: which load to try next, decided from what came of those before. It runs nothing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from fastphx.load.result.limit import Outcome, Purpose

SAME = 2
"""A break, or a bottleneck of this machine, counts when it is seen so often at one load: of two steps, or of
three where the server held in one of them."""
MOST_CONFIRMED = 3
"""How often a limit that was not confirmed is lowered by the precision and confirmed again."""
MOST_SHRUNK = 10
"""How often the first load is halved where it does not hold."""


@dataclass(frozen=True, slots=True)
class Try:
    """A load to try, and what for."""

    load: float
    purpose: Purpose


class LimitSearch:
    """Doubles from *first* until a load breaks, bisects on a log scale until what holds and what does not are
    within *precision* (0.1: 10 %) of each other, and confirms what holds. Where already *first* breaks, it is
    halved. *most* is the largest load that can be asked for; *is_whole*: only whole loads can.

    Ask for `next`, run it, and tell `record` what came of it, until `next` is None.
    """

    def __init__(self, first: float, precision: float, most: float, *, is_whole: bool = False) -> None:
        self.precision = precision
        self.held: float | None = None
        """The highest load that held, and still counts as one that does."""
        self.broke: float | None = None
        """The lowest load that did not hold."""
        self.once_held: float | None = None
        """The highest load that held when it was first tried."""
        self.own_from: float | None = None
        """The lowest load at which this machine was the bottleneck."""
        self.is_confirmed = False
        self.is_stable = True
        """Whether no confirmation has failed for good."""
        self._most = most
        self._is_whole = is_whole
        self._shrunk = self._lowered = 0
        self._seen: Counter[Outcome] = Counter()
        self.next: Try | None = Try(self._possible(min(first, most)), "grow")

    def record(self, outcome: Outcome) -> None:
        """What came of `next`, which is then the next one."""
        assert self.next is not None
        self._seen[outcome] += 1
        settled = self._settled()
        if settled is not None:
            self._seen.clear()
            self.next = self._after(self.next, settled)

    def end(self) -> None:
        """There are no more steps: the server did not recover, or the run was interrupted."""
        self.next = None

    @property
    def _wall(self) -> float | None:
        """The lowest load that is not known to hold."""
        walls = [wall for wall in (self.broke, self.own_from) if wall is not None]
        return min(walls) if walls else None

    def _settled(self) -> Outcome | None:
        """What the steps at one load come to; None: it must be tried once more."""
        seen = self._seen
        if seen["own"] >= SAME:
            return "own"
        if seen["broke"] >= SAME:
            return "broke"
        # Without a break one step is enough.
        return "held" if seen["held"] and (not seen["broke"] or seen["held"] >= SAME) else None

    def _after(self, tried: Try, outcome: Outcome) -> Try | None:
        if outcome == "held":
            self.held = tried.load
            self.once_held = max(tried.load, self.once_held or 0.0)
            if tried.purpose == "confirm":
                self.is_confirmed = True
                return None
            return self._between()
        if outcome == "broke":
            self.broke = tried.load
        else:
            self.own_from = tried.load
        if tried.purpose == "confirm":
            return self._lower(tried.load, outcome)
        return self._shrink(tried.load) if self.held is None else self._between()

    def _between(self) -> Try | None:
        """The next load above what holds; to confirm it where none is left in between."""
        assert self.held is not None
        wall = self._wall
        if wall is None:
            doubled = self._possible(min(2 * self.held, self._most))
            return Try(doubled, "grow") if doubled > self.held else Try(self.held, "confirm")
        middle = self._possible(math.sqrt(self.held * wall))
        if self._is_whole:
            middle = max(middle, self.held + 1)
        if wall <= self.held * (1 + self.precision) * (1 + 1e-9) or not self.held < middle < wall:
            return Try(self.held, "confirm")
        return Try(middle, "bisect")

    def _shrink(self, load: float) -> Try | None:
        """Already the first load is too much."""
        self._shrunk += 1
        halved = self._possible(load / 2)
        return Try(halved, "shrink") if self._shrunk <= MOST_SHRUNK and halved < load else None

    def _lower(self, load: float, outcome: Outcome) -> Try | None:
        """What held once did not hold again, or this machine was in the way."""
        self.held = None
        lowered = self._possible(load / (1 + self.precision))
        if self._lowered == MOST_CONFIRMED or lowered >= load:
            self.is_stable = outcome == "own"
            return None
        self._lowered += 1
        return Try(lowered, "confirm")

    def _possible(self, load: float) -> float:
        """A load that can be asked for, and read: whole, or of three digits."""
        return max(1.0, math.floor(load + 1e-9)) if self._is_whole else float(f"{load:.3g}")
