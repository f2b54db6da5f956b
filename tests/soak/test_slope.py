"""The soak's judgement: a slow leak is told from noise, and a warm-up is no leak."""

from __future__ import annotations

import random

import pytest

from tests.soak.slope import FIGURES, T_ALONE, slope_of, slopes_of

STEP_S = 5.0
SAMPLES = 720  # an hour


def noisy(an_hour: float, noise: float, warm_up: float = 0.0) -> list[tuple[float, float]]:
    """An hour of samples around 1,000, whose noise lasts longer than a sample does."""
    dice, drift, samples = random.Random(5), 0.0, []
    for number in range(SAMPLES):
        drift = 0.9 * drift + dice.gauss(0, noise)
        at_s = number * STEP_S
        samples.append((at_s, 1000 + an_hour * at_s / 3600 + drift - warm_up * max(0, 1 - at_s / 500)))
    return samples


def test_noise_does_not_grow() -> None:
    slope = slope_of(noisy(0, 3))
    assert not slope.grows_beyond(0)
    low, high = slope.interval(T_ALONE)
    assert low < 0 < high


def test_a_leak_is_seen_through_noise() -> None:
    slope = slope_of(noisy(30, 3))
    assert slope.grows_beyond(0)
    assert not slope.grows_beyond(60)
    low, high = slope.interval(T_ALONE)
    assert low < 30 < high


def test_what_fills_in_the_first_minutes_is_no_growth() -> None:
    assert not slope_of(noisy(0, 3, warm_up=500)).grows_beyond(0)


def test_a_short_run_tells_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        slope_of(noisy(0, 3)[:40])


def stepping(steps: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """An hour of samples that start at 1,000 and grow by each step from its minute on."""
    times_s = [number * STEP_S for number in range(SAMPLES)]
    return [(at_s, 1000 + sum(step for minute, step in steps if at_s >= minute * 60)) for at_s in times_s]


def test_a_page_now_and_then_is_no_growth() -> None:
    pages = stepping([(13, 4), (27, 4), (33, 4), (39, 12), (40, 4)])
    assert not slope_of(pages).grows_beyond(0)


@pytest.mark.parametrize("every_minutes", [1, 2, 4])
def test_a_page_again_and_again_is_growth(every_minutes: int) -> None:
    slope = slope_of(stepping([(minute, 4) for minute in range(1, 60, every_minutes)]))
    assert slope.grows_beyond(0)
    low, high = slope.interval(T_ALONE)
    assert low <= 240 / every_minutes <= high


def test_no_more_figures_are_judged_than_the_intervals_are_for() -> None:
    figures = {("part", str(number)): noisy(0, 3) for number in range(FIGURES)}
    assert len(slopes_of(figures)) == FIGURES
    figures["part", "one more"] = noisy(0, 3)
    with pytest.raises(ValueError, match="more than"):
        slopes_of(figures)
