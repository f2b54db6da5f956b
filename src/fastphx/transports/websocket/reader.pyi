import asyncio
from collections.abc import Callable
from typing import Any, final

from fastphx.protocol.sink import FrameSink
from fastphx.transports.websocket.link_hooks import LinkHooks

BODY_WAIT_S: float
"""How long to wait for the body of a refusal, which explains it."""

@final
class ReadBuffer:
    """Memory that all sockets of a loop read into, one after the other."""

class MessageReader(asyncio.BufferedProtocol):
    """Hands the handshake to its protocol, and cuts what follows into messages (compiled)."""

    def __init__(
        self,
        link: LinkHooks,
        sink: FrameSink,
        handshake: asyncio.BaseProtocol,
        loop: asyncio.AbstractEventLoop,
        max_message_size: int,
    ) -> None: ...
    @property
    def refusal(self) -> bytes | None:
        """The answer that refuses the handshake: its head, and as much of the first 2 KiB of its body as came
        within BODY_WAIT_S."""
    def use_inflate(self, inflate: Callable[[bytes], bytes]) -> None:
        """Inflate what is received with RSV1 set."""
    def is_buffered_protocol(self) -> bool:
        """aiofastnet asks this instead of looking at the class."""
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, count: int) -> None: ...
    def on_ws_connected(self, transport: Any) -> None: ...
    def on_ws_frame(self, transport: Any, frame: Any) -> None: ...
    def on_ws_disconnected(self, transport: Any) -> None: ...
