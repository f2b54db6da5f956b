"""The histograms in C are HdrHistogram's: the package reads them, and finds the same percentiles."""

from __future__ import annotations

import io
import sys
import zlib
from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastphx.load.result.abstract_histogram import HIGHEST_NS, LOWEST_NS
from fastphx.load.result.error import ResultError
from fastphx.load.result.hdr import HdrHistogram, decode, encode, to_hdr
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.latency import latency_mapping
from fastphx.load.result.step_histogram import StepHistogram

Kind = type[Histogram | StepHistogram]

# As many small ones as large ones: a bucket is as wide as the ones before it together.
VALUES = st.lists(st.integers(0, HIGHEST_NS) | st.integers(0, 100_000), max_size=60)
PERCENTILES = (0.1, 50.0, 90.0, 99.0, 99.9, 100.0)
KINDS = pytest.mark.parametrize("kind", [Histogram, StepHistogram])
# The package is in Python: it makes a list of all buckets each time, and walks through it.
FEWER = settings(max_examples=30)


def recorded(values: list[int], kind: Kind = Histogram) -> Histogram | StepHistogram:
    histogram = kind()
    for value in values:
        histogram.record(value)
    return histogram


@KINDS
@FEWER
@given(VALUES)
def test_counts_lie_in_the_same_buckets_as_the_package_puts_them(kind: Kind, values: list[int]) -> None:
    theirs = HdrHistogram(LOWEST_NS, HIGHEST_NS, kind().significant_digits)
    for value in values:
        assert theirs.record_value(value)
    ours = recorded(values, kind).export()["counts"]
    index_to_count = dict(zip(ours[::2], ours[1::2], strict=True))
    assert index_to_count == {i: theirs.counts[i] for i in range(theirs.counts_len) if theirs.counts[i]}


@KINDS
@FEWER
@given(VALUES.filter(bool))
def test_percentiles_agree_with_the_package(kind: Kind, values: list[int]) -> None:
    ours = recorded(values, kind)
    theirs = to_hdr(ours)
    assert theirs.get_total_count() == len(ours) == len(values)
    for percentile in PERCENTILES:
        expected = min(theirs.get_value_at_percentile(percentile), max(values))
        assert ours.percentile_ns(percentile) == expected
    assert (ours.min_ns, ours.max_ns) == (min(values), max(values))
    assert ours.mean_ns == pytest.approx(sum(values) / len(values))


@KINDS
@given(VALUES, VALUES)
def test_adding_an_export_is_recording_both(kind: Kind, first: list[int], second: list[int]) -> None:
    both = recorded(first + second, kind).export()
    merged = recorded(first, kind)
    merged.add_export(recorded(second, kind).export())
    assert merged.export() == both
    added = recorded(first, kind)
    added.add(recorded(second, kind))  # type: ignore[arg-type]
    assert added.export() == both


@KINDS
def test_values_out_of_range_are_kept_at_its_ends(kind: Kind) -> None:
    histogram = recorded([-5, HIGHEST_NS * 2], kind)
    assert (histogram.min_ns, histogram.max_ns, histogram.count) == (0, HIGHEST_NS, 2)


@KINDS
def test_reset_leaves_nothing_behind(kind: Kind) -> None:
    histogram = recorded([1, 10_000, HIGHEST_NS], kind)
    histogram.reset()
    assert histogram.export() == kind().export()
    assert histogram.percentile_ns(99) == 0
    for value in (0, 10_001, HIGHEST_NS):
        histogram.record(value)
    assert histogram.export() == recorded([0, 10_001, HIGHEST_NS], kind).export()


def test_a_steps_histogram_takes_memory_for_what_it_was_hit_by() -> None:
    histogram = StepHistogram()
    empty = sys.getsizeof(histogram)
    assert empty < 128
    sizes = []
    for value in (1_000_000, 1_000_001, 5_000_000, 0):
        histogram.record(value)
        sizes.append(sys.getsizeof(histogram) - empty)
    table = 36 * 8
    assert sizes == [table + 1024, table + 1024, table + 2048, table + 3072]


def test_histograms_of_other_digits_are_not_added() -> None:
    with pytest.raises(TypeError):
        Histogram().add(StepHistogram())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        StepHistogram().add(Histogram())  # type: ignore[arg-type]


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
@KINDS
def test_an_export_that_is_not_one_is_refused_and_counts_nothing(
    kind: Kind, change: dict[str, object]
) -> None:
    histogram = kind()
    with pytest.raises(ValueError, match="exported histogram"):
        histogram.add_export({**recorded([10, 20], kind).export(), **change})
    assert histogram.export() == kind().export()


def test_the_package_writes_the_percentile_distribution() -> None:
    out = io.BytesIO()
    to_hdr(recorded([1_000_000] * 99 + [5_000_000])).output_percentile_distribution(out, 1e6)
    assert b"#[Max     =        5.001, TotalCount     =      100.000]" in out.getvalue()


def encoded(body: bytes) -> str:
    """*body* as the package writes what it has compressed."""
    packed = zlib.compress(body)
    return b64encode(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed).decode()


@settings(max_examples=8)
@given(VALUES.filter(bool))
def test_a_histogram_as_text_is_the_same(values: list[int]) -> None:
    ours = recorded(values)
    theirs, again = to_hdr(ours), decode(encode(ours), latency_mapping(ours))
    assert list(again.counts) == list(theirs.counts)
    assert (again.min_value, again.max_value) == (ours.min_ns, ours.max_ns)
    outputs = [io.BytesIO(), io.BytesIO()]
    for hdr, out in zip((theirs, again), outputs, strict=True):
        hdr.output_percentile_distribution(out, 1e6)
    assert outputs[0].getvalue() == outputs[1].getvalue()


def test_what_is_no_histogram_is_an_error() -> None:
    ours = recorded([1_000_000] * 3)
    figures, text = latency_mapping(ours), encode(ours)
    body = zlib.decompress(b64decode(text)[8:])
    assert decode(encoded(body), figures).total_count == 3
    bomb = encoded(body + bytes(100 << 20))
    five_digits = encoded(body[:12] + (5).to_bytes(4, "big") + body[16:])
    past_the_end = encoded(body + b"\x02" * 100_000)
    for damaged in ("", "=", "é", text[:-8], text + "AAAA", bomb, five_digits, past_the_end):
        with pytest.raises(ResultError, match="a histogram cannot be read"):
            decode(damaged, figures)
    for others in ({}, {**figures, "count": 4}, {"count": 3}, {**figures, "max": "x"}):
        with pytest.raises(ResultError, match="a histogram cannot be read"):
            decode(text, others)
