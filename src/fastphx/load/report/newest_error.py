"""Which failure of a run was the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fastphx.foreign_text import visible
from fastphx.load.report.readable import count
from fastphx.load.result.result import Result


class NewestError:
    """Finds the newest failure of a run that goes on: give it the result now and then."""

    def __init__(self) -> None:
        self.text = ""
        """What failed, why, and how often until now; empty while nothing has."""
        self._seen: Counter[tuple[str, str]] = Counter()

    def look(self, result: Result) -> None:
        """Look what has come. Of several kinds that have, the most frequent one is told."""
        counted = Counter(dict(_failures(result)))
        new = counted - self._seen
        self._seen = counted
        if new:
            (what, why), _ = new.most_common(1)[0]
            self.text = f"{visible(what)}: {visible(why)} ({count(counted[what, why])})"


def _failures(result: Result) -> Iterator[tuple[tuple[str, str], int]]:
    kinds: dict[str, Mapping[str, int]] = {name: step.reasons for name, step in result.steps.items()}
    for what, reasons in (*result.reasons.items(), *kinds.items()):
        for why, number in reasons.items():
            yield (what, why), number
