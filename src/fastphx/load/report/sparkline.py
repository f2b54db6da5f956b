"""A row of figures as a line of blocks."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-~=+*#"
"""Where the encoding has no blocks."""
NONE = " "
"""Where there is no figure."""


def sparkline(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """The last *width* of *values*, none of them negative, a character each: from 0 to the largest of those
    shown."""
    levels = ASCII if ascii_only else BLOCKS
    shown = values[-width:] if width > 0 else []
    most = max((value for value in shown if value is not None), default=0.0)
    return "".join(NONE if value is None else levels[_level(value, most, len(levels))] for value in shown)


def _level(value: float, most: float, levels: int) -> int:
    return min(levels - 1, int(value / most * levels)) if most else 0
