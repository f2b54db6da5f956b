from typing import final

@final
class RandomBits:
    """xoshiro256++ of Blackman and Vigna. The same *seed* and *stream*, both of 64 bits with a sign, always
    give the same bits; other streams of a seed are independent of it. Raises OverflowError for a larger
    number.
    """

    def __init__(self, seed: int, stream: int = 0) -> None: ...
    def take(self) -> int:
        """The next 64 bits."""
