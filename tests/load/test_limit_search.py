"""The search for a limit, on servers that are worked out and not run."""

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.load.control.limit_search import MOST_SHRUNK, LimitSearch, Try
from fastphx.load.result.limit import Outcome
from tests.load.queue_of_one import limit_of_md1, sojourns

MOST_STEPS = 200


def run(search: LimitSearch, server: Callable[[float], Outcome]) -> list[tuple[Try, Outcome]]:
    """Each step of the search, and what came of it."""
    steps: list[tuple[Try, Outcome]] = []
    while search.next is not None:
        assert len(steps) < MOST_STEPS
        tried, outcome = search.next, server(search.next.load)
        steps.append((tried, outcome))
        search.record(outcome)
    return steps


def sharp(limit: float) -> Callable[[float], Outcome]:
    return lambda load: "held" if load <= limit else "broke"


def test_the_steps_of_a_search() -> None:
    search = LimitSearch(100.0, 0.1, 1e6)
    steps = run(search, sharp(700.0))
    assert [(tried.load, tried.purpose, outcome) for tried, outcome in steps] == [
        (100.0, "grow", "held"),
        (200.0, "grow", "held"),
        (400.0, "grow", "held"),
        (800.0, "grow", "broke"),
        (800.0, "grow", "broke"),
        (566.0, "bisect", "held"),
        (673.0, "bisect", "held"),
        (734.0, "bisect", "broke"),
        (734.0, "bisect", "broke"),
        (673.0, "confirm", "held"),
    ]
    assert (search.held, search.broke, search.is_confirmed, search.is_stable) == (673.0, 734.0, True, True)


@given(
    limit=st.floats(1.0, 1e6),
    first=st.floats(1.0, 1e6),
    precision=st.floats(0.01, 1.0),
)
def test_a_sharp_limit_is_found_within_the_precision(limit: float, first: float, precision: float) -> None:
    search = LimitSearch(first, precision, 1e9)
    run(search, sharp(limit))
    if search.held is None:
        # It was halved ten times, and is too much still.
        assert first / 2**MOST_SHRUNK > limit * 0.99
        return
    assert search.is_confirmed
    assert search.broke is not None
    assert search.held <= limit < search.broke
    # Three digits are as near as a load can be asked for.
    assert search.broke / search.held <= (1 + precision) * 1.011


@given(limit=st.integers(1, 10_000), first=st.integers(1, 10_000))
def test_connections_are_whole(limit: int, first: int) -> None:
    search = LimitSearch(first, 0.01, 1e6, is_whole=True)
    steps = run(search, sharp(limit))
    assert all(tried.load == int(tried.load) >= 1 for tried, _ in steps)
    if search.held is not None and search.broke is not None:
        assert search.held <= limit < search.broke
        assert search.broke <= max(search.held * 1.01, search.held + 1) + 1e-9


def test_four_hundred_connections() -> None:
    search = LimitSearch(100, 0.1, 1e6, is_whole=True)
    run(search, sharp(400))
    assert search.held == 400


def test_a_break_must_repeat() -> None:
    told: list[Outcome] = ["broke", "held", "held", "broke", "held", "broke"]
    search = LimitSearch(100.0, 0.1, 1e6)
    for outcome in told[:3]:
        assert search.next == Try(100.0, "grow")
        search.record(outcome)
    for outcome in told[3:]:
        assert search.next == Try(200.0, "grow")
        search.record(outcome)
    assert search.next == Try(141.0, "bisect")
    assert (search.held, search.broke) == (100.0, 200.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_limit(seed: int) -> None:
    random = Random(seed)
    search = LimitSearch(50.0, 0.1, 1e6)
    # A step breaks more and more probably around 1,000: at 900 every fifth does, at 1,100 four of five.
    run(search, lambda load: "broke" if random.random() < 1 / (1 + (1000 / load) ** 13) else "held")
    found = search.held if search.is_stable else search.broke
    assert found is not None
    assert 750 <= found <= 1250


def test_a_server_that_flips_is_not_stable() -> None:
    # It holds all until the limit is to be confirmed, and little from then on.
    search = LimitSearch(100.0, 0.1, 1e6)
    steps = run(
        search, lambda load: sharp(1000 if search.next and search.next.purpose != "confirm" else 300)(load)
    )
    confirmed = sorted({tried.load for tried, _ in steps if tried.purpose == "confirm"}, reverse=True)
    assert len(confirmed) == 1 + 3
    assert all(a / b == pytest.approx(1.1, rel=0.01) for a, b in pairwise(confirmed))
    assert not search.is_stable
    assert not search.is_confirmed
    assert (search.held, search.broke, search.once_held) == (None, confirmed[-1], confirmed[0])


def test_a_limit_that_fell_a_little_is_lowered_and_confirmed() -> None:
    search = LimitSearch(100.0, 0.1, 1e6)
    run(search, lambda load: sharp(1000 if search.next and search.next.purpose != "confirm" else 850)(load))
    assert search.is_confirmed
    assert search.held == 786.0
    assert search.broke == 865.0


def test_a_limit_beyond_this_machine() -> None:
    search = LimitSearch(100.0, 0.1, 1e6)
    run(search, lambda load: "held" if load <= 3000 else "own")
    assert search.is_confirmed
    assert search.held == pytest.approx(3000, rel=0.1)
    assert search.own_from == pytest.approx(3000, rel=0.1)
    assert search.broke is None


def test_a_break_below_what_this_machine_can_ask_for_is_the_servers() -> None:
    search = LimitSearch(100.0, 0.1, 1e6)
    run(search, lambda load: "held" if load <= 1900 else "broke" if load < 3000 else "own")
    assert search.own_from == 3200.0
    assert search.broke == pytest.approx(1900, rel=0.1)


def test_one_stall_of_this_machine_is_tried_again() -> None:
    stalls = iter(["own", "held", "broke", "own", "broke"])
    search = LimitSearch(100.0, 0.1, 1e6)
    for outcome in stalls:
        search.record(outcome)  # type: ignore[arg-type]
    assert (search.held, search.broke, search.own_from) == (100.0, 200.0, None)


def test_a_first_load_that_is_too_much_is_halved() -> None:
    search = LimitSearch(1000.0, 0.1, 1e6)
    steps = run(search, sharp(90.0))
    assert [tried.load for tried, _ in steps[:8:2]] == [1000.0, 500.0, 250.0, 125.0]
    assert search.held == pytest.approx(90, rel=0.1)
    search = LimitSearch(1000.0, 0.1, 1e6)
    steps = run(search, lambda _: "broke")
    assert (search.held, search.broke) == (None, steps[-1][0].load)
    assert len(steps) == 2 * (MOST_SHRUNK + 1)


def test_the_most_that_can_be_asked_for() -> None:
    search = LimitSearch(100.0, 0.1, 1000.0)
    steps = run(search, lambda _: "held")
    assert [tried.load for tried, _ in steps] == [100.0, 200.0, 400.0, 800.0, 1000.0, 1000.0]
    assert (search.held, search.broke, search.is_confirmed) == (1000.0, None, True)


@pytest.mark.parametrize("seed", range(5))
def test_the_p99_of_a_queue_of_one(seed: int) -> None:
    """Arrivals at random, 2 ms each, p99 of the sojourn below 20 ms: five searches, each within 15 %."""
    random = Random(seed)

    def step(rate: float) -> Outcome:
        # As many as leave 100 samples beyond the p99, after the first third.
        times = sorted(sojourns(rate, 0.002, 15_000, random)[5_000:])
        return "held" if times[int(0.99 * len(times))] < 0.020 else "broke"

    search = LimitSearch(50.0, 0.1, 1e6)
    run(search, step)
    limit = limit_of_md1(0.002, 0.99, 0.020)
    assert math.isclose(limit, 386.7, rel_tol=0.001)
    assert search.is_confirmed
    assert search.held == pytest.approx(limit, rel=0.15)
