"""How long a server asks to be left alone."""

from __future__ import annotations

import re
import time

_SECONDS = re.compile(r"[0-9]{1,9}")


def retry_after_s(value: str) -> float | None:
    """The seconds that a ``Retry-After`` header names, as a number or a date (RFC 9110 section 10.2.3). None
    if it is neither."""
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
