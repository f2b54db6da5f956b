from collections.abc import Callable
from typing import final

from fastphx.load.worker.exponential_gaps import ExponentialGaps
from fastphx.load.worker.meter import Meter
from fastphx.timing.wheel import Timer

@final
class Pacer(Timer):
    def __init__(
        self,
        meter: Meter,
        steps: list[tuple[float, int]],
        phase: float = 0.5,
        finished: Callable[[], object] | None = None,
        gaps: ExponentialGaps | None = None,
    ) -> None: ...
    @property
    def end_ns(self) -> int: ...
    @property
    def running(self) -> bool: ...
    def start(self, start_ns: int) -> None: ...
    def stop(self) -> None: ...
