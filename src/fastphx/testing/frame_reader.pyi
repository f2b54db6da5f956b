import asyncio
from collections.abc import Callable
from typing import final

from fastphx.testing.server_socket import ServerSocket
from fastphx.transports.websocket.read_buffer import LoopProtocol

@final
class FrameReader(LoopProtocol, asyncio.BufferedProtocol):
    """The asyncio protocol of one connection of the server (compiled).

    *accept* is given the request's head, without the empty line behind it, and returns the answer and the
    socket that it opens, or None. A request that has not come within five seconds ends the connection.
    """

    on_lost: Callable[[], object] | None
    """Called when the connection is gone."""
    def __init__(
        self,
        accept: Callable[[bytes], tuple[bytes, ServerSocket | None]],
        loop: asyncio.AbstractEventLoop,
    ) -> None: ...
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, count: int) -> None: ...
