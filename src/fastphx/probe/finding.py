"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "wrong", "absent"]
"""It is well; there is something to do; or it is not there, and need not be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in a clause, and the one thing to do where it is wrong. Both can be shown as they are:
    what a server wrote is escaped and clipped in them."""

    name: str
    state: State
    text: str
    to_do: str = ""


def shown_ms(seconds: float) -> str:
    """``0.31 ms``."""
    return f"{seconds * 1e3:.3g} ms"
