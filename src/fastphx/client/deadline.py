"""From a timeout in seconds to a deadline of the session."""

from __future__ import annotations

import math
import time

from fastphx.errors import clip_repr

NEVER_S = 1e9
"""Whoever gives so many seconds, 30 years, wants to wait for ever."""


def checked_timeout(timeout: float | None, default_s: float) -> float:
    """*timeout*, or the default if it is None; infinite above ``NEVER_S``. Raises ValueError if it is not
    above 0."""
    timeout_s = default_s if timeout is None else timeout
    if not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise ValueError(f"timeout is {clip_repr(timeout_s)}: give seconds, above 0")
    return math.inf if timeout_s > NEVER_S else timeout_s


def deadline_after(timeout_s: float) -> int | None:
    """The reading of ``time.monotonic_ns()`` after *timeout_s*; None: never."""
    return None if timeout_s == math.inf else time.monotonic_ns() + int(timeout_s * 1e9)
