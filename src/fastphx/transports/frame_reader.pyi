import asyncio
from typing import final

BODY_WAIT_S: float
"""How long the body of a refusal is waited for, which explains it."""

@final
class ReadBuffer:
    """Memory that all sockets of a loop read into, one after the other."""

class BufferedProtocolBase: ...

class FrameReader(BufferedProtocolBase, asyncio.BufferedProtocol):
    """Hands a handshake to its protocol, and cuts what comes after it into WebSocket frames (compiled; the
    link subclasses it)."""

    def __init__(
        self, handshake: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop, max_frame_size: int
    ) -> None: ...
    @property
    def refusal(self) -> bytes | None:
        """The answer to the handshake where it refuses: its head, and the first 2 KiB of its body, or what of
        them came within BODY_WAIT_S."""
    def is_buffered_protocol(self) -> bool:
        """aiofastnet asks this, and does not look at the class."""
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, count: int) -> None: ...
