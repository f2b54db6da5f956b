from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, final

from fastphx.testing.faults import Faults

@final
class Hub:
    def __init__(
        self,
        loop: AbstractEventLoop,
        max_write_buffer: int,
        max_queue_bytes: int,
        close_timeout_s: float,
        on_open: Callable[[Any], object],
        on_end: Callable[[Any], object],
    ) -> None: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def loop(self) -> AbstractEventLoop: ...
    @property
    def max_write_buffer(self) -> int: ...
    @property
    def max_queue_bytes(self) -> int: ...
    @property
    def stats(self) -> dict[str, int]: ...
    def count_refused(self) -> None: ...
    def count_overflow(self) -> None: ...
    def stall(self, seconds: float) -> None: ...
