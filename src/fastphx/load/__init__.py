"""Load runs: ``User`` for the journeys of a scenario file, and ``run`` for a program that runs one.

The public names are imported when they are first asked for: a plain worker has no use for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "HttpError": "fastphx.load.journeys.failure",
    "PhoenixLoad": "fastphx.load.library.pytest_plugin",
    "Plan": "fastphx.load.plan.plan",
    "PlanError": "fastphx.load.plan.error",
    "Result": "fastphx.load.result.result",
    "Room": "fastphx.load.journeys.room",
    "StepError": "fastphx.load.journeys.failure",
    "User": "fastphx.load.journeys.user",
    "run": "fastphx.load.library.run",
    "run_sync": "fastphx.load.library.run",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
