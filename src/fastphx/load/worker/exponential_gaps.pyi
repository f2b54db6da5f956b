from typing import final

@final
class ExponentialGaps:
    """Gaps between the arrivals of a Poisson process whose mean gap is 1: independent, and exponentially
    distributed. The same *seed* and *stream*, both of 64 bits with a sign, always give the same gaps; other
    streams of a seed are independent of it. Raises OverflowError for a larger number.
    """

    def __init__(self, seed: int, stream: int = 0) -> None: ...
    def take(self) -> float:
        """The next gap, from 0 to 36.7."""
