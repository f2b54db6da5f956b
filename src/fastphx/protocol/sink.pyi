from collections.abc import Callable

class FrameSink:
    """Takes whole messages off a transport (compiled; `on_frame` is a C method)."""

class FrameWriter:
    """Puts whole messages on a transport (compiled; `write_frame` is a C method)."""

class CallbackSink(FrameSink):
    """Hands each message to *callback(data, opcode, now_ns)*, as bytes that it may keep."""

    def __init__(self, callback: Callable[[bytes, int, int], object]) -> None: ...
    @property
    def callback(self) -> Callable[[bytes, int, int], object]: ...
