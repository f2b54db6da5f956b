"""Where the live page listens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

LOOPBACK = "127.0.0.1"
MAX_PORT = 65535
_HOST_AND_PORT = re.compile(r"(?:(?P<host>[\w.-]+|\[[\da-fA-F:.]+\]):)?(?P<port>\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageAddress:
    """A host and a port; port 0 is any free one."""

    host: str = LOOPBACK
    port: int = 0

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether *text* is written as a port, or as a host and a port."""
        return _HOST_AND_PORT.fullmatch(text) is not None

    @classmethod
    def parse(cls, text: str) -> Self:
        """``8089``, ``0.0.0.0:8089`` or ``[::1]:8089``. Raises PlanError."""
        found = _HOST_AND_PORT.fullmatch(text)
        if found is None or int(found["port"]) > MAX_PORT:
            raise PlanError(f"--ui: {clip(text)} is no port, and no HOST:PORT, like 8089 or 0.0.0.0:8089")
        return cls((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))
