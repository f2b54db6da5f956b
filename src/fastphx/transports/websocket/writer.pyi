from collections.abc import Callable
from typing import final

from fastphx.protocol.sink import FrameWriter
from fastphx.transports.websocket.link_hooks import LinkHooks

@final
class WebSocketWriter(FrameWriter):
    """The way to send on a WebSocketLink (made by the link).

    A message of any size is taken while nothing is unsent; otherwise what is unsent stays within
    *max_write_buffer* bytes.
    """

    def __init__(self, link: LinkHooks, max_write_buffer: int) -> None: ...
    @property
    def link(self) -> LinkHooks:
        """Whose writer it is."""
    @property
    def max_write_buffer(self) -> int: ...
    @property
    def unsent_bytes(self) -> int:
        """What the operating system has not taken yet."""
    def write(self, data: bytes, opcode: int) -> None:
        """Send one message (opcode 1: text, 2: binary). Raises DisconnectedError once the connection is
        closed or closing, and OverloadedError past max_write_buffer; nothing was sent then."""
    def use_deflate(self, deflate: Callable[[bytes], bytes]) -> None:
        """Compress what is sent."""
