"""A writer that keeps the frames that a session writes."""

from fastphx.protocol.sink import CallbackWriter


class CollectingWriter(CallbackWriter):
    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        super().__init__(lambda data, opcode: self.frames.append((opcode, data)))
