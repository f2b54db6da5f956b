from typing import Any, final

from fastphx.protocol.joins import JoinMap
from fastphx.protocol.refs import RefTable
from fastphx.protocol.sink import FrameSink
from fastphx.timing.wheel import Timer

@final
class SessionTimer(Timer):
    """Ticks its session when it is due. The session makes it."""

class Session(FrameSink):
    """One socket's state machine (compiled; subclass it in Cython, or use CallbackSession).

    *serializer*: None is JsonV2, compiled. *heartbeat_interval_s*: 0 (none) to 86400. Raises ValueError
    for a value out of range.

    *join_ends_leave*: a topic that is being left may be joined at once, as in LiveView's client. A leave then
    ends with its reply, the close, or the next join, whichever comes first. What still comes of the earlier
    join is stale. Without it, only the close ends a leave, and a join before that raises AlreadyJoinedError,
    as in GenSocketClient.
    """

    def __init__(
        self,
        *,
        serializer: Any = None,
        heartbeat_interval_s: float = 30.0,
        max_in_flight: int = 65536,
        max_topics: int = 1_000_000,
        join_ends_leave: bool = False,
    ) -> None: ...
    @property
    def joins(self) -> JoinMap: ...
    @property
    def refs(self) -> RefTable: ...
    @property
    def serializer(self) -> Any: ...
