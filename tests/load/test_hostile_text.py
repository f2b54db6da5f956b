"""What a server says, in every report and on the terminal: text, and no more than that."""

from __future__ import annotations

import io
import re
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from fastphx.foreign_text import html_text
from fastphx.load.control.worker_process import why_it_died
from fastphx.load.plan.plan import Plan
from fastphx.load.report import write_reports
from fastphx.load.report.html import write_html
from fastphx.load.report.prometheus import exposition
from fastphx.load.report.terminal import summary
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result
from tests.test_foreign_text import HOSTILE

from .browser import browser, open_page
from .journey_lines import step
from .shown_page import document_in, texts_in

MAX_GROWTH_BYTES = 20_000


pytestmark = pytest.mark.usefixtures("journeys")


def result_that_quotes(text: str) -> Result:
    """A result in which *text* stands wherever a server's text, or a script's, can."""
    result = Result(Plan(scenario="journey", thresholds=("lost==0", 'check["x"].rate>1%')))
    result.counts["connections"] = 1
    steps = {text: step(1.0, reasons={text: 3}), "join room": step(reasons={text: 1})}
    result.add_steps({"steps": steps, "checks": {text: [1, 1]}})
    result.histograms["rtt"] = Histogram()
    result.histograms["rtt"].record(1_000_000)
    result.failures.append(f"the server said {text}")
    for kind in ("connect", "join", "disconnect", "channel", "decode"):
        result.reasons[kind] = Counter({text: 3})
    result.events[text] = [3, 90]
    result.topics[text] = [10, 39, 4]
    result.server.is_scraped = True
    result.server.failures[f"the page has {text}"] += 1
    return result


@pytest.fixture
def plain_page(journeys: None) -> str:
    return page_that_quotes("plain")


@cache
def page_that_quotes(text: str) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder, "r.html")
        result = result_that_quotes(text)
        write_html(result.to_mapping(), path)
        return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_each_report_holds_it_as_text(text: str, plain_page: str, tmp_path: Path) -> None:
    result = result_that_quotes(text)
    paths = {name: tmp_path / f"r.{name}" for name in ("json", "html", "junit", "markdown", "hgrm")}
    assert write_reports(result.to_mapping(), paths) == []

    page = paths["html"].read_text(encoding="utf-8")
    assert len(page) < len(plain_page) + MAX_GROWTH_BYTES
    assert "<img" not in page
    assert page.count("<script") == plain_page.count("<script") == 2
    assert all(line.isprintable() for line in page.split("<script")[0].splitlines())
    assert all(shown.isprintable() for shown in texts_in(document_in(paths["html"])))

    assert ET.parse(paths["junit"]).getroot().get("failures")
    for line in paths["markdown"].read_text(encoding="utf-8").splitlines():
        assert line.isprintable()
        assert len(line) < 10_000
        assert not re.search(r"!\[|<img|<script", re.sub(r"(`+)(?:.*?[^`])\1(?!`)", "", line))

    terminal = io.StringIO()
    summary(result.to_mapping(), Console(file=terminal, width=200))
    assert all(line.isprintable() for line in terminal.getvalue().splitlines())
    assert len(terminal.getvalue()) < 20_000

    figures, plain = exposition(result), exposition(result_that_quotes("plain"))
    samples, expected = (
        [len(family.samples) for family in text_string_to_metric_families(each)] for each in (figures, plain)
    )
    assert samples == expected
    assert all(each.isprintable() for each in figures.splitlines())
    assert len(figures) < len(plain) + MAX_GROWTH_BYTES


@pytest.mark.skipif(browser() is None, reason="no headless browser is installed")
def test_a_page_shows_it_as_text(tmp_path: Path) -> None:
    (text,) = (each for each in HOSTILE if "<img" in each)
    (tmp_path / "r.html").write_text(page_that_quotes(text), encoding="utf-8")
    document, console = open_page(tmp_path / "r.html", tmp_path)
    assert console == []
    assert "<img" not in document
    assert f">{html_text(text)}</th>".replace("&quot;", '"').replace("&#x27;", "'") in document


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_worker_printed_last_is_text(text: str) -> None:
    why = why_it_died(1, text.encode("utf-8", "replace"))
    assert why.isprintable()
    assert why.startswith("left with code 1")
    assert len(why) < 2000


def test_a_report_that_cannot_be_made_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("fastphx.load.report.html.write_html", broken)
    result = result_that_quotes("plain")
    paths = {name: tmp_path / name for name in ("html", "junit")}
    (problem,) = write_reports(result.to_mapping(), paths)
    assert "html" in problem
    assert "RecursionError: too deep" in problem
    assert paths["junit"].exists()
