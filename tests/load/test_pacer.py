"""The schedule of arrivals: evenly spaced, or a Poisson process that the seed decides."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from itertools import pairwise
from pathlib import Path

import pytest

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.worker.exponential_gaps import ExponentialGaps
from fastphx.load.worker.meter import Meter
from fastphx.load.worker.pacer import Pacer
from fastphx.load.worker.random_bits import RandomBits
from fastphx.timing.wheel import wheel_for

from .processes import load_process

DEADLINE_S = 20.0
SAMPLE = 200_000
TICK_NS = 1_000_000
SECOND_NS = 1_000_000_000


class Arrivals:
    """The owner of a meter whose arrivals are connections: notes when each was due."""

    def __init__(self) -> None:
        self.due_ns: list[int] = []

    def open_arrival(self, due_ns: int) -> bool:
        self.due_ns.append(due_ns)
        return True


async def schedule_of(steps: list[tuple[float, int]], gaps: ExponentialGaps | None = None) -> list[int]:
    """When the arrivals of *steps* are due, from the start. They were due before now, so that none is waited
    for."""
    arrivals, loop, ended = Arrivals(), asyncio.get_running_loop(), asyncio.Event()
    meter = Meter(
        arrivals,
        wheel_for(loop),
        event=b"echo",
        payload=b"{}",
        timeout_s=1.0,
        join_timeout_s=1.0,
        opens=True,
    )
    start_ns = time.monotonic_ns() - sum(duration_ns for _, duration_ns in steps) - SECOND_NS
    pacer = Pacer(meter, steps, 0.5, ended.set, gaps)
    pacer.start(start_ns)
    async with asyncio.timeout(DEADLINE_S):
        await ended.wait()
    assert meter.counts["arrivals"] == len(arrivals.due_ns)
    return [due_ns - start_ns for due_ns in arrivals.due_ns]


def kolmogorov_smirnov(sample: list[float]) -> float:
    """The largest distance of the sample's distribution from the exponential one with mean 1."""
    ordered, size = sorted(sample), len(sample)
    expected = [-math.expm1(-value) for value in ordered]
    return max(max(at / size - part, part - (at - 1) / size) for at, part in enumerate(expected, 1))


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (0, 1), (-1, 0), (7, 3), (2**63 - 1, 1023)])
def test_gaps_are_exponential_and_independent(seed: int, stream: int) -> None:
    gaps = ExponentialGaps(RandomBits(seed, stream))
    sample = [gaps.take() for _ in range(SAMPLE)]
    # Four standard errors each; of an exponential distribution mean and variance are 1, the fourth central
    # moment is 9.
    assert statistics.fmean(sample) == pytest.approx(1, abs=4 / math.sqrt(SAMPLE))
    assert statistics.variance(sample) == pytest.approx(1, abs=4 * math.sqrt(8 / SAMPLE))
    # In one of 1,000 samples it is more than 1.95 / sqrt(n).
    assert kolmogorov_smirnov(sample) < 1.95 / math.sqrt(SAMPLE)
    assert abs(statistics.correlation(sample[:-1], sample[1:])) < 4 / math.sqrt(SAMPLE)
    assert min(sample) >= 0


def test_streams_of_a_seed_and_seeds_of_a_stream_have_nothing_in_common() -> None:
    streams = [
        ExponentialGaps(RandomBits(seed, stream))
        for seed, stream in ((0, 0), (0, 1), (1, 0), (1, 1), (-1, 0))
    ]
    samples = [[gaps.take() for _ in range(10_000)] for gaps in streams]
    for number, sample in enumerate(samples):
        for other in samples[:number]:
            assert abs(statistics.correlation(sample, other)) < 0.04


def test_the_bits_are_those_of_xoshiro256_plus_plus() -> None:
    # The published algorithm, in Python's integers.
    mask = 2**64 - 1

    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & mask
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & mask
        return bits ^ (bits >> 31)

    def rotated(bits: int, by: int) -> int:
        return (bits << by | bits >> (64 - by)) & mask

    golden, state = 0x9E3779B97F4A7C15, []
    seeded = mixed(mixed((-5 + golden) & mask) ^ (3 * golden & mask))
    for _ in range(4):
        seeded = (seeded + golden) & mask
        state.append(mixed(seeded))
    drawn, gaps = RandomBits(-5, 3), ExponentialGaps(RandomBits(-5, 3))
    for _ in range(100):
        bits = (rotated((state[0] + state[3]) & mask, 23) + state[0]) & mask
        shifted = state[1] << 17 & mask
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = rotated(state[3], 45)
        assert drawn.take() == bits
        assert gaps.take() == pytest.approx(-math.log(((bits >> 11) + 1) / 2**53), rel=1e-12)


async def test_without_poisson_arrivals_are_evenly_spaced() -> None:
    due_ns = await schedule_of([(100.0, SECOND_NS), (0.0, SECOND_NS), (500.0, SECOND_NS)])
    assert len(due_ns) == 600
    assert due_ns[:3] == [5 * TICK_NS, 15 * TICK_NS, 25 * TICK_NS]
    assert due_ns[100:103] == [2001 * TICK_NS, 2003 * TICK_NS, 2005 * TICK_NS]


async def test_the_seed_decides_a_poisson_schedule() -> None:
    steps = [(300.0, SECOND_NS)]
    first = await schedule_of(steps, ExponentialGaps(RandomBits(1, 0)))
    assert await schedule_of(steps, ExponentialGaps(RandomBits(1, 0))) == first
    assert await schedule_of(steps, ExponentialGaps(RandomBits(1, 1))) != first
    assert await schedule_of(steps, ExponentialGaps(RandomBits(2, 0))) != first


async def test_a_poisson_schedule_has_the_rates_of_its_steps() -> None:
    rates = (2_000.0, 0.0, 20_000.0, 500.0)
    due_ns = await schedule_of([(rate, 2 * SECOND_NS) for rate in rates], ExponentialGaps(RandomBits(3)))
    assert due_ns == sorted(due_ns)
    assert all(due % TICK_NS == 0 for due in due_ns)
    for number, rate in enumerate(rates):
        arrived = [due for due in due_ns if 0 < due - 2 * number * SECOND_NS <= 2 * SECOND_NS]
        assert len(arrived) == pytest.approx(2 * rate, abs=4 * math.sqrt(2 * rate))
        if rate:
            # The counts of equal times have the variance of their mean; of an even schedule they have none.
            counts = [0] * 200
            for due in arrived:
                counts[(due - 2 * number * SECOND_NS - 1) // (10 * TICK_NS)] += 1
            dispersion = statistics.variance(counts) / statistics.fmean(counts)
            assert dispersion == pytest.approx(1, abs=4 * math.sqrt(2 / 200))
    between = [later - earlier for earlier, later in pairwise(due_ns)]
    assert max(between) > 2 * SECOND_NS


async def test_a_rate_that_is_hardly_any_brings_nothing() -> None:
    assert await schedule_of([(1e-300, SECOND_NS)]) == []
    assert await schedule_of([(1e-300, SECOND_NS)], ExponentialGaps(RandomBits(0))) == []


async def test_a_run_follows_the_schedules_of_its_workers(tmp_path: Path) -> None:
    run = load_process(
        tmp_path,
        *("--poisson", "--seed", "3", "--rate", "300", "--duration", "1s", "-c", "4", "--workers", "2", "-q"),
    )
    assert run.code == 0, run.err
    schedules = [
        await schedule_of([(150.0, SECOND_NS)], ExponentialGaps(RandomBits(3, index))) for index in (0, 1)
    ]
    assert run.totals["arrivals"] == sum(map(len, schedules)) != 300
    assert run.totals["replies"] == run.totals["arrivals"]
    assert run.result is not None
    assert run.result["plan"]["poisson"] is True


def test_a_plan_says_it() -> None:
    plan = Plan.from_mapping({"poisson": True, "rate": "10/s:5s,20/s:5s"})
    assert plan.public_mapping()["poisson"] is True
    assert Plan.from_mapping(plan.to_mapping()) == plan
    with pytest.raises(PlanError, match="either poisson or a think time"):
        Plan.from_mapping({"poisson": True, "think_time": "1s"})
    with pytest.raises(PlanError, match="neither true nor false"):
        Plan.from_mapping({"poisson": "yes"})
