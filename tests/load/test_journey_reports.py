"""Every report of a journey: its visits, steps and checks."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from fastphx.load.report import write_reports
from fastphx.load.report.journey import MAX_ROWS_SHOWN, percent, sums
from fastphx.load.report.json import schema
from fastphx.load.report.plain_progress import progress_text
from fastphx.load.report.prometheus import exposition
from fastphx.load.report.terminal import summary
from fastphx.load.result.result import Result

from .browser import browser, open_page
from .journey_lines import journey, line, shop, step
from .processes import load
from .shown_page import document_in, rows_in, section_in

pytestmark = pytest.mark.usefixtures("journeys")


def printed(result: Result, width: int = 100) -> list[str]:
    out = io.StringIO()
    summary(result.to_mapping(), Console(file=out, width=width))
    return [text.rstrip() for text in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_steps_checks_and_sums(width: int) -> None:
    lines = printed(shop(), width)
    rows = {tuple(text.split()) for text in lines}
    assert ("visits", "ok", "90", "9/s") in rows
    assert ("step", "attempts", "ok/s", "errors", "p50", "p95", "p99", "max") in rows
    assert ("push", "echo", "294", "28.2", "10", "1", "ms", "1", "ms", "1", "ms", "50", "ms") in rows
    assert "push echo: timeout (7); status error (3)" in lines
    assert ("echoed", "278", "4", "98.58", "%") in rows
    assert lines[-3:] == [
        "visits: 100 due = 100 begun + 0 unsent",
        "visits: 100 begun = 90 ok + 8 failed + 2 cut",
        "steps: 394 attempts = 382 ok + 10 errors + 2 cut",
    ]


def test_what_a_dead_worker_took_with_it_is_told_in_the_sums() -> None:
    lost = {**step(1.0), "attempts": 3}
    mapping = journey(line({"push echo": lost}, arrivals=5, visits=5, visits_ok=4)).to_mapping()
    assert sums(mapping)[1] == "visits: 5 begun = 4 ok + 0 failed + 0 cut + 1 whose end is not known"
    assert sums(mapping)[2] == "steps: 3 attempts = 1 ok + 0 errors + 0 cut + 2 whose end is not known"


def test_own_lag_is_marked_at_the_steps() -> None:
    result = shop()
    result.run_lag.record(900_000_000)
    result.run_lag.record(1_500_000)
    (row,) = (text for text in printed(result) if text.startswith("connect /socket"))
    assert "2 ms*" in row


def test_a_name_is_no_markup() -> None:
    names = ("[red]a[/red]", "[/nope]")
    counted = {name: step(1.0, reasons={name: 1}) for name in names}
    lines = printed(journey(line(counted, {name: [1, 0] for name in names}, connections=1)))
    for name in names:
        assert sum(text.startswith(f"{name} ") for text in lines) == 2
        assert f"{name}: {name} (1)" in lines


def test_more_steps_than_are_shown_are_told() -> None:
    names = [f"step {number}" for number in range(MAX_ROWS_SHOWN + 5)]
    lines = printed(journey(line({name: step(1.0, reasons={"timeout": 1}) for name in names}, connections=1)))
    assert "and 5 more steps" in lines
    assert not any(text.startswith(f"{names[-1]} ") for text in lines)


@pytest.mark.parametrize(
    ("part", "shown"),
    [(0.0, "0 %"), (1.0, "100 %"), (2 / 3, "66.67 %"), (0.99999, "99.999 %"), (0.99999999, "99.999999 %")],
)
def test_a_part_is_not_rounded_to_all_or_nothing(part: float, shown: str) -> None:
    assert percent(part) == shown


def test_progress_tells_of_visits() -> None:
    (row,) = shop().series
    assert progress_text(row) == (
        "1 visiting, 90/s visits, 382/s steps, visit p50 30 ms p99 30 ms, 10 step errors, 8 visits failed"
    )


def test_prometheus_has_the_steps_by_label() -> None:
    found = {family.name: family for family in text_string_to_metric_families(exposition(shop()))}
    assert found["fastphx_visits"].samples[0].value == 100
    assert found["fastphx_visiting"].samples[0].value == 1
    assert {sample.labels["step"]: sample.value for sample in found["fastphx_step_errors"].samples} == {
        "connect /socket": 0,
        "push echo": 10,
    }
    p99 = {
        each.labels["step"]: each.value
        for each in found["fastphx_step_seconds"].samples
        if each.labels.get("quantile") == "0.99"
    }
    assert p99 == {"connect /socket": pytest.approx(0.002), "push echo": pytest.approx(0.001, rel=0.01)}
    assert {sample.labels["check"]: sample.value for sample in found["fastphx_check_failed"].samples} == {
        "echoed": 4,
        "has a price": 0,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journey")


@pytest.fixture
def reports(folder: Path) -> Path:
    """The reports of a journey one of whose thresholds failed."""
    result = shop(threshold=['step["push echo"].max<20ms', 'check["echoed"].rate>90%'])
    names = ("json", "html", "junit", "markdown", "hgrm")
    if not (folder / "r.hgrm").exists():
        assert write_reports(result.to_mapping(), {name: folder / f"r.{name}" for name in names}) == []
    return folder


def test_junit_tells_each_check_and_fails_by_thresholds_alone(reports: Path) -> None:
    suite = ET.parse(reports / "r.junit").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases["check echoed"].findtext("system-out") == "4 of 282 failed"
    assert cases["check echoed"].find("failure") is None
    failure = cases['step["push echo"].max<20ms'].find("failure")
    assert failure is not None
    assert failure.get("message") == 'step["push echo"].max<20ms does not hold: it is 50ms'


def test_markdown_and_hgrm_have_the_steps_and_the_visit(reports: Path) -> None:
    lines = (reports / "r.markdown").read_text().splitlines()
    row = "| `push echo` | 294 | 28.2 | 10 | 1 ms | 1 ms | 1 ms | 50 ms | `timeout (7); status error (3)` |"
    assert row in lines
    assert "| `echoed` | 278 | 4 | 98.58 % |" in lines
    assert "- visits: 100 begun = 90 ok + 8 failed + 2 cut" in lines
    assert "TotalCount     =       90" in (reports / "r.hgrm").read_text()


def test_the_page_has_the_steps_with_their_reasons(reports: Path) -> None:
    document = document_in(reports / "r.html")
    assert rows_in(document, "steps")["push echo"][:3] == ["294", "28.2", "10"]
    assert rows_in(document, "step-reasons")["push echo"] == ["timeout (7); status error (3)", "10"]
    assert rows_in(document, "checks")["echoed"] == ["278", "4", "98.58 %"]
    assert section_in(document, "sums")["parts"][0]["text"] == "visits: 100 due = 100 begun + 0 unsent"
    assert "@@" not in (reports / "r.html").read_text()


@pytest.mark.skipif(browser() is None, reason="no headless browser is installed")
def test_the_page_draws_visits_without_a_console_error(reports: Path, tmp_path: Path) -> None:
    document, console = open_page(reports / "r.html", tmp_path, 390)
    assert console == []
    assert 'data-ready="yes"' in document
    drawn = re.search(r'<section id="rate"(.*?)</section>', document, re.DOTALL)
    assert drawn is not None
    assert ">steps ok</button>" in drawn[1]


def test_a_journey_of_nothing_can_be_reported_on(tmp_path: Path) -> None:
    result = journey()
    names = ("json", "html", "junit", "markdown", "hgrm")
    assert write_reports(result.to_mapping(), {name: tmp_path / f"r.{name}" for name in names}) == []
    assert result.exit_code == 3
    printed(result)
    exposition(result)


SHOP = """
from fastphx.load import User


class Buyer(User):
    async def run(self):
        async with self.socket("/socket") as socket:
            room = await socket.join("room:lobby")
            reply = await room.push("echo", {"body": "hi"})
            self.check("echoed", reply.response == {"body": "hi"})
            async with self.step("checkout"):
                await room.push("echo", {"n": self.number})
"""


def test_a_real_journey_has_exact_sums_in_every_report(tmp_path: Path) -> None:
    script = tmp_path / "shop.py"
    script.write_text(SHOP)
    run = load(
        tmp_path,
        str(script),
        *("--users", "4", "--iterations", "10", "--workers", "2"),
        *("--threshold", 'step["push echo"].ok==80', "--threshold", 'check["echoed"].rate==100%'),
        *("--html", str(tmp_path / "r.html"), "--markdown", str(tmp_path / "r.md")),
    )
    assert run.code == 0, run.err
    assert run.result is not None
    jsonschema.validate(run.result, schema())
    assert {name: step["ok"] for name, step in run.result["steps"].items()} == {
        "connect /socket": 40,
        "join room": 40,
        "push echo": 80,
        "checkout": 40,
    }
    assert run.result["latency"]["visit"]["count"] == run.result["visits"]["ok"] == 40
    for line_ in sums(run.result):
        assert line_ in run.out
        assert line_ in (tmp_path / "r.md").read_text()
        assert line_ in (tmp_path / "r.html").read_text()
        assert "not known" not in line_
