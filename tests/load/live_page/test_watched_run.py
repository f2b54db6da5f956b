"""What a live page is shown of a run while it goes on, and at its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from fastphx.load.live_page import feed as feed_module
from fastphx.load.live_page import watched_run
from fastphx.load.live_page.watched_run import WatchedRun
from fastphx.load.plan.plan import Plan
from fastphx.load.report.page_document import page_document
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result
from fastphx.load.result.series import Second
from fastphx.load.server.page import read_page
from fastphx.load.server.rates import Rates
from tests.load.shown_page import part_in, rows_in
from tests.test_foreign_text import HOSTILE


def watched(**plan: Any) -> tuple[WatchedRun, Result]:
    result = Result(Plan(**plan))
    run = WatchedRun()
    run.watch(result)
    return run, result


def second(run: WatchedRun, result: Result, **counts: int) -> None:
    """One more second of the run."""
    made = Second(len(result.series), is_journey=result.is_journey)
    made.counts.update(counts)
    result.counts.update(counts)
    result.series.append(made.to_mapping())
    run.row(result.series[-1], result)


def update(run: WatchedRun) -> dict[str, Any]:
    moment = run.moment()
    assert moment.update is not None
    return moment.update()


def times(document: dict[str, Any], key: str = "rate") -> list[float]:
    x: list[float] = part_in(document, key, "chart")["x"]
    return x


def tiles(document: dict[str, Any]) -> dict[str, str]:
    return dict(document["tiles"])


def test_an_update_has_the_new_seconds_only() -> None:
    run, result = watched()
    second(run, result)
    assert run.moment().update is None
    second(run, result)
    second(run, result)
    moment = run.moment()
    second(run, result)
    assert moment.update is not None
    # What comes after the moment is of the next one.
    assert times(moment.update()) == [2, 3]
    assert times(moment.whole()) == [1, 2, 3]
    assert times(update(run)) == [4]
    assert times(update(run)) == []


def test_an_update_has_the_servers_new_seconds_only() -> None:
    run, result = watched()
    result.server.is_scraped = True
    result.server.intervals.append(_interval(2.0))
    for number in range(3):
        result.server.add_row(number + 1.0)
        if number == 0:
            run.moment()
    key = "server-metric-0"
    moment = run.moment()
    assert moment.update is not None
    assert times(moment.update(), key) == [2, 3]
    assert times(moment.whole(), key) == [1, 2, 3]


def _interval(value: float) -> Any:
    page = read_page(f"# TYPE vm_memory_total_bytes gauge\nvm_memory_total_bytes {value}\n", ())
    return Rates().add(page, 1.0, 0.001)


def test_a_new_phase_is_told_whole() -> None:
    run, result = watched()
    run.phase("connecting")
    run.moment()
    second(run, result)
    assert run.moment().update is not None
    run.phase("running echo for 10s", 10.0)
    moment = run.moment()
    assert moment.update is None
    live = moment.whole()["live"]
    assert (live["phase"], live["planned_s"]) == ("running echo for 10s", 10.0)
    assert 0 <= live["elapsed_s"] < 10
    assert run.moment().update is not None


def test_a_long_run_is_told_whole_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_run, "MAX_POINTS", 3)
    run, result = watched()
    are_whole = []
    for _ in range(8):
        second(run, result)
        are_whole.append(run.moment().update is None)
    assert are_whole == [True, False, False, True, False, False, True, False]


def test_output_is_told_once_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_run, "MAX_OUTPUT_LINES", 3)
    run, _ = watched()
    run.output("a")
    run.moment()
    run.output("b")
    run.output("c")
    moment = run.moment()
    assert moment.update is not None
    assert moment.update()["live"]["output"] == ["b", "c"]
    assert moment.whole()["live"]["output"] == ["a", "b", "c"]
    assert update(run)["live"]["output"] == []
    for line in "defghi":
        run.output(line)
    assert update(run)["live"]["output"] == ["g", "h", "i"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_printed_is_shown_as_text(text: str) -> None:
    run, _ = watched()
    run.output(text)
    run.phase(text)
    live = run.moment().whole()["live"]
    assert all(each.isprintable() for each in (live["phase"], *live["output"]))


def test_while_it_goes_on_there_is_no_verdict() -> None:
    run, result = watched(thresholds=("rtt.p99<50ms", "throughput.replies_per_s>=10", "lost==0"))
    document = run.moment().whole()
    assert (document["outcome"], document["sentences"]) == ("running", [])
    assert "rtt.p99<50ms" not in rows_in(document, "thresholds")

    result.counts["connections"] = 1
    result.reasons["join"] = Counter({"no": 2})
    result.histograms["rtt"] = Histogram()
    result.histograms["rtt"].record(1_000_000)
    second(run, result, pushes=20, replies=19)
    document = run.moment().whole()
    assert tiles(document)["replies"] == "19/s"
    assert [row[1] for row in rows_in(document, "thresholds").values()] == ["held"] * 3
    assert rows_in(document, "reasons") == {"join": ["no", "2"]}
    second(run, result, pushes=20, replies=9)
    document = update(run)
    assert tiles(document)["replies"] == "9/s"
    assert rows_in(document, "thresholds")["throughput.replies_per_s>=10"][1] == "failed"


def test_the_percentiles_so_far_are_those_of_the_report() -> None:
    run, result = watched()
    result.histograms["rtt"] = Histogram()
    for value in range(1, 20_001):
        result.histograms["rtt"].record(1_000 * value)
    result.counts["connections"] = 1
    (so_far,) = part_in(run.moment().whole(), "distribution", "chart")["lines"]
    (kept,) = part_in(page_document(result.to_mapping()), "distribution", "chart")["lines"]
    assert (so_far["name"], so_far["x"][0], so_far["x"][-1]) == (kept["name"], kept["x"][0], kept["x"][-1])
    assert (so_far["y"][0], so_far["y"][-1]) == (kept["y"][0], kept["y"][-1])
    assert so_far["x"] == sorted(set(so_far["x"]))
    # Of values that are spread evenly the percentile is the value.
    for at, value in zip(so_far["x"], so_far["y"], strict=True):
        assert value == pytest.approx(0.02 * (1 - 1 / at), rel=0.002, abs=1e-5)


def test_its_end_is_its_report() -> None:
    run, result = watched()
    result.counts["connections"] = 1
    second(run, result)
    run.end(result.to_mapping())
    moment = run.moment()
    document = moment.whole()
    assert moment.is_last
    assert moment.update is None
    assert "live" not in document
    assert document["outcome"] == "ok"


async def test_its_end_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "INTERVAL_S", 3600.0)
    run, result = watched()
    making = asyncio.create_task(run.feed.run())
    async with asyncio.timeout(30):
        with run.feed.watched():
            event = await run.feed.after(None)
            run.end(result.to_mapping())
            assert (await run.feed.after(event.number)).is_last
    making.cancel()


def test_a_search_and_a_journey_have_documents_from_their_first_moment(journeys: None) -> None:
    for plan in (
        {"find_limit": "rate", "thresholds": ("rtt.p99<5ms", "limit.rate>=10")},
        {"scenario": "journey", "thresholds": ("visits.failed==0",)},
        {"scenario": "fanout"},
        {"scenario": "storm"},
    ):
        run, result = watched(**plan)
        assert run.moment().whole()["outcome"] == "running"
        second(run, result)
        assert times(update(run)) == [1]
