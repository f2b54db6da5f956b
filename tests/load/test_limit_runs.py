"""Searches for a limit on real sockets, and what a step comes to."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

from fastphx.load import Plan, PlanError, Result, run_sync
from fastphx.load.control import limit_search, limit_steps
from fastphx.load.control.collected_step import CollectedStep
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.preflight import preflight
from fastphx.load.control.progress import QuietProgress
from fastphx.load.control.step_verdict import StepVerdict, judge_step
from fastphx.load.plan.plan_keys import PlanKeys
from fastphx.load.report import write_reports
from fastphx.load.report.json import schema
from fastphx.load.report.plain_text import plain_text
from fastphx.load.report.terminal import summary
from fastphx.load.result.comparison import compare
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.limit import Limit
from fastphx.load.result.limit_cause import server_sentences
from fastphx.testing import Server, demo_server

from .shown_page import document_in, part_in, section_in

PATIENT: PlanKeys = {"max_schedule_lag": "30s", "max_loop_lag": "30s", "max_cpu": "100%"}
SHORT: PlanKeys = {"step_max": "150ms", "limit_precision": "100%", "workers": 1, "recover": "20s"}
VISITOR = """
from fastphx.load import User

class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            await room.push("echo", {})
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo_server(port=0) as started:
        yield started


class Following(QuietProgress):
    """Sees each step begin: *begin* is called with its load and what it is for, *between* before it."""

    def __init__(self, begin: Callable[[float, str], object], between: Callable[[], object]) -> None:
        self._begin = begin
        self._between = between

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        match = re.match(r"step \d+, to (\w+): ([\d,.]+) ", text)
        if match:
            self._begin(float(match[2].replace(",", "")), match[1])
        else:
            self._between()


def search(server: Server, delay_s: Callable[[float, str], float], **keys: Any) -> Result:
    """Find the limit of a server that answers each push of a step so much later."""

    def begin(load: float, purpose: str) -> None:
        server.faults.reply_delay_s = delay_s(load, purpose)

    options: dict[str, Any] = {
        **PATIENT, **SHORT, "url": server.url, "connections": 4, "find_limit": "rate", "rate": 200,
        "threshold": ["rtt.p50<150ms"], **keys,
    }  # fmt: skip
    try:
        return run_sync(progress=Following(begin, server.faults.clear), **options)
    finally:
        server.faults.clear()


def limit_of(result: Result) -> Limit:
    assert result.limit is not None
    return result.limit


@pytest.fixture(scope="module")
def connections(server: Server) -> Iterator[Result]:
    """A search on a server that takes 25 connections."""
    server.faults.max_connections = 25
    keys: dict[str, Any] = {
        **PATIENT, **SHORT, "limit_precision": "20%", "threshold": ["limit.connections>=20", "join.p99<20s"]
    }  # fmt: skip
    yield run_sync(url=server.url, connections=10, find_limit="connections", rate=100, **keys)
    server.faults.clear()


def test_the_limit_of_connections(connections: Result) -> None:
    limit = limit_of(connections)
    assert limit.verdict == "found"
    assert limit.held is not None
    assert limit.broke is not None
    assert limit.held <= 25 < limit.broke <= 1.2 * limit.held
    assert limit.value == limit.held
    (sentence,) = limit.sentences
    assert sentence.startswith(
        f"the server holds {limit.held} connections, and does not hold {limit.broke}: "
    )
    assert "connection attempts failed" in sentence
    assert "503" in sentence
    assert (connections.outcome, connections.exit_code) == ("ok", 0)
    assert [each["expr"] for each in connections.thresholds] == ["limit.connections>=20"]
    # They stay open between the steps: each is opened once, but for those of a step that broke.
    held = [step.load for step in limit.steps if step.outcome == "held"]
    assert connections.counts["connections"] < sum(held)


def test_the_json_of_a_search(connections: Result) -> None:
    mapping = connections.to_mapping()
    jsonschema.validate(mapping, schema())
    limit = mapping["limit"]
    assert limit["connections"] == limit["held"]
    assert [step["load"] for step in limit["steps"]][:2] == [10, 20]
    assert {step["outcome"] for step in limit["steps"]} == {"held", "broke"}
    assert all(step["counts"]["connect_errors"] for step in limit["steps"] if step["outcome"] == "broke")


def test_the_reports_of_a_search(connections: Result, tmp_path: Path) -> None:
    mapping = connections.to_mapping()
    (sentence,) = limit_of(connections).sentences
    paths = {name: tmp_path / name for name in ("html", "markdown", "junit")}
    assert write_reports(mapping, paths) == []
    document = document_in(paths["html"])
    assert section_in(document, "limit")["parts"][0]["text"] == sentence
    timed = [step for step in limit_of(connections).steps if step.p99_s]
    for chart in ("limit-throughput", "limit-latency"):
        (line,) = part_in(document, chart, "chart")["lines"]
        assert [(load, held) for load, _, held, _ in line["dots"]] == [
            (step.load, step.outcome == "held") for step in timed
        ]
    assert "| 40 | grow | broke | 25 |" in paths["markdown"].read_text()
    cases = ET.parse(paths["junit"]).getroot()
    assert cases.findtext("testcase/system-out") == sentence
    assert "10: grow, held" in plain_text(mapping)
    console = Console(width=200, file=io.StringIO())
    summary(mapping, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "the server holds " in shown
    assert re.search(r"20 +grow +held +20 ", shown)
    assert "limit.connections>=20: 2" in shown


def test_two_limits_compared(connections: Result) -> None:
    base = connections.to_mapping()
    new = {**base, "limit": {**base["limit"], "connections": base["limit"]["connections"] / 2}}
    (compared,) = compare(base, new, 0.1)
    assert (compared.figure, compared.ratio, compared.is_worse) == ("limit.connections", 0.5, True)


def test_a_threshold_on_the_limit(connections: Result) -> None:
    plan = connections.plan
    try:
        connections.plan = Plan(**{**_fields(plan), "thresholds": ("limit.connections>=26",)})
        assert (connections.outcome, connections.exit_code) == ("thresholds_failed", 99)
    finally:
        connections.plan = plan


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def test_the_limit_of_a_rate(server: Server) -> None:
    result = search(server, lambda load, _: 0.2 if load > 500 else 0.0)
    limit = limit_of(result)
    assert (limit.verdict, limit.held, limit.broke) == ("found", 400.0, 800.0)
    assert [(step.load, step.purpose, step.outcome) for step in limit.steps] == [
        (200.0, "grow", "held"),
        (400.0, "grow", "held"),
        (800.0, "grow", "broke"),
        (800.0, "grow", "broke"),
        (400.0, "confirm", "held"),
    ]
    assert "rtt.p50<150ms failed: it is" in limit.sentences[0]
    # The connections are opened once.
    assert result.counts["connections"] == 4
    assert result.counts["lost"] == result.counts["unsent"] == 0
    assert result.counts["pushes"] == result.counts["replies"]


def test_a_server_that_stays_slow_after_an_overload(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    is_overloaded = False
    passed_s = count()
    # A machine that stalls before the overload has all the time that it needs, the server after it none.
    clock = SimpleNamespace(
        monotonic=lambda: next(passed_s) if is_overloaded else 0, monotonic_ns=time.monotonic_ns
    )
    monkeypatch.setattr(limit_steps, "time", clock)

    def begin(load: float, _purpose: str) -> None:
        nonlocal is_overloaded
        is_overloaded = is_overloaded or load > 300
        server.faults.reply_delay_s = 0.4 if is_overloaded else 0.0

    keys: dict[str, Any] = {**PATIENT, **SHORT, "recover": "200ms", "threshold": ["rtt.p50<300ms"]}
    try:
        result = run_sync(
            progress=Following(begin, lambda: None),
            url=server.url, connections=4, find_limit="rate", rate=200, **keys,
        )  # fmt: skip
    finally:
        server.faults.clear()
    limit = limit_of(result)
    assert (limit.verdict, limit.held, limit.value) == ("not_recovered", 200.0, None)
    assert (result.outcome, result.exit_code) == ("failed", 5)
    (sentence,) = result.sentences
    assert sentence.startswith("the server did not recover after 400 pushes a second (the p50 was ")
    assert sentence.endswith(
        ": the highest load that held before is 200 pushes a second, and is not confirmed"
    )


def test_a_server_that_flips_between_two_states(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_search, "MOST_CONFIRMED", 1)
    result = search(server, lambda load, purpose: 0.2 if load > 300 or purpose == "confirm" else 0.0)
    limit = limit_of(result)
    assert (limit.verdict, limit.once_held, limit.value) == ("not_stable", 200.0, None)
    assert (result.outcome, result.exit_code) == ("failed", 5)
    (sentence,) = result.sentences
    assert sentence.startswith("not stable: the limit lies between 100/s and 200 pushes a second")


def test_a_limit_beyond_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(step: Result, thirds: list[Histogram]) -> StepVerdict:
        if step.plan.rate[0].rate > 300:
            step.run_cpu_share = 1.01
        return judge_step(step, thirds)

    monkeypatch.setattr(limit_steps, "judge_step", judge)
    result = search(server, lambda *_: 0.0)
    limit = limit_of(result)
    assert (limit.verdict, limit.held, limit.own_from) == ("this_machine", 200.0, 400.0)
    assert (result.outcome, result.exit_code) == ("invalid", 4)
    (sentence,) = result.sentences
    assert sentence.startswith(
        "INVALID: this machine was the bottleneck from 400 pushes a second on: the server's limit is not "
        "known; it held 200 pushes a second (a worker used 101 % of a core"
    )


def test_a_script_that_this_machine_cannot_run_more_often(server: Server, tmp_path: Path) -> None:
    """A visit holds its worker for 20 ms, so that one worker begins fewer than 50 a second. At 80 a second it
    lags by 0.6 s in each: only a step that lasts as long is past the limit of 0.1 s by far."""
    script = tmp_path / "holding.py"
    script.write_text(f"import time\n{VISITOR}            time.sleep(0.02)\n")
    keys: dict[str, Any] = {**SHORT, "step_max": "1s", "max_loop_lag": "30s", "max_cpu": "100%"}
    result = run_sync(script, url=server.url, find_limit="arrivals", arrivals=40, users=1000, **keys)
    limit = limit_of(result)
    assert limit.verdict == "this_machine"
    assert limit.own_from is not None
    assert limit.own_from <= 80
    assert (result.outcome, result.exit_code) == ("invalid", 4)
    (sentence,) = result.sentences
    assert sentence.startswith(
        f"INVALID: this machine was the bottleneck from {limit.own_from:g} visits a second on: the server's "
        "limit is not known"
    )
    assert re.search(r"the schedule lagged [\d.]+s behind its clock", sentence)


async def test_an_interrupted_search(server: Server) -> None:
    plan = Plan.from_mapping(
        {**PATIENT, **SHORT, "url": server.url, "connections": 4, "find_limit": "rate", "step_max": "30s"}
    )
    coordinator: Coordinator

    def begin(_load: float, _purpose: str) -> None:
        asyncio.get_running_loop().call_soon(coordinator.interrupt)

    coordinator = Coordinator(plan, Following(begin, lambda: None))
    result = await coordinator.run()
    limit = limit_of(result)
    assert (limit.verdict, limit.steps, result.exit_code) == ("interrupted", [], 130)
    assert limit.sentences == ["the search was interrupted: nothing has held until then"]
    jsonschema.validate(result.to_mapping(), schema())


@pytest.mark.parametrize(("figure", "first"), [("arrivals", 20), ("users", 2)])
def test_the_limits_of_journeys(server: Server, tmp_path: Path, figure: str, first: int) -> None:
    script = tmp_path / "visitor.py"
    script.write_text(VISITOR)
    result = search(
        server, lambda load, _: 0.15 if load > first else 0.0, scenario=str(script), connections=100,
        find_limit=figure, rate=0, **{figure: first}, threshold=["visit.p50<250ms"],
    )  # fmt: skip
    limit = limit_of(result)
    assert (limit.verdict, limit.held, limit.broke) == ("found", first, 2 * first)
    assert limit.steps[0].latency == "visit"
    assert result.counts["visits_failed"] == result.counts["visits_cut"] == 0


# -- what a step comes to


def rtt_line(kind: str, rtt_ms: int, **counts: int) -> dict[str, Any]:
    rtt = Histogram()
    rtt.record(rtt_ms * 1_000_000)
    none = {"reasons": {}, "cpu_s": 0.0, "connected": 4, "joined": 4, "in_flight": 0, "rss_bytes": 1}
    return {"type": kind, "counts": counts, "histograms": {"rtt": rtt.export()}, **none}


def test_the_first_third_is_counted_and_not_timed() -> None:
    step = CollectedStep(Plan.from_mapping({"find_limit": "rate"}), has_opening=False)
    for line in (
        rtt_line("stats", 1, pushes=1),
        rtt_line("part", 2, pushes=2),
        rtt_line("stats", 30, pushes=4, disconnects=1),
        rtt_line("part", 31, pushes=8),
        rtt_line("part", 42, pushes=16),
        rtt_line("stats", 53, pushes=32),
        rtt_line("stepped", 54, pushes=64),
    ):
        step.add(0, line)
    # What came before the step is none of it.
    assert step.result.counts["pushes"] == 4 + 8 + 16 + 32 + 64
    assert step.result.counts["disconnects"] == 1
    assert [third.count for third in step.thirds] == [2, 1, 2]
    assert step.result.histograms["rtt"].count == 3
    assert step.result.histograms["rtt"].min_ns == 42_000_000
    assert step.gauges["connected"] == 4


def step_of(thirds_ms: tuple[int, int, int] = (5, 5, 5), **counts: int) -> tuple[Result, list[Histogram]]:
    result = Result(Plan.from_mapping({"find_limit": "rate", "threshold": ["rtt.p99<50ms"]}))
    thirds = [Histogram() for _ in thirds_ms]
    for third, value in zip(thirds, thirds_ms, strict=True):
        for _ in range(100):
            third.record(value * 1_000_000)
    result.histograms["rtt"] = Histogram()
    for third in thirds[1:]:
        result.histograms["rtt"].add(third)
    result.counts.update({"pushes": 1000, "replies": 1000, **counts})
    result.run_s, result.alive_at_end = 1.0, 100
    return result, thirds


@pytest.mark.parametrize(
    ("thirds_ms", "counts", "why"),
    [
        ((5, 5, 5), {}, ""),
        ((60, 5, 5), {}, ""),
        ((5, 60, 60), {}, "rtt.p99<50ms failed: it is 60"),
        ((10, 20, 30), {}, "the p99 of the RTT drifts: 10 ms, 20 ms, 30 ms by thirds of the step"),
        ((10, 12, 30), {}, ""),
        ((10, 20, 21), {}, ""),
        ((5, 5, 5), {"lost_timeout": 1}, "1 pushes were lost"),
        ((5, 5, 5), {"unsent": 2}, "2 were due and not sent"),
        ((5, 5, 5), {"disconnects": 1}, "1 connections were lost"),
        ((5, 5, 5), {"connect_errors": 3}, "3 connection attempts failed"),
        ((5, 5, 5), {"channel_errors": 1}, "1 channels crashed"),
        ((5, 5, 5), {"error_replies": 500}, "500 of 1,000 pushes were answered with another status"),
    ],
)
def test_what_breaks_a_step(thirds_ms: tuple[int, int, int], counts: dict[str, int], why: str) -> None:
    verdict = judge_step(*step_of(thirds_ms, **counts))
    assert verdict.outcome == ("broke" if why else "held")
    assert verdict.why.startswith(why)


def test_a_step_in_which_this_machine_was_the_bottleneck_is_no_break() -> None:
    step, thirds = step_of((5, 60, 60), lost_timeout=10)
    step.run_cpu_share = 0.99
    verdict = judge_step(step, thirds)
    assert verdict.outcome == "own"
    assert "a worker used 99 % of a core" in verdict.why
    step, thirds = step_of((5, 60, 60))
    for _ in range(100):
        step.run_lag.record(20_000_000)
    # A part of it is this machine's own, but not all of the 60 ms could be.
    assert judge_step(step, thirds).outcome == "broke"


def server_of(cores: float, rss: int, **metrics: float) -> dict[str, Any]:
    process = {"cores_used": cores, "cores": 4, "rss_bytes_max": rss << 20}
    return {
        "process": process,
        "metrics": {name: {"kind": "gauge", "mean": mean} for name, mean in metrics.items()},
    }


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (server_of(1, 100), server_of(3.5, 120), []),
        (
            server_of(1, 100),
            server_of(3.5, 200),
            ["its memory grew: resident memory in bytes is 209,715,200"],
        ),
        (
            server_of(1, 100, vm_total_run_queue_lengths_total=1, repo_query_queue_time=2),
            server_of(4, 100, vm_total_run_queue_lengths_total=9, repo_query_queue_time=2),
            ["its run queues were longer than its 4 schedulers: vm_total_run_queue_lengths_total is 9"],
        ),
        (
            server_of(1, 100, repo_query_queue_time_milliseconds=0.2),
            server_of(1, 100, repo_query_queue_time_milliseconds=80),
            ["queries waited for the pool: repo_query_queue_time_milliseconds is 80 on average, and was 0.2"],
        ),
    ],
)
def test_what_the_server_used(before: dict[str, Any], after: dict[str, Any], words: list[str]) -> None:
    first, *causes = server_sentences({"364/s": before, "400/s": after})
    used = [f"{each['process']['cores_used']:.2g} of 4 cores" for each in (before, after)]
    assert first.startswith(f"the server used {used[0]} and 100 MiB at 364/s, and {used[1]} and ")
    assert len(causes) == len(words)
    assert all(cause.startswith(each) for cause, each in zip(causes, words, strict=True))
    assert server_sentences({"364/s": {}, "400/s": {}}) == []


# -- what is refused


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"find_limit": "joy"}, "there is no limit of 'joy' to find"),
        ({"find_limit": "rate", "rate": "1/s:1s,2/s:1s"}, "the rate has steps of its own"),
        ({"find_limit": "rate", "rate": 0}, "give a --rate to start with"),
        ({"find_limit": "rate", "think_time": 1}, "find the limit of connections"),
        ({"find_limit": "rate", "warm_up": 1}, "no warm-up"),
        ({"find_limit": "rate", "step_max": "1ms"}, "at least 0.1s"),
        ({"find_limit": "rate", "limit_precision": 0}, "limit_precision"),
        ({"find_limit": "rate", "scenario": "idle", "rate": 5}, "a rate does not go with idle"),
        ({"find_limit": "users"}, "there is no limit of users to find in 'echo': it has one of rate and of"),
        ({"find_limit": "connections", "scenario": "storm"}, "it has none"),
        ({"threshold": "limit.rate>=4000"}, "needs --find-limit rate"),
        ({"find_limit": "connections", "threshold": "limit.rate>=4000"}, "needs --find-limit rate"),
        ({"find_limit": "rate", "threshold": "limit.rate>=4ms"}, "limit.rate takes /s"),
        (
            {"find_limit": "rate", "threshold": "limit.speed>=4"},
            "limit has rate, connections, users, arrivals",
        ),
    ],
)
def test_what_is_no_search(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=re.escape(words)):
        preflight(Plan.from_mapping(keys))


def test_where_a_search_starts() -> None:
    assert Plan.from_mapping({"find_limit": "rate"}).first_load == 100
    assert Plan.from_mapping({"find_limit": "rate", "rate": "250/s"}).first_load == 250
    assert Plan.from_mapping({"find_limit": "connections", "connections": 7}).first_load == 7
    assert Plan.from_mapping({"find_limit": "arrivals", "scenario": "x.py"}).first_load == 1
    assert Plan.from_mapping({"find_limit": "users", "scenario": "x.py"}).first_load == 10
    plan = Plan.from_mapping({"find_limit": "rate", "limit_precision": "5%"})
    assert Plan.from_mapping(plan.to_mapping()) == plan
