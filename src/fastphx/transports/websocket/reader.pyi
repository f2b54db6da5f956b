import asyncio
from collections.abc import Callable

from fastphx.protocol.sink import FrameSink
from fastphx.transports.websocket.client_handshake import ClientHandshake
from fastphx.transports.websocket.link_hooks import LinkHooks
from fastphx.transports.websocket.read_buffer import LoopProtocol

BODY_WAIT_S: float
"""How long to wait for the body of a refusal, which explains it."""

class MessageReader(LoopProtocol, asyncio.BufferedProtocol):
    """Hands the answer to the handshake, and cuts what follows into messages (compiled)."""

    def __init__(
        self,
        link: LinkHooks,
        sink: FrameSink,
        handshake: ClientHandshake,
        loop: asyncio.AbstractEventLoop,
        max_message_size: int,
    ) -> None: ...
    @property
    def refusal(self) -> bytes | None:
        """The answer that refuses the handshake: its head, and as much of the first 2 KiB of its body as came
        within BODY_WAIT_S."""
    def use_inflate(self, inflate: Callable[[bytes], bytes]) -> None:
        """Inflate what is received with RSV1 set."""
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, count: int) -> None: ...
