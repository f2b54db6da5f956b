from fastphx.load.result.abstract_histogram import AbstractHistogram

class StepHistogram(AbstractHistogram):
    """Two significant digits, for the many steps of a journey: under 100 bytes while empty, then 288 and
    1,024 for each half-bucket (a range from one value to its double) that was hit.
    """

    def __sizeof__(self) -> int: ...
    def record(self, value_ns: int) -> None: ...
    def add(self, other: StepHistogram) -> None: ...
