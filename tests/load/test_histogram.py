"""The histogram in C is HdrHistogram's: the package reads it, and finds the same percentiles."""

from __future__ import annotations

import io

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from fastphx.load.result.hdr import to_hdr
from fastphx.load.result.histogram import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS, Histogram

VALUES = st.lists(st.integers(0, HIGHEST_NS), max_size=60)
PERCENTILES = (0.1, 50.0, 90.0, 99.0, 99.9, 100.0)


def recorded(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(VALUES)
def test_counts_lie_in_the_same_buckets_as_the_package_puts_them(values: list[int]) -> None:
    theirs = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
    for value in values:
        assert theirs.record_value(value)
    ours = recorded(values).export()["counts"]
    index_to_count = dict(zip(ours[::2], ours[1::2], strict=True))
    assert index_to_count == {i: theirs.counts[i] for i in range(theirs.counts_len) if theirs.counts[i]}


@given(VALUES.filter(bool))
def test_percentiles_agree_with_the_package(values: list[int]) -> None:
    ours = recorded(values)
    theirs = to_hdr(ours)
    assert theirs.get_total_count() == len(ours) == len(values)
    for percentile in PERCENTILES:
        expected = min(theirs.get_value_at_percentile(percentile), max(values))
        assert ours.percentile_ns(percentile) == expected
    assert (ours.min_ns, ours.max_ns) == (min(values), max(values))
    assert ours.mean_ns == pytest.approx(sum(values) / len(values))


@given(VALUES, VALUES)
def test_adding_an_export_is_recording_both(first: list[int], second: list[int]) -> None:
    merged = recorded(first)
    merged.add_export(recorded(second).export())
    assert merged.export() == recorded(first + second).export()
    added = recorded(first)
    added.add(recorded(second))
    assert added.export() == merged.export()


def test_values_out_of_range_are_kept_at_its_ends() -> None:
    histogram = recorded([-5, HIGHEST_NS * 2])
    assert (histogram.min_ns, histogram.max_ns, histogram.count) == (0, HIGHEST_NS, 2)


def test_reset_leaves_nothing_behind() -> None:
    histogram = recorded([1, 10_000, HIGHEST_NS])
    histogram.reset()
    assert histogram.export() == Histogram().export()
    assert histogram.percentile_ns(99) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1]},
        {"counts": [-1, 1]},
        {"counts": [10**9, 1]},
        {"counts": [50, 1]},
        {"max_ns": HIGHEST_NS * 4},
        {"min_ns": -1},
    ],
)
def test_an_export_that_is_not_one_is_refused_and_counts_nothing(change: dict[str, object]) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="exported histogram"):
        histogram.add_export({**recorded([10, 20]).export(), **change})
    assert histogram.export() == Histogram().export()


def test_the_package_writes_the_percentile_distribution() -> None:
    out = io.BytesIO()
    to_hdr(recorded([1_000_000] * 99 + [5_000_000])).output_percentile_distribution(out, 1e6)
    assert b"#[Max     =        5.001, TotalCount     =      100.000]" in out.getvalue()
