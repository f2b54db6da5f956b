"""The server's figures in thresholds, and in every report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fastphx.load.control.preflight import preflight
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.plan.threshold import Threshold
from fastphx.load.report.html import write_html
from fastphx.load.report.json import schema
from fastphx.load.report.markdown import markdown
from fastphx.load.report.plain_text import plain_text
from fastphx.load.report.prometheus import exposition
from fastphx.load.report.readable import count, metric, per_second
from fastphx.load.report.server import metric_rows, process_rows, server_text
from fastphx.load.result.result import Result
from fastphx.load.server.figures import ProcessReading, ServerFigures
from fastphx.load.server.page import read_page
from fastphx.load.server.rates import Rates
from tests.load.shown_page import document_in, part_in

HISTOGRAM = "phoenix_channel_joined_duration_milliseconds"
HOSTILE = 'hits_total{path="</script><b>|"}'
PAGE = """\
# TYPE vm_memory_total_bytes gauge
vm_memory_total_bytes {memory}
# TYPE vm_total_run_queue_lengths_total gauge
vm_total_run_queue_lengths_total {queue}
# TYPE hits_total counter
hits_total{{path="</script><b>|"}} {hits}
# TYPE phoenix_channel_joined_duration_milliseconds histogram
phoenix_channel_joined_duration_milliseconds_bucket{{le="10"}} {low}
phoenix_channel_joined_duration_milliseconds_bucket{{le="100"}} {all}
phoenix_channel_joined_duration_milliseconds_bucket{{le="+Inf"}} {all}
phoenix_channel_joined_duration_milliseconds_sum {sum}
phoenix_channel_joined_duration_milliseconds_count {all}
"""


def watched(*thresholds: str) -> Result:
    """A run of ten seconds: the server uses 1.5 of 2 cores, its memory grows, its counters restart once."""
    plan = Plan.from_mapping(
        {
            "url": "ws://127.0.0.1:1/socket",
            "server_pid": "1",
            "server_metrics": "http://user:word@127.0.0.1:1/metrics?key=word",
            "server_metric": [HOSTILE, "gone"],
            "threshold": list(thresholds),
            "duration": "10s",
        }
    )
    result, rates = Result(plan), Rates()
    server = result.server
    server.is_scraped, server.run_from_s, server.run_to_s, result.run_s = True, 1.0, 11.0, 10.0
    for second in range(13):
        busy = 1.5 * min(max(second - 1, 0), 10)
        reading = ProcessReading(
            at_ns=second * 10**9,
            cpu_s=busy,
            cores=2.0,
            is_limited=True,
            rss_bytes=(100 + second) << 20,
            threads=20 + second,
            open_files=50,
            throttled_s=0.5 * second,
        )
        server.readings.append((float(second), reading))
        hits = 100 * second if second < 8 else 7 * second
        text = PAGE.format(
            memory=(1 + second) * 10**8,
            queue=second % 3,
            hits=hits,
            low=9 * second,
            all=10 * second,
            sum=90 * second,
        )
        if second == 5:
            server.failures["HTTP 503"] += 1
        else:
            page = read_page(text, plan.asked_metrics)
            server.intervals.append(rates.add(page, second + 0.1, 0.004))
            server.missing = set(page.missing)
        server.add_row(second + 0.2)
    return result


def test_what_the_process_came_to_is_of_the_schedules_time() -> None:
    process = watched().to_mapping()["server"]["process"]
    assert process["cores_used"] == pytest.approx(1.5)
    assert process["cpu"] == pytest.approx(0.75)
    assert process["cpu_s"] == pytest.approx(15)
    assert process["throttled_s"] == pytest.approx(5)
    assert (process["rss_bytes_max"], process["threads_max"]) == (111 << 20, 31)


def test_what_the_metrics_came_to() -> None:
    metrics = watched().to_mapping()["server"]["metrics"]
    assert metrics["vm_memory_total_bytes"]["max"] == 1.2e9
    assert metrics[HOSTILE]["max"] == pytest.approx(100)
    found = metrics[HISTOGRAM]
    # The gap of one reading loses nothing: what came meanwhile is in the next interval.
    assert (found["count"], found["mean"], found["p50_width"], found["p99_width"]) == (110, 9, 10, 90)
    assert found["p50"] == pytest.approx(10 * 5 / 9)


def test_any_time_of_the_run_can_be_asked_for() -> None:
    server = watched().server
    assert server.to_mapping(0.0, 1.0)["process"]["cores_used"] == 0
    assert server.to_mapping(3.0, 5.0)["process"]["cores_used"] == pytest.approx(1.5)
    assert server.to_mapping(3.0, 4.0)["metrics"]["vm_memory_total_bytes"]["min"] == 4e8


def test_a_step_of_a_search_has_the_figures_of_its_time() -> None:
    result = watched("server.cpu<50%")
    result.server.zero_ns = 5
    assert [each["ok"] for each in result.thresholds] == [False]
    result.server = result.server.between(5, 10**9 + 5)
    assert result.server.to_mapping()["process"]["cores_used"] == 0
    assert [each["ok"] for each in result.thresholds] == [True]


def test_the_notes_say_what_a_reader_should_know() -> None:
    assert watched().notes == [
        "the server used 1.50 of 2 cores (its control group's limit)",
        "its CPU limit held the server's control group back for 5s",
        "the metrics page could not be read 1 of 13 times: HTTP 503",
        "counters of the metrics page fell once, at second 8: a restart",
        "the metrics page has no gone",
    ]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("server.cpu<90%", True),
        ("server.cpu<70%", False),
        ("server.cores_used<1.6", True),
        ("server.rss_bytes_max<111MiB", False),
        ("server.rss_bytes_max<112MiB", True),
        ('server["vm_memory_total_bytes"].max<2e9', True),
        ('server["vm_memory_total_bytes"].max<1GB', False),
        ('server["vm_total_run_queue_lengths_total"].mean<2', True),
        (f'server["{HISTOGRAM}"].p99<90', False),
        ('server["hits_total"].rate<101/s', True),
        ('server["nothing"].max<1', False),
    ],
)
def test_a_threshold_may_be_of_the_server(expression: str, holds: bool) -> None:
    (checked,) = watched(expression).thresholds
    assert checked["ok"] is holds


def test_a_threshold_on_a_metric_that_is_not_there_says_so() -> None:
    result = watched('server["nothing"].max<1')
    result.counts["connections"] = 1
    assert any("the metrics page has none" in sentence for sentence in result.sentences)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"threshold": "server.cpu<90%"}, "needs --server-pid"),
        ({"threshold": 'server["a"].max<1'}, "needs --server-metrics"),
        ({"threshold": "server.cpu<9ms"}, "server.cpu takes %"),
        ({"threshold": "server.cpu<90"}, "above the whole"),
        ({"threshold": 'server["a"].p98<1'}, "a server has min, mean"),
        ({"threshold": 'server["a b"].max<1', "server_metrics": "http://h/m"}, "is no metric's name"),
        ({"server_metric": "a"}, "give --server-metrics URL"),
        ({"server_metrics": "h:9568/metrics"}, "is no URL of a page"),
        ({"server_metrics": "ftp://h/metrics"}, "is no URL of a page"),
        (
            {"server_metrics": "http://h/m", "server_metric": [f"m{n}" for n in range(33)]},
            "at most 32 metrics",
        ),
        ({"server_pid": "2147483647"}, "there is no process 2147483647"),
    ],
)
def test_what_cannot_be_watched_is_said_before_the_run(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        preflight(Plan.from_mapping({"url": "ws://127.0.0.1:1/socket", **keys}))


def test_the_embedded_server_is_watched_by_itself() -> None:
    preflight(Plan.from_mapping({"threshold": "server.cpu<90%"}))


def test_a_threshold_of_the_server_is_none_of_journeys() -> None:
    assert not Threshold.parse('server["a"].max<1').is_of_journeys
    assert Threshold.parse('step["a"].p99<1ms').is_of_journeys


def test_the_json_keeps_to_its_schema_and_shows_no_password() -> None:
    mapping = watched().to_mapping()
    mapping["client"]["workers"] = 1
    jsonschema.validate(mapping, schema())
    assert mapping["plan"]["server_metrics"] == "http://…@127.0.0.1:1/metrics?…"
    assert b"word" not in orjson.dumps(mapping)
    row = mapping["server"]["series"][3]
    assert (row["cores_used"], row["age_s"], row["scrape_s"]) == (1.5, 0.1, 0.004)
    assert mapping["server"]["series"][8]["restarted"]
    gap = mapping["server"]["series"][5]
    assert (gap["metrics"], gap["age_s"]) == ({}, 1.1)


def test_every_report_has_the_servers_figures(tmp_path: Path) -> None:
    result = watched("server.cpu<90%")
    mapping = result.to_mapping()
    assert process_rows(mapping) == [
        ("server CPU", "1.50", "of 2 cores, 1.50 in its busiest second, 15 s in all"),
        ("server memory", "111 MiB", "at most, 31 threads, 50 open files"),
    ]
    rows = metric_rows(mapping)
    assert rows["vm_memory_total_bytes"] == "mean 677 MiB, min 191 MiB, max 1.12 GiB, last 1.12 GiB"
    assert rows[HISTOGRAM].startswith("110 of mean 9 ms, p50 5.56 ms ± 10 ms,")
    write_html(mapping, tmp_path / "r.html")
    document = document_in(tmp_path / "r.html")
    assert part_in(document, "server-cpu", "chart")["y_axis"]["title"] == "cores"
    charts = {each["title"]: each["parts"][0] for each in document["sections"]}
    assert len(charts[f"Server: {HOSTILE}"]["marks"]) == 1
    assert [line["name"] for line in charts[f"Server: {HISTOGRAM}"]["lines"]] == ["p50", "p95", "p99"]
    assert "<b>|" not in (tmp_path / "r.html").read_text()
    for text in (markdown(mapping), plain_text(mapping)):
        assert "1.50 of 2 cores" in text
        assert rows[HISTOGRAM] in text
    assert "| server.cpu" not in markdown(mapping).replace("`", "").split("threshold")[0]


def test_live_figures_are_served_for_prometheus() -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition(watched()))}
    assert families["fastphx_server_rss_bytes"].samples[0].value == 112 << 20
    metrics = {
        (sample.labels["name"], sample.labels.get("figure")): sample.value
        for sample in families["fastphx_server_metric"].samples
    }
    assert metrics["vm_memory_total_bytes", None] == 1.3e9
    assert metrics[HISTOGRAM, "p99"] == pytest.approx(91)


def test_the_live_display_shows_the_last_second() -> None:
    assert server_text(ServerFigures()) == ""
    result = watched()
    assert server_text(result.server) == "server 0.00 cores 112 MiB run queue 0"
    result.server.add_row(17.0)
    assert server_text(result.server) == "server metrics 5s old"


def test_a_histogram_of_run_queues_is_no_length() -> None:
    server, rates = ServerFigures(is_scraped=True), Rates()
    for second in (1, 2):
        text = f'# TYPE run_queue histogram\nrun_queue_bucket{{le="+Inf"}} {second}\nrun_queue_sum 1\n'
        page = read_page(text, [ServerMetric.parse("run_queue")])
        server.intervals.append(rates.add(page, float(second), 0.001))
        server.add_row(float(second))
    assert server.series[-1]["metrics"]["run_queue"]["count"] == 1
    assert server_text(server) == ""


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e30])
def test_any_number_can_be_shown(value: float) -> None:
    for shown in (metric("run_queue", value), metric("a_bytes", value), per_second(value), count(value)):
        assert 0 < len(shown) < 60
