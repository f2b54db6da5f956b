from typing import Any, final

from fastphx.testing.channel import ServerChannel
from fastphx.testing.hub import Hub
from fastphx.testing.pubsub import PubSub
from fastphx.testing.server_socket import ServerSocket
from fastphx.testing.socket_handler import SocketHandler

@final
class ServerConnection(ServerSocket):
    def __init__(
        self,
        hub: Hub,
        pubsub: PubSub,
        handler: SocketHandler,
        params: dict[str, str],
        assigns: Any,
        id: str | None,  # noqa: A002 - Phoenix's name for it
        vsn: int,
    ) -> None: ...
    @property
    def handler(self) -> SocketHandler: ...
    @property
    def channels(self) -> dict[str, ServerChannel]: ...
    def crash_channels(self, topic: str | None = None) -> int: ...
