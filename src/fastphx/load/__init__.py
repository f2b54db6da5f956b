"""Load runs: ``from fastphx.load import User`` for the journeys of a scenario file.

The public names are imported when they are first asked for: a plain worker has no use for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "HttpError": "fastphx.load.journeys.failure",
    "StepError": "fastphx.load.journeys.failure",
    "User": "fastphx.load.journeys.user",
}

__all__ = ["HttpError", "StepError", "User"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
