from asyncio import AbstractEventLoop
from collections.abc import Iterable
from typing import Any

from fastphx.testing.faults import Faults
from fastphx.testing.hub import Hub
from fastphx.testing.outlet import Outlet
from fastphx.testing.pubsub import PubSub
from fastphx.transports.websocket.deflate import DeflateStream

class ServerSocket(Outlet):
    def __init__(
        self,
        hub: Hub,
        pubsub: PubSub,
        params: dict[str, str],
        assigns: Any,
        id: str | None,  # noqa: A002 - Phoenix's name for it
        vsn: int,
        idle_timeout_s: float,
        max_message_size: int,
    ) -> None: ...
    def use_deflate(self, stream: DeflateStream) -> None:
        """Compress what is sent and inflate what is received, as the handshake agreed."""
    @property
    def params(self) -> dict[str, str]: ...
    @property
    def assigns(self) -> Any: ...
    @property
    def id(self) -> str | None: ...
    @property
    def loop(self) -> AbstractEventLoop: ...
    @property
    def pubsub(self) -> PubSub: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait for the client to read, or for a fault switch, with 256 for each frame."""
    @property
    def queued_bytes(self) -> int:
        """Bytes that the client has sent and its channels have not handled yet, and the names of the topics
        that it has joined, with 256 for each."""
    @property
    def faults(self) -> Faults: ...
    def disconnect(self, code: int = 1001, reason: str = "") -> None: ...
    def cut(self) -> None: ...
    def stall(self, seconds: float) -> None: ...

def sweep(connections: Iterable[ServerSocket]) -> None: ...
