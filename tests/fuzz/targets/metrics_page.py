"""A server's Prometheus page, twice: what is asked for, and what happened in between. Figures are finite."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.server.interval import Buckets
from fastphx.load.server.page import MAX_BUCKETS, MAX_METRICS, MAX_VALUE, Page, PageError, read_page
from fastphx.load.server.rates import Rates
from tests.fuzz.pieces import NOT_UTF8
from tests.fuzz.steps import BETWEEN

PIECES = (
    *(
        b"# TYPE ",
        b"# HELP ",
        b" counter\n",
        b" gauge\n",
        b" histogram\n",
        b" summary\n",
        b"_total",
        b"_bucket",
    ),
    *(b"_sum", b"_count", b'{le="1"}', b'le="+Inf"', b"{", b"}", b'="', b'",', b"\\n", b'\\"', b"\\", b"\n"),
    *(
        b" NaN",
        b" +Inf",
        b" -Inf",
        b" 1e308",
        b" 1_0",
        b" 0x1",
        b" 1 1395066363000",
        b" # {} 1",
        b"\t",
        b"\r",
    ),
    *(b"vm_memory_total", b"erlang_vm_memory_bytes_total", b'{kind="processes"}', "é".encode(), *NOT_UTF8),
    BETWEEN,
)
MAX_BYTES = 2048
PAGES = (
    b"# TYPE vm_memory_total gauge\nvm_memory_total 30899240\nc_total 3\n",
    b'# TYPE c counter\nc_total{node="a"} 3\nc_total{node="b"} 4\n',
    b'# TYPE h histogram\nh_bucket{le="1"} 5\nh_bucket{le="+Inf"} 10\nh_sum 41.5\nh_count 10\n',
    b'erlang_vm_memory_bytes_total{kind="processes"} 1e9 1395066363000\n',
    b'odd{a="\\"\\\\\\n",b="}"} NaN\n',
)


def seeds() -> Iterable[bytes]:
    for page in PAGES:
        for asked in (b"c_total", b"h", b'c{node="a"}'):
            yield BETWEEN.join((asked, page, page))


def check(data: bytes) -> None:
    asked_for, *pages = data.split(BETWEEN)
    try:
        asked = [ServerMetric.parse(asked_for.decode("utf-8", "replace"))]
    except PlanError as error:
        assert str(error).isprintable()
        asked = []
    rates = Rates()
    for second, text in enumerate(pages):
        try:
            # As what reads it over HTTP does.
            page = read_page(text.decode("utf-8", "replace"), asked)
        except PageError as error:
            assert str(error).isprintable()
            continue
        check_page(page)
        interval = rates.add(page, float(second), 0.001)
        for value in interval.values.values():
            if isinstance(value, Buckets):
                assert value.count >= 0
                assert math.isfinite(value.count)
                assert all(math.isfinite(count) for count in value.counts)
                for part in (0.0, 0.5, 0.99, 1.0):
                    assert all(math.isfinite(each) for each in value.quantile(part) if each is not None)
            else:
                assert math.isfinite(value)


def check_page(page: Page) -> None:
    assert len(page.metrics) <= MAX_METRICS + 1
    for series in page.metrics.values():
        assert all(abs(value) <= MAX_VALUE for value in series.values.values())
        assert sum(map(len, series.buckets.values())) >= 0
        assert len({bound for each in series.buckets.values() for bound in each}) <= MAX_BUCKETS
