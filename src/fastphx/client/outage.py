"""What a channel reports after an outage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Outage:
    """A channel was not joined from ``since`` until ``until``. What was sent to it meanwhile is lost, unless
    the server sends it again.

    Times are seconds since the epoch (``time.time()``). ``attempts`` counts the attempts to connect and to
    rejoin, with the one that succeeded. An outage stands among the messages, so it has a topic, the event
    ``phx_outage`` (which no server sends) and the payload None.
    """

    EVENT: ClassVar[str] = "phx_outage"

    topic: str
    since: float
    until: float
    attempts: int

    @property
    def event(self) -> str:
        return self.EVENT

    @property
    def payload(self) -> None:
        return None

    @property
    def duration_s(self) -> float:
        return max(0.0, self.until - self.since)
