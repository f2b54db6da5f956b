from collections.abc import Callable
from typing import Final

TEXT: Final[int]
"""The opcode of a text message, as in RFC 6455 section 11.8, for every transport."""

BINARY: Final[int]
"""The opcode of a binary message."""

class FrameSink:
    """Takes whole messages from a transport (compiled; `on_frame` is a C method)."""

class FrameWriter:
    """Gives whole messages to a transport (compiled; `write_frame` is a C method)."""

class CallbackSink(FrameSink):
    """Hands each message to *callback(data, opcode, now_ns)*, as bytes that it may keep."""

    def __init__(self, callback: Callable[[bytes, int, int], object]) -> None: ...
    @property
    def callback(self) -> Callable[[bytes, int, int], object]: ...

class CallbackWriter(FrameWriter):
    """Hands each frame to *callback(data, opcode)*: the writer of a transport that is not compiled. The
    write raises what the callback raises."""

    def __init__(self, callback: Callable[[bytes, int], object]) -> None: ...
    @property
    def callback(self) -> Callable[[bytes, int], object]: ...
