import asyncio
from typing import final

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
