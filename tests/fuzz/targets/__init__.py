"""One module a target. Each has

- ``check(data)``: reads *data*, and raises whatever must not happen; typed errors stay inside;
- ``seeds()``: inputs to begin with, recorded ones where there are any;
- ``PIECES``: what such inputs are made of, for the mutator;
- ``MAX_BYTES``: how long an input may become.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast


class Target(Protocol):
    PIECES: Sequence[bytes]
    MAX_BYTES: int

    def check(self, data: bytes) -> None: ...
    def seeds(self) -> Iterable[bytes]: ...


NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


def load(name: str) -> Target:
    return cast(Target, import_module(f"{__name__}.{name}"))
