import asyncio
from collections.abc import Callable
from typing import final

from fastphx.protocol.sink import FrameWriter
from fastphx.transports.websocket.link_hooks import LinkHooks

@final
class FrameTransport:
    """Writes frames to a loop's transport, and past it while nothing waits there (compiled).

    *masks*: a client's frames are masked, with keys from the system's random numbers.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, masks: bool
    ) -> None: ...
    @property
    def transport(self) -> asyncio.Transport:
        """What it was made with."""
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def is_secure(self) -> bool:
        """Whether it is TLS."""

@final
class WebSocketWriter(FrameWriter):
    """The way to send on a WebSocketLink (made by the link).

    While nothing is unsent, a message may have any size. Otherwise, the unsent bytes stay within
    *max_write_buffer*.
    """

    def __init__(self, link: LinkHooks, max_write_buffer: int) -> None: ...
    @property
    def link(self) -> LinkHooks | None:
        """The link that it writes for; None once its connection is gone."""
    @property
    def max_write_buffer(self) -> int: ...
    @property
    def unsent_bytes(self) -> int:
        """Bytes that the operating system has not taken yet."""
    def write(self, data: bytes, opcode: int) -> None:
        """Send one message (opcode 1: text, 2: binary). Raises DisconnectedError once the connection is
        closed or closing, and OverloadedError past max_write_buffer. Nothing was sent then."""
    def use_deflate(self, deflate: Callable[[bytes], bytes]) -> None:
        """Compress what is sent."""
