"""What a journey came to: its steps and checks merged, its figures, its verdict."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jsonschema
import orjson
import pytest

from fastphx.load.journeys.failure import HttpError, reason_of
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import figure_of, named
from fastphx.load.plan.threshold import Threshold
from fastphx.load.report.json import schema
from fastphx.load.result.comparison import compare
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.reasons import MAX_REASONS
from fastphx.load.result.result import Result
from fastphx.load.result.steps import MAX_NAMES

from .journey_lines import journey, line, shop, step

pytestmark = pytest.mark.usefixtures("journeys")

SUMS = {"arrivals": 100, "visits": 100, "visits_ok": 100}


def verdict(result: Result) -> tuple[str, int, list[str]]:
    return result.outcome, result.exit_code, result.sentences


# -- merging


def test_what_workers_count_of_a_step_is_added_up() -> None:
    first = line({"push echo": step(1.0, 2.0, cut=1)}, {"echoed": [2, 0]})
    second = line({"push echo": step(100.0, reasons={"timeout": 3})}, {"echoed": [0, 1], "paid": [1, 0]})
    result = journey(first, second)
    echo = result.steps["push echo"]
    assert (echo.attempts, echo.ok, echo.errors, echo.cut, echo.bytes) == (7, 3, 3, 1, 300)
    assert echo.attempts == echo.ok + echo.errors + echo.cut
    assert echo.reasons == {"timeout": 3}
    assert echo.error_rate == 0.5
    assert echo.p50_s == pytest.approx(0.002, rel=0.01)
    assert echo.max_s == echo.p99_s == echo.p999_s == 0.1
    assert echo.min_s == 0.001
    assert echo.mean_s == pytest.approx(0.103 / 3)
    assert echo.p90_s <= echo.p95_s <= echo.p99_s
    assert {name: (each.passed, each.failed, each.rate) for name, each in result.checks.items()} == {
        "echoed": (2, 1, pytest.approx(2 / 3)),
        "paid": (1, 0, 1.0),
    }


def test_a_line_of_steps_alone_is_added_too() -> None:
    result = journey()
    result.add_steps({"type": "steps", "steps": {"join room": step(1.0)}})
    assert result.steps["join room"].ok == 1


def test_names_and_reasons_have_bounds_and_the_sums_hold() -> None:
    names = [f"step {number}" for number in range(MAX_NAMES + 20)]
    reasons = {f"reason {number}": 1 for number in range(MAX_REASONS + 20)}
    result = journey(
        line({name: step(1.0) for name in names}, {name: [1, 1] for name in names}),
        line({names[0]: step(reasons=reasons)}),
    )
    assert len(result.steps) == len(result.checks) == MAX_NAMES + 1
    assert result.steps["other"].ok == result.checks["other"].passed == 20
    assert len(result.steps[names[0]].reasons) == MAX_REASONS + 1
    assert result.steps[names[0]].errors == MAX_REASONS + 20
    long = journey(line({"x" * 10_000: step(reasons={"y" * 10_000: 1})}))
    assert len(orjson.dumps(long.to_mapping()["steps"])) < 1000


def test_two_names_that_would_look_alike_are_one() -> None:
    result = journey(line({"push \x1b": step(1.0), "push \\x1b": step(1.0)}))
    assert list(result.steps) == ["push \\x1b"]
    assert result.steps["push \\x1b"].ok == 2


# -- figures


def test_the_mapping_keeps_to_its_schema_and_tells_of_visits_steps_and_checks() -> None:
    mapping = shop(threshold=['step["push echo"].p95<1s']).to_mapping()
    jsonschema.validate(mapping, schema())
    assert mapping["schema"] == "fastphx.load/2"
    visits = mapping["visits"]
    assert visits["due"] == visits["begun"] + visits["unsent"]
    assert visits["begun"] == visits["ok"] + visits["failed"] + visits["cut"]
    assert mapping["steps"]["push echo"]["reasons"] == {"timeout": 7, "status error": 3}
    assert mapping["checks"]["has a price"] == {"passed": 40, "failed": 0, "rate": 1.0}
    assert mapping["latency"]["visit"]["count"] == 90
    assert mapping["throughput"]["visits_per_s"] == 9.0
    (row,) = mapping["series"]
    assert (row["visits"], row["visiting"], row["steps_ok"], row["step_errors"]) == (100, 1, 382, 10)
    assert not any(name.startswith("visits") for name in mapping["totals"])


def test_runs_without_journeys_have_none_of_it() -> None:
    mapping = journey(scenario="echo").to_mapping()
    assert not {"visits", "steps", "checks"} & mapping.keys()
    assert "visit" not in mapping["latency"]


@pytest.mark.parametrize("name", ["push echo", 'say "hi"', "a\\b", "]. p95<1", "é\u2028", "dots.in.it", "]"])
def test_a_figure_of_any_name_is_found(name: str) -> None:
    mapping = journey(line({name: step(1.0, 3.0)}, {name: [3, 1]}, **SUMS)).to_mapping()
    (shown,) = mapping["steps"]
    for text, value in (
        (f"{named('step', shown)}.p99 < 50ms", 0.003),
        (f"{named('step', shown)}.ok==2", 2),
        (f"{named('step', shown)}.bytes<=1KB", 200),
        (f"{named('step', shown)}.error_rate<1%", 0),
        (f"{named('check', shown)}.rate>=75%", 0.75),
        (f"{named('check', shown)}.failed<2", 1),
    ):
        threshold = Threshold.parse(text)
        assert threshold.named is not None
        assert threshold.named[1] == shown
        assert threshold.check(mapping) == {"expr": text, "value": pytest.approx(value, rel=0.01), "ok": True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step[push echo].p95<1s", 'not like rtt.p99<50ms, lost==0 or step["push echo"].p95<50ms'),
        ('step["a\\x"].p95<1s', "is no JSON string"),
        ('step["a"].p42<1s', "a step has attempts, ok, errors, cut, bytes, error_rate, mean"),
        ('step["a"].count<1', "a step has attempts"),
        ('check["a"].p95<1s', "a check has passed, failed, rate"),
        ('step["a"].p95<50', "has no unit: write 50ms or 50s"),
        ('step["a"].errors<1ms', 'step["a"].errors takes no unit: it is a count'),
        ('check["a"].rate>99', "above the whole"),
        ("visits.lost==0", "visits has due, begun, ok, failed"),
        ("steps.ok>1", "there are visit, visit_uncorrected, connect, join"),
    ],
)
def test_what_is_no_threshold_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(PlanError) as raised:
        Threshold.parse(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_figure_that_no_journey_has_is_none() -> None:
    assert figure_of({"steps": []}, 'step["a"].p95') is None
    assert figure_of({}, 'step["a"].p95') is None


# -- the verdict


def test_a_journey_that_went_well_is_ok() -> None:
    good = shop(threshold=["visits.cut<3", "visit.p99<31ms", 'check["echoed"].rate>98%'])
    assert verdict(good) == ("ok", 0, [])


def test_thresholds_say_what_was_found_and_names_the_steps_that_ran() -> None:
    result = shop(
        threshold=[
            'step["push ehco"].p95<50ms',
            'step["push echo"].max<20ms',
            'check["echod"].rate>99%',
            'check["echoed"].rate>99%',
            "visits.failed==0",
            "visit.p99<29ms",
        ]
    )
    assert verdict(result) == (
        "thresholds_failed",
        99,
        [
            (
                'threshold step["push ehco"].p95<50ms failed: no step of that name ran: '
                "there were push echo, connect /socket"
            ),
            'threshold step["push echo"].max<20ms failed: it is 50ms',
            (
                'threshold check["echod"].rate>99% failed: no check of that name ran: '
                "there were echoed, has a price"
            ),
            'threshold check["echoed"].rate>99% failed: it is 98.5816%',
            "threshold visits.failed==0 failed: it is 8",
            "threshold visit.p99<29ms failed: it is 30ms",
        ],
    )


def test_a_step_that_never_ended_ok_has_no_latency_and_does_not_hold() -> None:
    steps = {"push echo": step(reasons={"timeout": 1}), "join room": step(1.0)}
    result = journey(line(steps, **SUMS), threshold=['step["push echo"].p95<1s', 'step["x"].errors==0'])
    assert [each["ok"] for each in result.thresholds] == [False, False]
    assert "failed: none of its steps has ended ok" in result.sentences[0]
    nothing = journey(line(connections=1), threshold=['check["x"].failed==0'])
    assert nothing.sentences == [
        'threshold check["x"].failed==0 failed: no check of that name ran: there were no checks'
    ]


def test_too_many_failed_visits_fail_the_run_with_the_likely_cause() -> None:
    counts = {"arrivals": 1000, "visits": 1000, "visits_ok": 880, "visits_failed": 120, "connections": 1}
    why = {"visit": {"push echo: timeout": 90, "join room: refused: full": 30}}
    cause = "120 of 1,000 visits failed (--allow-failed is 10%): push echo: timeout (90 of them)"
    assert verdict(journey(line(reasons=why, **counts))) == ("failed", 5, [cause])
    assert journey(line(reasons=why, **counts), allow_failed="12%").outcome == "ok"
    # A threshold on the same figure takes its place.
    assert journey(line(reasons=why, **counts), threshold=["visits.failed<200"]).outcome == "ok"
    only = journey(line(reasons={"visit": {"script: KeyError at shop.py:2": 120}}, **counts))
    assert only.sentences[0].endswith("script: KeyError at shop.py:2 (all of them)")


@pytest.mark.parametrize(("unsent", "outcome"), [(10, "ok"), (11, "invalid")])
def test_more_than_a_hundredth_of_the_visits_unsent_is_invalid(unsent: int, outcome: str) -> None:
    begun = 1000 - unsent
    result = journey(line(arrivals=1000, unsent=unsent, visits=begun, visits_ok=begun, connections=1))
    assert result.outcome == outcome
    if outcome == "invalid":
        (sentence,) = result.sentences
        assert sentence.startswith(
            "INVALID: 11 of 1,000 visits were due and could not begin (the limit is 1 %)"
        )


def test_rows_that_ran_out_are_invalid() -> None:
    result = journey(line(**SUMS, connections=1, rows_run_out=3, unsent=3))
    assert result.exit_code == 4
    (sentence,) = result.sentences
    assert sentence.startswith("INVALID: the data ran out: 3 visits found no row")


def test_a_journey_without_a_socket_is_judged_by_its_requests() -> None:
    assert verdict(journey(line({"GET /": step(1.0)}, **SUMS))) == ("ok", 0, [])
    failing = {"arrivals": 5, "visits": 5, "visits_failed": 5}
    # A status is an answer, if no good one.
    reason = reason_of(HttpError("GET /", 500, "no"))
    assert journey(line({"GET /": step(reasons={reason: 5})}, **failing)).exit_code == 5
    assert verdict(journey(line({"GET /": step(reasons={"connection refused": 5})}, **failing))) == (
        "failed",
        3,
        [
            (
                "not one connection or HTTP request of 5 visits was answered: "
                "GET / failed 5 times: connection refused"
            )
        ],
    )
    idle = journey(line({}, arrivals=5, visits=5, visits_ok=5))
    assert idle.exit_code == 3
    assert idle.sentences[0].endswith("of 5 visits was answered: they made none")


def test_what_its_sockets_lose_is_left_to_the_script() -> None:
    counts = {"connections": 10, "disconnects": 10, "pushes": 10, "lost_timeout": 10, "connect_errors": 50}
    assert verdict(journey(line({"push echo": step(1.0)}, **SUMS, **counts))) == ("ok", 0, [])


@pytest.mark.parametrize("figure", ["visit.p99", 'step["push echo"].p99'])
def test_a_threshold_that_this_machines_own_lag_broke_is_excused(figure: str) -> None:
    result = journey(
        line({"push echo": step(*[1.0] * 97, *[80.0] * 3)}, visits_ms=(1.0,) * 97 + (80.0,) * 3, **SUMS),
        threshold=[f"{figure}<50ms"],
    )
    assert result.exit_code == 99
    for _ in range(100):
        result.run_lag.record(60_000_000)
    assert result.exit_code == 4
    assert f"threshold {figure}<50ms says nothing about the server" in result.sentences[0]
    assert result.own_lag[figure.removesuffix(".p99")]["p99"] == pytest.approx(0.06, rel=0.01)
    assert "the p99 of visit (80" in result.notes[0]
    assert 'step["push echo"] (80' in result.notes[0]


def test_what_is_pushed_in_a_visit_is_not_behind_the_schedule_of_visits() -> None:
    result = journey(line({"push echo": step(1.0)}, visits_ms=(90.0,), **SUMS))
    for name, value_ms in (("rtt", 90), ("schedule_lag", 80)):
        result.histograms[name] = Histogram()
        result.histograms[name].record(value_ms * 1_000_000)
    assert result.own_lag.keys() == {"visit"}


def test_a_note_names_a_few_steps_only() -> None:
    result = journey(line({f"step {number}": step(20.0) for number in range(40)}, **SUMS))
    result.run_lag.record(15_000_000)
    (note,) = result.notes
    assert "and 37 more steps" in note
    assert note.count("step[") == 3


# -- comparison


def test_steps_that_two_journeys_have_are_compared() -> None:
    def figures(**steps: Any) -> dict[str, Any]:
        return journey(line(steps, **SUMS)).to_mapping()

    base = figures(a=step(1.0), b=step(1.0), gone=step(1.0))
    new = figures(a=step(2.0), b=step(1.0, reasons={"timeout": 1}), come=step(1.0))
    worse = {each.figure for each in compare(base, new, 0.05) if each.is_worse}
    assert worse == {'step["a"].p99', 'step["b"].errors'}
    old = {**base, "schema": "fastphx.load/1"}
    del old["steps"]
    assert not [each for each in compare(old, new, 0.05) if each.figure.startswith("step")]


def test_reasons_of_steps_are_counted_once() -> None:
    result = shop()
    assert sum((each.reasons for each in result.steps.values()), Counter()) == {
        "timeout": 7,
        "status error": 3,
    }


def test_a_run_of_a_moment_says_nothing_of_a_core() -> None:
    result = journey(line({"push echo": step(1.0)}))
    result.run_cpu_share = 1.02
    result.run_s = 0.01
    assert result.invalid_reasons == []
    result.run_s = 2.0
    assert "102 % of a core" in result.invalid_reasons[0]
