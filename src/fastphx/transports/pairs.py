"""Names with their values, as a mapping or pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

Name = TypeVar("Name")
Value = TypeVar("Value")


def pairs_of(given: Mapping[Name, Value] | Iterable[tuple[Name, Value]]) -> Iterable[tuple[Name, Value]]:
    """*given* pair by pair. What is neither is returned as it is."""
    return given.items() if isinstance(given, Mapping) else given
