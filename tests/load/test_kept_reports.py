"""``fastphx report``: what is made of results that were kept, and the index of a folder of them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from fastphx.load.report import write_reports
from fastphx.load.result import kept as kept_results
from fastphx.load.result.result import Result
from tests.cli.command import sentence
from tests.test_foreign_text import HOSTILE

from .browser import browser, open_page
from .processes import Run, load
from .shown_page import document_in, part_in, texts_in
from .test_hostile_text import result_that_quotes

pytestmark = pytest.mark.usefixtures("journeys")
WRITTEN = {"html": "r.html", "junit": "r.xml", "markdown": "r.md", "hgrm": "r.hgrm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """A run that has written all of its reports itself."""
    outputs = [text for name, file in WRITTEN.items() for text in (f"--{name}", str(folder / file))]
    return load(folder, "-c", "3", "--rate", "200", "--duration", "500ms", "--name", "a run", *outputs)


def keep(folder: Path, result: Result | dict[str, Any], name: str, at: str, **changes: Any) -> Path:
    """*result* as one of *name* that began at a time, with some keys changed."""
    mapping = result.to_mapping() if isinstance(result, Result) else result
    path = folder / f"{at.translate({ord('-'): None, ord(':'): None})}-{len(list(folder.iterdir()))}.json"
    path.write_bytes(orjson.dumps({**mapping, "name": name, "started_at": at, **changes}))
    return path


@pytest.fixture
def nights(run: Run, tmp_path: Path) -> Path:
    """A folder with three nights of two plans, and what is no result."""
    assert run.result is not None
    folder = tmp_path / "nights"
    folder.mkdir()
    rtt = run.result["latency"]["rtt"]
    for night, outcome in ((1, "ok"), (2, "invalid"), (3, "thresholds_failed")):
        latency = {**run.result["latency"], "rtt": {**rtt, "p99": night / 1000}}
        for hour, name in ((2, "shop"), (3, "chat")):
            at = f"2026-11-0{night}T0{hour}:00:00Z"
            keep(folder, run.result, name, at, outcome=outcome, latency=latency)
    (folder / "package.json").write_text("{}")
    (folder / "notes.txt").write_text("of another kind")
    os.mkfifo(folder / "pipe.json")
    return folder


def test_a_report_of_a_kept_result_is_the_runs_own(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run.code == 0, run.err
    outputs = [text for name, file in WRITTEN.items() for text in (f"--{name}", str(tmp_path / file))]
    assert sentence("report", str(folder / "result.json"), *outputs) == (0, "", "")
    for file in WRITTEN.values():
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


def test_without_an_output_it_is_shown(run: Run, folder: Path) -> None:
    code, out, err = sentence("report", str(folder / "result.json"))
    assert (code, err) == (0, "")
    assert run.result is not None
    assert out.startswith(f"a run, began at {run.result['started_at']}: ok\n")
    # The tables are those of the run.
    assert out.partition("\n")[2].splitlines() == run.out.splitlines()[-len(out.splitlines()) + 1 :]


def test_several_results_have_a_report_each_in_a_folder(nights: Path, tmp_path: Path) -> None:
    files = sorted(map(str, nights.glob("2026*.json")))
    assert sentence("report", *files, "--html", str(nights), "--junit", str(tmp_path)) == (0, "", "")
    assert sorted(path.stem for path in nights.glob("*.html")) == [Path(file).stem for file in files]
    assert len(list(tmp_path.glob("*.xml"))) == len(files)
    text = tmp_path / "summary.md"
    assert sentence("report", *files, "--markdown", str(text))[0] == 0
    assert text.read_text().count("### fastphx load: `echo`, ") == len(files)


def test_what_cannot_be_written_is_told_before(nights: Path, tmp_path: Path) -> None:
    one, other, *_ = sorted(map(str, nights.glob("2026*.json")))
    twin = tmp_path / Path(one).name
    twin.write_bytes(Path(one).read_bytes())
    for arguments, why in (
        ((one, other, "--html", str(tmp_path / "r.html")), "--html: 2 results cannot be written to one "),
        ((one, "--html", one), "--html: something else is, or would be, in "),
        ((one, str(twin), "--html", str(tmp_path)), "--html: something else is, or would be, in "),
        ((one, "--html", str(tmp_path / "none" / "r.html")), "--html: there is no folder "),
        ((one, "--figure", "rtt.p99"), "--figure is of the index of a folder"),
        ((one, str(nights)), f"{str(nights)!r} is a folder: give one folder, or files"),
        ((str(nights), "--junit", "r.xml"), "--junit is of one result, and "),
        ((str(nights), "--figure", "rtt.p98"), "--figure 'rtt.p98': rtt has count, "),
        ((str(nights), "--figure", "replies_per_s"), "--figure 'replies_per_s': replies_per_s is no total: "),
    ):
        code, out, err = sentence("report", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith(f"fastphx: {why}")
        assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [twin.name, "nights"]


def test_what_is_no_result_takes_no_other_with_it(nights: Path, tmp_path: Path) -> None:
    files = [str(nights / "package.json"), *sorted(map(str, nights.glob("2026*.json")))[:1]]
    code, _, err = sentence("report", *files, "--html", str(tmp_path))
    assert (code, len(list(tmp_path.glob("*.html")))) == (2, 1)
    assert err == f"fastphx: {files[0]!r} is not a result of `fastphx load --json` (fastphx.load/2)\n"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_result_is_text_everywhere(text: str, tmp_path: Path) -> None:
    result = result_that_quotes(text)
    mapping = result.to_mapping()
    assert write_reports({**mapping, "name": text}, {"json": tmp_path / "20261101.json"}) == []
    plan = {**mapping["plan"], "scenario": text}
    assert write_reports({**mapping, "plan": plan}, {"json": tmp_path / "20261102.json"}) == []
    files = [str(path) for path in tmp_path.glob("2*.json")]
    code, out, err = sentence("report", *files)
    assert code == 0, err
    assert all(line.isprintable() for line in out.splitlines())
    summary = tmp_path / "summary.md"
    assert sentence("report", *files, "--html", str(tmp_path), "--markdown", str(summary)) == (0, "", "")
    code, out, err = sentence("report", str(tmp_path), "--markdown", str(summary), "--html", str(tmp_path))
    assert (code, err) == (0, "")
    for line in summary.read_text().splitlines():
        assert line.isprintable()
        assert not re.search(r"!\[|<img|<script", re.sub(r"(`+)(?:.*?[^`])\1(?!`)", "", line))
    for path in tmp_path.glob("*.html"):
        page = path.read_text()
        assert "<img" not in page
        assert page.count("<script") == 2
        assert all(shown.isprintable() for shown in texts_in(document_in(path)))


def test_the_index_has_the_newest_run_first_and_what_was_left_out(nights: Path) -> None:
    newest = sorted(nights.glob("2026*.json"))[-1]
    newest.with_suffix(".html").touch()
    code, out, err = sentence("report", str(nights))
    assert code == 0
    assert out == f"6 runs in {nights / 'index.html'}\n"
    left_out = repr(str(nights / "package.json"))
    assert err == f"fastphx: {left_out} is not a result of `fastphx load --json` (fastphx.load/2)\n"
    document = document_in(nights / "index.html")
    assert document["badge"] == "last run: thresholds failed"
    assert document["notes"][:2] == [
        "a hollow dot is a run that was not ok",
        "a line has a gap where a run was invalid or interrupted",
    ]
    assert "package.json" in document["notes"][2]
    table = part_in(document, "runs", "table")
    assert [title for title, _ in table["columns"]][:4] == ["began (UTC)", "run", "outcome", "rtt.p99"]
    rows = [cells for _, cells in table["rows"]]
    assert rows[0][0] == {"text": "2026-11-03 03:00", "href": f"{newest.stem}.html"}
    assert [cells[:4] for cells in rows[1:4]] == [
        ["2026-11-03 02:00", "shop", "thresholds failed", "3 ms"],
        ["2026-11-02 03:00", "chat", "invalid", "2 ms"],
        ["2026-11-02 02:00", "shop", "invalid", "2 ms"],
    ]


def test_the_trend_has_a_line_for_each_name_and_a_gap_for_what_says_nothing(nights: Path) -> None:
    sentence("report", str(nights), "--figure", "rtt.p99", "--figure", "server.cpu_max", "--figure", "lost")
    document = document_in(nights / "index.html")
    assert [each["title"] for each in document["sections"]] == ["rtt.p99", "server.cpu_max", "lost", "Runs"]
    chart = document["sections"][0]["parts"][0]
    assert chart["x_axis"]["kind"] == "date"
    assert chart["y_axis"]["unit"] == "s"
    chat, shop = chart["lines"]
    assert (chat["name"], shop["name"]) == ("chat", "shop")
    assert shop["y"] == [0.001, None, 0.003]
    assert shop["x"] == [1793498400 + night * 86400 for night in range(3)]
    assert [dot[1:] for dot in shop["dots"]] == [
        [0.001, True, "2026-11-01 02:00: 1 ms, ok"],
        [0.002, False, "2026-11-02 02:00: 2 ms, invalid"],
        [0.003, False, "2026-11-03 02:00: 3 ms, thresholds failed"],
    ]
    assert document["sections"][1]["parts"][0]["y_axis"]["title"] == "%"


def test_the_index_is_a_table_in_markdown(nights: Path, tmp_path: Path) -> None:
    text = tmp_path / "summary.md"
    text.write_text("before\n")
    assert sentence("report", str(nights), "--markdown", str(text), "--figure", "rtt.p99")[0] == 0
    lines = text.read_text().splitlines()
    assert lines[0] == "before"
    assert "| began (UTC) | run | outcome | `rtt.p99` |" in lines
    assert "| 2026-11-03 03:00 | `chat` | thresholds failed | 3 ms |" in lines
    assert not (nights / "index.html").exists()


def test_of_a_search_only_the_limit_is_told(run: Run, tmp_path: Path) -> None:
    assert run.result is not None
    limit = {"figure": "rate", "rate": 4000.0}
    keep(tmp_path, run.result, "search", "2026-11-01T02:00:00Z", limit=limit)
    assert sentence("report", str(tmp_path))[0] == 0
    table = part_in(document_in(tmp_path / "index.html"), "runs", "table")
    assert [title for title, _ in table["columns"]][3:] == ["limit.rate"]
    assert table["rows"][0][1][3:] == ["4,000/s"]


def test_a_folder_has_its_bounds(nights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = nights / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    some = next(nights.glob("2026*.json"))
    (deep / some.name).write_bytes(some.read_bytes())
    (deep.parent / some.name).write_bytes(some.read_bytes())
    (nights / ".hidden").mkdir()
    (nights / ".hidden" / some.name).write_bytes(some.read_bytes())
    assert sentence("report", str(nights))[1].startswith("7 runs in ")
    monkeypatch.setattr(kept_results, "MAX_RESULTS", 5)
    _, out, err = sentence("report", str(nights))
    assert out.startswith("4 runs in ")
    assert "has 8 files: the last 5 by name are looked at" in err
    monkeypatch.setattr(kept_results, "MAX_RESULT_BYTES", 100)
    code, _, err = sentence("report", str(nights))
    assert code == 2
    assert re.search(r"fastphx: there are no results in .*: .* has 8 files", err)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": 1},
        {"outcome": "won"},
        {"name": 1},
        {"started_at": "2026-13-01T00:00:00Z"},
        {"started_at": 1},
    ],
    ids=str,
)
def test_a_damaged_result_is_left_out_of_the_index(changes: dict[str, Any], nights: Path) -> None:
    some = next(nights.glob("2026*.json"))
    some.write_bytes(orjson.dumps({**orjson.loads(some.read_bytes()), **changes}))
    code, out, err = sentence("report", str(nights))
    assert (code, out.split()[0]) == (0, "5")
    assert f"{str(some)!r} is damaged: it does not say " in err


@pytest.mark.skipif(browser() is None, reason="no headless browser is installed")
def test_the_index_is_drawn_without_a_console_error(nights: Path, tmp_path: Path) -> None:
    newest = sorted(nights.glob("2026*.json"))[-1]
    newest.with_suffix(".html").touch()
    sentence("report", str(nights))
    document, console = open_page(nights / "index.html", tmp_path / "profile", 390)
    assert console == []
    assert 'data-ready="yes"' in document
    assert f'<a href="{newest.stem}.html">2026-11-03 03:00</a>' in document
    assert 'data-title="rtt.p99"' in document
    drawn = re.search(r'<section id="trend-0"(.*?)</section>', document, re.DOTALL)
    assert drawn is not None
    assert drawn[1].count(' r="4"') == 6
    assert "Nov 2" in drawn[1]
