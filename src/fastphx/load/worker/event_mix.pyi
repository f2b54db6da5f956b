from typing import final

from fastphx.load.worker.random_bits import RandomBits

@final
class EventMix:
    """Several *events*, each with its payload (None: not the same for all sockets) and weight. They come in
    rounds, in which each stands as often as its weight says (in lowest terms), in an order that is drawn anew
    from *bits*: what is pushed has exactly these parts, and no socket or topic meets one event only because
    of its turn. Raises ValueError.
    """

    def __init__(self, events: list[tuple[bytes, bytes | None, int]], bits: RandomBits) -> None: ...
    def draw(self) -> int:
        """The number of the next event, which counts as pushed."""
    def give_back(self) -> None:
        """The last that was drawn was not sent: it comes later in its round."""
    @property
    def pushed(self) -> dict[str, int]:
        """How often each event has been pushed."""
