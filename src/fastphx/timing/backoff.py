"""How long to wait before the next attempt: exponential backoff with full jitter.

Pure: the attempt's number and a random generator in, a delay out. Full jitter (each delay is uniform between
0 and the bound) spreads the reconnects of many clients that lost one server at the same moment.
"""

from __future__ import annotations

import math
from random import Random

DEFAULT_BASE_S = 0.1
DEFAULT_CAP_S = 30.0


def full_jitter(
    attempt: int, random: Random, *, base_s: float = DEFAULT_BASE_S, cap_s: float = DEFAULT_CAP_S
) -> float:
    """Return the delay in seconds before retry number *attempt* (from 1).

    It is uniform between 0 and ``base_s * 2 ** (attempt - 1)``, at most *cap_s*. Raises ``ValueError`` for an
    attempt below 1, and for a base or a cap that is not a finite number above 0, or a cap below the base.
    """
    if attempt < 1:
        raise ValueError(f"the attempt's number counts from 1, not {attempt}")
    if not (0 < base_s <= cap_s and math.isfinite(cap_s)):
        raise ValueError(f"backoff needs 0 < base_s <= cap_s, both finite, not {base_s} and {cap_s}")
    # Past the cap's own exponent, the bound is the cap. 2.0 ** attempt would overflow at 1,000 attempts.
    doublings = min(attempt - 1, math.ceil(math.log2(cap_s / base_s)))
    return random.random() * min(cap_s, base_s * 2.0**doublings)
