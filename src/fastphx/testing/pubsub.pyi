from typing import Any, Self, final

from fastphx.testing.hub import Hub
from fastphx.testing.outlet import Outlet

@final
class PubSub:
    def __new__(cls, hub: Hub) -> Self: ...
    @property
    def topics(self) -> dict[str, int]: ...
    def broadcast(self, topic: str, event: str, payload: Any = ..., sender: Outlet | None = None) -> int: ...
