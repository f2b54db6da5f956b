"""What a worker process tells, in Locust's own statistics."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import bucket_response_time

from fastphx.load.locust.journey_rows import journey_rows
from fastphx.load.locust.statistics import METHOD, merge, rows_of
from fastphx.load.result.histogram import Histogram
from tests.test_foreign_text import HOSTILE

QUANTILES = (0.5, 0.66, 0.9, 0.95, 0.99, 0.999, 1.0)


def exported(values: list[int]) -> dict[str, Any]:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram.export()


def line(counts: dict[str, int], **more: Any) -> dict[str, Any]:
    return {"type": "stats", "counts": counts, "histograms": {}, "reasons": {}, **more}


def merged(*lines: dict[str, Any], event: str = "echo") -> Environment:
    environment = Environment()
    for each in lines:
        merge(environment, rows_of(each, event), time.monotonic_ns())
    return environment


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=200), st.integers(1, 199))
def test_percentiles_agree_within_locusts_rounding(values: list[int], cut: int) -> None:
    parts = [part for part in (values[:cut], values[cut:]) if part]
    environment = merged(
        *(line({"replies": len(part)}, histograms={"rtt": exported(part)}) for part in parts)
    )
    entry = environment.stats.get("push echo", METHOD)
    whole = Histogram()
    for value in values:
        whole.record(value)
    assert entry.num_requests == len(values)
    assert sum(entry.response_times.values()) == len(values)
    ordered = sorted(values)
    for quantile in QUANTILES:
        # Locust takes the value at this place or one below it; a bucket is within a thousandth of its values.
        shown, place = entry.get_response_time_percentile(quantile), int(len(values) * quantile)
        lowest, highest = ordered[max(0, place - 1)], ordered[min(place, len(values) - 1)]
        assert bucket_response_time(lowest / 1e6 * 0.999) <= shown
        assert shown <= bucket_response_time(highest / 1e6 * 1.001)
    assert entry.min_response_time == min(values) / 1e6
    assert entry.max_response_time == max(values) / 1e6
    assert entry.avg_response_time == pytest.approx(sum(values) / len(values) / 1e6)


def test_what_fails_counts_with_its_reason_and_without_a_time() -> None:
    environment = merged(
        line(
            {"connections": 2, "connect_errors": 3, "replies": 1, "error_replies": 1, "lost_timeout": 2},
            histograms={"connect": exported([1_000_000] * 2), "rtt": exported([5_000_000] * 2)},
            reasons={"connect": {"refused": 2}},
        )
    )
    connect, push = (environment.stats.get(name, METHOD) for name in ("connect", "push echo"))
    assert (connect.num_requests, connect.num_failures, connect.num_none_requests) == (5, 3, 3)
    assert (push.num_requests, push.num_failures, push.num_none_requests) == (4, 3, 2)
    assert push.median_response_time == 5
    errors = {(error.name, error.error): error.occurrences for error in environment.stats.errors.values()}
    assert errors == {
        ("connect", "refused"): 2,
        ("connect", "given up"): 1,
        ("push echo", "error reply"): 1,
        ("push echo", "no reply in time"): 2,
    }
    assert environment.stats.total.num_requests == 9
    assert environment.stats.total.num_failures == 6


def test_deliveries_from_another_host_are_counted_and_not_timed() -> None:
    environment = merged(
        line(
            {"deliveries": 10, "foreign_deliveries": 4, "delivery_bytes": 1000},
            histograms={"delivery": exported([2_000_000] * 6)},
        ),
        event="new_msg",
    )
    own = environment.stats.get("deliver new_msg", METHOD)
    foreign = environment.stats.get("deliver new_msg (other host, not timed)", METHOD)
    assert (own.num_requests, own.num_none_requests, own.total_content_length) == (6, 0, 600)
    assert (foreign.num_requests, foreign.num_none_requests, foreign.total_content_length) == (4, 4, 400)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_server_says_is_text_in_every_table(text: str) -> None:
    environment = merged(
        line({"deliveries": 1}, event_counts={text: [1, 3]}),
        line({"join_errors": 1}, reasons={"join": {text: 1}}),
    )
    merge(environment, journey_rows({"steps": {text: {"ok": 1}}}, "shop.py"), time.monotonic_ns())
    names = [text for entry in environment.stats.entries.values() for text in (entry.name, entry.method)]
    reasons = [str(error.error) for error in environment.stats.errors.values()]
    assert len(names) == 6
    assert len(reasons) == 1
    assert all(each.isprintable() and len(each) < 25_000 for each in (*names, *reasons))


def test_deliveries_have_a_row_an_event() -> None:
    counts = {"deliveries": 5, "delivery_bytes": 70}
    environment = merged(line(counts, event_counts={"new_msg": [3, 40], "tick": [2, 30]}))
    assert environment.stats.get("deliver new_msg", METHOD).num_requests == 3
    assert environment.stats.get("deliver tick", METHOD).total_content_length == 30


def test_counts_stand_in_the_second_in_which_they_were_counted() -> None:
    environment = Environment()
    ago_s = 7
    merge(environment, rows_of(line({"casts": 5}), "e"), time.monotonic_ns() - ago_s * 10**9)
    (second,) = environment.stats.get("cast e", METHOD).num_reqs_per_sec
    assert abs(time.time() - ago_s - second) < 2
    assert environment.stats.total.num_reqs_per_sec == {second: 5}


def test_statistics_that_were_replaced_get_what_follows() -> None:
    environment = merged(line({"casts": 5}))
    environment.stats.clear_all()
    merge(environment, rows_of(line({"casts": 2}), "echo"), time.monotonic_ns())
    assert environment.stats.get("cast echo", METHOD).num_requests == 2
    assert environment.stats.total.num_requests == 2
