"""A plan is what its mapping says, or one sentence why it is none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.load.control.preflight import preflight
from fastphx.load.plan.defaults import DEFAULTS
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import (
    COUNTS,
    HIGHER_IS_BETTER,
    LATENCIES,
    LATENCY_FIGURES,
    LOWER_IS_BETTER,
    SECTIONS,
    names_in,
)
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import read_rows
from fastphx.load.plan.target import websocket_url
from fastphx.load.plan.template import NAMES, Template
from fastphx.load.plan.threshold import Threshold
from fastphx.load.plan.units import RateStep, duration_s, rate_per_s, tolerance
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.limit import Limit
from fastphx.load.result.result import Result
from fastphx.load.scenarios import SCENARIOS
from fastphx.load.server.figures import ProcessReading
from fastphx.load.worker.meter import COUNTS as METER_COUNTS


def test_defaults_are_a_plan_and_survive_the_way_to_json_and_back() -> None:
    plan = Plan()
    assert Plan.from_mapping(plan.to_mapping()) == plan


@given(
    connections=st.integers(1, 10**6),
    steps=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**4)), min_size=1, max_size=4),
    payload=st.sampled_from(['{"a":1}', "[]", "null"]),
)
def test_every_plan_survives_the_way_to_json_and_back(
    connections: int, steps: list[tuple[int, int]], payload: str
) -> None:
    plan = Plan(
        connections=connections,
        rate=tuple(RateStep(float(rate), float(length)) for rate, length in steps),
        payload=payload,
        params=(("a", "1"), ("a", "2")),
    )
    assert Plan.from_mapping(plan.to_mapping()) == plan


def test_a_report_names_parameters_and_headers_without_their_values() -> None:
    plan = Plan(
        params=(("token", "SECRET"), ("key", "env:KEY")),
        headers=(("Authorization", "Bearer SECRET"),),
        join_payload='{"access_token": "SECRET"}',
        payload='{"pin": "SECRET"}',
    )
    mapping = plan.public_mapping()
    assert "SECRET" not in str(mapping)
    assert "SECRET" not in repr(plan)
    assert "SECRET" not in repr(replace(plan, show_secrets=True))
    assert mapping["param"] == [["token", "[6 characters]"], ["key", "env:KEY"]]
    assert mapping["header"] == [["Authorization", "[13 characters]"]]
    assert mapping["join_payload"] == "[26 characters]"
    assert replace(plan, show_secrets=True).public_mapping()["join_payload"] == plan.join_payload
    assert Plan().public_mapping()["payload"] == '{"body":"hello"}'
    assert repr(Plan(connections=3)) == "Plan(connections=3)"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1.5h", 5400), ("250us", 0.00025), (3, 3), ("7", 7)],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1x", "-1s", "1e9s", "31d", None, True, "1 s s", float("nan")])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(PlanError, match="give a time like"):
        duration_s(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("500/s", 500), ("30/m", 0.5), (7, 7), ("0.5", 0.5), ("36/h", 0.01)]
)
def test_rates(text: object, rate: float) -> None:
    assert rate_per_s(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "x", "1/d", -1, "1e99", None, True])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(PlanError, match="give a number a second"):
        rate_per_s(text)


def test_steps_are_read_in_order() -> None:
    plan = Plan.from_mapping({"rate": "100/s:30s, 500/s:1m"})
    assert plan.rate == (RateStep(100.0, 30.0), RateStep(500.0, 60.0))
    assert plan.duration_s == 90


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("ws://h/socket", "ws://h/socket/websocket"),
        ("ws://h:4000/socket/", "ws://h:4000/socket/websocket"),
        ("wss://h/socket/websocket", "wss://h/socket/websocket"),
        ("ws://[::1]:4000/s", "ws://[::1]:4000/s/websocket"),
        ("http://h:4000/socket", "ws://h:4000/socket/websocket"),
        ("HTTPS://h/socket/websocket", "wss://h/socket/websocket"),
    ],
)
def test_websocket_is_added_to_the_path_as_phoenix_js_does(url: str, full: str) -> None:
    assert websocket_url(url) == full


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("room:{i}", "room:203"),
        ("room:{i % 100}", "room:3"),
        ("{ (i + 1) * 2 // 3 }-{i}", "136-203"),
        ('{"a": {"b": {i}}}', '{"a": {"b": 203}}'),
        ("{}", "{}"),
        ('{"{i}": [{ "x": 1 }]}', '{"203": [{ "x": 1 }]}'),
    ],
)
def test_templates(source: str, text: str) -> None:
    assert Template(source).render({"i": 203}) == text


def test_a_template_reads_columns_of_rows() -> None:
    template = Template("{row.id}:{row.n % 3}", frozenset({"i", "row"}))
    assert template.render({"i": 0, "row": {"id": "x", "n": "7"}}) == "x:1"
    with pytest.raises(PlanError, match=r"row\.id is not a column"):
        template.render({"i": 0, "row": {"n": "7"}})
    with pytest.raises(PlanError, match="not a whole number"):
        template.render({"i": 0, "row": {"id": "x", "n": "seven"}})


def test_a_row_that_nests_too_deep_is_one_sentence(tmp_path: Path) -> None:
    rows = tmp_path / "rows.ndjson"
    rows.write_text('{"a": 1}\n{"a": ' + "[" * 300 + "]" * 300 + "}\n")
    with pytest.raises(PlanError, match=r"line 2 of the data file .* is nested too deep"):
        read_rows(str(rows))


def test_a_step_without_arrivals_is_read_back() -> None:
    plan = Plan.from_mapping({"arrivals": "0/s:10s", "users": 5})
    assert Plan.from_mapping(plan.to_mapping()) == plan


def test_what_a_file_calls_its_columns_is_told_on_one_line() -> None:
    row = {"a\nb\x1b[2J": "1", "c" * 10_000: "2"}
    with pytest.raises(PlanError) as caught:
        Template('{row["d"]}', frozenset({"row"})).render({"row": row})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "source",
    [
        "{j}",
        "{0} of {1}",
        "{i.x}",
        "{print(i)}",
        "{i if i else 1}",
        "{i am here}",
        "{1.5}",
        "{i +}",
        "{" + "1+" * 200 + "i}",
        "{" * 5_000 + "i",
        '{"query":"subscription { u { id } }"}',
        '{"i":1,"row":{"n":2}}',
        "query($t: Int) { t { i n } }",
        "{ i\n  n }",
        "{{}} {{ x }}",
    ],
)
def test_what_is_no_placeholder_is_text(source: str) -> None:
    template = Template(source, NAMES, is_json=True)
    assert template.render({"i": 7, "n": 0, "t": 1, "row": {}}) == source
    assert not template.uses


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{i}}", "{i}"),
        ("{{ i % 2 }} {i}", "{ i % 2 } 7"),
        ('{"a": {{i}}, "b": "{{row.x}}"}', '{"a": {i}, "b": "{row.x}"}'),
        ('{"a":{"b":{i}}}', '{"a":{"b":7}}'),
        ('{row["user name"]}{row[\'from\']}{row.from}{row.class}{row["user-name"]}{row["a}b"]}', "UFFCDB"),
        ('{"u": "{row[\\"user name\\"]}"}', '{"u": "U"}'),
        ("{row.age - 1}{-i}", "9-7"),
    ],
)
def test_what_is_a_placeholder(source: str, text: str) -> None:
    row = {"user name": "U", "from": "F", "class": "C", "user-name": "D", "a}b": "B", "age": "10", "x": "X"}
    assert Template(source, NAMES, is_json=True).render({"i": 7, "n": 0, "t": 1, "row": row}) == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{i % 0}", "divided by a number other than 0"),
        ("{1 % i}", "divided by a number other than 0"),
        ("{i ** 2}", "whole numbers and"),
        ("{i << 9}", "whole numbers and"),
        ("{i / 2}", "whole numbers and"),
        ("{i * 1.5}", "whole numbers and"),
        ("{i + 9999999999999999999999}", "whole numbers and"),
        ("{row}", "cannot be filled in here"),
        ("{n}", "cannot be filled in here: use i, row.column"),
        ("room:{t}", "write {{t}} for the text itself"),
    ],
)
def test_a_placeholder_that_cannot_be_worked_out_is_refused(source: str, words: str) -> None:
    with pytest.raises(PlanError, match=re.escape(words)):
        Template(source, frozenset({"i", "row"}))


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"seed": 10**20}, "seed is 100000000000000000000"),
        ({"payload": {"n": 10**20}}, "payload: it cannot be written as JSON"),
        ({"topic": ["room:\udcff"]}, "topic: 'room:\\udcff' is not UTF-8"),
        ({"scenario": "fanout", "connections": 1}, "at least 2 connections"),
        ({"scenario": "fanout", "topics": 0}, "topics is 0"),
        ({"binary": True, "topic": "room:" + "x" * 255}, "255 bytes"),
        ({"max_backoff": "0s"}, "max backoff"),
        ({"max_cpu": "0%"}, "not a part like 95%"),
        ({"workers": "9" * 5000}, "is not a whole number"),
        ({"threshold": "client.cpu<1"}, "client has workers, cpu_s"),
        ({"threshold": "throughput.replies>1"}, "throughput has duration_s"),
        ({"threshold": "rtt.p42<1s"}, "rtt has count, mean"),
        ({"threshold": "servers.cpu_s<1"}, "there are visit, visit_uncorrected, connect, join"),
        ({"threshold": 'step["push echo"].p99<1s'}, "is of journeys: a scenario file with a subclass"),
        ({"threshold": "visits.failed==0"}, "is of journeys"),
        ({"threshold": "visit.p99<1s"}, "is of journeys"),
        ({"scenario": "tsunami"}, "there are echo, fanout, idle, churn, listen, storm, or a file"),
        ({"scenario": "storm", "url": "ws://h/socket"}, "needs --storm-command"),
        ({"url": "ftp://h/socket"}, "ws://"),
        ({"ca": "no.pem"}, "the certificates cannot be read"),
    ],
)
def test_what_is_no_plan_is_one_sentence(mapping: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError) as raised:
        preflight(Plan.from_mapping(mapping))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_plan_is_pure_data(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    plan = Plan.from_mapping(
        {
            "scenario": f"{missing}.py",
            "data": missing,
            "payload": f"@{missing}",
            "ca": missing,
            "topic": "{x}",
        }
    )
    assert Plan.from_mapping(plan.to_mapping()) == plan
    with pytest.raises(PlanError):
        preflight(plan)


def test_every_scenario_has_its_defaults_by_its_name() -> None:
    assert DEFAULTS.keys() <= SCENARIOS.keys()
    for name in SCENARIOS:
        preflight(Plan.from_mapping({"scenario": name}))


@pytest.mark.usefixtures("journeys")
def test_the_figures_have_one_list_of_names() -> None:
    storm, visits = (Result(Plan(scenario=name)) for name in ("storm", "journey"))
    for name in LATENCIES:
        storm.histograms[name] = visits.histograms[name] = Histogram()
        storm.histograms[name].record(1)
    for second in (0, 1):
        reading = ProcessReading(second, 0.5 * second, 2.0, False, 1 << 20, 4, 9, 0.0)
        storm.server.readings.append((float(second), reading))
    figures, of_journey = storm.to_mapping(), visits.to_mapping()
    for section in ("visits", "latency", "throughput"):
        figures[section] = of_journey[section]
    figures["client"] |= of_journey["client"]
    figures["server"] = figures["server"]["process"]
    sections = [section for section in SECTIONS if section != "limit"]
    assert {section: set(SECTIONS[section]) for section in sections} == {
        section: set(figures[section]) for section in sections
    }
    assert all(figure in Limit(figure, 0.1).to_mapping() for figure in SECTIONS["limit"])
    assert {name: tuple(found) for name, found in figures["latency"].items()} == dict.fromkeys(
        LATENCIES, LATENCY_FIGURES
    )
    for figure in LOWER_IS_BETTER + HIGHER_IS_BETTER:
        section, dot, name = figure.rpartition(".")
        assert name in (names_in(section if dot else "totals") or ())
        Threshold.parse(f"{figure}<1{'s' if section in LATENCIES else ''}")


def test_the_compiled_meter_counts_by_these_names() -> None:
    assert METER_COUNTS == COUNTS


@pytest.mark.parametrize(
    ("rows", "keys", "words"),
    [
        ('h\nok\n"a\nb"\n', {"header": "X-A=@{file}:h"}, "header"),
        ("n\n1\nseven\n", {"topic": "room:{row.n % 3}"}, "'seven' is not a whole number"),
        ('n\n1\n""\n', {"payload": '{"n":{row.n}}'}, "is not JSON"),
        ('n\n1\n""\n', {"topic": "{row.n}"}, "a topic is empty"),
    ],
)
def test_every_row_that_is_taken_is_checked(
    tmp_path: Path, rows: str, keys: dict[str, str], words: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(rows)
    given = {key: value.replace("{file}", str(file)) for key, value in keys.items()}
    plan = Plan.from_mapping({"data": str(file), **given})
    with pytest.raises(PlanError, match=words):
        preflight(plan)
    preflight(Plan.from_mapping({"data": str(file), **given, "connections": 1}))


def test_what_is_filled_in_between_quotes_is_escaped() -> None:
    template = Template(
        '{"\\"{row.a}": "{row.a}\\\\", "b": {row.b}, "i": "{i}"}', frozenset({"i", "row"}), is_json=True
    )
    rendered = template.render({"i": 3, "row": {"a": 'x"\\\n', "b": "[1]"}})
    assert orjson.loads(rendered) == {'"x"\\\n': 'x"\\\n\\', "b": [1], "i": "3"}


def test_a_pipe_is_no_data_file(tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for key, value in (("data", pipe), ("payload", f"@{pipe}"), ("param", f"token=@{pipe}:token")):
        with pytest.raises(PlanError, match="each worker reads it"):
            preflight(Plan.from_mapping({key: value}))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.text(max_size=3), max_size=2),
)


def result_or_sentence(function: Callable[[], object]) -> object:
    """What it returns, or None where it raises a PlanError of one line."""
    try:
        return function()
    except PlanError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than one line: {error}") from error
        return None


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_a_plan_error(source: str) -> None:
    rendered = result_or_sentence(lambda: Template(source).render({"i": 7}))
    assert rendered is None or isinstance(rendered, str)


@given(st.dictionaries(st.sampled_from(Plan.keys()), VALUES, max_size=4))
def test_any_mapping_is_a_plan_or_a_plan_error_of_one_sentence(mapping: dict[str, object]) -> None:
    plan = result_or_sentence(lambda: Plan.from_mapping(mapping))
    assert plan is None or (isinstance(plan, Plan) and Plan.from_mapping(plan.to_mapping()) == plan)
    if isinstance(plan, Plan):
        result_or_sentence(lambda: preflight(plan))


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"max_cpu": "95"}, "max_cpu: 95 is 9,500 %: write 95%"),
        ({"max_cpu": 95}, "write 95%"),
        ({"max_cpu": "101%"}, "at most 100%"),
        ({"max_loop_lag": "500"}, "max_loop_lag: 500 has no unit: write 500ms or 500s"),
        ({"max_schedule_lag": 100}, "max_schedule_lag: 100s is no limit"),
        ({"threshold": "rtt.p99<50"}, "50 has no unit: write 50ms or 50s"),
        ({"threshold": "delivery.mean<0.05"}, "0.05 has no unit"),
        ({"threshold": "rtt.p99<50%"}, "rtt.p99 takes ns, us"),
        ({"threshold": "rtt.count>5ms"}, "rtt.count takes no unit"),
        ({"threshold": "lost<1%"}, "lost takes no unit: it is a count"),
        ({"threshold": "client.rss_bytes<5ms"}, "client.rss_bytes takes KB"),
        ({"threshold": "client.cpu_share_max<95"}, "write it like 95%"),
        ({"threshold": "client.cpu_share_max<950%"}, "write it like 95%"),
        ({"topic": ["room:{i}", "room:{i % 2}"]}, "'room:0' for connection 0"),
        ({"topic": ["room:{i}", "room:7"]}, "'room:{i}' and 'room:7' are both 'room:7' for connection 7"),
        ({"topic": ["room:a", "room:b", "room:a"]}, "a socket joins a topic once"),
        ({"scenario": "fanout", "payload": '{"n":{n}}'}, "it cannot have a placeholder"),
        ({"scenario": "fanout", "payload": "hello"}, "the payload, of 5 characters, is not JSON"),
        ({"scenario": "fanout", "payload": "[1]"}, "a payload that is a JSON object"),
        ({"payload": '{"n":{n - 1}0}'}, "is not JSON"),
        ({"join_payload": '{"i":{i - 1}0}', "connections": 2}, "is not JSON"),
        ({"binary": True, "payload": "x", "topic": "x" * 254 + "{i}", "connections": 11}, "255 bytes"),
        ({"heartbeat": "25h"}, "give at most a day"),
        ({"scenario": "idle", "rate": 5}, "a rate does not go with idle, whose sockets do not push"),
        ({"scenario": "listen", "rate": "0/s:1s,5/s:1s"}, "a rate does not go with listen"),
        ({"scenario": "storm", "rate": 5}, "a rate does not go with storm"),
        ({"scenario": "storm", "think_time": 1}, "think time does not go with storm"),
        ({"payload": '"' + "x" * (64 << 20) + '"'}, "put the payload into a file, @FILE"),
    ],
)
def test_what_cannot_be_meant_is_refused(mapping: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError) as raised:
        preflight(Plan.from_mapping(mapping))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "threshold",
    [
        "rtt.p99<50ms",
        "rtt.min>0",
        "rtt.count>5",
        "client.cpu_s<20",
        "client.cpu_s_per_message<20us",
        "client.rss_bytes_per_connection<9KiB",
        "client.cpu_share_max<95%",
        "client.cpu_share_max<0.95",
        "throughput.replies_per_s>100/s",
        "storm.rejoined_100_s<5s",
        "lost==0",
        "delivery_bytes>0",
    ],
)
def test_a_limit_has_the_unit_of_its_figure_or_none_where_the_name_has_it(threshold: str) -> None:
    assert Threshold.parse(threshold).expr == threshold


def test_topics_that_never_coincide_are_not_refused() -> None:
    preflight(Plan.from_mapping({"topic": ["room:{i}", "room:{i % 2 + 100}"], "connections": 100}))


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.05", 0.05), ("0%", 0.0), ("10000%", 100.0)])
def test_a_tolerance_is_a_part(text: str, value: float) -> None:
    assert tolerance(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "words"), [("5", "is 500 %: write 5%"), ("-1%", "not like"), ("x", "not like")]
)
def test_a_tolerance_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        tolerance(text)


def test_a_data_file_that_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text("name\nann\n")
    assert read_rows("users.csv") == ({"name": "ann"},)
    assert read_rows("users.csv") is read_rows("users.csv")
    Path("users.csv").write_text("name\nann\nbob\n")
    assert read_rows("users.csv") == ({"name": "ann"}, {"name": "bob"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(PlanError, match="cannot be read"):
        read_rows("users.csv")
