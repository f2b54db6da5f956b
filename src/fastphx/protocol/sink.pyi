from collections.abc import Callable
from typing import Final

TEXT: Final[int]
"""The opcode of a message that is text, as in RFC 6455 section 11.8 whatever the transport."""

BINARY: Final[int]
"""The opcode of a message that is bytes."""

class FrameSink:
    """Takes whole messages off a transport (compiled; `on_frame` is a C method)."""

class FrameWriter:
    """Puts whole messages on a transport (compiled; `write_frame` is a C method)."""

class CallbackSink(FrameSink):
    """Hands each message to *callback(data, opcode, now_ns)*, as bytes that it may keep."""

    def __init__(self, callback: Callable[[bytes, int, int], object]) -> None: ...
    @property
    def callback(self) -> Callable[[bytes, int, int], object]: ...

class CallbackWriter(FrameWriter):
    """Hands each frame to *callback(data, opcode)*: the writer of a transport that is not compiled. What the
    callback raises is what the write raises."""

    def __init__(self, callback: Callable[[bytes, int], object]) -> None: ...
    @property
    def callback(self) -> Callable[[bytes, int], object]: ...
