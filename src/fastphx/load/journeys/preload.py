"""Imports what a journey will use before its first visit, which all others would have to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import CodeType, FunctionType, ModuleType

from fastphx.load.plan.error import PlanError

USES = {
    "http": "fastphx.load.journeys.http",
    "csrf": "selectolax.lexbor",
    "live": "fastphx.load.journeys.live",
    "select": "selectolax.lexbor",
}
"""By the attribute that a script asks for."""


def preload(script: ModuleType) -> None:
    """Import what the functions of *script* use. Raises PlanError for what is not installed."""
    names = set(names_in(script))
    for name in USES.keys() & names:
        try:
            import_module(USES[name])
        except ModuleNotFoundError as error:
            raise PlanError(f"{name} needs {error.name}: pip install 'fastphx[load]'") from None


def names_in(script: ModuleType) -> Iterator[str]:
    """The attributes and globals that the functions and methods of *script* name."""
    for each in vars(script).values():
        if isinstance(each, FunctionType):
            yield from _names_of(each.__code__)
        elif isinstance(each, type) and each.__module__ == script.__name__:
            for own in vars(each).values():
                if isinstance(own, FunctionType):
                    yield from _names_of(own.__code__)


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names_of(each)
