from http import HTTPStatus
from typing import Any, final

@final
class Faults:
    refuse_joins: Any
    reply_delay_s: float
    drop_replies: int
    drop_heartbeats: bool
    truncate_frames: int
    service_s: float
    max_connections: int
    @property
    def refuse_connects(self) -> HTTPStatus | None: ...
    @refuse_connects.setter
    def refuse_connects(self, status: int | None) -> None: ...
    def clear(self) -> None: ...
