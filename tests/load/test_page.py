"""The page's document: what is made of a result's mapping, and of the mapping alone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fastphx.load.plan.plan import Plan
from fastphx.load.report.page_document import MAX_POINTS, page_document
from fastphx.load.report.page_files import kept_page, live_page, page_file
from fastphx.load.result.result import Result

from .shown_page import part_in


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
