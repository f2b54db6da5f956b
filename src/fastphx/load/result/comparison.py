"""Two results side by side, and which figures are worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastphx.load.plan.figures import (
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    STEP_LOWER_IS_BETTER,
    figure_of,
    named,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two results."""

    figure: str
    base: float
    new: float
    is_worse: bool

    @property
    def ratio(self) -> float:
        """New to base; 1 if both are 0."""
        if self.base == 0:
            return 1.0 if self.new == 0 else math.inf
        return self.new / self.base


def compare(base: Mapping[str, Any], new: Mapping[str, Any], tolerance: float) -> list[Compared]:
    """The figures that both results have. One is worse if it differs from the base by more than *tolerance*
    (0.05: 5 %)."""
    compared = []
    figures = (*LOWER_IS_BETTER, *HIGHER_IS_BETTER, *_of_steps(base))
    if "limit" in base or "limit" in new:
        # The other figures are of all steps of the search, also of those that broke.
        figures = tuple(figure for figure in HIGHER_IS_BETTER if figure.startswith("limit."))
    for figure in figures:
        before, after = figure_of(base, figure), figure_of(new, figure)
        if before is None or after is None or before == after == 0:
            continue
        if figure in HIGHER_IS_BETTER:
            is_worse = after < before * (1 - tolerance)
        else:
            is_worse = after > before * (1 + tolerance)
        compared.append(Compared(figure, before, after, is_worse))
    return compared


def _of_steps(result: Mapping[str, Any]) -> list[str]:
    """The figures of the steps of a journey."""
    steps = result.get("steps")
    names = steps if isinstance(steps, Mapping) else ()
    return [f"{named('step', name)}.{figure}" for name in names for figure in STEP_LOWER_IS_BETTER]
