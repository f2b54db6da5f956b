from typing import final

from fastphx.load.worker.random_bits import RandomBits

@final
class ExponentialGaps:
    """Gaps between the arrivals of a Poisson process whose mean gap is 1, drawn from *bits*: independent, and
    exponentially distributed."""

    def __new__(cls, bits: RandomBits) -> ExponentialGaps: ...
    def take(self) -> float:
        """The next gap, from 0 to 36.7."""
