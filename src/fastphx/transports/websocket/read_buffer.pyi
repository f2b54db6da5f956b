from typing import final

class LoopProtocol:
    """What the compiled protocols of a loop have in common (compiled)."""

@final
class ReadBuffer:
    """Memory that all sockets of a loop read into, one after the other."""
