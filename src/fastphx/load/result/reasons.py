"""Why things failed, counted."""

from __future__ import annotations

from collections import Counter

from fastphx.foreign_text import clipped

MAX_REASONS = 50
"""Different reasons that are kept for each kind of failure; the rest is counted as "other"."""
OTHER = "other"
ANSWERED = ("status ", "HTTP ", "too many redirects", "a redirect ", "the answer is ")
"""How the reasons begin of steps that the server has answered: with a reply's status, or over HTTP."""
SCRIPT = "script"
"""The kind of what a script raised by a fault of its own."""


class Reasons:
    """How often what failed why, with a bound on the different reasons."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, kind: str, reason: str) -> None:
        reason = clipped(reason)
        of_kind = self.counts.setdefault(kind, Counter())
        of_kind[reason if reason in of_kind or len(of_kind) < MAX_REASONS else OTHER] += 1

    def take(self) -> dict[str, dict[str, int]]:
        taken = {kind: dict(counts) for kind, counts in self.counts.items()}
        self.counts = {}
        return taken
