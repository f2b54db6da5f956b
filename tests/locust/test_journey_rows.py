"""What a worker tells of a journey, in Locust's own statistics."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import bucket_response_time

from fastphx.load.locust.journey_rows import journey_rows
from fastphx.load.locust.statistics import merge
from fastphx.load.result.step_histogram import StepHistogram


def exported(values: list[int]) -> dict[str, Any]:
    histogram = StepHistogram()
    for value in values:
        histogram.record(value)
    return histogram.export()


def merged(*lines: dict[str, Any]) -> Environment:
    environment = Environment()
    for line in lines:
        merge(environment, journey_rows(line, "shop.py"), time.monotonic_ns())
    return environment


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=100))
def test_times_of_steps_agree_within_two_digits(values: list[int]) -> None:
    step = {"attempts": len(values), "ok": len(values), "histogram": exported(values)}
    entry = merged({"type": "stats", "steps": {"push echo": step}}).stats.get("echo", "push")
    assert sum(entry.response_times.values()) == entry.num_requests == len(values)
    ordered = sorted(values)
    for quantile in (0.5, 0.9, 0.99, 1.0):
        shown, place = entry.get_response_time_percentile(quantile), int(len(values) * quantile)
        lowest, highest = ordered[max(0, place - 1)], ordered[min(place, len(values) - 1)]
        assert (
            bucket_response_time(lowest / 1e6 * 0.99) <= shown <= bucket_response_time(highest / 1e6 * 1.01)
        )


def test_steps_are_requests_of_their_first_word_and_what_was_cut_has_no_time() -> None:
    step = {"attempts": 7, "ok": 4, "cut": 1, "bytes": 90, "reasons": {"timeout": 2}}
    environment = merged(
        {
            "type": "stats",
            "steps": {"push echo": {**step, "histogram": exported([10**6] * 4)}, "checkout": {"ok": 1}},
            "checks": {"answered": [3, 2]},
            "counts": {"visits": 5, "visits_ok": 2, "visits_failed": 2, "visits_cut": 1, "deliveries": 8},
            "histograms": {},
            "reasons": {"visit": {"script: KeyError at shop.py:3": 2}, "stop": {"Buyer goes on": 1}},
        },
        {"type": "steps", "steps": {"push echo": {"attempts": 1, "ok": 1, "histogram": exported([10**7])}}},
    )
    echo = environment.stats.get("echo", "push")
    assert (echo.num_requests, echo.num_failures, echo.num_none_requests) == (8, 2, 3)
    assert (echo.max_response_time, echo.total_content_length) == (10, 90)
    assert environment.stats.get("checkout", "step").num_requests == 1
    check = environment.stats.get("answered", "check")
    assert (check.num_requests, check.num_failures) == (5, 2)
    visit = environment.stats.get("shop.py", "visit")
    assert (visit.num_requests, visit.num_failures) == (5, 2)
    # Steps, what was delivered, and what is odd: neither visits nor checks.
    assert environment.stats.total.num_requests == 9 + 8 + 1
    assert environment.stats.get("deliver", "phx").num_requests == 8
    errors = {f"{e.method} {e.name}: {e.error}": e.occurrences for e in environment.stats.errors.values()}
    assert errors == {
        "push echo: timeout": 2,
        "check answered: check failed": 2,
        "visit shop.py: script: KeyError at shop.py:3": 2,
        "phx unexpected: Buyer goes on": 1,
    }
