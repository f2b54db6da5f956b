"""A channel of the server that answers a join when it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

from fastphx.testing import Channel, Reply


class SlowJoin(Channel):
    """Subclass it with a ``gate`` of the test's own; ``joins`` counts."""

    gate: asyncio.Event
    joins = 0

    async def join(self, topic: str, payload: Any) -> Reply:
        type(self).joins += 1
        await self.gate.wait()
        return Reply("ok", {"n": self.joins})
