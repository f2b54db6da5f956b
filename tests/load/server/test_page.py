"""A metrics page: names as it has them, rates, quantiles, restarts; and pages that are none."""

from __future__ import annotations

import math
import random

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.server.interval import Buckets, Interval
from fastphx.load.server.names import usual_metrics
from fastphx.load.server.page import MAX_BUCKETS, MAX_METRICS, MAX_SAMPLES, Page, PageError, read_page
from fastphx.load.server.rates import Rates

PHOENIX = """\
# HELP vm_memory_total_bytes
# TYPE vm_memory_total_bytes gauge
vm_memory_total_bytes 30899240
# TYPE vm_total_run_queue_lengths_total gauge
vm_total_run_queue_lengths_total 3
# TYPE phoenix_channel_joined_duration_milliseconds histogram
phoenix_channel_joined_duration_milliseconds_bucket{le="1"} 5
phoenix_channel_joined_duration_milliseconds_bucket{le="10"} 9
phoenix_channel_joined_duration_milliseconds_bucket{le="+Inf"} 10
phoenix_channel_joined_duration_milliseconds_sum 41.5
phoenix_channel_joined_duration_milliseconds_count 10
# TYPE other_total counter
other_total 4
"""


def asked(*texts: str) -> list[ServerMetric]:
    return [ServerMetric.parse(text) for text in texts]


def read(text: str, *texts: str) -> Page:
    return read_page(text, asked(*texts))


def between(before: str, now: str, *texts: str, seconds: float = 2.0) -> Interval:
    """What happened from one page to the next, *seconds* later."""
    rates = Rates()
    rates.add(read(before, *texts), 10.0, 0.001)
    return rates.add(read(now, *texts), 10.0 + seconds, 0.001)


def counter(*values: float) -> str:
    lines = [f'c{{node="{number}"}} {value}' for number, value in enumerate(values)]
    return "\n".join(["# TYPE c counter", *lines, ""])


def histogram(*counts: float, total: float = 0.0, bounds: tuple[str, ...] = ("1", "2", "4", "+Inf")) -> str:
    lines = [f'h_bucket{{le="{le}"}} {count}' for le, count in zip(bounds, counts, strict=True)]
    return "\n".join(["# TYPE h histogram", *lines, f"h_sum {total}", f"h_count {counts[-1]}", ""])


def test_a_bucket_below_minus_infinity_or_no_number_is_no_bucket() -> None:
    bounds = ("-Inf", "NaN", "1", "+Inf")
    interval = between(histogram(0, 0, 0, 0, bounds=bounds), histogram(10, 5, 10, 20, bounds=bounds), "h")
    buckets = interval.values["h"]
    assert isinstance(buckets, Buckets)
    assert buckets.bounds == (1.0, math.inf)
    assert buckets.quantile(0.5) == (1.0, 1.0)


def test_the_usual_metrics_are_found_and_others_are_asked_for() -> None:
    page = read(PHOENIX)
    assert {name: series.kind for name, series in page.metrics.items()} == {
        "vm_memory_total_bytes": "gauge",
        "vm_total_run_queue_lengths_total": "gauge",
        "phoenix_channel_joined_duration_milliseconds": "histogram",
    }
    page = read(PHOENIX, "other_total", "gone")
    assert page.metrics["other_total"].kind == "counter"
    assert page.missing == ("gone",)


@pytest.mark.parametrize(
    "name",
    [
        "vm_memory_total",
        "vm_system_counts_process_count",
        "shop_prom_ex_beam_memory_allocated_bytes",
        "shop_prom_ex_beam_stats_run_queue_count",
        "shop_prom_ex_ecto_repo_query_queue_time_milliseconds",
        "shop_repo_query_total_time",
        "shop_prom_ex_phoenix_channel_handled_in_duration_milliseconds",
        "erlang_vm_statistics_run_queues_length_total",
    ],
)
def test_a_usual_name_is_recognised(name: str) -> None:
    assert [each.name for each in usual_metrics(name)] == [name]


def test_what_only_means_something_by_its_label_is_split() -> None:
    page = read(
        'erlang_vm_memory_bytes_total{kind="system"} 7\nerlang_vm_memory_bytes_total{kind="processes"} 5\n'
    )
    values = {name: list(series.values.values()) for name, series in page.metrics.items()}
    assert values == {
        'erlang_vm_memory_bytes_total{kind="processes"}': [5.0],
        'erlang_vm_memory_bytes_total{kind="system"}': [7.0],
    }


@pytest.mark.parametrize("name", ["go_memstats", "my_vm_memory_totals", "vm_memory", "phoenix_duration"])
def test_another_name_is_not(name: str) -> None:
    assert usual_metrics(name) == ()


@pytest.mark.parametrize(
    ("on_page", "name", "kind"),
    [
        ("# TYPE hits counter\nhits 3\n", "hits", "counter"),
        ("# TYPE hits counter\nhits 3\n", "hits_total", "counter"),
        ("# TYPE hits_total counter\nhits_total 3\n", "hits_total", "counter"),
        ("# TYPE hits_total counter\nhits_total 3\n", "hits", "counter"),
        ("# TYPE hits counter\nhits_total 3\n# EOF\n", "hits_total", "counter"),
        ("# TYPE hits_total gauge\nhits_total 3\n", "hits_total", "gauge"),
        ("hits_total 3\n", "hits_total", "gauge"),
        ("# TYPE h summary\nh_sum 1\nh_count 3\n", "h_count", "counter"),
    ],
)
def test_a_name_is_first_the_pages_own(on_page: str, name: str, kind: str) -> None:
    page = read(on_page, name)
    assert page.metrics[name].kind == kind
    assert list(page.metrics[name].values.values()) == [3.0]


def test_the_pages_own_name_goes_before_one_with_another_ending() -> None:
    text = "# TYPE hits counter\nhits 3\n# TYPE hits_total counter\nhits_total 8\n"
    page = read(text, "hits", "hits_total")
    assert [list(series.values.values()) for series in page.metrics.values()] == [[3.0], [8.0]]


def test_labels_select_else_counters_are_summed_and_gauges_take_their_maximum() -> None:
    one, other = counter(10, 20) + 'g{n="a"} 4\ng{n="b"} 9\n', counter(14, 30) + 'g{n="a"} 5\ng{n="b"} 3\n'
    interval = between(one, other, "c", 'c{node="0"}', "g", 'g{n="b"}')
    assert interval.values == {"c": 7.0, 'c{node="0"}': 2.0, "g": 5.0, 'g{n="b"}': 3.0}
    assert interval.increases == {"c": 14.0, 'c{node="0"}': 4.0}


@pytest.mark.parametrize("text", ["", "1a", "a{", 'a{b="c}', "a{b=c}", 'a{b="c"} 1', "a b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="is no metric's name"):
        ServerMetric.parse(text)


def test_labels_may_have_quotes_and_commas() -> None:
    metric = ServerMetric.parse(r'a{b="x,\"y\\",c="}"}')
    assert metric.labels == (("b", 'x,"y\\'), ("c", "}"))
    assert read(r'a{b="x,\"y\\",c="}"} 5' + "\n", metric.text).metrics[metric.text].values


def test_a_counter_that_falls_is_a_restart_and_has_no_rate() -> None:
    interval = between(counter(10, 20), counter(14, 3), "c")
    assert (interval.values, interval.restarted) == ({}, ("c",))
    interval = between(counter(10), counter(10, 6), "c")
    assert (interval.values, interval.restarted) == ({"c": 3.0}, ())


def test_the_first_reading_has_gauges_and_no_rate() -> None:
    first = Rates().add(read(PHOENIX, "other_total"), 5.0, 0.002)
    assert set(first.values) == {"vm_memory_total_bytes", "vm_total_run_queue_lengths_total"}
    assert (first.length_s, first.restarted) == (0.0, ())


def test_a_histogram_gives_the_quantiles_of_its_interval_with_the_buckets_width() -> None:
    interval = between(histogram(100, 100, 100, 100), histogram(100, 160, 200, 200, total=200.0), "h")
    found = interval.values["h"]
    assert isinstance(found, Buckets)
    assert (found.counts, found.count, found.mean) == ((0.0, 60.0, 40.0, 0.0), 100.0, 2.0)
    assert found.quantile(0.5) == (pytest.approx(1 + 50 / 60), 1.0)
    assert found.quantile(0.99) == (pytest.approx(2 + 2 * 39 / 40), 2.0)


def test_beyond_the_last_bound_a_quantile_has_no_width() -> None:
    found = between(histogram(0, 0, 0, 0), histogram(1, 1, 1, 10), "h").values["h"]
    assert isinstance(found, Buckets)
    assert found.quantile(0.99) == (4.0, None)
    assert Buckets((), (), 0.0).quantile(0.5) == (None, None)


def test_a_histogram_that_falls_is_a_restart() -> None:
    interval = between(histogram(5, 5, 5, 5), histogram(1, 1, 1, 1), "h")
    assert (interval.values, interval.restarted) == ({}, ("h",))


def test_quantiles_lie_within_their_bucket_of_the_true_ones() -> None:
    draw = random.Random(7)
    registry = CollectorRegistry()
    seen = Histogram("h", "", buckets=[0.5 * number for number in range(1, 60)], registry=registry)
    hits, level = Counter("hits", "", registry=registry), Gauge("level", "", registry=registry)
    before = generate_latest(registry).decode()
    values = sorted(draw.expovariate(0.4) for _ in range(2000))
    for value in values:
        seen.observe(value)
    hits.inc(30)
    level.set(-2)
    interval = between(before, generate_latest(registry).decode(), "h", "hits_total", "level")
    found = interval.values["h"]
    assert isinstance(found, Buckets)
    assert found.mean == pytest.approx(sum(values) / 2000)
    for part in (0.5, 0.95, 0.99):
        value, width = found.quantile(part)
        assert value is not None
        assert abs(value - values[math.ceil(part * 2000) - 1]) <= (width or 0)
    assert (interval.values["hits_total"], interval.values["level"]) == (15.0, -2.0)


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>hello</body></html>",
        '{"up": 1}',
        "a" * 20_000 + " 1",
        'c{node="1" 3\n',
        "c three\n",
        f"c {'1' * 400}\n",
        'c{node="' + "x" * 20_000 + '"} 1\n',
        "c \n",
        'c{node="1"}\n',
        "c{" + "\\" * 9000 + "} 1\n",
    ],
)
def test_what_is_no_page_is_an_error(text: str) -> None:
    with pytest.raises(PageError):
        read(text, "c", "h")


def test_a_broken_line_of_what_is_not_asked_for_does_no_harm() -> None:
    assert read(f"other{{ 1\n{counter(3)}", "c").metrics["c"].values


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e300"])
def test_what_is_no_number_is_left_out(value: str) -> None:
    assert read(f"c {value}\n", "c").missing == ("c",)


def test_an_odd_end_of_a_line_may_stand_in_a_label() -> None:
    metric = read('c{a="x\u2028\x85y"} 3\r\n', "c").metrics["c"]
    assert metric.values == {(("a", "x\u2028\x85y"),): 3.0}


def test_an_empty_page_has_nothing() -> None:
    assert read("", "c").metrics == {}


def test_a_huge_page_is_bounded() -> None:
    page = read(counter(*range(MAX_SAMPLES + 5)), "c")
    assert (len(page.metrics["c"].values), page.left_out) == (MAX_SAMPLES, 5)
    long = f'c{{node="{"x" * 4000}"}} 1\n' * 300
    assert read(long, "c").left_out > 30
    bounds = tuple(map(str, range(MAX_BUCKETS + 1)))
    with pytest.raises(PageError, match=r"'h' has more than 1,000 buckets"):
        read(histogram(*range(MAX_BUCKETS + 1), bounds=bounds), "h")
    many = "".join(f"a{number}_vm_memory_total 1\n" for number in range(MAX_METRICS + 3))
    page = read(many)
    assert (len(page.metrics), page.left_out) == (MAX_METRICS, 3)
