from typing import Any, Final

LOWEST_NS: Final = 1
HIGHEST_NS: Final[int]

class AbstractHistogram:
    """What every histogram here has: counts of values in nanoseconds, in HdrHistogram's bucket layout (lowest
    1 ns, highest 1 h). Values below 0 count as 0 and values above 1 h as 1 h.

    Source of the layout: HdrHistogram's AbstractHistogram.
    """

    def __len__(self) -> int: ...
    @property
    def significant_digits(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def sum_ns(self) -> int: ...
    @property
    def min_ns(self) -> int:
        """The exact smallest value; 0 while empty."""

    @property
    def max_ns(self) -> int:
        """The exact largest value; 0 while empty."""

    @property
    def mean_ns(self) -> float:
        """The exact mean; 0 while empty."""

    def percentile_ns(self, percentile: float) -> int:
        """HdrHistogram's value at *percentile* (0 to 100), never above the largest value; 0 while empty.
        Raises ValueError where it is no percentile.
        """

    def reset(self) -> None:
        """Count nothing anymore. Memory is kept for what comes."""

    def export(self) -> dict[str, Any]:
        """A JSON value: ``count``, ``sum_ns``, ``min_ns``, ``max_ns``, and ``counts``, a flat list of bucket
        index and count for every bucket that is not empty.
        """

    def add_export(self, exported: dict[str, Any]) -> None:
        """Add what `export` gave, of this process or another, of a histogram with as many digits. Raises
        ValueError, KeyError, TypeError or OverflowError for anything else, and then counts nothing.
        """
