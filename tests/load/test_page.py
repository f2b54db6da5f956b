"""The page's document: what is made of a result's mapping, and of the mapping alone."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from fastphx.load.plan.plan import Plan
from fastphx.load.report.page_charts import MAX_METRIC_CHARTS
from fastphx.load.report.page_document import MAX_POINTS, page_document
from fastphx.load.report.page_files import kept_page, live_page, page_file
from fastphx.load.result.result import Result

from .browser import browser, open_page
from .shown_page import part_in, section_in

MAX_BYTES = 1_000_000


def seconds_of(number: int) -> list[dict[str, Any]]:
    """A series of *number* rows: one push a second, but none in second 500, and a peak in second 700."""
    names = ("connected", "joined", "rss_bytes", "cpu_s", "replies", "casts", "lost", "unsent")
    pushes = {500: 0, 700: 900}
    return [{"t": t, **dict.fromkeys(names, 0), "pushes": pushes.get(t, 1)} for t in range(1, number + 1)]


def test_a_long_series_keeps_its_peaks_and_dips() -> None:
    mapping = {**Result(Plan()).to_mapping(), "series": seconds_of(86_400)}
    chart = part_in(page_document(mapping), "rate", "chart")
    (pushes,) = (line for line in chart["lines"] if line["name"] == "pushes")
    assert len(chart["x"]) == len(pushes["y"]) <= MAX_POINTS + 2
    assert chart["x"] == sorted(chart["x"])
    assert (chart["x"][0], chart["x"][-1]) == (1, 86_400)
    assert sorted(set(pushes["y"])) == [0, 1, 900]


def test_an_update_is_of_the_rows_that_are_new() -> None:
    mapping = Result(Plan()).to_mapping()
    whole = page_document({**mapping, "series": seconds_of(9)})
    update = page_document({**mapping, "series": seconds_of(9)[-2:]})
    assert part_in(update, "rate", "chart")["x"] == [8, 9]
    assert [each["id"] for each in update["sections"]] == [each["id"] for each in whole["sections"]]
    orjson.dumps(whole)


def test_the_longest_report_is_below_a_megabyte() -> None:
    levels, names = ("p50", "p95", "p99"), [f"m{number}_seconds" for number in range(2 * MAX_METRIC_CHARTS)]
    server = [
        {"t": t, "metrics": {name: dict.fromkeys(levels, 0.1 + abs(math.sin(t))) for name in names}}
        for t in range(3600)
    ]
    series = seconds_of(3600)
    for row in series:
        row |= {name: 123_456 for name in row if name != "t"}
        row |= {
            name: {"p50": 1 / row["t"], "p99": 2 / row["t"], "max": 3 / row["t"]}
            for name in ("rtt", "loop_lag")
        }
    metrics = {name: {"kind": "histogram", "count": 0, "mean": 1.0} for name in names}
    mapping = Result(Plan()).to_mapping() | {"series": series}
    mapping["server"] = {"metrics": metrics, "series": server}
    assert 100_000 < len(kept_page(page_document(mapping)).encode()) < MAX_BYTES


UPDATES = """
showDocument(WHOLE);
const nodes = () => ["#totals td", "#rate svg"].map(each => document.querySelector(each));
const before = nodes();
for (const update of UPDATES) showDocument(update, true);
document.body.dataset.kept = nodes().every((node, at) => node === before[at]);
"""


@pytest.mark.skipif(browser() is None, reason="no headless browser is installed")
def test_an_update_adds_to_what_is_shown_and_draws_nothing_anew(tmp_path: Path) -> None:
    mapping, rows = Result(Plan()).to_mapping(), seconds_of(9)

    def document(first: int, last: int, *output: str) -> dict[str, Any]:
        live = {"phase": "<b>steady", "elapsed_s": last, "planned_s": 75, "output": output}
        return {**page_document({**mapping, "series": rows[first:last]}), "live": live}

    # The second one comes again: what it counted was not all yet.
    rows[1]["pushes"] = 0
    whole = document(0, 2, "one")
    rows[1]["pushes"] = 7
    # A section that an update does not have stays as it is.
    last = document(3, 9, "<b>three")
    updates = [document(1, 3, "two"), {**last, "sections": [section_in(last, "rate")]}]
    driver = UPDATES.replace("WHOLE", orjson.dumps(whole).decode(), 1)
    (tmp_path / "live.js").write_text(driver.replace("UPDATES)", f"{orjson.dumps(updates).decode()})"))
    page = live_page()
    (tmp_path / "page.html").write_text(page)
    for name in re.findall(r'(?:src|href)="(\w+\.\w+)"', page):
        found = page_file(name)
        assert found is not None
        if name != "live.js":
            (tmp_path / name).write_bytes(found[1])
    shown, console = open_page(tmp_path / "page.html", tmp_path / "profile")
    assert console == []
    assert 'data-kept="true"' in shown
    rate, memory = (
        shown.partition(f'<section id="{name}"')[2].partition("</section>")[0] for name in ("rate", "memory")
    )
    points = re.findall(r"[ML]([\d.]+),([\d.]+)", rate.partition('<path d="')[2].partition('"')[0])
    assert len(points) == 9
    heights = [float(y) for _, y in points]
    assert heights[1] == min(heights)
    assert len(re.findall(r"[ML]", memory.partition('<path d="')[2].partition('"')[0])) == 3
    assert re.findall(r"<li>(.*?)</li>", shown) == ["one", "two", "&lt;b&gt;three"]
    assert "&lt;b&gt;steady" in shown
    assert "0:09 of 1:15" in shown


def test_the_live_page_loads_its_own_files_and_runs_no_script_inside_it() -> None:
    page = live_page()
    scripts = page.split("<script")[1:]
    assert scripts
    for script in scripts:
        name = script.removeprefix(' src="').split('"')[0]
        found = page_file(name)
        assert found is not None
        assert found[0] == "text/javascript; charset=utf-8"
        assert script.partition(">")[2].startswith("</script>")
    assert page_file("page.css") is not None
    assert page_file("page_files.py") is None
    assert "@@" not in page


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "@@STYLE@@"])
def test_data_ends_no_script_and_is_no_mark(text: str) -> None:
    document = page_document({**Result(Plan()).to_mapping(), "sentences": [text]})
    page = kept_page(document)
    assert page.count("<script") == page.count("</script>") == 2
    data = page.partition('type="application/json">')[2].partition("</script>")[0]
    assert orjson.loads(data) == document
