"""Full-jitter backoff: bounds, spread, and what it refuses."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.timing.backoff import full_jitter


class Highest(Random):
    def random(self) -> float:
        return 1.0


def test_the_bound_doubles_from_the_base_to_the_cap() -> None:
    bounds = [full_jitter(attempt, Highest()) for attempt in range(1, 13)]
    assert bounds == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30])


@given(st.integers(1, 10**6), st.floats(1e-3, 10), st.floats(10, 1e6), st.integers())
def test_every_delay_is_within_its_bound(attempt: int, base_s: float, cap_s: float, seed: int) -> None:
    delay_s = full_jitter(attempt, Random(seed), base_s=base_s, cap_s=cap_s)
    assert 0 <= delay_s <= cap_s
    if attempt < 10:
        assert delay_s <= base_s * 2 ** (attempt - 1)


def test_the_generator_alone_decides() -> None:
    delays = [full_jitter(5, Random(7)) for _ in range(3)]
    assert len(set(delays)) == 1
    random = Random(7)
    assert len({full_jitter(5, random) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("attempt", "base_s", "cap_s"),
    [
        (0, 0.1, 30),
        (-1, 0.1, 30),
        (1, 0, 30),
        (1, -1, 30),
        (1, 2, 1),
        (1, 0.1, float("inf")),
        (1, float("nan"), 1),
    ],
)
def test_nonsense_is_refused(attempt: int, base_s: float, cap_s: float) -> None:
    with pytest.raises(ValueError, match=r"attempt|backoff"):
        full_jitter(attempt, Random(), base_s=base_s, cap_s=cap_s)
