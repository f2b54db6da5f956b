"""Which part of a run one Locust worker has, as its master tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NUMBERS_A_WORKER = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Worker *number* of the *workers* that were there when the run began; who comes later has a number above
    those, and each number is given once a run."""

    number: int = 0
    workers: int = 1
    shared: Mapping[str, Any] = field(default_factory=dict)
    """What the ``before`` of journeys has returned, by the user class's name."""

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)

    def socket_number(self, place: int) -> int:
        """The number of the worker's socket at *place*: 0, 1, 2, … on worker 0, and the next NUMBERS_A_WORKER
        on the next."""
        return self.number * NUMBERS_A_WORKER + place

    def user_number(self, place: int) -> int:
        """The number of the worker's user of a journey at *place*. Those of the first workers alternate, so
        that together they take one row after the other. A worker that came later has numbers as sockets have
        them, which are above those, as long as no worker has more than NUMBERS_A_WORKER users."""
        if self.number < self.workers:
            return self.number + place * self.workers
        return self.socket_number(place)
