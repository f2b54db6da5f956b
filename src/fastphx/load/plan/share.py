"""Which connections of a plan are one worker's."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from fastphx.load.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Share:
    """Which of the plan's connections are this worker's: number *index* of *workers*, and every
    *workers*-th connection from it on."""

    index: int = 0
    workers: int = 1

    def connections(self, plan: Plan) -> range:
        return range(self.index, plan.connections, self.workers)

    def to_mapping(self) -> dict[str, int]:
        return asdict(self)
