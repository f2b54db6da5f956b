from typing import Any, final

from fastphx.protocol.joins import JoinMap
from fastphx.protocol.refs import RefTable
from fastphx.protocol.sink import FrameSink
from fastphx.timing.wheel import Timer

@final
class SessionTimer(Timer):
    """Ticks its session when it is due; the session makes it."""

class Session(FrameSink):
    """One socket's state machine (compiled; subclass it in Cython, or use CallbackSession).

    *serializer*: None is JsonV2, compiled. *heartbeat_interval_s*: 0 (none) to 86400. Raises ValueError
    for a value out of range.
    """

    def __init__(
        self,
        *,
        serializer: Any = None,
        heartbeat_interval_s: float = 30.0,
        max_in_flight: int = 65536,
        max_topics: int = 1_000_000,
    ) -> None: ...
    @property
    def joins(self) -> JoinMap: ...
    @property
    def refs(self) -> RefTable: ...
    @property
    def serializer(self) -> Any: ...
