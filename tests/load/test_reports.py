"""What is written when a run has ended: JSON, HTML, JUnit, Markdown, .hgrm; and live figures."""

from __future__ import annotations

import re
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.pushed_event import PushedEvent
from fastphx.load.report import write_reports
from fastphx.load.report.hgrm import write_hgrm
from fastphx.load.report.html import write_html
from fastphx.load.report.json import schema
from fastphx.load.report.junit import write_junit
from fastphx.load.report.markdown import markdown
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.kept import read_result
from fastphx.load.result.result import Result

from .browser import browser, open_page
from .processes import Run, end, kill, load, start, start_load, wait_for_line
from .shown_page import document_in, rows_in

CHARTS = (
    *("rate", "latency-series", "distribution", "connections", "errors", "cpu", "memory", "lag"),
    *("server-cpu", "server-memory"),
)
MAX_BYTES = 1_000_000
THRESHOLDS = ("--threshold", "rtt.p99<1us", "--threshold", "lost==0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """A run that asked for every report and failed a threshold."""
    return load(
        folder,
        *("-c", "10", "--rate", "500", "--duration", "2s", *THRESHOLDS),
        *("--html", str(folder / "r.html"), "--junit", str(folder / "r.xml")),
        *("--markdown", str(folder / "r.md"), "--hgrm", str(folder / "r.hgrm")),
    )


def test_a_failed_threshold_is_exit_99_with_every_report_written(run: Run, folder: Path) -> None:
    assert run.code == 99
    assert re.match(r"fastphx: threshold rtt\.p99<1us failed: it is [1-9][0-9.e+]*us$", run.err.strip())
    assert len(run.err.strip().splitlines()) == 1
    assert run.result is not None
    assert run.result["outcome"] == "thresholds_failed"
    assert [each["ok"] for each in run.result["thresholds"]] == [False, True]
    for name in ("r.html", "r.xml", "r.md", "r.hgrm"):
        assert (folder / name).stat().st_size > 100


@pytest.mark.parametrize(("received", "shown"), [(100_000, "100 %"), (99_999, "99.999 %"), (0, "0 %")])
def test_all_was_received_only_if_it_was(tmp_path: Path, received: int, shown: str) -> None:
    result = Result(Plan(scenario="fanout"))
    result.counts.update({"casts": 1000, "deliveries": received})
    result.topics["room:lobby"] = [1000, received, 100]
    write_html(result.to_mapping(), tmp_path / "r.html")
    assert ["received of expected", shown] in document_in(tmp_path / "r.html")["tiles"]


def test_the_json_keeps_to_its_schema(run: Run) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(run.result, schema())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scenario", "fanout", "-c", "4", "--rate", "20"),
        ("--scenario", "churn", "--rate", "20", "--stay", "100ms"),
        ("--scenario", "storm", "--storm", "roll", "-c", "5", "--storm-at", "100ms"),
        ("ws://127.0.0.1:1/socket", "-c", "2"),
    ],
    ids=lambda arguments: arguments[1],
)
def test_the_json_of_other_runs_keeps_to_it_too(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = load(tmp_path, *arguments, "--duration", "1s", "--quiet").result
    jsonschema.validate(result, schema())


def test_junit_has_a_case_for_the_run_and_one_for_each_threshold(run: Run, folder: Path) -> None:
    suite = ET.parse(folder / "r.xml").getroot()
    assert suite.attrib["tests"] == "3"
    assert suite.attrib["failures"] == "1"
    cases = {case.attrib["name"]: case.find("failure") for case in suite.iter("testcase")}
    assert cases["echo ran"] is None
    assert cases["lost==0"] is None
    assert cases["rtt.p99<1us"] is not None


def test_markdown_and_hgrm_say_the_same(run: Run, folder: Path) -> None:
    text = (folder / "r.md").read_text()
    assert "| RTT | 1,000 |" in text
    assert "`rtt.p99<1us`" in text
    assert "**failed**" in text
    lines = (folder / "r.hgrm").read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [[float(value) for value in line.split()] for line in lines[1:] if line and line[0] != "#"]
    assert rows[-1][1:3] == [1, 1000]
    assert rows[-1][0] == pytest.approx(1000 * run.result["latency"]["rtt"]["max"], rel=2e-3)
    mean, deviation = (
        float(each) for each in re.findall(r"(?:Mean|StdDeviation) += +([\d.]+)", "\n".join(lines))
    )
    # HdrHistogram writes three decimals: a mean is rounded by up to half a microsecond.
    assert mean == pytest.approx(1000 * run.result["latency"]["rtt"]["mean"], rel=2e-3, abs=5.1e-4)
    # In milliseconds as all else; 1,000 values cannot deviate more than this from their mean.
    assert deviation <= 32 * float(lines[-2].split("=")[1].split(",")[0])


def test_each_report_of_the_kept_json_is_the_runs_own(run: Run, folder: Path, tmp_path: Path) -> None:
    kept = read_result(folder / "result.json")
    written = {
        "json": "result.json",
        "html": "r.html",
        "junit": "r.xml",
        "markdown": "r.md",
        "hgrm": "r.hgrm",
    }
    assert write_reports(kept, {name: tmp_path / file for name, file in written.items()}) == []
    for file in written.values():
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes(), file


def test_a_result_that_was_kept_before_histograms_has_all_else(tmp_path: Path) -> None:
    _, mapping = hostile_result()
    kept = {name: value for name, value in mapping.items() if name != "histograms"}
    (problem,) = write_reports(
        kept, {name: tmp_path / name for name in ("html", "junit", "markdown", "hgrm")}
    )
    assert problem.endswith(
        "hgrm could not be made: the result was kept without histograms, by an older fastphx"
    )
    assert not (tmp_path / "hgrm").exists()
    assert "RTT" in (tmp_path / "html").read_text()


@pytest.mark.skipif(browser() is None, reason="no headless browser is installed")
@pytest.mark.parametrize("width", [1200, 390])
def test_the_html_shows_every_chart_offline_without_a_console_error(
    run: Run, folder: Path, tmp_path: Path, width: int
) -> None:
    document, console = open_page(folder / "r.html", tmp_path, width)
    assert console == []
    assert 'data-ready="yes"' in document
    for chart in CHARTS:
        drawn = re.search(rf'<section id="{chart}"(.*?)</section>', document, re.DOTALL)
        assert drawn is not None, chart
        assert re.search(r'<path d="M[\d.]+,[\d.]+(?:L[\d.]+,[\d.]+)+"', drawn[1]), chart
    assert ">rtt.p99&lt;1us</th>" in document
    assert not re.search(r'(?:src|href)="https?:', (folder / "r.html").read_text())


def test_the_html_is_small(run: Run, folder: Path) -> None:
    assert (folder / "r.html").stat().st_size < MAX_BYTES / 10


def test_the_html_has_what_only_one_scenario_counts(tmp_path: Path) -> None:
    result = Result(Plan(scenario="storm"))
    result.topics["fan:<1>"] = [10, 39, 4]
    result.events["msg"] = [3, 90]
    write_html(result.to_mapping(), tmp_path / "r.html")
    document = document_in(tmp_path / "r.html")
    assert rows_in(document, "topics")["fan:<1>"] == ["10", "4", "40", "39"]
    assert rows_in(document, "events")["msg"] == ["3", "90 B", "30 B"]
    assert rows_in(document, "storm")["100 % rejoined after"] == ["-"]


def hostile_result() -> tuple[Result, dict[str, Any]]:
    event = "</script><script>alert(1)</script>"
    result = Result(Plan(events=(PushedEvent(event),), topics=("room:<b>\x07",)))
    result.pushed_events[event] = 3
    result.reasons = {}
    result.failures.append("the server said </script><img src=x onerror=alert(1)> | \x07")
    result.counts["connections"] = 1
    result.histograms["rtt"] = Histogram()
    result.histograms["rtt"].record(1_000_000)
    return result, result.to_mapping()


def test_what_a_server_says_cannot_break_a_report(tmp_path: Path) -> None:
    _, mapping = hostile_result()
    write_html(mapping, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<img src=x" not in page
    assert "<script>alert(1)" not in page
    write_junit(mapping, tmp_path / "r.xml")
    assert ET.parse(tmp_path / "r.xml").getroot().attrib["failures"] == "1"
    assert "\\|" in markdown(mapping)
    write_hgrm(mapping, tmp_path / "r.hgrm")


def test_a_run_that_connected_nothing_can_be_reported_on(tmp_path: Path) -> None:
    result = Result(Plan())
    mapping = result.to_mapping()
    jsonschema.validate(mapping, schema())
    write_html(mapping, tmp_path / "r.html")
    write_hgrm(mapping, tmp_path / "r.hgrm")
    write_junit(mapping, tmp_path / "r.xml")
    assert "failed" in markdown(mapping)


def test_a_report_that_cannot_be_written_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    ended = load(tmp_path, "-c", "1", "--duration", "200ms", "--quiet", "--html", "/dev/full")
    assert ended.code == 2
    assert (
        ended.err.strip()
        == "fastphx: the html report /dev/full could not be written (No space left on device)"
    )
    assert ended.result is not None


def test_prometheus_serves_live_figures(tmp_path: Path) -> None:
    process = start_load("-c", "5", "--rate", "100", "--duration", "60s", "--prometheus", "0")
    url = wait_for_line(process, "live figures on ").split()[-1]
    wait_for_line(process, "  1s ")
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    kill(process, signal.SIGINT)
    assert end(process, None).code == 130
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert found["fastphx_pushes"].type == "counter"
    assert found["fastphx_pushes"].samples[0].value > 0
    assert found["fastphx_joined"].type == "gauge"
    assert found["fastphx_joined"].samples[0].value == 5
    rtt = found["fastphx_rtt_seconds"]
    assert rtt.type == "summary"
    assert {sample.labels.get("quantile"): sample.value > 0 for sample in rtt.samples}["0.99"]


def test_a_taken_prometheus_port_is_exit_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = end(start("load", "-c", "1", "--ui", "0", "--prometheus", str(port)), None)
    assert (ended.code, ended.out) == (2, "")
    assert f"--prometheus: port {port} cannot be listened on" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_result_survives_json() -> None:
    _, mapping = hostile_result()
    assert orjson.loads(orjson.dumps(mapping))["schema"] == "fastphx.load/2"
