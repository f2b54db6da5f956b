from typing import Any, final

@final
class Faults:
    refuse_connects: int | None
    refuse_joins: Any
    reply_delay_s: float
    drop_replies: int
    drop_heartbeats: bool
    truncate_frames: int
    def clear(self) -> None: ...
